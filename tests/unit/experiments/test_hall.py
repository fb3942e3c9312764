"""The hall of a pool: who gets which job, and what becomes of it when a lane dies or Tune cuts it off."""

from dataclasses import replace

import pytest

from mlray.experiments import Configuration, Listed
from mlray.experiments._course import Course
from mlray.experiments._journal import Journal
from mlray.experiments._orders import Look, Shown
from mlray.experiments._plan import Plan
from mlray.experiments._sweep import Sweep
from mlray.experiments.lanes._job import Task
from mlray.experiments.pool._hall import Hall, Slot
from mlray.leases import Resources
from tests import toys

TASK = Task(
    "sweep-1", "rows", None, 24, 1, 1, True, ("score",), "cpu", (toys.NAME,), "default", Resources(), backed=False
)


def course(trials=4, **plan):
    plan = Plan("sweep-1", "rmse", 24, trials, **plan)
    journal = Journal.begin(None, plan)
    listed = Listed([Configuration(toys.NAME, {"floor": number}) for number in range(trials)])
    finished = []
    return Course(
        Sweep(plan, listed, journal, None, finished.append), journal, toys.problem(), lambda *_: None, finished
    )


def hall(lanes=2, keep=100.0, ready=True):
    made = Hall("pool-1", [Slot(f"lane/{n}") for n in range(lanes)], keep)
    for n in range(lanes if ready else 0):
        made.next(f"boot-{n}")
    for n in range(lanes if ready else 0):
        made.ended(f"boot-{n}", [])
    return made


def finish(made, trial, job, score=0.5):
    shown = [Shown(order.number, (Look(24, score),), 1.0, 1.0, done=True) for order in job.pack.orders]
    made.ended(trial, shown)
    return shown


def test_a_lane_boots_before_it_is_given_work():
    made, running = hall(ready=False), course()
    made.attach(running, TASK)
    job = made.next("a")
    assert (job.task, job.pack) == (TASK, None)
    assert made.ready == 0
    made.ended("a", [])
    assert made.ready == 1


def test_no_lane_has_two_jobs():
    made, running = hall(), course()
    made.attach(running, TASK)
    assert made.next("a").lane != made.next("b").lane
    assert made.next("c") is None
    assert not made.closed


def test_the_first_pack_is_one_order_that_is_streamed():
    made, running = hall(), course()
    made.attach(running, TASK)
    pack = made.next("a").pack
    assert len(pack.orders) == 1
    assert pack.stream


def test_what_is_shown_reaches_the_sweep_and_leaves_nothing_with_tune():
    made, running = hall(), course(trials=1)
    made.attach(running, TASK)
    job = made.next("a")
    left = finish(made, "a", job)
    assert left == []
    assert running.ended.is_set()
    assert running.sweep.best.score == 0.5


def test_a_job_goes_on_while_somebody_wants_it():
    made, running = hall(), course()
    made.attach(running, TASK)
    number = made.next("a").pack.orders[0].number
    assert made.told("a", [Shown(number, (Look(8, 0.5),), 1.0)])
    running.stop()
    assert not made.told("a", [Shown(number, (Look(16, 0.5),), 2.0)])


def test_an_order_that_tune_cut_off_is_over_with_what_it_had_shown():
    made, running = hall(lanes=1), course()
    made.attach(running, TASK)
    number = made.next("a").pack.orders[0].number
    running.stop()
    made.told("a", [Shown(number, (Look(8, 0.5),), 1.5)])
    made.ended("a", [])
    assert running.ended.is_set()
    trial = next(iter(running.sweep.trials()))
    assert (trial.score, trial.seconds, trial.state) == (0.5, 1.5, "stopped early")


def test_what_a_dead_lane_had_is_given_to_another_and_nothing_is_lost():
    made, running = hall(), course()
    made.attach(running, TASK)
    had = made.next("a").pack.orders
    made.lost("a")
    assert made.ready == 1
    assert made.doubtful
    assert made.next("b").pack.orders == had
    assert made.next("c") is None


