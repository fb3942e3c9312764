"""A sweep under way: its own faults end it and nobody else; it ends in time although no lane says a word."""

import pytest

from mlray.experiments import Configuration, Listed
from mlray.experiments._course import GRACE, Course
from mlray.experiments._here import Threads
from mlray.experiments._journal import Journal, read
from mlray.experiments._orders import Look, Pack, Shown
from mlray.experiments._plan import Done, Plan
from mlray.experiments._sweep import Sweep
from mlray.experiments._work import Worker
from tests import toys


def course(folder=None, progress=lambda *_: None, search=None, heard=None, **plan):
    plan = Plan("sweep-1", "rmse", 24, plan.pop("trials", 4), **plan)
    journal = Journal.begin(folder, plan)
    listed = Listed([Configuration(toys.NAME, {"floor": number}) for number in range(plan.trials)])
    finished = []
    sweep = Sweep(plan, search or listed, journal, None, finished.append)
    path = folder / "sweep-1.jsonl" if folder else None
    return Course(sweep, journal, toys.problem(), progress, finished, heard, path)


def ended(number, score=0.5):
    return Shown(number, (Look(24, score),), 1.0, 1.0, done=True)


def test_a_listener_that_fails_ends_its_sweep_and_the_error_is_raised_where_it_was_asked_for():
    def broken(*_):
        message = "no more paper"
        raise OSError(message)

    running = course(progress=broken)
    running.next_pack("a")
    assert running.shown("a", ended(0)) is False
    assert running.ended.is_set()
    assert isinstance(running.next_pack("a"), Done)
    with pytest.raises(OSError, match="no more paper"):
        running.raise_fault()


def test_a_search_that_fails_ends_its_sweep_too():
    class Broken:
        def ask(self, number):
            message = "nothing comes to mind"
            raise ValueError(message)

    running = course(search=Broken())
    assert isinstance(running.next_pack("a"), Done)
    with pytest.raises(ValueError, match="nothing comes to mind"):
        running.raise_fault()


def test_a_sweep_without_fault_raises_nothing():
    course().raise_fault()


def test_after_it_is_closed_lanes_are_heard_no_more_and_nothing_is_written(tmp_path):
    running = course(tmp_path)
    running.next_pack("a")
    running.stop("it was interrupted")
    running.close()
    assert running.shown("a", ended(0)) is False
    running.lost("a")
    assert read(tmp_path / "sweep-1.jsonl").trials == ()
    running.raise_fault()


def test_time_ends_a_sweep_whose_lanes_are_silent():
    running = course(seconds=0.0)
    running.tick()
    assert "the time of 0 s is over" in running.sweep.stopped_because


def test_what_a_silent_lane_has_is_closed_with_what_it_has_shown():
    running = course()
    running.next_pack("a")
    running.shown("a", Shown(0, (Look(8, 0.7),), 1.0))
    running.stop()
    running.tick()
    assert not running.ended.is_set()
    running._stopping -= GRACE + 1
    running.tick()
    assert running.ended.is_set()
    assert running.sweep.best.score == 0.7


def test_a_command_to_stop_is_heeded_while_no_lane_speaks(tmp_path):
    from mlray.experiments import ask_stop

    running = course(tmp_path)
    running.next_pack("a")
    ask_stop(tmp_path / "sweep-1.jsonl")
    running._next_look = 0.0  # it looks twice a second
    running.tick()
    assert running.sweep.stopped_because
    running.close()
    assert not list(tmp_path.glob("*.stop"))


def test_finished_trials_and_their_models_are_told_in_the_order_in_which_they_end():
    told = []
    running = course(
        heard=lambda trials, models: told.extend((trial.number, models.get(trial.number)) for trial in trials)
    )
    for lane in "ab":
        running.next_pack(lane)
    running.shown("b", Shown(1, (Look(24, 0.5),), 1.0, done=True, model=b"one"))
    running.shown("a", ended(0))
    assert told == [(1, b"one"), (0, None)]


def test_threads_work_until_all_is_tried():
    running = course(trials=5)
    lanes = Threads(running, Worker(running.problem, 24), 2)
    lanes.join()
    assert not lanes.working
    assert running.ended.is_set()
    assert running.sweep.best.number == 0
    assert {trial.lane for trial in running.sweep.trials()} <= {"here/0", "here/1"}


def test_threads_leave_between_two_packs_when_others_have_come():
    running = course(trials=50)
    lanes = Threads(running, Worker(running.problem, 24), 1, until=lambda: running.sweep.progress(0.0).done >= 2)
    lanes.join()
    assert not running.ended.is_set()
    assert isinstance(running.next_pack("other"), Pack)


def test_what_ends_a_thread_is_raised_by_those_who_wait_for_it():
    class Broken(Worker):
        def work(self, pack, permit=None):
            message = "the worker broke"
            raise RuntimeError(message)

    running = course()
    lanes = Threads(running, Broken(running.problem, 24), 1)
    with pytest.raises(RuntimeError, match="the worker broke"):
        lanes.join()
    assert running.sweep.running == 0
