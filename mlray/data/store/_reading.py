"""The rows of a fragment as one version has them: base file, column files, patches, deletions."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data.store._blobs import POSITION, Blobs
from mlray.data.store._types import type_of
from mlray.errors import DataError
from mlray.records import Column, DatasetVersion, Fragment

__all__ = ["Places", "alive", "chosen", "empty", "fragment_rows", "placed", "replaced"]

Places = npt.NDArray[np.int64]
"""Places of rows in a fragment, deleted rows counted."""


def chosen(version: DatasetVersion, names: Sequence[str] | None) -> list[Column]:
    """Return the columns of `version` by name, all for None; DataError names the first that is unknown."""
    if names is None:
        return list(version.columns)
    known = {column.name: column for column in version.columns}
    for name in names:
        if name not in known:
            raise DataError(f"{version.name} has no column '{name}'.", remedy=f"It has {', '.join(known)}.")
    return [known[name] for name in names]


def empty(columns: Sequence[Column]) -> pa.Table:
    """Return a table of these columns without rows."""
    return pa.schema([pa.field(column.name, type_of(column.type)) for column in columns]).empty_table()


def fragment_rows(
    blobs: Blobs,
    version: DatasetVersion,
    fragment: Fragment,
    columns: Sequence[Column],
    start: datetime | None = None,
    end: datetime | None = None,
) -> pa.Table:
    """Return the rows of a fragment that are not deleted, with `start` ≤ event time < `end`."""
    if start is None and end is None:
        return _living(blobs, fragment, placed(blobs, fragment, columns))
    time = _time(version, fragment)
    if _outside(fragment, start, end):
        return empty(columns)
    if _inside(fragment, start, end):
        return _living(blobs, fragment, placed(blobs, fragment, columns))
    wanted = list(columns) if time in columns else [*columns, time]
    rows = _living(blobs, fragment, placed(blobs, fragment, wanted))
    return rows.filter(_within(rows[time.name], start, end)).select([column.name for column in columns])


def placed(blobs: Blobs, fragment: Fragment, columns: Sequence[Column]) -> pa.Table:
    """Return all rows of a fragment at their places, those deleted among them."""
    inside = {column.id: fragment.columns[column.id] for column in columns if _in_base(fragment, column)}
    base = blobs.read(fragment.blob, list(inside.values())) if inside else None
    values: list[pa.ChunkedArray] = []
    changes = _changes(blobs, fragment, columns)
    for column in columns:
        if column.id in fragment.files:
            found = blobs.read(fragment.files[column.id].blob).column(0)
        elif base is not None and column.id in inside:
            found = base[inside[column.id]]
        else:
            found = pa.chunked_array([pa.nulls(fragment.rows, type_of(column.type))])
        found = _as_stated(found, column)
        for places, new in changes.get(column.id, ()):
            found = replaced(found, places, new)
        values.append(found)
    # Whether values may be missing is the contract's to say: a fragment that a patch gave nulls would differ otherwise.
    return pa.Table.from_arrays(values, names=[column.name for column in columns])


def alive(blobs: Blobs, fragment: Fragment) -> npt.NDArray[np.bool_] | None:
    """Return for each place whether its row is still there; None where nothing was deleted."""
    if fragment.deletions is None:
        return None
    kept = np.ones(fragment.rows, dtype=bool)
    kept[blobs.read(fragment.deletions.blob)[POSITION].to_numpy()] = False
    return kept


def replaced(column: pa.ChunkedArray, places: Places, values: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray:
    """Return `column` with `values` at `places` (ascending); chunks without any of them are shared, not copied."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    chunks, begin = [], 0
    for chunk in column.chunks:
        low, high = np.searchsorted(places, [begin, begin + len(chunk)])
        if low < high:
            chunks.append(_replaced(chunk, places[low:high] - begin, values.slice(low, high - low)))
        else:
            chunks.append(chunk)
        begin += len(chunk)
    return pa.chunked_array(chunks, column.type)


def _replaced(chunk: pa.Array, places: Places, values: pa.Array) -> pa.Array:
    kind = chunk.type
    if pa.types.is_null(kind):
        return chunk
    if pa.types.is_nested(kind) or pa.types.is_duration(kind):
        # Arrow replaces by mask in flat columns only; taking rows from both works for every type.
        order = np.arange(len(chunk))
        order[places] = len(chunk) + np.arange(len(places))
        return pa.concat_arrays([chunk, values]).take(pa.array(order))
    mask = np.zeros(len(chunk), dtype=bool)
    mask[places] = True
    return pc.replace_with_mask(chunk, pa.array(mask), values)


def _in_base(fragment: Fragment, column: Column) -> bool:
    return column.id in fragment.columns and column.id not in fragment.files


def _changes(
    blobs: Blobs, fragment: Fragment, columns: Sequence[Column]
) -> Mapping[str, list[tuple[Places, pa.ChunkedArray]]]:
    """Return column id → what patches put where, the oldest first."""
    wanted = {column.id: column for column in columns}
    found: dict[str, list[tuple[Places, pa.ChunkedArray]]] = {}
    for patch in fragment.patches:
        hit = {name: place for name, place in patch.columns.items() if name in wanted}
        if not hit:
            continue
        rows = blobs.read(patch.blob, [POSITION, *hit.values()])
        places = rows[POSITION].to_numpy().astype(np.int64)
        for name, place in hit.items():
            found.setdefault(name, []).append((places, _as_stated(rows[place], wanted[name])))
    return found


def _as_stated(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """Return values in the column's type: Parquet gives some types back as a near one."""
    # Most columns come as they are, and parsing a type costs more than comparing its text.
    if str(values.type) == column.type:
        return values
    kind = type_of(column.type)
    return values if values.type == kind else values.cast(kind)


def _living(blobs: Blobs, fragment: Fragment, rows: pa.Table) -> pa.Table:
    kept = alive(blobs, fragment)
    return rows if kept is None else rows.filter(pa.array(kept))


def _time(version: DatasetVersion, fragment: Fragment) -> Column:
    column = version.column(version.time) if version.time else None
    if column is None or (column.id not in fragment.columns and column.id not in fragment.files):
        raise DataError(
            f"The rows from '{fragment.source}' have no event time.", remedy="Read them without start and end."
        )
    return column


def _outside(fragment: Fragment, start: datetime | None, end: datetime | None) -> bool:
    before = start is not None and fragment.last is not None and fragment.last < start
    after = end is not None and fragment.first is not None and fragment.first >= end
    return before or after


def _inside(fragment: Fragment, start: datetime | None, end: datetime | None) -> bool:
    if fragment.first is None or fragment.last is None:
        return False
    return (start is None or fragment.first >= start) and (end is None or fragment.last < end)


def _within(times: pa.ChunkedArray, start: datetime | None, end: datetime | None) -> pa.ChunkedArray | pa.Scalar:
    kept = pa.scalar(True)
    if start is not None:
        kept = pc.and_(kept, pc.greater_equal(times, _bound(start, times.type)))
    if end is not None:
        kept = pc.and_(kept, pc.less(times, _bound(end, times.type)))
    return kept


def _bound(at: datetime, kind: pa.DataType) -> pa.Scalar:
    moment = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if not pa.types.is_timestamp(kind):
        raise DataError(f"Event times are {kind}, not moments.", remedy="Read without start and end.")
    # Compared in microseconds or finer: a bound in seconds would round the caller's.
    return pa.scalar(moment if kind.tz else moment.replace(tzinfo=None), pa.timestamp("us", "UTC" if kind.tz else None))
