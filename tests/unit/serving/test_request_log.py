import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlray.errors import StoreError
from mlray.monitoring import read_window
from mlray.serving.log_files import Answered, Labelled
from mlray.serving.request_log import RequestLog

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
WEEK = (datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 8, tzinfo=UTC))


def answered(name="a", at=(NOON, NOON), scores=(0.1, 0.2), size=1_000, **columns):
    table = pa.table({"time": pa.array(at, pa.timestamp("us", "UTC")), **columns})
    return Answered(name, NOON, "team", 1, "live", table, list(scores) if scores else None, live=1, size=size)


def log(folder, **settings):
    return RequestLog(folder, time_column="time", **{"every": 60.0, **settings})


def files(folder, kind="requests"):
    return sorted(str(path.parent.name) for path in (folder / kind).glob("*/*"))


def test_rows_lie_in_the_partition_of_their_event_date(tmp_path):
    written = log(tmp_path)
    written.append(answered(at=(NOON, NOON + timedelta(days=1))))
    written.append(answered("b"))
    written.flush()
    assert files(tmp_path) == ["date=2013-04-01", "date=2013-04-02"]
    rows = read_window(tmp_path, *WEEK).rows
    assert list(zip(rows["request_id"].to_pylist(), rows["row"].to_pylist(), strict=True)) == [
        ("a", 0),
        ("b", 0),
        ("b", 1),
        ("a", 1),
    ]
    written.close()


def test_without_an_event_time_the_moment_of_arrival_counts(tmp_path):
    written = RequestLog(tmp_path, time_column="other")
    written.append(answered(at=(None, None)))
    written.flush()
    assert read_window(tmp_path, *WEEK).rows["at"].to_pylist() == [NOON, NOON]
    written.close()


def test_a_request_column_with_a_name_of_the_logs_own_is_told_apart(tmp_path):
    written = log(tmp_path)
    written.append(answered(score=[7, 8]))
    written.flush()
    rows = read_window(tmp_path, *WEEK).rows
    assert (rows["score"].to_pylist(), rows["request.score"].to_pylist()) == ([0.1, 0.2], [7, 8])
    written.close()


def test_versions_with_other_columns_share_a_log(tmp_path):
    written = log(tmp_path)
    written.append(answered("a", wind=[1.0, 2.0]))
    written.append(answered("b"))
    written.flush()
    assert read_window(tmp_path, *WEEK).rows["wind"].to_pylist() == [1.0, 2.0, None, None]
    written.close()


def test_a_full_log_drops_and_counts(tmp_path):
    full = log(tmp_path, max_bytes=2_500)
    kept = [full.append(answered(str(number))) for number in range(4)]
    assert (kept, full.dropped, full.waiting) == ([True, True, False, False], 2, 2)
    full.flush()
    assert full.append(answered("again"))
    assert full.waiting == 1
    full.close()
    assert read_window(tmp_path, *WEEK).rows.num_rows == 6


def test_closing_writes_what_waits_and_takes_nothing_more(tmp_path):
    closed = log(tmp_path)
    closed.append(answered())
    closed.close()
    assert read_window(tmp_path, *WEEK).rows.num_rows == 2
    assert not closed.append(answered())
    closed.flush()
    closed.close()


def test_a_log_that_was_never_used_flushes_and_closes(tmp_path):
    unused = log(tmp_path)
    unused.flush()
    unused.close()
    assert list(tmp_path.iterdir()) == []


def test_enough_bytes_are_written_without_being_asked(tmp_path):
    eager = log(tmp_path, batch_bytes=1_500)
    seen = threading.Event()
    original = eager._written
    eager._written = lambda batch: (original(batch), seen.set())[0]
    for number in range(3):
        eager.append(answered(str(number)))
    assert seen.wait(30)
    eager.close()


def test_what_cannot_be_written_is_kept_and_written_later(tmp_path):
    folder = tmp_path / "log"
    folder.write_text("in the way")
    patient = log(folder)
    patient.append(answered())
    with pytest.raises(StoreError, match="cannot be written"):
        patient.flush()
    folder.unlink()
    patient.flush()
    assert read_window(folder, *WEEK).rows.num_rows == 2
    patient.close()


def test_a_log_that_ends_unwritten_says_so(tmp_path):
    folder = tmp_path / "log"
    folder.write_text("in the way")
    lost = log(folder)
    lost.append(answered())
    lost.close()
    with pytest.raises(StoreError):
        lost.flush()


def test_labels_join_by_request_and_row_and_the_last_word_counts(tmp_path):
    written = log(tmp_path)
    written.append(answered("a"))
    for labels, after in (([True, None], 3), ([None, True], 4), ([False, True], 5)):
        written.append(Labelled("a", labels, NOON + timedelta(days=after)))
    written.flush()
    window = read_window(tmp_path, *WEEK)
    assert window.rows["label"].to_pylist() == [False, True]
    early = read_window(tmp_path, *WEEK, known_by=NOON + timedelta(days=4))
    assert early.rows["label"].to_pylist() == [True, True]
    assert files(tmp_path, "feedback") == ["date=2013-04-04", "date=2013-04-05", "date=2013-04-06"]
    written.close()


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import pyarrow as pa
from mlray.serving.log_files import Answered
from mlray.serving.request_log import RequestLog
noon = datetime(2013, 4, 1, 12, tzinfo=UTC)
log = RequestLog(Path(sys.argv[1]), time_column="time", every=0.001, batch_bytes=1)
rows = pa.table({"time": pa.array([noon] * 500, pa.timestamp("us", "UTC"))})
for number in range(1_000_000):
    log.append(Answered(f"r{number}", noon, "team", 1, "live", rows, [0.5] * 500, live=1, size=100_000))
    if number % 20 == 0:
        log.flush()
        print(number, flush=True)
"""


@pytest.mark.slow
def test_a_killed_writer_leaves_whole_requests_and_all_that_was_flushed(tmp_path):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    flushed = [int(writer.stdout.readline()) for _ in range(6)][-1]
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    rows = read_window(tmp_path, *WEEK).rows
    counts = rows.group_by("request_id").aggregate([("row", "count")])
    assert set(counts["row_count"].to_pylist()) == {500}
    assert {f"r{number}" for number in range(flushed + 1)} <= set(counts["request_id"].to_pylist())
    assert all(pq.read_metadata(path).num_rows for path in tmp_path.glob("requests/*/[!.]*.parquet"))
