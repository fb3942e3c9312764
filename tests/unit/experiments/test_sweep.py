"""A sweep's state: what goes on, when it stops, and what it leaves behind."""

import math
from decimal import Decimal

import pytest

from mlray.errors import InputError, OverBudget, UnavailableError
from mlray.experiments._ending import EXHAUSTED
from mlray.experiments._journal import Journal, read
from mlray.experiments._orders import Look, Pack, Shown
from mlray.experiments._plan import Done, Plan, Wait
from mlray.experiments._space import Configuration
from mlray.experiments._sweep import DONE, Sweep

A = Configuration("xgboost", {"max_depth": 3})


class Counting:
    """Proposes 1, 2, 3, … up to `most`, and keeps what it is told."""

    def __init__(self, most=math.inf):
        self.most, self.told = most, []

    def ask(self, number):
        return Configuration("xgboost", {"max_depth": number + 1}) if number < self.most else None

    def tell(self, trial):
        self.told.append(trial)


def new(trials=9, search=None, most=1, **changes):
    return Sweep(Plan("sweep-1", "auc", 120, trials, most=most, **changes), search or Counting())


def take(sweep, lane="a", now=0.0):
    """Return the numbers that `lane` is given."""
    pack = sweep.next_pack(lane, now)
    assert isinstance(pack, Pack), pack
    return [order.number for order in pack.orders]


def show(sweep, number, *looks, lane="a", now=1.0, seconds=1.0, **rest):
    return sweep.shown(lane, Shown(number, tuple(Look(*look) for look in looks), seconds, seconds, **rest), now)


def run(sweep, *looks, lane="a", now=1.0, **rest):
    """Train one order to its end, and return its trial."""
    (number,) = take(sweep, lane, now)
    show(sweep, number, *looks, lane=lane, now=now, done=True, **rest)
    return next(trial for trial in sweep.trials() if trial.number == number)


# What a lane is given


def test_a_lane_begins_with_one_configuration_and_streams_until_it_has_a_result():
    sweep = new(trials=100, most=16)
    first = sweep.next_pack("a", 0.0)
    assert (len(first.orders), first.stream) == (1, True)
    show(sweep, 0, (120, 0.7), done=True, seconds=0.1)
    after = sweep.next_pack("a", 1.0)
    assert (len(after.orders), after.stream) == (16, False)
    assert sweep.next_pack("b", 1.0).stream


def test_orders_are_numbered_in_the_order_of_asking_and_carry_the_seed():
    sweep = new(seed=7)
    orders = [*sweep.next_pack("a", 0.0).orders, *sweep.next_pack("b", 0.0).orders]
    assert [(order.number, order.configuration.params["max_depth"], order.seed) for order in orders] == [
        (0, 1, 7),
        (1, 2, 7),
    ]


def test_packs_shrink_to_one_near_the_end():
    sweep = new(trials=60, most=16)
    run(sweep, (120, 0.7), seconds=0.01)
    sizes = []
    while isinstance(pack := sweep.next_pack("a", 1.0), Pack):
        sizes.append(len(pack.orders))
        for order in pack.orders:
            show(sweep, order.number, (120, 0.7), done=True, seconds=0.01)
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1], sum(sizes)) == (16, 1, 59)


def test_no_more_than_the_trials_asked_for_are_begun():
    sweep = new(trials=2)
    assert [take(sweep, lane) for lane in "ab"] == [[0], [1]]
    assert sweep.next_pack("c", 0.0) == Wait(0.5)
    assert sweep.stopped_because == DONE
    assert show(sweep, 0, (40, 0.7))  # what is running goes on
    show(sweep, 0, (120, 0.7), done=True)
    show(sweep, 1, (120, 0.7), lane="b", done=True)
    assert sweep.next_pack("c", 2.0) == Done(DONE)
    assert sweep.over


def test_nothing_left_to_try_is_a_reason_of_its_own():
    sweep = new(search=Counting(1))
    take(sweep)
    assert isinstance(sweep.next_pack("b", 0.0), Wait)
    show(sweep, 0, (120, 0.7), done=True)
    assert sweep.next_pack("b", 1.0) == Done("every configuration of the space was tried")


