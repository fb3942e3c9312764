"""Plans: parts and their order do not matter, and text is text however it is kept."""

import math
import statistics
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlray.data.plan._sums import Aggregate

ROW = st.fixed_dictionaries(
    {
        "shop": st.none() | st.sampled_from(["a", "b", ""]),
        "size": st.none() | st.integers(0, 2),
        "price": st.none() | st.floats(-1e6, 1e6),
        "count": st.none() | st.integers(-1000, 1000),
    }
)
SCHEMA = pa.schema({"shop": pa.string(), "size": pa.int64(), "price": pa.float64(), "count": pa.int64()})
KINDS = ("count", "sum", "mean", "std", "min", "max")
SUMS = Aggregate.of(
    ["shop", "size"],
    {"rows": "count"} | {f"{column}_{kind}": (column, kind) for column in ("price", "count") for kind in KINDS},
)


def batch(rows):
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def finished(parts):
    return SUMS.finish(SUMS.merge([SUMS.partial(batch(part)) for part in parts]))


@settings(max_examples=80)
@given(rows=st.lists(ROW, min_size=1, max_size=40), cuts=st.lists(st.integers(0, 40), max_size=6), data=st.data())
def test_any_split_in_any_order_gives_the_same(rows, cuts, data):
    ends = [0, *sorted(cuts), len(rows)]
    parts = [rows[one:two] for one, two in pairwise(ends) if rows[one:two]]
    parts = data.draw(st.permutations(parts))
    # Merged in steps, as a part merges its own before all parts are merged.
    half = len(parts) // 2
    steps = [SUMS.merge([SUMS.partial(batch(part)) for part in some]) for some in (parts[:half], parts[half:]) if some]
    together = SUMS.finish(SUMS.merge(steps)).to_pylist()
    once = finished([rows]).to_pylist()
    assert [(row["shop"], row["size"]) for row in together] == [(row["shop"], row["size"]) for row in once]
    for one, two in zip(together, once, strict=True):
        for name in one:
            if isinstance(one[name], float):
                assert one[name] == pytest.approx(two[name], rel=1e-9, abs=1e-6)
            else:
                assert one[name] == two[name]


@settings(max_examples=60)
@given(rows=st.lists(ROW, min_size=1, max_size=30))
def test_aggregates_are_those_of_the_rows(rows):
    groups = {}
    for row in rows:
        groups.setdefault((row["shop"], row["size"]), []).append(row)
    found = {(row["shop"], row["size"]): row for row in finished([[row] for row in rows]).to_pylist()}
    assert set(found) == set(groups)
    for key, members in groups.items():
        values = [row["price"] for row in members if row["price"] is not None]
        row = found[key]
        assert row["rows"] == len(members)
        assert row["price_count"] == len(values)
        assert row["price_min"] == min(values, default=None)
        assert row["price_max"] == max(values, default=None)
        assert row["price_sum"] == (pytest.approx(math.fsum(values), abs=1e-6) if values else None)
        assert row["price_mean"] == (pytest.approx(math.fsum(values) / len(values), abs=1e-6) if values else None)
        assert row["price_std"] == (
            pytest.approx(statistics.stdev(values), rel=1e-6, abs=1e-6) if len(values) > 1 else None
        )


@settings(max_examples=40)
@given(values=st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_spread_around_a_large_number_keeps_its_digits(values):
    sums = Aggregate.of([], {"std": ("x", "std")})
    far = [value + 1e9 for value in values]
    parts = [sums.partial(pa.record_batch({"x": [value]})) for value in far]
    found = sums.finish(sums.merge(parts))["std"][0].as_py()
    assert found == pytest.approx(statistics.stdev(far), rel=1e-6, abs=1e-6)


@settings(max_examples=40)
@given(words=st.lists(st.none() | st.text(max_size=3), min_size=1, max_size=20))
def test_groups_of_a_dictionary_are_those_of_its_text(words):
    sums = Aggregate.of(["word"], {"rows": "count", "most": ("word", "max")})
    text = pa.record_batch({"word": pa.array(words, pa.string())})
    coded = pa.record_batch({"word": pa.array(words, pa.string()).dictionary_encode()})
    assert sums.finish(sums.partial(coded)).equals(sums.finish(sums.partial(text)))
