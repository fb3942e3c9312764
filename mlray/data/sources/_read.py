"""Files as they come: read by column and time, and refused by name when they cannot be."""

from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mlray.data.sources._place import BROKEN, SourceFile, unreadable, whole
from mlray.data.sources._sniff import HEAD, mistaken
from mlray.data.sources._text import columns_of_text, read_text
from mlray.errors import DataError, MlrayError

__all__ = ["Raw", "columns_of", "pieces", "read", "span"]

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """Rows as the file has them."""

    table: pa.Table
    positions: Positions
    """Each row's place in the file, from 0; shape [n]."""
    later: datetime | None = None
    """The earliest time that was left out since it is not before the window's end; None where none was."""


def columns_of(place: Path | SourceFile) -> tuple[str, ...]:
    """Return the names of the columns of a file; DataError where it cannot be read."""
    file = SourceFile.of(place)
    if file.format != "parquet":
        return columns_of_text(file)
    return tuple(_open(file).schema_arrow.names)


def span(place: Path | SourceFile, column: str) -> tuple[datetime, datetime] | None:
    """Return the first and last time in `column` of a Parquet file from its footer alone, or None if it does not tell.

    None as well where any value is missing: such rows belong to every window.

    Raises:
        DataError: the file cannot be read.
    """
    file = SourceFile.of(place)
    if file.format != "parquet":
        return None
    opened = _open(file)
    try:
        ends = [group for group in _group_spans(opened, column) if group is not None]
    except BROKEN as error:
        raise unreadable(file, "Parquet", error) from error
    if not ends or len(ends) < opened.num_row_groups:
        return None
    return min(low for low, _ in ends), max(high for _, high in ends)


def read(
    place: Path | SourceFile,
    columns: Collection[str],
    time: str = "",
    start: datetime | None = None,
    until: datetime | None = None,
) -> Raw:
    """Return the rows of a Parquet, CSV or JSON-lines file, those of `columns` that it has.

    Where the Parquet footer tells that a row group has no time in column `time` between `start` and `until`, the
    group is not read; other rows outside the window may still be there. CSV values are text, empty ones missing.

    Raises:
        DataError: the file is missing, truncated, damaged or not what its name says.
    """
    (whole_file,) = pieces(place, columns, time, start, until)
    return whole_file


def pieces(
    place: Path | SourceFile,
    columns: Collection[str],
    time: str = "",
    start: datetime | None = None,
    until: datetime | None = None,
    *,
    rows: int | None = None,
) -> Iterator[Raw]:
    """Yield what `read` returns, at least one piece, of whole Parquet row groups and at most `rows` rows if these fit.

    Raises:
        DataError: as `read`; earlier pieces were yielded already.
    """
    source = SourceFile.of(place)
    if source.format != "parquet":
        table = read_text(source, columns)
        yield Raw(table, np.arange(table.num_rows, dtype=np.int64))
        return
    file = _open(source)
    try:
        yield from _pieces(file, columns, time, start, until, rows)
    except BROKEN as error:
        raise unreadable(source, "Parquet", error) from error


def _pieces(
    file: pq.ParquetFile,
    columns: Collection[str],
    time: str,
    start: datetime | None,
    until: datetime | None,
    rows: int | None,
) -> Iterator[Raw]:
    wanted = [name for name in file.schema_arrow.names if name in columns]
    groups: list[int] = []
    positions, taken, first = [np.zeros(0, dtype=np.int64)], 0, 0
    later: datetime | None = None

    def read() -> pa.Table:
        return whole(file.read_row_groups(groups, columns=wanted, use_threads=False))

    for group, ends in enumerate(_group_spans(file, time)):
        count = file.metadata.row_group(group).num_rows
        if ends is not None and not _meets(ends, start, until):
            if until is not None and ends[0] >= until:
                later = min(later or ends[0], ends[0])
        else:
            if groups and rows is not None and taken + count > rows:
                yield Raw(read(), np.concatenate(positions))
                groups, positions, taken = [], [], 0
            groups.append(group)
            positions.append(np.arange(first, first + count, dtype=np.int64))
            taken += count
        first += count
    yield Raw(read(), np.concatenate(positions), later)


def _meets(ends: tuple[datetime, datetime], start: datetime | None, until: datetime | None) -> bool:
    return (start is None or ends[1] >= start) and (until is None or ends[0] < until)


def _open(source: SourceFile) -> pq.ParquetFile:
    try:
        # A path is mapped and closed by Arrow itself; an object is read in ranges.
        file = pq.ParquetFile(source.path or source.open(), page_checksum_verification=True)
        names = file.schema_arrow.names
    except BROKEN as error:
        raise _other_than_parquet(source) or unreadable(source, "Parquet", error) from error
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise DataError(
            f"{source.shown} has the column '{repeated}' twice.", remedy="Rename or remove one in the file."
        )
    return file


def _other_than_parquet(source: SourceFile) -> DataError | None:
    """Return the error for a file that is no Parquet from its first bytes on; None where it may be a damaged one."""
    try:
        with closing(source.open()) as opened:
            return mistaken(source, bytes(opened.read(HEAD)))
    except (*BROKEN, MlrayError):
        return None


def _group_spans(file: pq.ParquetFile, column: str) -> list[tuple[datetime, datetime] | None]:
    """Return per row group the first and last time of `column`, or None where the footer does not tell."""
    metadata = file.metadata
    at = file.schema_arrow.get_field_index(column)
    if at < 0 or not pa.types.is_timestamp(file.schema_arrow.field(at).type):
        return [None] * metadata.num_row_groups
    # Nested columns have several leaves; a leaf's name is its path.
    leaf = next(place for place in range(metadata.num_columns) if metadata.schema.column(place).path == column)
    return [_span_of(metadata.row_group(group).column(leaf).statistics) for group in range(metadata.num_row_groups)]


def _span_of(statistics: pq.Statistics | None) -> tuple[datetime, datetime] | None:
    if statistics is None or not statistics.has_min_max or not statistics.has_null_count or statistics.null_count:
        return None
    return _utc(statistics.min), _utc(statistics.max)


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
