"""Repeated keys: found by number where keys can be numbered, by grouping elsewhere, and always the same ones."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlray.data._keys import suspects
from mlray.data._quarantine import repeats

MOMENTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(2024, 1, 1, tzinfo=UTC),
    datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=1),
]
COLUMNS = {
    "a": (st.integers(-2, 2) | st.sampled_from([2**63 - 1, -(2**63), 2**40]), pa.int64()),
    "b": (st.sampled_from(["", "x", "y"]), pa.string()),
    "c": (st.sampled_from(MOMENTS), pa.timestamp("us", "UTC")),
    "d": (st.booleans(), pa.bool_()),
    "e": (st.sampled_from([0.5, 1.5, -0.0]), pa.float64()),
}


@settings(max_examples=150)
@given(data=st.data(), names=st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4, unique=True))
def test_a_row_is_repeated_if_and_only_if_one_above_has_its_key(data, names):
    nullable = data.draw(st.booleans())
    value = st.tuples(*(COLUMNS[name][0] | st.none() if nullable else COLUMNS[name][0] for name in names))
    rows = data.draw(st.lists(value, max_size=12))
    cut = data.draw(st.integers(0, len(rows)))
    table = pa.table(
        {name: pa.array([row[place] for row in rows], COLUMNS[name][1]) for place, name in enumerate(names)}
    )

    seen = set()
    expected = [row in seen or seen.add(row) is not None for row in rows]
    assert repeats(table, names).tolist() == expected
    assert repeats(table.slice(cut), names, table.slice(0, cut)).tolist() == expected[cut:]


def test_only_keys_that_may_be_there_twice_are_looked_at():
    numbers = pa.table({"a": [5, 3, 5, 9], "b": ["x", "y", "x", "x"]})

    assert suspects(numbers).tolist() == [0, 2]
    assert suspects(numbers.slice(1)).tolist() == []
    assert suspects(pa.table({"a": [0.5, 0.5]})).tolist() == [0, 1]
    assert suspects(pa.table({"a": np.array([2**63 - 1, -(2**63), 0], dtype=np.int64)})).tolist() == []
    assert suspects(pa.table({"a": pa.array([2**64 - 1], pa.uint64())})).tolist() == [0]


def test_keys_too_many_to_number_are_all_looked_at():
    wide = np.arange(3) * 2**61
    table = pa.table(dict.fromkeys("abcde", wide))

    assert suspects(table).tolist() == []
    many = pa.table({name: np.arange(70_000) * 2**40 for name in "abcd"})
    assert len(suspects(many)) == 70_000