def test_the_search_is_told_of_every_single_result():
    search = Counting()
    sweep = new(search=search)
    run(sweep, (120, 0.7))
    run(sweep, error="ValueError: no")
    assert [(trial.number, trial.score) for trial in search.told] == [(0, 0.7), (1, None)]


def test_whoever_listens_hears_of_every_trial_that_ends():
    heard = []
    sweep = Sweep(Plan("sweep-1", "auc", 120, 9), Counting(), heard=heard.append)
    run(sweep, (120, 0.7))
    assert heard == list(sweep.trials())


def test_a_trial_knows_how_many_results_its_asking_knew():
    sweep = new()
    take(sweep, "b")
    run(sweep, (120, 0.7))
    assert run(sweep, (120, 0.7)).asked_after == 1


# What a trial becomes


def test_a_trial_keeps_its_best_look():
    sweep = new()
    take(sweep)
    assert show(sweep, 0, (40, 0.70))
    assert show(sweep, 0, (60, 0.75))
    show(sweep, 0, (120, 0.72), done=True, seconds=2.0)
    (trial,) = sweep.trials()
    assert (trial.number, trial.trainer, trial.params) == (0, "xgboost", {"max_depth": 1})
    assert (trial.score, trial.rounds, trial.seconds, trial.state) == (0.75, 60, 2.0, "finished")
    assert trial.curve == ((40, 0.70), (60, 0.75), (120, 0.72))
    assert trial.lane == "a"


def test_a_trial_that_ends_by_itself_is_finished():
    assert run(new(), (40, 0.70), (60, 0.65)).state == "finished"


def test_the_best_look_of_a_loss_is_the_lowest():
    sweep = Sweep(Plan("sweep-1", "brier", 120, 3), Counting())
    assert run(sweep, (40, 0.20), (120, 0.19)).score == 0.19
    run(sweep, (40, 0.18), (120, 0.185))
    assert sweep.best.score == 0.18


def test_of_equal_scores_the_first_asked_is_the_best():
    sweep = new()
    take(sweep, "a")
    take(sweep, "b")
    show(sweep, 1, (120, 0.8), lane="b", done=True)
    show(sweep, 0, (120, 0.8), lane="a", done=True)
    assert sweep.best.number == 0


def test_a_failed_trial_is_recorded_with_its_error_and_no_score():
    trial = run(new(), (40, 0.7), error="MemoryError: 8 GB")
    assert (trial.state, trial.score, trial.rounds, trial.error) == ("failed", None, 0, "MemoryError: 8 GB")


def test_an_error_ends_a_trial_even_where_the_lane_does_not_say_so():
    sweep = new()
    take(sweep)
    assert not show(sweep, 0, error="MemoryError")
    assert [trial.state for trial in sweep.trials()] == ["failed"]


def test_a_trial_that_ends_without_a_score_failed():
    trial = run(new())
    assert (trial.state, trial.error) == ("failed", "it ended before it had a score")


def test_a_score_that_is_no_number_is_a_failure():
    trial = run(new(), (40, 0.7), (60, math.nan))
    assert (trial.state, trial.error) == ("failed", "ValueError: the score after 60 rounds is nan")


# Halving


def test_a_trial_that_falls_behind_at_a_rung_is_stopped():
    sweep = new()
    for _ in range(3):
        run(sweep, (40, 0.8), (120, 0.8))
    (number,) = take(sweep)
    assert show(sweep, number, (20, 0.7))
    assert not show(sweep, number, (40, 0.7))
    assert not show(sweep, number, (41, 0.9))  # a stopped trial stays stopped
    show(sweep, number, done=True, cut=True)
    assert [trial.state for trial in sweep.trials()][-1] == "stopped early"


def test_a_pack_brings_the_cuts_of_its_time_along():
    sweep = new(lanes=1)
    for _ in range(3):
        run(sweep, (40, 0.8), (120, 0.8))
    assert sweep.next_pack("a", 1.0).cuts == {40: 0.8}


