"""Which rows are which: keys of any types found again, and values compared to the bit."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data.store._content import column_digest
from mlray.errors import DataError

__all__ = ["Bits", "Keys", "differs", "refuse_nulls", "shown"]

Bits = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]

ROOM = 2**62
"""Combinations of codes that one whole number tells apart."""

_WORDS = {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}


class Keys:
    """The keys of rows, by which other rows are found: composite, of any flat types, a null equal to a null."""

    def __init__(self, rows: pa.Table, key: Sequence[str]) -> None:
        """Learn the keys of `rows`; DataError where a column cannot be a key."""
        self.key = tuple(key)
        self.count = rows.num_rows
        columns = [_hashable(rows[name], name) for name in key]
        self._values: list[pa.Array] = []
        self._pairs: list[pa.Array] = []
        if len(columns) == 1:
            # A single column is its own code: no second table of values is built for it.
            self._known = columns[0].combine_chunks()
            return
        self._values = [pc.unique(column) for column in columns]
        codes = _codes(columns[0], self._values[0])
        room = max(1, len(self._values[0]))
        for column, values in zip(columns[1:], self._values[1:], strict=True):
            pairs = pa.array([], pa.int64())
            if room * max(1, len(values)) >= ROOM:
                pairs = pc.unique(pa.array(codes))
                codes, room = _codes(pa.chunked_array([pa.array(codes)]), pairs), len(pairs)
            self._pairs.append(pairs)
            codes = codes * max(1, len(values)) + _codes(column, values)
            room *= max(1, len(values))
        self._known = pa.array(codes)

    def find(self, rows: pa.Table) -> Indices:
        """Return for each of `rows` which of the known keys it has (the first of equal ones), -1 for none."""
        columns = [_hashable(rows[name], name) for name in self.key]
        if len(columns) == 1:
            return _codes(columns[0], self._known)
        codes = _codes(columns[0], self._values[0])
        unknown = codes < 0
        for column, values, pairs in zip(columns[1:], self._values[1:], self._pairs, strict=True):
            if len(pairs):
                codes = _codes(pa.chunked_array([pa.array(codes)]), pairs)
                unknown |= codes < 0
            added = _codes(column, values)
            unknown |= added < 0
            codes = codes * max(1, len(values)) + added
        codes[unknown] = -1
        return _codes(pa.chunked_array([pa.array(codes)]), self._known)

    def refuse_repeats(self, rows: pa.Table) -> None:
        """Raise DataError where two of the rows that were learnt have the same key."""
        if len(self.key) == 1 and _ascends(rows[self.key[0]]):
            return
        found = self.find(rows)
        again = np.flatnonzero(found != np.arange(self.count))
        if not len(again):
            return
        raise DataError(
            f"{len(again):,} rows repeat a key; the first is {shown(rows.select(list(self.key)), int(again[0]))}.",
            remedy="Give each key once, or name the columns that tell rows apart.",
        )


def refuse_nulls(keys: pa.Table) -> None:
    """Raise DataError where a key lacks a value: nothing would tell such rows apart."""
    for name in keys.column_names:
        column = keys[name]
        if column.null_count:
            first = int(np.flatnonzero(column.is_null().to_numpy())[0])
            raise DataError(
                f"{column.null_count:,} rows have no '{name}', which is part of the key; the first is row {first:,}.",
                remedy="Give each row a key, or leave these rows out.",
            )


def shown(keys: pa.Table, place: int) -> str:
    """Return a row's key for a message."""
    row = keys.slice(place, 1).to_pylist()[0]
    return ", ".join(f"{name}={value!r}" for name, value in row.items())


def differs(old: pa.ChunkedArray | pa.Array, new: pa.ChunkedArray | pa.Array) -> Bits:
    """Tell which values are not the same: a null is equal to a null, floats are compared by their bits."""
    before, after = _words(old), _words(new)
    # Inside of lists, 0.0 is -0.0 to Arrow: there only the digest of the values says that nothing differs.
    nested = pa.types.is_nested(before.type)
    if column_digest(before) == column_digest(after) if nested else before.equals(after):
        return np.zeros(len(before), dtype=bool)
    if nested:
        pairs = zip(before.to_pylist(), after.to_pylist(), strict=True)
        return np.fromiter((repr(one) != repr(other) for one, other in pairs), dtype=bool, count=len(before))
    changed = pc.fill_null(pc.not_equal(before, after), False)
    if before.null_count or after.null_count:
        changed = pc.or_(changed, pc.xor(pc.is_valid(before), pc.is_valid(after)))
    return cast("Bits", changed.to_numpy(zero_copy_only=False))


def _words(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    kind = whole.type
    # As floats, 0.0 is -0.0 and no NaN is itself: an update from one to the other would be lost or never end.
    if pa.types.is_floating(kind) or pa.types.is_duration(kind):
        return whole.view(_WORDS[kind.bit_width])
    return whole


def _codes(column: pa.ChunkedArray, values: pa.Array) -> Indices:
    found = pc.index_in(column, value_set=values)
    return cast("Indices", pc.fill_null(found, -1).to_numpy().astype(np.int64))


def _ascends(column: pa.ChunkedArray) -> bool:
    """Tell whether each number is larger than the one before: rows as they mostly come are seen at once to differ."""
    if not pa.types.is_integer(column.type) or column.null_count:
        return False
    numbers = column.to_numpy()
    return bool((numbers[1:] > numbers[:-1]).all())


def _hashable(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    if pa.types.is_nested(column.type):
        raise DataError(f"'{name}' is {column.type} and cannot be a key.", remedy="Name flat columns as key.")
    if pa.types.is_float16(column.type):
        return pa.chunked_array([chunk.view(pa.int16()) for chunk in column.chunks], pa.int16())
    return column
