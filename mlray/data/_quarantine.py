"""Rows that break the contract: kept whole, with the file, the place and the reason."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["SCHEMA", "Faults", "empty", "set_aside"]

SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("row", pa.string(), nullable=False),
    ]
)

_GOOD = -1


class Faults:
    """For each of [n] rows the first rule that it breaks, if any."""

    def __init__(self, rows: int) -> None:
        """Start with every row good."""
        self._reasons: list[str] = []
        self._why = np.full(rows, _GOOD, dtype=np.int32)

    @property
    def good(self) -> npt.NDArray[np.bool_]:
        """Which rows break nothing, shape [n]."""
        return np.equal(self._why, _GOOD)

    @property
    def any(self) -> bool:
        """Whether any row breaks anything."""
        return bool(self._reasons)

    def add(self, reason: str, rows: pa.Array) -> None:
        """Note that `rows` (a boolean mask without nulls, shape [n]) break a rule."""
        self._note(reason, np.asarray(rows))

    def add_repeated(self, table: pa.Table, key: Sequence[str]) -> None:
        """Note the rows whose key a good row above them has already."""
        good = np.flatnonzero(self.good)
        repeated = np.zeros(len(self._why), dtype=np.bool_)
        repeated[good] = True
        repeated[good[first_of_key(table.select(key).take(good), key)]] = False
        self._note(f"{', '.join(key)} repeated", repeated)

    def quarantine(
        self, table: pa.Table, source: str, positions: npt.NDArray[np.int64] | None
    ) -> tuple[pa.Table, dict[str, int]]:
        """Return the rows of the raw `table` that break a rule (see SCHEMA), and how many by reason."""
        bad = np.flatnonzero(~self.good)
        if not len(bad):
            return empty(), {}
        reasons = [self._reasons[why] for why in self._why[bad]]
        places = bad if positions is None else positions[bad]
        return set_aside(source, places, reasons, table.take(bad)), dict(Counter(reasons))

    def _note(self, reason: str, rows: npt.NDArray[np.bool_]) -> None:
        fresh = rows & (self._why == _GOOD)
        if fresh.any():
            self._why[fresh] = len(self._reasons)
            self._reasons.append(reason)


def first_of_key(table: pa.Table, key: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the positions in `table`, unordered, of the first row of each `key`."""
    places = pa.array(np.arange(table.num_rows))
    # Threads would compete with the other tasks of a node for nothing: a file's keys are few.
    grouped = table.append_column("", places).group_by(list(key), use_threads=False).aggregate([("", "min")])
    return np.asarray(grouped["_min"])


def set_aside(source: str, places: Iterable[int], reasons: Sequence[str], rows: pa.Table) -> pa.Table:
    """Return `rows` as a quarantine table (see SCHEMA)."""
    texts = [
        json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False) for row in rows.to_pylist()
    ]
    columns = [
        pa.array([source] * len(texts), pa.string()),
        pa.array(places, pa.int64()),
        pa.array(reasons),
        pa.array(texts),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def empty() -> pa.Table:
    """Return a quarantine without rows."""
    return SCHEMA.empty_table()


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | None) else str(value)