def test_a_trial_that_its_lane_has_cut_is_stopped_early():
    assert run(new(), (40, 0.7), cut=True).state == "stopped early"
    assert run(new(), (40, 0.7), (120, 0.7), cut=True).state == "finished"


def test_without_halving_nobody_is_cut():
    sweep = new(halving=False)
    for _ in range(3):
        run(sweep, (40, 0.8), (120, 0.8))
    pack = sweep.next_pack("a", 1.0)
    assert pack.cuts == {}
    assert show(sweep, 3, (40, 0.1))


def test_a_look_told_twice_counts_once():
    sweep = new()
    for _ in range(2):
        run(sweep, (40, 0.8), (40, 0.8), (40, 0.8))
    take(sweep)
    assert show(sweep, 2, (40, 0.1))  # two others are too few to be compared with


def test_a_trial_trained_again_counts_once_at_a_rung():
    sweep = new()
    run(sweep, (40, 0.8))
    take(sweep)
    show(sweep, 1, (40, 0.8))
    sweep.lost("a", 2.0)
    assert run(sweep, (40, 0.8)).number == 1
    take(sweep)
    assert show(sweep, 2, (40, 0.1))


# Money and time


def test_a_spent_budget_starts_nothing_and_stops_what_runs_at_its_next_look():
    sweep = new(price_per_lane_second=Decimal("0.5"), budget=Decimal(10))
    take(sweep)
    assert show(sweep, 0, (10, 0.7), seconds=19.9)
    assert not show(sweep, 0, (20, 0.7), seconds=20.0)
    assert sweep.next_pack("b", 1.0) == Done("the budget of 10.00 USD is spent")
    assert not sweep.over
    show(sweep, 0, seconds=20.0, done=True, cut=True)
    assert sweep.over
    assert [trial.state for trial in sweep.trials()] == ["stopped early"]


def test_every_running_order_is_paid_for():
    sweep = new(price_per_lane_second=Decimal("0.5"))
    for lane in "abc":
        take(sweep, lane)
    show(sweep, 0, (10, 0.7), seconds=2.0, lane="a")
    show(sweep, 0, (20, 0.7), seconds=3.0, lane="a")
    show(sweep, 1, (10, 0.7), seconds=4.0, lane="b", done=True)
    show(sweep, 2, (10, 0.7), seconds=1.0, lane="c")
    sweep.lost("c", 5.0)
    assert (sweep.spent_seconds, sweep.spent) == (8.0, Decimal("4.0"))
    assert [trial.cost for trial in sweep.trials()] == [Decimal("2.0")]


def test_a_budget_that_ends_with_the_last_round_leaves_a_finished_trial():
    sweep = new(price_per_lane_second=Decimal("0.5"), budget=Decimal(10))
    assert run(sweep, (120, 0.7), seconds=99.0).state == "finished"


def test_money_runs_out_for_the_last_trials_as_well():
    sweep = new(trials=1, price_per_lane_second=Decimal(1), budget=Decimal(5))
    take(sweep)
    assert isinstance(sweep.next_pack("b", 0.0), Wait)
    assert not show(sweep, 0, (40, 0.7), seconds=5.0)
    assert sweep.stopped_because == "the budget of 5.00 USD is spent"


@pytest.mark.parametrize(
    ("limits", "allowances"),
    [
        ({}, [None, None]),
        ({"seconds": 30.0}, [30.0, 30.0]),
        ({"budget": Decimal(8), "price_per_lane_second": Decimal("0.1")}, [40.0, 40.0]),
        ({"budget": Decimal(8), "price_per_lane_second": Decimal("0.1"), "seconds": 30.0}, [30.0, 30.0]),
        ({"budget": Decimal(8)}, [None, None]),
    ],
    ids=["no limit", "time", "money shared by two lanes", "the smaller", "money without a price"],
)
def test_what_money_and_time_allow_is_shared_among_the_lanes(limits, allowances):
    sweep = new(lanes=2, **limits)
    assert [sweep.next_pack(lane, 0.0).allowance for lane in "ab"] == allowances


