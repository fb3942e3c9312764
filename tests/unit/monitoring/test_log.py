from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from mlray.errors import StoreError
from mlray.monitoring import compact, read_window
from mlray.serving.log_files import Answered, Labelled, write_feedback, write_requests

DAY = timedelta(days=1)
START = datetime(2013, 4, 1, tzinfo=UTC)


def write(folder, name, day, scores=(0.25, 0.75), received=START, **about):
    moments = [START + day * DAY + timedelta(hours=i) for i in range(2)]
    rows = pa.table({"time": pa.array(moments, pa.timestamp("us", "UTC"))})
    record = Answered(
        name, received, "team", 1, about.pop("route", "live"), rows, None if scores is None else list(scores), **about
    )
    write_requests(folder, [record], "time")


def label(folder, name, labels, day):
    write_feedback(folder, [Labelled(name, labels, START + day * DAY)])


def test_a_log_that_does_not_exist_is_an_empty_window(tmp_path):
    window = read_window(tmp_path / "none", START, START + DAY)
    assert (window.rows.num_rows, window.labelled, window.scores.tolist(), window.labels.tolist()) == (0, 0, [], [])
    assert {"at", "score", "label"} <= set(window.rows.column_names)


def test_a_window_takes_its_start_and_not_its_end(tmp_path):
    for day in range(4):
        write(tmp_path, f"r{day}", day)
    seen = read_window(tmp_path, START + DAY, START + 3 * DAY).rows["request_id"].to_pylist()
    assert seen == ["r1", "r1", "r2", "r2"]
    within = read_window(tmp_path, START + timedelta(hours=1), START + DAY)
    assert within.rows["row"].to_pylist() == [1]


def test_scores_and_labels_are_those_of_the_labelled_rows(tmp_path):
    write(tmp_path, "a", 0)
    write(tmp_path, "b", 0)
    label(tmp_path, "a", [None, True], 3)
    label(tmp_path, "b", [False, None], 3)
    window = read_window(tmp_path, START, START + DAY)
    assert window.labelled == 2
    assert (window.scores.tolist(), window.labels.tolist()) == ([0.25, 0.75], [0.0, 1.0])
    assert window.labels.dtype == np.float64


def test_labels_count_from_when_they_were_known(tmp_path):
    write(tmp_path, "a", 0)
    label(tmp_path, "a", [True, True], 3)
    assert read_window(tmp_path, START, START + DAY, known_by=START + 2 * DAY).labelled == 0
    assert read_window(tmp_path, START, START + DAY, known_by=START + 3 * DAY).labelled == 2


def test_feedback_on_requests_nobody_logged_joins_nothing(tmp_path):
    write(tmp_path, "a", 0)
    label(tmp_path, "stranger", [True, True], 0)
    assert read_window(tmp_path, START, START + DAY).labelled == 0


def test_a_request_that_was_repeated_counts_once_with_its_last_answer(tmp_path):
    write(tmp_path, "a", 0, scores=(0.5, 0.5), received=START + 2 * DAY)
    write(tmp_path, "a", 0, scores=(0.1, 0.1), received=START + DAY)
    assert read_window(tmp_path, START, START + DAY).rows["score"].to_pylist() == [0.5, 0.5]


def test_failed_rows_stand_apart(tmp_path):
    write(tmp_path, "a", 0)
    write(tmp_path, "b", 0, scores=None, live=1, live_failed=True)
    window = read_window(tmp_path, START, START + DAY)
    assert window.rows["request_id"].to_pylist() == ["a", "a"]
    assert window.failed["request_id"].to_pylist() == ["b", "b"]
    assert window.everything.num_rows == 4


def test_pinned_requests_are_left_out_unless_asked_for(tmp_path):
    write(tmp_path, "a", 0, route="pinned")
    assert read_window(tmp_path, START, START + DAY).rows.num_rows == 0
    assert read_window(tmp_path, START, START + DAY, pinned=True).rows.num_rows == 2


def test_compaction_changes_nothing_but_the_number_of_files(tmp_path):
    for number in range(5):
        write(tmp_path, f"r{number}", number % 2)
        label(tmp_path, f"r{number}", [True, False], 3)
    before = read_window(tmp_path, START, START + 9 * DAY)
    gone = compact(tmp_path, before=date(2013, 4, 2))
    assert gone == 2
    assert len(list(tmp_path.glob("requests/date=2013-04-01/*"))) == 1
    assert len(list(tmp_path.glob("requests/date=2013-04-02/*"))) == 2
    assert compact(tmp_path, before=date(2014, 1, 1)) == 1 + 4
    assert read_window(tmp_path, START, START + 9 * DAY).rows.equals(before.rows)


def test_a_compaction_that_was_killed_halfway_leaves_rows_that_count_once(tmp_path):
    write(tmp_path, "a", 0)
    [file] = tmp_path.glob("requests/*/*")
    file.with_name("part-copy.parquet").write_bytes(file.read_bytes())
    file.with_name(".part-aside.parquet.77").write_bytes(b"half")
    assert read_window(tmp_path, START, START + DAY).rows.num_rows == 2


def test_a_damaged_file_is_named(tmp_path):
    write(tmp_path, "a", 0)
    [file] = tmp_path.glob("requests/*/*")
    file.write_bytes(b"PAR1 no more")
    with pytest.raises(StoreError, match="cannot be read"):
        read_window(tmp_path, START, START + DAY)
