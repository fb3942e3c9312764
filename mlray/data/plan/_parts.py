"""What a plan reads, cut into parts: a range of row groups of a file, or a fragment of a dataset version."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from mlray.data._layout import batches, recurring
from mlray.errors import DataError

__all__ = ["BATCH_ROWS", "PART_ROWS", "FilePart", "Part", "Source", "file_parts"]

PART_ROWS = 1_048_576
"""Rows that a part has at most, if its file's row groups are no larger."""

LEAST_ROWS = 131_072
"""Rows below which a part is not cut further: opening a file would cost more than reading it."""

PARTS = 8
"""Parts that small data are cut into, so that every core has work. The same everywhere: so are the results' digits."""

BATCH_ROWS = 65_536
"""Rows that are in the works at a time; they and what is derived from them fit a processor's outer cache, nearly."""


class Part(Protocol):
    """What one task reads."""

    @property
    def name(self) -> str:
        """What messages call it; the same name is the same rows."""
        ...

    @property
    def origin(self) -> str:
        """Where its rows are from, as lineage tells it: a file, or `table@v3:` and the version's first 16 digits."""
        ...

    @property
    def rows(self) -> int:
        """Rows that it has."""
        ...

    @property
    def bytes(self) -> int:
        """About the bytes that reading it takes."""
        ...

    @property
    def schema(self) -> pa.Schema:
        """Its columns."""
        ...

    def batches(self, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        """Yield its rows in order, all columns or those named, in batches that fit the memory."""
        ...


class Source(Protocol):
    """What a plan reads as a whole."""

    def parts(self) -> Sequence[Part]:
        """Return the parts, in the order of their rows."""
        ...


@dataclass(frozen=True)
class FilePart:
    """Row groups `groups` of a Parquet file."""

    path: Path
    groups: tuple[int, ...]
    rows: int
    bytes: int
    stamp: str
    """Size and time of change of the file: a part that was done counts only while its file is the same."""
    schema: pa.Schema
    dictionaries: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def name(self) -> str:
        """Path, stamp and row groups."""
        return f"{self.path} ({self.stamp}, row groups {self.groups[0]} to {self.groups[-1]})"

    def batches(self, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        """Yield the rows; text whose values recur comes as dictionary.

        Raises:
            DataError: the file is missing or damaged.
        """
        wanted = list(self.schema.names if columns is None else columns)
        try:
            with pq.ParquetFile(self.path, read_dictionary=list(self.dictionaries)) as file:
                yield from batches(file, wanted, list(self.groups), BATCH_ROWS)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(self.path, error) from error


@dataclass(frozen=True)
class Files:
    """Parquet files, in this order."""

    paths: tuple[Path, ...]

    def parts(self) -> list[FilePart]:
        """Return the parts of all files; all must have the same columns.

        Raises:
            DataError: a file is missing or damaged, or has other columns than the first.
        """
        found = [_described(path) for path in self.paths]
        total = sum(metadata.num_rows for _, metadata, _ in found)
        size = max(LEAST_ROWS, min(PART_ROWS, total // PARTS))
        parts: list[FilePart] = []
        for path, metadata, schema in found:
            _same(schema, found[0][2], path, self.paths[0])
            parts += file_parts(path, metadata, schema, size)
        return parts


def file_parts(path: Path, metadata: pq.FileMetaData, schema: pa.Schema, size: int) -> Iterator[FilePart]:
    """Yield the parts of one file: whole row groups, together at most `size` rows unless one alone has more."""
    stat = path.stat()
    stamp = f"{stat.st_size} bytes, {stat.st_mtime_ns}"
    dictionaries = tuple(recurring(metadata))
    groups: list[int] = []
    rows = taken = 0
    for group in range(metadata.num_row_groups):
        more = metadata.row_group(group).num_rows
        if groups and rows + more > size:
            yield FilePart(path, tuple(groups), rows, taken, stamp, schema, dictionaries)
            groups, rows, taken = [], 0, 0
        groups.append(group)
        rows += more
        taken += metadata.row_group(group).total_byte_size
    if groups:
        yield FilePart(path, tuple(groups), rows, taken, stamp, schema, dictionaries)


def _described(path: Path) -> tuple[Path, pq.FileMetaData, pa.Schema]:
    try:
        with pq.ParquetFile(path) as file:
            return path, file.metadata, file.schema_arrow.remove_metadata()
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _same(schema: pa.Schema, first: pa.Schema, path: Path, other: Path) -> None:
    if schema.equals(first):
        return
    odd = [field.name for field in schema if field.name not in first.names or field != first.field(field.name)]
    odd += [name for name in first.names if name not in schema.names]
    named = f"the difference is {', '.join(odd)}" if odd else "their order differs"
    raise DataError(
        f"{path} has other columns than {other}: {named}.", remedy="Bring them into one contract by ingesting them."
    )


def _unreadable(path: Path, error: Exception) -> DataError:
    said = str(error).splitlines()[0]
    return DataError(f"{path} cannot be read as Parquet: {said}", remedy="Check the path, or fetch the file again.")
