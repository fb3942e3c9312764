"""Files as they come: found by pattern, read by column and time, and refused by name when they cannot be."""

import errno
import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from mlray.errors import DataError

__all__ = ["Raw", "columns_of", "files", "name_of", "read", "span"]

_MAGIC = b"PAR1"
_MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"]

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """Rows as the file has them."""

    table: pa.Table
    positions: Positions
    """Each row's place in the file, from 0; shape [n]."""


def files(folder: Path, pattern: str) -> list[Path]:
    """Return the files that `pattern` (relative to `folder`, or absolute) names, in order of name.

    Raises:
        DataError: there are none.
    """
    path = Path(pattern)
    base, relative = (
        (Path(path.anchor), str(path.relative_to(path.anchor))) if path.is_absolute() else (folder, pattern)
    )
    found = sorted(found for found in base.glob(relative) if found.is_file())
    if not found:
        near = base / Path(relative).parent
        there = sorted(entry.name for entry in near.iterdir())[:5] if near.is_dir() else []
        raise DataError(
            f"No file matches '{pattern}' in {folder}.",
            remedy=f"{near} has {', '.join(there)}." if there else f"The folder {near} is empty or missing.",
        )
    return found


def name_of(path: Path, folder: Path) -> str:
    """Return the name of a file in messages and manifests: its path from `folder` on, or whole if it lies elsewhere."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def columns_of(path: Path) -> tuple[str, ...]:
    """Return the names of the columns of a file; DataError where it cannot be read."""
    if _is_csv(path):
        return tuple(_read_csv(path).column_names)
    return tuple(_open(path).schema_arrow.names)


def span(path: Path, column: str) -> tuple[datetime, datetime] | None:
    """Return the first and last time in `column` of a Parquet file from its footer alone, or None if it does not tell.

    None as well where any value is missing: such rows belong to every window.

    Raises:
        DataError: the file cannot be read.
    """
    if _is_csv(path):
        return None
    ends = [group for group in _group_spans(_open(path), column) if group is not None]
    groups = _open(path).num_row_groups
    if not ends or len(ends) < groups:
        return None
    return min(low for low, _ in ends), max(high for _, high in ends)


def read(
    path: Path, columns: Collection[str], time: str = "", start: datetime | None = None, until: datetime | None = None
) -> Raw:
    """Return the rows of a Parquet or CSV file, those of `columns` that it has.

    Where the Parquet footer tells that a row group has no time in `column` `time` between `start` and `until`, the
    group is not read; other rows outside the window may still be there. CSV values are text, empty ones missing.

    Raises:
        DataError: the file is missing, truncated, damaged or not what its name says.
    """
    if _is_csv(path):
        table = _read_csv(path)
        table = table.select([name for name in table.column_names if name in columns])
        return Raw(table, np.arange(table.num_rows, dtype=np.int64))
    file = _open(path)
    groups, positions, first = [], [np.zeros(0, dtype=np.int64)], 0
    for group, ends in enumerate(_group_spans(file, time)):
        rows = file.metadata.row_group(group).num_rows
        if ends is None or _meets(ends, start, until):
            groups.append(group)
            positions.append(np.arange(first, first + rows, dtype=np.int64))
        first += rows
    wanted = [name for name in file.schema_arrow.names if name in columns]
    try:
        table = file.read_row_groups(groups, columns=wanted, use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, "Parquet", error) from error
    return Raw(table, np.concatenate(positions))


def _meets(ends: tuple[datetime, datetime], start: datetime | None, until: datetime | None) -> bool:
    return (start is None or ends[1] >= start) and (until is None or ends[0] < until)


def _open(path: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        _once(path, file.schema_arrow.names)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, "Parquet", error) from error
    return file


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


def _is_csv(path: Path) -> bool:
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        return True
    if name.endswith((".parquet", ".pq")):
        return False
    raise DataError(
        f"{path} is neither Parquet nor CSV by its name.",
        remedy="Name it .parquet, .csv or .csv.gz, as its content is.",
    )


def _read_csv(path: Path) -> pa.Table:
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) == _MAGIC:
                raise DataError(f"{path} is Parquet, though its name says CSV.", remedy="Rename it to .parquet.")
        with pyarrow.csv.open_csv(path) as reader:
            names = _once(path, reader.schema.names)
        # Everything as text: guessing types from the first block makes 007 a number, or fails on the second block.
        options = pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=_MISSING, strings_can_be_null=True
        )
        # A quoted value may span lines; without this, it would be cut where a block of the file happens to end.
        parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
        return pyarrow.csv.read_csv(path, convert_options=options, parse_options=parsing)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, "CSV", error) from error


def _once(path: Path, names: list[str]) -> list[str]:
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{path} has the column '{repeated}' twice.", remedy="Rename or remove one in the file.")
    return names


def _unreadable(path: Path, kind: str, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError | PermissionError):
        why = os.strerror(error.errno or errno.ENOENT)
        return DataError(f"{path} cannot be opened: {why}.", remedy="Check the path and its permissions.")
    first = str(error).splitlines()[0]
    return DataError(
        f"{path} is not whole, or not {kind}: {first}",
        remedy="Fetch the file again, or take it out of the folder; nothing was committed.",
    )
