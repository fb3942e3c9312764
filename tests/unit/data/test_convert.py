"""Types: converted only where nothing is lost."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from mlray.data._convert import ARROW, convert
from mlray.errors import DataError

NAN, INF = float("nan"), float("inf")
LOST = "lost"


def outcome(column, kind):
    """Return each value as it was converted, LOST where it could not be."""
    made, lost = convert(column, kind, where="f: column 'x'")
    assert made.type == ARROW[kind]
    marks = [False] * len(made) if lost is None else lost.to_pylist()
    return [LOST if mark else value for mark, value in zip(marks, made.to_pylist(), strict=True)]


@pytest.mark.parametrize(
    ("column", "kind", "expected"),
    [
        (pa.array([1, None, 2**53], pa.int64()), "number", [1.0, None, 2.0**53]),
        (pa.array([2**53 + 1, -(2**53) - 1]), "number", [LOST, LOST]),
        (pa.array([2**64 - 1, 3], pa.uint64()), "number", [LOST, 3.0]),
        (pa.array([7], pa.int8()), "number", [7.0]),
        (pa.array([0.5, NAN, INF, -INF, None]), "number", [0.5, None, LOST, LOST, None]),
        (pa.array([0.5], pa.float32()), "number", [0.5]),
        (pa.array([Decimal("1.25"), None]), "number", [1.25, None]),
        (pa.array([" 1.5", "1e3", ".5", "-2.", "x", "", None, "1e999", "0x10", "nan", "1,5"]), "number",
         [1.5, 1000.0, 0.5, -2.0, LOST, LOST, None, LOST, LOST, LOST, LOST]),
        (pa.array([3.0, 3.5, None, NAN, 2.0**63, -(2.0**62)]), "integer", [3, LOST, None, None, LOST, -(2**62)]),
        (pa.array([3.0], pa.float32()), "integer", [3]),
        (pa.array([2**63, 5], pa.uint64()), "integer", [LOST, 5]),
        (pa.array([5], pa.int16()), "integer", [5]),
        (pa.array(["7", "+7", "007", "3.0", "3.5", "x", None]), "integer", [7, 7, 7, 3, LOST, LOST, None]),
        (pa.array(["7", " -8 "]), "integer", [7, -8]),
        (pa.array([Decimal("3.00"), Decimal("3.50")]), "integer", [3, LOST]),
        (pa.array(["a", None]).dictionary_encode(), "string", ["a", None]),
        (pa.array(["a"], pa.large_string()), "string", ["a"]),
        (pa.array(["a"], pa.string_view()), "string", ["a"]),
        (pa.array([7, None]), "string", ["7", None]),
        (pa.array([1, 0, 2, None]), "boolean", [True, False, LOST, None]),
        (pa.array(["True", "FALSE ", "yes", None]), "boolean", [True, False, LOST, None]),
        (pa.array([True, None]), "boolean", [True, None]),
        (pa.nulls(2), "integer", [None, None]),
        (pa.nulls(2, pa.float32()), "number", [None, None]),
    ],
)  # fmt: skip
def test_values_are_converted_where_nothing_is_lost(column, kind, expected):
    assert outcome(column, kind) == expected


NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
MIDNIGHT = datetime(2013, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([NOON], pa.timestamp("s", "UTC")), NOON),
        (pa.array([NOON], pa.timestamp("ns", "America/New_York")), NOON),
        (pa.array([NOON.replace(tzinfo=None)], pa.timestamp("ms")), NOON),
        (pa.array([date(2013, 4, 1)]), MIDNIGHT),
        (pa.array([date(2013, 4, 1)], pa.date64()), MIDNIGHT),
        (pa.array(["2013-04-01T12:00:00Z"]), NOON),
        (pa.array(["2013-04-01 12:00+00:00"]), NOON),
        (pa.array(["2013-04-01T14:30:00.000+0230"]), NOON),
        (pa.array(["2013-04-01T12:00:00"]), NOON),
        (pa.array(["2013-04-01"]), MIDNIGHT),
        (pa.array([None], pa.string()), None),
        (pa.array([1], pa.timestamp("ns")), LOST),
        (pa.array([2**60], pa.timestamp("s")), LOST),
        (pa.array(["2013-02-30"]), LOST),
        (pa.array(["2013-02-29T00:00Z"]), LOST),
        (pa.array(["1900-02-29"]), LOST),
        (pa.array(["2013-13-01"]), LOST),
        (pa.array(["2013-04-01T24:00Z"]), LOST),
        (pa.array(["2013-04-01T12:00:60Z"]), LOST),
        (pa.array(["1 April 2013"]), LOST),
        (pa.array(["20130401"]), LOST),
        (pa.array(["2013-04-01T12:00:00Z and more"]), LOST),
    ],
)
def test_times_are_utc(column, expected):
    assert outcome(column, "timestamp") == [expected]


@pytest.mark.parametrize("day", ["2012-02-29", "2000-02-29", "2400-02-29", "2013-12-31", "1999-04-30"])
def test_every_day_of_the_calendar_is_a_time(day):
    assert outcome(pa.array([day]), "timestamp") == [datetime.fromisoformat(day).replace(tzinfo=UTC)]


def test_times_with_and_without_zone_may_stand_in_one_column():
    column = pa.array(["2013-04-01T14:00:00+02:00", "2013-04-01 12:00", "never"])
    assert outcome(column, "timestamp") == [NOON, NOON, LOST]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pa.array([True]), "number"),
        (pa.array([True]), "integer"),
        (pa.array([1.5]), "string"),
        (pa.array([1.5]), "boolean"),
        (pa.array([1]), "timestamp"),
        (pa.array([[1]]), "number"),
        (pa.array([b"x"]), "string"),
    ],
)
def test_a_column_of_which_no_value_can_fit_is_refused_by_name(column, kind):
    with pytest.raises(DataError, match=r"f: column 'x' is .* and cannot be"):
        convert(column, kind, where="f: column 'x'")