def test_room_lost_with_a_lane_is_room_again_if_its_node_is_still_there():
    made, running = hall(), course()
    made.attach(running, TASK)
    lane = made.next("a").lane
    made.next("b")
    made.lost("a")
    made.sync([Slot("lane/0"), Slot("lane/1")])
    again = made.next("c")
    assert (again.lane, again.pack) == (lane, None)


def test_what_ran_on_a_node_that_is_gone_is_done_elsewhere():
    made, running = hall(), course()
    made.attach(running, TASK)
    jobs = {trial: made.next(trial) for trial in "ab"}
    there = jobs["b"].lane
    made.sync([Slot(there)])
    finish(made, "b", jobs["b"])
    assert made.next("c").pack.orders == jobs["a"].pack.orders
    assert made.lanes == 1


def test_a_pack_without_a_lease_goes_back_and_its_lane_waits_longer_next_time():
    made, running = hall(lanes=1), course()
    made.attach(running, TASK)
    patience = []
    for trial in "abc":
        job = made.next(trial)
        patience.append(job.patience)
        back = [Shown(order.number, done=True, returned=True) for order in job.pack.orders]
        made.returned(trial, back)
        made.ended(trial, back)
    assert patience[0] == patience[1] < patience[2]
    assert running.sweep.best is None
    assert not running.ended.is_set()


def test_two_sweeps_take_turns():
    made, one, two = hall(lanes=1), course(), course()
    made.attach(one, TASK)
    made.attach(two, TASK)
    for trial in "abcd":
        finish(made, trial, made.next(trial))
    assert one.sweep.progress(0.0).done == two.sweep.progress(0.0).done == 2


def test_idle_lanes_rest_and_the_pool_closes_when_nobody_has_come_for_long():
    made, running = hall(keep=100.0), course()
    made.attach(running, TASK)
    made.detach(running)
    job = made.next("a")
    assert job.task is None
    assert job.patience > 0
    made.keep = 0.0
    assert made.next("b") is None
    assert made.closed
    assert not made.attach(course(), TASK)


def test_new_room_is_known_once():
    made = hall(lanes=1)
    for _ in range(2):
        made.sync([Slot("lane/0"), Slot("lane/1", "node-2")])
    assert made.lanes == 2
    made.next("a")
    made.next("b")
    assert made.next("c") is None
    assert made.node_of("b") == "node-2"


def test_a_process_with_several_seats_takes_several_packs():
    made, running = hall(lanes=1), course()
    made.attach(running, replace(TASK, width=3))
    job = made.next("a")
    assert len(job.pack.orders) == 3
    finish(made, "a", job)
    assert running.sweep.progress(0.0).done == 3


@pytest.mark.parametrize("words", [[], [Shown(99, (Look(8, 0.1),))]], ids=["nothing", "an unknown order"])
def test_words_about_nothing_known_change_nothing(words):
    made, running = hall(lanes=1), course()
    made.attach(running, TASK)
    assert not made.told("nobody", list(words))
    made.lost("nobody")
    made.ended("nobody", [])


def test_a_pool_that_ends_gives_back_what_its_lanes_had_and_another_goes_on():
    first, second, running = hall(), hall(), course(trials=2)
    first.attach(running, TASK)
    had = first.next("a").pack.orders
    first.detach(running)
    second.attach(running, TASK)
    jobs = {trial: second.next(trial) for trial in "bc"}
    assert had in [job.pack.orders for job in jobs.values()]
    for trial, job in jobs.items():
        finish(second, trial, job)
    assert running.ended.is_set()
    assert not first.told("a", [Shown(had[0].number, (Look(8, 0.1),))])


def test_tune_is_told_once_which_trials_wait_for_a_node_that_is_gone():
    made = hall()
    made.attach(course(), TASK)
    made.next("a")
    made.next("b")
    made.sync([Slot("lane/0")])
    assert len(made.take_gone()) == 1
    assert made.take_gone() == frozenset()
