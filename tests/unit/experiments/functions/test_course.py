"""A sweep of plain trials: what Tune reports becomes trials, looks and endings."""

from decimal import Decimal

import pytest

from mlray.experiments import Configuration, Listed, Plan, Sweep
from mlray.experiments._plan import Done, Wait
from mlray.experiments.functions import Reports
from mlray.experiments.functions._course import CPU_SECONDS, ERROR, SECONDS, Course


def course(trials=3, *, mode="min", ends=None, moving=False, **limits):
    plan = Plan(
        "s", "loss", 1_000, trials, halving=False, most=1, mode=mode,
        price_per_lane_second=Decimal("0.01"), **limits,
    )  # fmt: skip
    configurations = [Configuration("f", {"x": number}) for number in range(10)]
    return Course(Sweep(plan, Listed(configurations)), Reports("loss", ("size",)), ends=ends, moving=moving)


def report(loss, *, at=1, seconds=1.0, **more):
    return {"loss": loss, "training_iteration": at, SECONDS: seconds, CPU_SECONDS: seconds / 2, **more}


def test_each_trial_gets_one_configuration_until_there_are_no_more():
    run = course(2)

    assert [run.ask(name, 0.0) for name in "ab"] == [{"x": 0}, {"x": 1}]
    assert (run.running, run.names, run.number("b")) == (2, {"a", "b"}, 1)
    assert isinstance(run.ask("c", 0.0), Wait)
    for name in "ab":
        run.heard(name, report(0.5, done=True), 1.0)
        run.ended(name, 1.0)
    assert isinstance(run.ask("c", 1.0), Done)


def test_a_trial_s_score_is_the_best_that_it_reported():
    run = course()
    run.ask("a", 0.0)
    for at, loss in enumerate((0.9, 0.4, 0.6), start=1):
        assert run.heard("a", report(loss, at=at, seconds=at, size=3), at)
    run.heard("a", report(0.7, at=4, seconds=4.0, done=True), 4.0)
    run.ended("a", 4.0)

    (trial,) = run.state.trials()
    assert (trial.score, trial.rounds, trial.state, trial.params) == (0.4, 2, "finished", {"x": 0})
    assert trial.curve == ((1, 0.9), (2, 0.4), (3, 0.6), (4, 0.7))
    assert (trial.seconds, trial.cpu_seconds, trial.cost) == (4.0, 2.0, Decimal("0.04"))
    assert trial.objectives == {"size": 3.0}


def test_what_a_function_raises_is_recorded_and_the_sweep_goes_on():
    run = course()
    run.ask("a", 0.0)
    assert not run.heard("a", {ERROR: "ValueError: odd", SECONDS: 0.5, "done": True}, 1.0)
    run.ended("a", 1.0)

    (trial,) = run.state.trials()
    assert (trial.state, trial.score, trial.error, trial.params) == ("failed", None, "ValueError: odd", {"x": 0})
    assert run.ask("b", 1.0) == {"x": 1}


def test_a_report_without_the_metric_fails_the_trial_with_a_remedy():
    run = course()
    run.ask("a", 0.0)
    assert not run.heard("a", {"los": 1.0, "training_iteration": 1}, 1.0)
    run.ended("a", 1.0)

    (trial,) = run.state.trials()
    assert trial.error == "It reported no 'loss'; it reported los. Pass metric='los'."


def test_when_all_of_the_first_trials_fail_nothing_more_starts():
    run = course(10)
    for name in "abc":
        run.ask(name, 0.0)
        run.heard(name, {ERROR: "ImportError: no"}, 1.0)
        run.ended(name, 1.0)

    assert isinstance(run.ask("d", 1.0), Done)
    assert run.state.stopped_because == "every trial failed"


def test_a_scheduler_that_ends_a_trial_has_stopped_it_early():
    run = course()
    run.ask("a", 0.0)
    run.heard("a", report(0.5), 1.0)
    run.ended("a", 1.0)

    (trial,) = run.state.trials()
    assert (trial.state, trial.score) == ("stopped early", 0.5)


