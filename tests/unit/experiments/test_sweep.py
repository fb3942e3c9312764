"""A sweep's state: what goes on, when it stops, and what it leaves behind."""

from decimal import Decimal

import pytest

from mlray.errors import InputError, OverBudget
from mlray.experiments._space import Configuration
from mlray.experiments._sweep import DONE, Look, Sweep

A = Configuration("xgboost", {"max_depth": 3})


def new(trials=3, **changes):
    return Sweep("auc", 120, trials, **changes)


def run(sweep, name, *scores, error="", elapsed=1.0):
    """Begin a trial, show it the scores by round, and end it; return the trial and whether it was let go on."""
    sweep.begin(name, A)
    going = [sweep.look(name, [Look(rounds, score)], 2.0, elapsed) for rounds, score in scores]
    return sweep.end(name, error=error), going


def test_a_trial_keeps_its_best_look():
    trial, going = run(new(), "a", (40, 0.70), (60, 0.75), (120, 0.72))
    assert (trial.number, trial.trainer, trial.params) == (0, "xgboost", {"max_depth": 3})
    assert (trial.score, trial.rounds, trial.seconds, trial.state) == (0.75, 60, 2.0, "finished")
    assert going == [True, True, True]


def test_a_trial_that_ends_by_itself_is_finished():
    assert run(new(), "a", (40, 0.70), (60, 0.65))[0].state == "finished"


def test_the_best_look_of_a_loss_is_the_lowest():
    sweep = Sweep("brier", 120, 3)
    assert run(sweep, "a", (40, 0.20), (120, 0.19))[0].score == 0.19
    run(sweep, "b", (40, 0.18), (120, 0.185))
    assert sweep.best is not None
    assert sweep.best.score == 0.18


def test_a_trial_that_falls_behind_at_a_rung_is_stopped():
    sweep = new(trials=4)
    for name in "abc":
        run(sweep, name, (40, 0.8), (120, 0.8))
    trial, going = run(sweep, "d", (20, 0.1), (40, 0.7))
    assert going == [True, False]
    assert (trial.state, trial.score) == ("stopped early", 0.7)


def test_a_look_told_twice_counts_once():
    sweep = new(trials=9)
    for name in "ab":
        run(sweep, name, (40, 0.8), (40, 0.8), (40, 0.8))
    assert run(sweep, "c", (40, 0.1))[1] == [True]  # two others are too few to be compared with


def test_a_stopped_trial_stays_stopped():
    sweep = new(trials=4)
    for name in "abc":
        run(sweep, name, (40, 0.8), (120, 0.8))
    assert run(sweep, "d", (40, 0.7), (40, 0.7))[1] == [False, False]


def test_no_more_than_the_trials_asked_for_are_begun():
    sweep = new(trials=2)
    assert sweep.wants_more(0.0)
    sweep.begin("a", A)
    assert sweep.wants_more(0.0)
    sweep.begin("b", A)
    assert not sweep.wants_more(0.0)
    assert sweep.stopped_because == DONE
    assert sweep.look("a", [Look(40, 0.7)], 1.0, 0.0)  # what is running goes on


def test_a_spent_budget_starts_nothing_and_stops_what_runs_at_its_next_rung():
    sweep = new(price_per_second=Decimal("0.5"), budget=Decimal(10))
    sweep.begin("a", A)
    assert sweep.look("a", [Look(10, 0.7)], 1.0, 19.9)
    assert not sweep.look("a", [Look(20, 0.7)], 1.0, 20.0)
    assert not sweep.wants_more(20.0)
    assert sweep.stopped_because == "the budget of 10.00 USD is spent"
    assert sweep.end("a").state == "stopped early"


def test_a_budget_that_ends_with_the_last_round_leaves_a_finished_trial():
    sweep = new(price_per_second=Decimal("0.5"), budget=Decimal(10))
    assert run(sweep, "a", (120, 0.7), elapsed=99.0)[0].state == "finished"


def test_time_is_a_limit_as_well():
    sweep = new(limit_seconds=30)
    assert sweep.wants_more(29)
    assert not sweep.wants_more(30)
    assert sweep.stopped_because == "the time of 30 s is over"


def test_the_first_reason_is_kept():
    sweep = new(trials=1, limit_seconds=30)
    sweep.begin("a", A)
    assert not sweep.wants_more(1)
    assert not sweep.wants_more(31)
    assert sweep.stopped_because == DONE


def test_three_failures_without_any_score_end_the_sweep():
    sweep = new(trials=10)
    for name in "abc":
        assert sweep.wants_more(0.0)
        run(sweep, name, error="ValueError: inf in column 3")
    assert not sweep.wants_more(0.0)
    assert sweep.stopped_because == "every trial failed"


def test_one_success_keeps_the_sweep_going_through_failures():
    sweep = new(trials=10)
    run(sweep, "a", (120, 0.7))
    for name in "bcde":
        run(sweep, name, error="ValueError")
    assert sweep.wants_more(0.0)


def test_a_failed_trial_is_recorded_with_its_error_and_no_score():
    trial, _ = run(new(), "a", (40, 0.7), error="MemoryError: 8 GB")
    assert (trial.state, trial.score, trial.rounds, trial.error) == ("failed", None, 0, "MemoryError: 8 GB")


def test_a_trial_that_ends_without_a_score_failed():
    trial, _ = run(new(), "a")
    assert (trial.state, trial.error) == ("failed", "it ended before it had a score")


def test_nothing_left_to_try_is_a_reason_of_its_own():
    sweep = new()
    sweep.exhausted()
    assert not sweep.wants_more(0.0)
    assert sweep.stopped_because == "every configuration of the space was tried"


def record(sweep, elapsed=40.0):
    return sweep.experiment(name="sweep-1", dataset="departures@v1", elapsed=elapsed, seed=7)


def test_the_record_has_every_trial_in_order_and_what_it_cost():
    sweep = new(price_per_second=Decimal("0.25"))
    sweep.begin("a", A)
    run(sweep, "b", (120, 0.8))
    sweep.look("a", [Look(120, 0.7)], 1.0, 3.0)
    sweep.end("a")
    found = record(sweep)
    assert [trial.number for trial in found.trials] == [0, 1]
    assert found.best.score == 0.8
    assert found.spend == Decimal("10.00")
    assert (found.id, found.dataset, found.metric, found.seed, found.seconds) == (
        "sweep-1",
        "departures@v1",
        "auc",
        7,
        40.0,
    )
    assert found.stopped_because == DONE


def test_a_sweep_of_failures_raises_the_first_error_once():
    sweep = new(trials=2)
    for name in "ab":
        sweep.wants_more(0.0)
        run(sweep, name, error=f"ValueError: {name}")
    sweep.wants_more(0.0)
    with pytest.raises(InputError, match="Every one of 2 trials failed: ValueError: a") as caught:
        record(sweep)
    assert str(caught.value).count("ValueError") == 1


def test_a_budget_gone_before_any_score_is_a_refusal():
    sweep = new(price_per_second=Decimal(1), budget=Decimal(5))
    assert not sweep.wants_more(6.0)
    with pytest.raises(OverBudget, match=r"No trial had a score after 6 s: the budget of 5.00 USD is spent"):
        record(sweep, 6.0)
