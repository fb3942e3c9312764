"""Rows that break the contract: kept whole, with the file, the place and the reason."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._convert import flat
from mlray.data._keys import suspects

__all__ = ["SCHEMA", "Faults", "quarantine", "repeated", "repeats"]

SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("row", pa.string(), nullable=False),
    ]
)

DROPPED = ""
"""The reason of rows that are left out without being at fault."""

_GOOD = -1


class Faults:
    """For each of [n] rows the first rule that it breaks, if any."""

    def __init__(self, rows: int, prefix: str = "") -> None:
        """Start with every row good; each reason is to begin with `prefix`."""
        self._prefix = prefix
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

    @property
    def first(self) -> tuple[int, str]:
        """The first row that breaks anything, and why."""
        row = int(np.flatnonzero(~self.good)[0])
        return row, self._prefix + self._reasons[self._why[row]]

    def add(self, reason: str, rows: pa.Array) -> None:
        """Note that `rows` (a boolean mask without nulls, shape [n]) break a rule."""
        self._note(reason, np.asarray(rows))

    def add_repeated(self, table: pa.Table, key: Sequence[str], taken: pa.Table | None = None) -> None:
        """Note the rows whose `key` a good row above them has, or one of the rows `taken` before."""
        good = np.flatnonzero(self.good)
        self._note(repeated(key), self._among(good, repeats(table.take(good), key, taken)))

    def drop_known(self, table: pa.Table, key: Sequence[str], known: pa.Table, rows: pa.Array) -> None:
        """Drop those of `rows` (a mask, shape [n]) whose `key` is `known`: read before, and no fault."""
        looked = np.flatnonzero(np.asarray(pc.fill_null(rows, False)) & self.good)
        there = table.take(looked)
        # The second row of a key in one file was a fault when it was first read, and is one again.
        self._note(DROPPED, self._among(looked, repeats(there, key, known) & ~repeats(there, key)))

    def quarantine(
        self, table: pa.Table, source: str, positions: npt.NDArray[np.int64] | None
    ) -> tuple[pa.Table, dict[str, int]]:
        """Return the rows of the raw `table` that break a rule (see SCHEMA), and how many by reason."""
        if not self._reasons:
            return quarantine(), {}
        bad = np.flatnonzero(~self.good)
        reasons = [self._reasons[why] for why in self._why[bad]]
        bad = bad[[reason != DROPPED for reason in reasons]] if DROPPED in reasons else bad
        if not len(bad):
            return quarantine(), {}
        reasons = [self._prefix + reason for reason in reasons if reason != DROPPED]
        places = bad if positions is None else positions[bad]
        return _set_aside(source, places, reasons, table.take(bad)), dict(Counter(reasons))

    def _among(self, places: npt.NDArray[np.int64], marks: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        rows = np.zeros(len(self._why), dtype=np.bool_)
        rows[places[marks]] = True
        return rows

    def _note(self, reason: str, rows: npt.NDArray[np.bool_]) -> None:
        fresh = rows & (self._why == _GOOD)
        if fresh.any():
            self._why[fresh] = len(self._reasons)
            self._reasons.append(reason)


def repeated(key: Sequence[str]) -> str:
    """Return the reason of rows whose `key` another row has."""
    return f"{', '.join(key)} repeated"


def repeats(table: pa.Table, key: Sequence[str], taken: pa.Table | None = None) -> npt.NDArray[np.bool_]:
    """Return which rows of `table` have a `key` that a row above them has, or one of the rows `taken`; shape [n]."""
    keys = table.select(key)
    taken = _near(taken, keys)
    before = 0 if taken is None else taken.num_rows
    if taken is not None:
        keys = pa.concat_tables([taken.select(key).cast(keys.schema), keys])
    # Only keys that may be there twice are grouped: in most files none is.
    places = suspects(keys)
    # Threads would compete with the other tasks of a node for nothing: a file's keys are few.
    doubtful = keys.take(places).append_column("", pa.array(places))
    grouped = doubtful.group_by(list(key), use_threads=False).aggregate([("", "min")])
    first = np.asarray(grouped["_min"])
    again = np.zeros(table.num_rows, dtype=np.bool_)
    again[places[places >= before] - before] = True
    again[first[first >= before] - before] = False
    return again


def _near(taken: pa.Table | None, keys: pa.Table) -> pa.Table | None:
    """Return the rows of `taken` that may have one of `keys`: where rows come in order, hardly any can."""
    for name in keys.column_names:
        kind = keys.schema.field(name).type
        if taken is not None and (pa.types.is_integer(kind) or pa.types.is_timestamp(kind)):
            ends = pc.min_max(keys[name])
            theirs = taken[name].cast(kind)
            inside = pc.and_(pc.greater_equal(theirs, ends["min"]), pc.less_equal(theirs, ends["max"]))
            # A missing key repeats another missing one.
            taken = taken.filter(pc.or_(pc.fill_null(inside, False), pc.is_null(theirs)))
    return taken


def _set_aside(source: str, places: Iterable[int], reasons: Sequence[str], rows: pa.Table) -> pa.Table:
    count = rows.num_rows
    columns = [pa.array([source] * count, pa.string()), pa.array(places, pa.int64()), pa.array(reasons), _json(rows)]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def quarantine() -> pa.Table:
    """Return a quarantine without rows."""
    return SCHEMA.empty_table()


def _json(rows: pa.Table) -> pa.Array:
    """Return each of `rows` as a JSON object; whole columns at a time, since a wrong unit sets a whole file aside."""
    pieces: list[str | pa.Array] = []
    for name in rows.column_names:
        pieces += [f"{', ' if pieces else '{'}{json.dumps(name, ensure_ascii=False)}: ", _json_values(flat(rows[name]))]
    return pc.binary_join_element_wise(*pieces, "}", "")


def _json_values(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return pc.fill_null(column.cast(pa.string()), "null")
    if pa.types.is_floating(kind):
        text = column.cast(pa.float64()).cast(pa.string())
        # JSON has no infinity and no NaN.
        quoted = pc.binary_join_element_wise('"', text, '"', "")
        return pc.fill_null(pc.if_else(pc.is_finite(column), text, quoted), "null")
    encoded = _text(column).dictionary_encode()
    words = pa.array([json.dumps(word, ensure_ascii=False) for word in encoded.dictionary.to_pylist()], pa.string())
    return pc.fill_null(words.take(encoded.indices), "null")


def _text(column: pa.Array) -> pa.Array:
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    try:
        return plain.cast(pa.string())
    except pa.ArrowException:
        # Lists, structures and bytes that are no text have no form of their own.
        return pa.array([None if value is None else str(value) for value in plain.to_pylist()], pa.string())
