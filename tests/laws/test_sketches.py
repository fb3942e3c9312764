"""Profiles add up: whatever way rows are cut, ordered and merged, the bits are the same."""

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlray.sketches import Profile, Reference, profile

number = st.none() | st.floats(allow_nan=True, allow_infinity=True, width=64) | st.sampled_from([0.0, -0.0, 1e-320])
row = st.fixed_dictionaries(
    {
        "x": number,
        "n": st.none() | st.integers(-(2**62), 2**62),
        "b": st.none() | st.booleans(),
        "t": st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        "c": st.none() | st.sampled_from(["a", "b", "ß", ""]),
    }
)
SCHEMA = pa.schema(
    {"x": pa.float64(), "n": pa.int64(), "b": pa.bool_(), "t": pa.timestamp("us", "UTC"), "c": pa.string()}
)


def table(rows):
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def merged(profiles):
    first, *others = profiles
    for other in others:
        first = first.merge(other)
    return first


@given(rows=st.lists(row, max_size=40), seen=st.lists(row, max_size=20), cuts=st.lists(st.integers(0, 40), max_size=5))
def test_any_partition_in_any_order_gives_the_same_bits(rows, seen, cuts):
    reference = Reference.of(table(seen))
    whole = table(rows)
    borders = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = [profile(whole.slice(start, end - start), reference) for start, end in pairwise(borders)]
    assert merged(parts).to_json() == profile(whole, reference).to_json()
    assert merged(parts[::-1]).to_json() == profile(table(rows[::-1]), reference).to_json()


@settings(max_examples=50)
@given(a=st.lists(row, max_size=15), b=st.lists(row, max_size=15), c=st.lists(row, max_size=15))
def test_merging_is_associative_and_commutative(a, b, c):
    reference = Reference.of(table(a + b))
    one, two, three = (profile(table(rows), reference) for rows in (a, b, c))
    assert one.merge(two).merge(three) == one.merge(two.merge(three))
    assert one.merge(two) == two.merge(one)


@given(rows=st.lists(row, max_size=40), seen=st.lists(row, min_size=1, max_size=20))
def test_no_row_is_lost_or_counted_twice(rows, seen):
    counted = profile(table(rows), Reference.of(table(seen)))
    for name in counted.columns:
        bins = counted.bins(name)
        assert bins.counts.sum() + bins.missing == len(rows)
        summary = counted.summary(name)
        assert summary.count + summary.nulls == len(rows)
    assert Profile.from_json(counted.to_json()) == counted


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_cells_keep_the_order_of_values(values):
    reference = Reference.of(pa.table({"x": values}))
    found, counts = profile(pa.table({"x": values}), reference).cells("x")
    assert np.all(np.diff(found) >= 0)
    assert counts.sum() <= len(values)
