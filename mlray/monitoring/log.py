"""The request log read back: the answers of a window, each with its label where one has come."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlray.errors import StoreError
from mlray.ids import new_id

__all__ = ["LogWindow", "compact", "read_window"]

_KEY = ["request_id", "row"]
_OWN = {
    "request_id": pa.string(),
    "row": pa.int32(),
    "at": pa.timestamp("us", "UTC"),
    "received_at": pa.timestamp("us", "UTC"),
    "version": pa.int32(),
    "route": pa.string(),
    "score": pa.float64(),
    "live": pa.int32(),
    "live_score": pa.float64(),
    "live_failed": pa.bool_(),
    "candidate": pa.int32(),
    "candidate_score": pa.float64(),
    "candidate_failed": pa.bool_(),
    "tenant": pa.string(),
}
_LABELS = pa.schema(
    {"request_id": pa.string(), "row": pa.int32(), "label": pa.bool_(), "received_at": pa.timestamp("us", "UTC")}
)


@dataclass(frozen=True, slots=True, eq=False)
class LogWindow:
    """The traffic of one window."""

    rows: pa.Table
    """Answered rows: the log's columns, the request's, and `label` (null while unknown), in order of event time."""
    failed: pa.Table
    """Rows that no version could score: the same columns."""

    @property
    def everything(self) -> pa.Table:
        """Answered and failed rows together."""
        return pa.concat_tables([self.rows, self.failed])

    @property
    def labelled(self) -> int:
        """Rows whose outcome is known."""
        return int(self.rows.num_rows - self.rows["label"].null_count)

    @property
    def scores(self) -> npt.NDArray[np.float64]:
        """The answered scores of the labelled rows, shape [labelled]."""
        return np.asarray(self.rows.filter(pc.is_valid(self.rows["label"]))["score"], dtype=float)

    @property
    def labels(self) -> npt.NDArray[np.float64]:
        """The outcomes of the labelled rows as 0 and 1, shape [labelled]."""
        return np.asarray(self.rows["label"].drop_null().cast(pa.uint8()), dtype=float)


def read_window(
    folder: Path,
    start: datetime,
    end: datetime,
    *,
    known_by: datetime | None = None,
    pinned: bool = False,
) -> LogWindow:
    """Return the rows with start ≤ event time < end.

    A row that was logged twice (a client that repeated a request) counts once, with its last answer.

    Args:
        folder: The endpoint's log folder.
        start: The window's start, with a time zone.
        end: The window's end, not part of it.
        known_by: Only labels that were known by then; all by default.
        pinned: Keep also requests that named a version: they are somebody's tests rather than the endpoint's traffic.

    Raises:
        StoreError: a file cannot be read.
    """
    files = [path for day, path in _files(folder / "requests") if start.date() <= day <= end.date()]
    rows = _distinct(_read(files, pa.schema(_OWN)))
    inside = pc.and_(pc.greater_equal(rows["at"], _moment(start)), pc.less(rows["at"], _moment(end)))
    if not pinned:
        inside = pc.and_(inside, pc.not_equal(rows["route"], "pinned"))
    rows = rows.filter(inside)
    rows = _joined(rows, _labels(folder, rows, start.date(), known_by))
    scored = pc.is_valid(rows["score"])
    return LogWindow(rows.filter(scored), rows.filter(pc.invert(scored)))


def _labels(folder: Path, rows: pa.Table, since: date, known_by: datetime | None) -> pa.Table:
    """Return the last known label of each row, of what became known on `since` or later."""
    told = _read([path for day, path in _files(folder / "feedback") if day >= since], _LABELS)
    kept = pc.and_(pc.is_valid(told["label"]), pc.is_in(told["request_id"], rows["request_id"].combine_chunks()))
    if known_by is not None:
        kept = pc.and_(kept, pc.less_equal(told["received_at"], _moment(known_by)))
    return _distinct(told.filter(kept))


def compact(folder: Path, before: date) -> int:
    """Merge the small files of every day before `before` into one file a day; return how many files have gone.

    Killed in between, it leaves rows twice, which readers count once.
    """
    gone = 0
    for kind in ("requests", "feedback"):
        days: dict[date, list[Path]] = {}
        for day, path in _files(folder / kind):
            days.setdefault(day, []).append(path)
        for day, files in days.items():
            if day < before and len(files) > 1:
                _merge(files)
                gone += len(files) - 1
    return gone


def _merge(files: list[Path]) -> None:
    table = pa.concat_tables([_table(path) for path in files], promote_options="permissive")
    name = new_id("part") + ".parquet"
    aside = files[0].with_name(f".{name}")
    pq.write_table(table, aside, compression="zstd")
    aside.replace(files[0].with_name(name))
    for path in files:
        path.unlink()


def _moment(moment: datetime) -> pa.Scalar:
    return pa.scalar(moment.astimezone(UTC), pa.timestamp("us", "UTC"))


def _files(folder: Path) -> list[tuple[date, Path]]:
    """Return (date, file) of every whole file; what a writer has put aside begins with a dot."""
    found = [path for path in folder.glob("date=*/*.parquet") if not path.name.startswith(".")]
    return sorted((date.fromisoformat(path.parent.name.removeprefix("date=")), path) for path in found)


def _read(files: list[Path], schema: pa.Schema) -> pa.Table:
    try:
        tables = [_table(path) for path in files]
        # Versions may differ in their columns: what one of them lacks is null.
        return pa.concat_tables([schema.empty_table(), *tables], promote_options="permissive")
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"The request log cannot be read: {error}", remedy="Move the damaged file away and read again."
        ) from error


def _table(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return file.read()


def _distinct(rows: pa.Table) -> pa.Table:
    """Return each (request, row) once, the one received last, in order of time."""
    if not rows.num_rows:
        return rows
    order = pc.sort_indices(rows, sort_keys=[("received_at", "ascending")])
    rows = rows.take(order)
    numbered = rows.select(_KEY).append_column("place", pa.array(np.arange(rows.num_rows)))
    last = numbered.group_by(_KEY).aggregate([("place", "max")])["place_max"]
    return rows.take(pc.take(last, pc.sort_indices(last)))


def _joined(rows: pa.Table, told: pa.Table) -> pa.Table:
    """Return the rows with their labels, in order of event time."""
    places: Any = pa.array(np.arange(rows.num_rows))
    keys = rows.select(_KEY).append_column("place", places)
    found = keys.join(told.select([*_KEY, "label"]), keys=_KEY, join_type="left outer", use_threads=False)
    found = found.take(pc.sort_indices(found["place"]))
    rows = rows.append_column("label", found["label"])
    return rows.take(
        pc.sort_indices(rows, sort_keys=[("at", "ascending"), ("request_id", "ascending"), ("row", "ascending")])
    )