def test_once_there_is_a_result_only_lanes_with_work_share_the_money():
    sweep = new(lanes=8, price_per_lane_second=Decimal(1), budget=Decimal(80))
    run(sweep, (120, 0.7), seconds=8.0)
    assert sweep.next_pack("a", 1.0).allowance == 72.0
    assert sweep.next_pack("b", 1.0).allowance == 36.0


def test_a_pack_holds_no_more_than_its_allowance_pays_for():
    sweep = new(trials=1000, most=16, price_per_lane_second=Decimal(1), budget=Decimal("0.5"))
    run(sweep, (120, 0.7), seconds=0.1)
    assert len(sweep.next_pack("a", 1.0).orders) == 4


def test_what_was_cut_off_before_it_had_a_score_is_begun_again():
    sweep = new(price_per_lane_second=Decimal(1), budget=Decimal(50))
    for _ in range(2):
        assert take(sweep) == [0]
        show(sweep, 0, seconds=0.5, done=True, cut=True)
    assert list(sweep.trials()) == []
    assert take(sweep) == [0]
    show(sweep, 0, seconds=0.5, done=True, cut=True)
    assert [trial.error for trial in sweep.trials()] == ["it was cut off before it had a score"]


def test_time_is_a_limit_as_well():
    sweep = new(seconds=30.0)
    take(sweep, now=29.0)
    assert sweep.next_pack("b", 30.0) == Done("the time of 30 s is over")
    assert not show(sweep, 0, (40, 0.7), now=30.0)


def test_a_flat_sweep_ends():
    sweep = new(trials=1000, plateau=0.001)
    while isinstance(sweep.next_pack("a", 1.0), Pack):
        show(sweep, sweep.progress(1.0).done, (120, 0.7), done=True)
    assert sweep.stopped_because == "the best auc is expected to improve by less than 0.001"
    assert sweep.progress(1.0).done == 24


# Failures, losses and orders to stop


def test_three_failures_without_any_score_end_the_sweep():
    sweep = new()
    take(sweep, "b")
    for _ in range(3):
        run(sweep, error="ValueError: inf in column 3")
    assert sweep.next_pack("a", 1.0) == Done("every trial failed")
    assert not show(sweep, 0, (40, 0.7), lane="b")


def test_one_success_keeps_the_sweep_going_through_failures():
    sweep = new()
    run(sweep, (120, 0.7))
    for _ in range(4):
        run(sweep, error="ValueError")
    assert take(sweep) == [5]


def test_what_a_lost_lane_had_is_queued_again_with_number_and_parameters():
    sweep = new(trials=100, most=16)
    run(sweep, (120, 0.7), seconds=0.5)
    pack = sweep.next_pack("a", 1.0)
    show(sweep, 1, (40, 0.7))
    assert sweep.lost("a", 2.0) == (1, 2, 3, 4)
    assert sweep.running == 0
    again = [sweep.next_pack("b", 3.0).orders for _ in range(4)]
    assert again == [(order,) for order in pack.orders]  # alone: if one kills its lane, no other is lost with it
    assert not show(sweep, 1, (60, 0.7), lane="a")  # a lane that was only thought lost has no say any more


def test_a_lost_lane_without_work_loses_nothing():
    assert new().lost("a", 1.0) == ()


def test_a_configuration_lost_three_times_has_failed():
    sweep = new(trials=2)
    for lane in "abc":
        assert take(sweep, lane) == [0]
        sweep.lost(lane, 1.0)
    assert [(trial.number, trial.error) for trial in sweep.trials()] == [(0, "its lane was lost 3 times")]
    assert take(sweep, "d") == [1]


def test_a_lane_that_came_back_begins_with_one_configuration():
    sweep = new(trials=100, most=16)
    run(sweep, (120, 0.7), seconds=0.01)
    sweep.lost("a", 1.0)
    assert sweep.next_pack("a", 2.0).stream


def test_what_a_lane_gives_back_is_done_by_another_and_is_no_loss():
    sweep = new(trials=100, most=16)
    run(sweep, (120, 0.7), seconds=0.01)
    given = take(sweep)
    for number in given:
        assert not show(sweep, number, returned=True, seconds=0.0)
    assert take(sweep) == given
    assert [trial.state for trial in sweep.trials()] == ["finished"]


