"""The frame of a profile: where bins lie, and what it takes from the rows."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from mlray.errors import DataError
from mlray.sketches import NumberColumn, Reference, TextColumn


def number(values, kind=None):
    column = Reference.of(pa.table({"x": pa.array(values, kind)})).columns["x"]
    assert isinstance(column, NumberColumn)
    return column


def test_centre_is_the_median_and_scale_the_inverse_interquartile_range():
    column = number([1.0, 2.0, 3.0, 4.0, 100.0])
    assert column.centre == 3.0
    assert column.scale == 1 / 2


def test_edges_are_the_deciles_to_within_a_cell():
    values = np.random.default_rng(1).normal(50, 10, 20_000)
    column = number(values)
    exact = np.quantile(values, np.arange(0.1, 1, 0.1))
    assert len(column.edges) == 9
    distance = np.abs(exact - column.centre)
    assert np.all(np.abs(np.array(column.borders) - exact) <= 0.01 * distance + 0.02)


def test_edges_do_not_depend_on_the_order_of_rows():
    values = np.random.default_rng(2).gamma(2, 3, 1_000)
    assert Reference.of(pa.table({"x": values})) == Reference.of(pa.table({"x": values[::-1]}))


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([5.0] * 9, 1 / 5),
        ([0.0] * 9, 1.0),
        ([0.0] * 90 + [4.0] * 10, 1 / 4),
        ([0.0] * 999 + [8.0], 1 / 8),
        ([], 1.0),
        ([None, None], 1.0),
    ],
    ids=["constant", "all zero", "mostly zero", "a single other value", "empty", "all missing"],
)
def test_a_column_without_spread_still_has_a_scale(values, scale):
    assert number(values, pa.float64()).scale == scale


def test_a_range_that_overflows_falls_back_on_the_centre():
    assert number([-1.7e308, 0.0, 1.7e308]).scale == 1.0


def test_infinities_do_not_move_the_centre():
    assert number([1.0, 2.0, 3.0, np.inf, -np.inf, np.nan]).centre == 2.0


def test_an_empty_column_has_no_edges_and_no_range():
    column = number([None], pa.int64())
    assert column.edges == ()
    assert column.first > column.last


@pytest.mark.parametrize(
    ("values", "kind", "expected", "centre"),
    [
        ([1, 2, None], pa.int32(), "number", 1.5),
        ([1.5, 2.5], pa.float32(), "number", 2.0),
        ([True, False, True], pa.bool_(), "boolean", 1.0),
        ([datetime(1970, 1, 2, tzinfo=UTC)], pa.timestamp("s", "UTC"), "timestamp", 86_400e6),
        ([datetime(1970, 1, 2)], pa.timestamp("ns"), "timestamp", 86_400e6),  # noqa: DTZ001
    ],
)
def test_numbers_times_and_booleans_are_measured(values, kind, expected, centre):
    column = number(values, kind)
    assert (column.kind, column.centre) == (expected, centre)


def test_dictionary_columns_count_as_their_values():
    column = pa.array([3, 3, 4]).dictionary_encode()
    assert number(column).centre == 3.0


def test_words_are_ordered_by_frequency_then_alphabet():
    reference = Reference.of(pa.table({"c": ["b", "a", "c", "c", None]}))
    assert reference.columns["c"] == TextColumn(("c", "a", "b"), complete=True)


def test_only_the_most_frequent_words_are_known():
    words = [f"w{place:05d}" for place in range(1_500)] + ["often"] * 2
    column = Reference.of(pa.table({"c": pa.array(words, pa.large_string())})).columns["c"]
    assert isinstance(column, TextColumn)
    assert column.known[0] == "often"
    assert len(column.known) == 1_000
    assert len(column.top) == 50
    assert not column.complete


def test_only_named_columns_are_taken():
    assert tuple(Reference.of(pa.table({"a": [1], "b": [2]}), ["b"]).columns) == ("b",)


def test_a_missing_column_is_named_with_those_there_are():
    with pytest.raises(DataError, match=r"no column 'z'.*a, b"):
        Reference.of(pa.table({"a": [1], "b": [2]}), ["z"])


def test_a_column_that_cannot_be_profiled_is_refused():
    with pytest.raises(DataError, match=r"'l' is list"):
        Reference.of(pa.table({"l": [[1]]}))


def test_a_reference_survives_json_and_keeps_its_digest():
    reference = Reference.of(pa.table({"x": [1.0, 2.5, 1 / 3], "c": ["ä", "b", None], "t": [True, False, None]}))
    again = Reference.from_json(reference.to_json())
    assert again == reference
    assert again.digest == reference.digest


def test_different_rows_make_a_different_digest():
    assert Reference.of(pa.table({"x": [1.0]})).digest != Reference.of(pa.table({"x": [2.0]})).digest
