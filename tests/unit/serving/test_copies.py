import threading
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from mlray.serving.copies import Copies, Copy
from mlray.serving.counters import Counters
from mlray.serving.log_files import Answered
from mlray.serving.table import Loaded
from tests.contract.endpoint_sample import Breaks, Flights

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)


class Slow(Flights):
    """Waits until it is let go, so that a queue builds up, and counts its calls."""

    def __init__(self):
        super().__init__()
        self.calls, self.busy, self.free = [], threading.Event(), threading.Event()

    def predict(self, rows):
        self.calls.append(rows.num_rows)
        self.busy.set()
        assert self.free.wait(30)
        return super().predict(rows)


def copy(name, by, distances=(1000.0, 500.0), size=100):
    columns = {
        "at": [NOON.isoformat()] * len(distances),
        "origin": ["JFK"] * len(distances),
        "distance": list(distances),
    }
    table = pa.table({"distance": list(distances)})
    record = Answered(name, NOON, "team", 1, "live", table, [0.5] * len(distances), live=1, candidate=2, size=size)
    return Copy(record, columns, by)


def loaded(predictor, number=2):
    return Loaded(number, predictor, predictor.describe())


@pytest.fixture
def logged():
    return []


@pytest.fixture
def counters():
    return Counters()


def test_a_candidates_scores_are_in_the_record_before_it_is_logged(logged, counters):
    copies = Copies(logged.append, counters)
    copies.put(copy("a", loaded(Flights())))
    copies.join()
    assert logged[0].candidate_scores == pytest.approx([0.5, 0.2689], abs=1e-4)
    assert counters.by_version()["2"]["shadow_rows"] == 2
    copies.close()


def test_a_copy_by_the_live_version_goes_to_its_own_column(logged, counters):
    copies = Copies(logged.append, counters)
    copies.put(copy("a", loaded(Flights(), number=1)))
    copies.join()
    assert (logged[0].live_scores[0], logged[0].candidate_scores) == (0.5, None)
    copies.close()


def test_what_waits_is_scored_in_one_call_and_every_request_gets_its_own_rows(logged, counters):
    slow = Slow()
    by, copies = loaded(slow), Copies(logged.append, counters)
    copies.put(copy("first", by))
    assert slow.busy.wait(30)
    for number in range(1, 4):
        copies.put(copy(str(number), by, [1000.0] * number))
    copies.put(copy("other", loaded(Flights(1200.0)), [1200.0]))
    slow.free.set()
    copies.join()
    assert slow.calls == [2, 6]
    assert [len(record.candidate_scores) for record in logged] == [2, 1, 2, 3, 1]
    assert [record.candidate_scores[0] for record in logged] == [0.5] * 5
    copies.close()


def test_a_failing_request_in_a_batch_does_not_take_the_others_with_it(logged, counters):
    class Picky(Slow):
        def predict(self, rows):
            scores = super().predict(rows)
            if 7.0 in rows["distance"].to_pylist():
                raise ValueError("seven")
            return scores

    picky = Picky()
    by, copies = loaded(picky), Copies(logged.append, counters)
    copies.put(copy("first", by))
    assert picky.busy.wait(30)
    for name, distance in (("a", 1000.0), ("b", 7.0), ("c", 1000.0)):
        copies.put(copy(name, by, [distance]))
    picky.free.set()
    copies.join()
    assert [record.candidate_failed for record in logged] == [False, False, True, False]
    assert counters.by_version()["2"]["errors"] == 1
    copies.close()


def test_too_much_waiting_is_dropped_counted_and_still_logged(logged, counters):
    slow = Slow()
    by, copies = loaded(slow), Copies(logged.append, counters, max_bytes=250)
    for name in ("first", "second", "third"):
        copies.put(copy(name, by))
        assert slow.busy.wait(30)
    assert [record.request_id for record in logged] == ["third"]
    assert (logged[0].candidate_scores, logged[0].candidate_failed) == (None, False)
    assert counters.by_version()["2"]["shadow_dropped"] == 2
    slow.free.set()
    copies.join()
    assert len(logged) == 3
    copies.close()


def test_closing_scores_what_waits_and_drops_what_comes_after(logged, counters):
    copies = Copies(logged.append, counters)
    copies.put(copy("a", loaded(Flights())))
    copies.close()
    copies.put(copy("b", loaded(Flights())))
    assert [record.candidate_scores is None for record in logged] == [False, True]


def test_a_version_that_always_fails_leaves_the_thread_alive(logged, counters):
    copies = Copies(logged.append, counters)
    for name in ("a", "b"):
        copies.put(copy(name, loaded(Breaks()), [1.0]))
        copies.join()
    assert [record.candidate_failed for record in logged] == [True, True]
    copies.close()