def test_a_command_stops_what_runs_and_keeps_the_best_so_far():
    sweep = new()
    run(sweep, (120, 0.7))
    take(sweep)
    take(sweep, "b")
    sweep.stop()
    sweep.stop("again")
    assert sweep.next_pack("c", 1.0) == Done("it was told to stop")
    assert not show(sweep, 1, (40, 0.8))
    show(sweep, 1, done=True, cut=True)
    assert sweep.lost("b", 2.0) == ()
    assert sweep.over
    found = sweep.experiment(3.0)
    assert (found.best.score, found.best.state, found.stopped_because) == (0.8, "stopped early", "it was told to stop")
    assert [trial.number for trial in found.trials] == [0, 1]


def test_a_lane_that_dies_after_the_end_leaves_what_it_has_shown():
    sweep = new()
    take(sweep)
    show(sweep, 0, (40, 0.7))
    sweep.stop()
    assert sweep.lost("a", 2.0) == ()
    assert [(trial.score, trial.state) for trial in sweep.trials()] == [(0.7, "stopped early")]


def test_what_is_queued_when_the_sweep_is_stopped_is_dropped():
    sweep = new()
    take(sweep)
    sweep.lost("a", 1.0)
    sweep.stop()
    assert sweep.over
    assert isinstance(sweep.next_pack("a", 2.0), Done)


@pytest.mark.parametrize(("number", "lane"), [(7, "a"), (0, "b")], ids=["never asked", "another's"])
def test_what_nobody_asked_of_a_lane_changes_nothing(number, lane):
    sweep = new()
    take(sweep)
    assert not show(sweep, number, (120, 0.7), lane=lane, done=True)
    assert (sweep.running, sweep.spent_seconds, list(sweep.trials())) == (1, 0.0, [])


# What is left in the end


def test_the_best_leave_their_predictions_and_the_next_must_beat_them():
    sweep = new(keep_predictions=2)
    for score in (0.7, 0.9, 0.8):
        run(sweep, (120, score), predictions=str(score).encode(), model=b"model")
    assert [(kept.trial.score, kept.predictions, kept.model) for kept in sweep.kept()] == [
        (0.9, b"0.9", b"model"),
        (0.8, b"0.8", b""),
    ]
    assert sweep.next_pack("a", 1.0).keep == 0.8


def test_several_objectives_leave_a_front():
    sweep = new(objectives=("score", "latency", "cost"), price_per_lane_second=Decimal(1))
    for score, latency, seconds in ((0.7, 1.0, 1.0), (0.9, 9.0, 1.0), (0.6, 2.0, 1.0), (0.6, 9.0, 0.5)):
        run(sweep, (120, score), objectives={"latency": latency}, seconds=seconds)
    found = sweep.experiment(9.0)
    assert found.front == (0, 1, 3)
    assert found.trials[3].objectives == {"latency": 9.0, "cost": 0.5}


def test_one_objective_leaves_no_front():
    sweep = new()
    run(sweep, (120, 0.7))
    assert sweep.experiment(9.0).front == ()


def test_the_record_has_every_trial_in_order_and_what_it_cost():
    sweep = new(
        trials=2, seed=7, dataset="departures@v1", contract="c0ffee", price_per_lane_second=Decimal("0.25")
    )  # fmt: skip
    take(sweep, "b")
    run(sweep, (120, 0.8), seconds=38.0)
    show(sweep, 0, (120, 0.7), lane="b", seconds=2.0, done=True)
    found = sweep.experiment(40.0)
    assert [trial.number for trial in found.trials] == [0, 1]
    assert found.best.score == 0.8
    assert found.spend == Decimal("10.00")
    assert (found.id, found.dataset, found.metric, found.seed, found.seconds, found.contract) == (
        "sweep-1",
        "departures@v1",
        "auc",
        7,
        40.0,
        "c0ffee",
    )
    assert found.stopped_because == DONE


