"""Which rows have a key that another row has: told by sorting one number per row, where keys can be numbered.

Grouping a million keys of three columns costs 0.3 s, numbering and sorting them a tenth; in most files no key repeats.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlray.data._convert import flat, raw

__all__ = ["suspects"]

Int64s = npt.NDArray[np.int64]
_ROOM = 2**62
"""How many different keys one number can tell apart."""


def suspects(keys: pa.Table) -> Int64s:
    """Return the places of all rows whose key may be another row's too, in order; no other row has a key twice."""
    codes = _codes([flat(keys[name]) for name in keys.column_names])
    if codes is None:
        return np.arange(keys.num_rows, dtype=np.int64)
    ordered = np.sort(codes)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return np.zeros(0, dtype=np.int64)
    # The repeated ones are few and in order; numpy's isin would sort all others once more.
    near = np.searchsorted(twice, codes)
    return np.flatnonzero(twice[np.minimum(near, len(twice) - 1)] == codes)


def _codes(columns: Sequence[pa.Array]) -> Int64s | None:
    """Return one number per row, equal where the keys are; None where keys cannot be numbered."""
    if any(column.null_count for column in columns) or not columns or not len(columns[0]):
        return None
    numbered = [_numbers(column) for column in columns]
    if any(one is None for one in numbered):
        return None
    parts = [one for one in numbered if one is not None]
    # Moments far apart leave holes; counting those that occur is dearer, and closes them.
    for place in sorted(range(len(parts)), key=lambda place: -parts[place][1]):
        if math.prod(width for _, width in parts) <= _ROOM:
            break
        encoded = columns[place].dictionary_encode()
        parts[place] = (np.asarray(encoded.indices).astype(np.int64), len(encoded.dictionary))
    if math.prod(width for _, width in parts) > _ROOM:
        return None
    codes = parts[0][0]
    for values, width in parts[1:]:
        codes = codes * np.int64(width) + values
    return codes


def _numbers(column: pa.Array) -> tuple[Int64s, int] | None:
    """Return a number from 0 on per value, and how many there may be; None for a type that has none."""
    kind = column.type
    if pa.types.is_integer(kind) and kind != pa.uint64():
        column = column.cast(pa.int64())
    elif not pa.types.is_timestamp(kind):
        if not (pa.types.is_string(kind) or pa.types.is_boolean(kind)):
            return None
        encoded = column.dictionary_encode()
        return np.asarray(encoded.indices).astype(np.int64), len(encoded.dictionary)
    values = raw(column)
    low, high = int(values.min()), int(values.max())
    width = high - low + 1
    if width > _ROOM:
        encoded = column.dictionary_encode()
        return np.asarray(encoded.indices).astype(np.int64), len(encoded.dictionary)
    return values - np.int64(low), width