def test_a_trial_that_came_as_far_as_it_was_to_go_is_finished():
    run = course(ends={"training_iteration": 2})
    run.ask("a", 0.0)
    assert run.heard("a", report(0.5, at=1), 1.0)
    assert not run.heard("a", report(0.4, at=2), 2.0)
    run.ended("a", 2.0)

    (trial,) = run.state.trials()
    assert (trial.state, trial.score) == ("finished", 0.4)


def test_a_process_that_died_costs_one_trial_that_is_tried_again():
    run = course(1)
    run.ask("a", 0.0)
    run.heard("a", report(0.5), 1.0)
    run.ended("a", 1.0, died=True)

    assert list(run.state.trials()) == []
    assert run.ask("b", 2.0) == {"x": 0}


def test_a_configuration_that_kills_its_process_every_time_has_failed():
    run = course(1)
    for name in "abc":
        run.ask(name, 0.0)
        run.ended(name, 1.0, died=True)

    (trial,) = run.state.trials()
    assert trial.error == "its lane was lost 3 times"


def test_a_function_that_never_reports_ends_with_the_time():
    run = course(seconds=10.0)
    run.ask("a", 0.0)

    assert not run.beat(9.0)
    assert run.beat(10.0)
    assert run.state.stopped_because == "the time of 10 s is over"


def test_work_between_two_reports_counts_against_the_budget():
    run = course(budget=Decimal("0.10"))
    run.ask("a", 0.0)
    run.heard("a", report(0.5, seconds=1.0), 1.0)

    assert not run.beat(9.0, {"a"})
    assert run.beat(11.0, {"a"})
    assert run.state.spent >= Decimal("0.10")


def test_waiting_for_a_lease_costs_nothing():
    run = course(budget=Decimal("0.10"))
    run.ask("a", 0.0)

    assert not run.beat(50.0, set())
    assert not run.beat(100.0)
    assert run.state.spent == 0
    assert not run.beat(101.0, {"a"})
    assert not run.beat(105.0, {"a"})
    assert run.state.spent > 0
    assert run.beat(115.0, {"a"})


def test_seconds_add_up_when_tune_goes_on_with_a_trial_in_another_process():
    run = course()
    run.ask("a", 0.0)
    run.heard("a", report(0.5, seconds=5.0), 5.0)
    run.heard("a", report(0.4, at=2, seconds=2.0), 9.0)
    run.heard("a", report(0.3, at=3, seconds=3.0, done=True), 10.0)
    run.ended("a", 10.0)

    (trial,) = run.state.trials()
    assert (trial.seconds, trial.cpu_seconds) == (8.0, 4.0)


@pytest.mark.parametrize(("moving", "params"), [(True, {"x": 7}), (False, {"x": 0})])
def test_under_population_based_training_the_parameters_are_those_of_the_best_report(moving, params):
    run = course(moving=moving)
    run.ask("a", 0.0)
    run.heard("a", report(0.5, config={"x": 0}), 1.0)
    run.heard("a", report(0.4, at=2, config={"x": 7, "other": 1}), 2.0)
    run.heard("a", report(0.6, at=3, config={"x": 9}, done=True), 3.0)
    run.ended("a", 3.0)

    (trial,) = run.state.trials()
    assert trial.params == params


def test_what_the_end_cuts_off_keeps_its_score():
    run = course()
    for name in "ab":
        run.ask(name, 0.0)
    run.heard("a", report(0.5), 1.0)
    run.state.stop()
    assert run.beat(2.0)
    run.close(2.0)

    assert [(trial.score, trial.state) for trial in run.state.trials()] == [(0.5, "stopped early")]
    assert run.running == 0
    assert run.state.experiment(2.0).best.score == 0.5


def test_nothing_that_is_unknown_changes_anything():
    run = course()

    assert not run.heard("a", report(0.5), 1.0)
    run.ended("a", 1.0)
    assert not run.beat(5.0)
    assert run.taken() == {}


def test_trials_are_counted_by_the_node_they_run_on():
    run = course()
    for name, node in (("a", "n1"), ("b", "n2"), ("c", "n1")):
        run.ask(name, 0.0, node)

    assert run.taken() == {"n1": 2, "n2": 1}