def test_a_sweep_of_failures_raises_the_first_error_once():
    sweep = new(trials=2)
    take(sweep, "b")
    run(sweep, error="ValueError: second")
    show(sweep, 0, lane="b", error="ValueError: first")
    with pytest.raises(InputError, match="Every one of 2 trials failed: ValueError: first") as caught:
        sweep.experiment(9.0)
    assert str(caught.value).count("ValueError") == 1


def test_a_budget_gone_before_any_score_is_a_refusal():
    sweep = new(price_per_lane_second=Decimal(1), budget=Decimal(5))
    take(sweep)
    show(sweep, 0, seconds=6.0, done=True, cut=True)
    with pytest.raises(OverBudget, match=r"No trial had a score after 6 s: the budget of 5.00 USD is spent"):
        sweep.experiment(6.0)


def test_a_sweep_stopped_before_any_score_can_be_resumed():
    sweep = new()
    sweep.stop()
    with pytest.raises(UnavailableError, match="No trial had a score after 3 s: it was told to stop"):
        sweep.experiment(3.0)


def test_a_sweep_that_never_ran_says_so():
    with pytest.raises(UnavailableError, match="nothing ran"):
        new().experiment(3.0)


def test_a_search_without_any_configuration_is_a_mistake():
    sweep = new(search=Counting(0))
    assert sweep.next_pack("a", 0.0) == Done(EXHAUSTED)
    with pytest.raises(InputError, match="No trial was tried"):
        sweep.experiment(0.0)


# Progress


def test_progress_tells_what_is_done_spent_left_and_when_it_ends():
    sweep = new(trials=11, price_per_lane_second=Decimal("0.1"), budget=Decimal(9), seconds=100.0)
    run(sweep, (120, 0.7), seconds=4.0)
    take(sweep, "a")
    take(sweep, "b")
    seen = sweep.progress(5.0)
    assert (seen.done, seen.failed, seen.running, seen.trials, seen.lanes) == (1, 0, 2, 11, 2)
    assert (seen.spent, seen.money_left, seen.seconds_left) == (Decimal("0.4"), Decimal("8.6"), 95.0)
    assert seen.expected_end == 25.0  # ten more of four seconds on two lanes
    assert str(seen) == (
        "1 of 11 configurations, best auc 0.7000 by xgboost, 0.4000 USD spent, 8.6000 left, about 20 s to go"
    )


def test_the_expected_end_is_when_money_or_time_ends_if_that_is_sooner():
    sweep = new(trials=1000, most=16, price_per_lane_second=Decimal("0.1"), budget=Decimal(9), seconds=100.0)
    run(sweep, (120, 0.7), seconds=4.0)
    assert sweep.progress(5.0).expected_end == 91.0
    assert new(seconds=100.0).progress(5.0).expected_end == 100.0
    assert new().progress(5.0).expected_end is None


def test_progress_without_money_or_score_is_short():
    sweep = new(trials=3)
    run(sweep, error="ValueError")
    assert str(sweep.progress(5.0)) == "1 of 3 configurations, no score yet, 1 failed"
    sweep.stop()
    assert str(sweep.progress(5.0)) == "1 of 3 configurations, no score yet, 1 failed, it was told to stop"
    assert sweep.progress(5.0).expected_end == 5.0


def test_spending_without_a_budget_has_nothing_left_to_tell():
    sweep = new(price_per_lane_second=Decimal("0.1"))
    run(sweep, (120, 0.7), seconds=4.0)
    assert "0.4000 USD spent, about" in str(sweep.progress(5.0))


def test_what_was_given_back_is_in_the_journal_as_spent(tmp_path):
    plan = Plan("sweep-1", "auc", 120, 4, most=1)
    journal = Journal.begin(tmp_path, plan)
    sweep = Sweep(plan, Counting(), journal)
    (number,) = take(sweep)
    sweep.shown("a", Shown(number, seconds=3.0), 3.0)
    sweep.lost("a", 4.0)
    assert sweep.spent_seconds == read(tmp_path / "sweep-1.jsonl").spent_seconds == 3.0
    journal.close()
