import pickle
from threading import Event

import pytest

from mlray.coordinator import workshop
from mlray.coordinator.workshop import KEPT, Work, Workshop
from mlray.errors import DataError, MlrayError, NotFoundError
from tests.projects import small_project

LONG = 30.0


@pytest.fixture
def calls(monkeypatch):
    """Flows that stand for real ones: the workshop only carries them out."""
    seen = []

    def echo(space, value):
        seen.append(value)
        return space.spec.model.rounds, value

    def fail(space, error):
        seen.append(error)
        raise error

    def hang(space, gate, progress: object):
        gate.wait(LONG)

    flows = {"echo": echo, "fail": fail, "hang": hang}
    monkeypatch.setattr(workshop, "FLOWS", flows)
    return seen


@pytest.fixture
def folder(tmp_path):
    return small_project(tmp_path / "orders")


def test_the_same_name_does_the_work_once(calls, folder):
    shop = Workshop(str(folder))
    for _ in range(3):
        shop.start("a", "echo", {"value": 1})
    assert shop.report("a", LONG).value == (12, 1)
    assert calls == [1]


@pytest.mark.parametrize("error", [KeyError("hour"), SystemExit(2), MemoryError()])
def test_whatever_fails_reaches_whoever_waits_as_an_error_that_can_be_pickled(calls, folder, error, caplog):
    shop = Workshop(str(folder))
    shop.start("a", "fail", {"error": error})
    report = shop.report("a", LONG)
    assert report.state == "failed"
    told = pickle.loads(pickle.dumps(report.error))
    assert type(told) is MlrayError
    assert type(error).__name__ in told.problem
    assert "Traceback" in caplog.text


def test_our_own_errors_stay_what_they_are(calls, folder):
    shop = Workshop(str(folder))
    shop.start("a", "fail", {"error": DataError("no rows.", remedy="Get some.")})
    error = shop.report("a", LONG).error
    assert isinstance(error, DataError)
    assert error.remedy == "Get some."


def test_failed_work_may_be_started_again(calls, folder):
    shop = Workshop(str(folder))
    shop.start("a", "fail", {"error": KeyError("x")})
    shop.report("a", LONG)
    shop.start("a", "echo", {"value": 2})
    assert shop.report("a", LONG).value == (12, 2)


def test_unknown_work_is_not_found(calls, folder):
    with pytest.raises(NotFoundError):
        Workshop(str(folder)).report("a")


def test_only_the_newest_finished_works_are_remembered(calls, folder):
    shop = Workshop(str(folder))
    for number in range(KEPT + 5):
        shop.start(str(number), "echo", {"value": number})
        shop.report(str(number), LONG)
    shop.start("last", "echo", {"value": -1})
    with pytest.raises(NotFoundError):
        shop.report("0")
    assert shop.report(str(KEPT + 4), LONG).state == "done"


def test_the_newest_work_that_runs_is_told_of(calls, folder):
    shop, gate = Workshop(str(folder)), Event()
    assert shop.latest() is None
    shop.start("long", "hang", {"gate": gate})
    shop.start("short", "echo", {"value": 1})
    shop.report("short", LONG)
    assert shop.latest() is not None
    gate.set()
    shop.report("long", LONG)
    assert shop.latest() is None


def test_a_changed_project_file_is_heeded_and_work_by_the_old_one_is_forgotten(calls, folder):
    shop = Workshop(str(folder))
    shop.start("a", "echo", {"value": 1})
    assert shop.report("a", LONG).value == (12, 1)
    file = folder / "mlray.yaml"
    file.write_text(file.read_text().replace("rounds: 12", "rounds: 13"))
    shop.start("a", "echo", {"value": 1})
    assert shop.report("a", LONG).value == (13, 1)
    assert calls == [1, 1]


def test_progress_is_told_while_work_runs():
    gate, told = Event(), Event()

    def call(progress):
        progress(1, 4, "sweeping")
        told.set()
        gate.wait(LONG)

    work = Work(call, takes_progress=True)
    assert told.wait(LONG)
    report = work.report(0)
    assert (report.state, report.done, report.total, report.note) == ("running", 1, 4, "sweeping")
    gate.set()
    assert work.report(LONG).state == "done"
