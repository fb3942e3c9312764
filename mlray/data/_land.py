"""Landing: rows of a database, a topic or a table come to lie in files, from where they are read like any others."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlray.data._cursor import Cursor
from mlray.data._layout import stored
from mlray.data.contract import Contract
from mlray.data.scan import Window
from mlray.data.sources import SourceFile
from mlray.errors import DataError
from mlray.spec import SourceSpec

__all__ = ["Landed", "Landing", "given", "land", "land_all", "part_name", "write"]

Landed = tuple[SourceFile, Window, datetime | None]
"""A file, its window, and the event time before which it has no row, if that is known."""

EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Landing:
    """What every kind of source is told."""

    contract: Contract
    folder: Path
    until: datetime
    as_of: datetime | None = None
    """The moment up to which the source was known at the last ingestion."""


def land(landing: Landing, cursor: Cursor, aside: Path) -> tuple[list[Landed], Cursor, str]:
    """Write what is new in a source that is no file into files in `aside`; return them, the cursor after and a note.

    Raises:
        DataError: the source says something that cannot be read, or the cursor makes no sense there.
        UnavailableError: it does not answer.
    """
    match landing.contract.data.origin.kind:
        case "sql":
            from mlray.data._land_sql import land_sql

            return (*land_sql(landing, cursor, aside), "")
        case "kafka":
            from mlray.data._land_kafka import land_kafka

            return land_kafka(landing, cursor, aside)
        case _:
            from mlray.data._land_iceberg import land_iceberg

            return land_iceberg(landing, cursor, aside)


def land_all(spec: SourceSpec, folder: Path, aside: Path) -> list[SourceFile]:
    """Write all of a source that is no file into files in `aside`.

    Raises:
        DataError: it cannot be read whole, as a topic cannot, or what it says cannot be read.
        UnavailableError: it does not answer.
    """
    if spec.kind == "sql":
        from mlray.data.on_sql import tables

        parts = tables(spec, folder)
    elif spec.kind == "iceberg":
        from mlray.data._land_iceberg import whole

        parts = whole(spec)
    else:
        raise DataError(f"{spec} is a stream, and no lookup.", remedy="Look rows up in a file, a database or a table.")
    return [write(table, part_name(spec, number), aside, number) for number, table in enumerate(parts)]


def part_name(spec: SourceSpec, number: int) -> str:
    """Return what messages and manifests call a part of a source; parts must not share a name."""
    return f"{spec}:{number}" if number else str(spec)


def given(rows: Any, landing: Landing, aside: Path) -> list[Landed]:  # noqa: ANN401 (a table, a frame, or batches)
    """Write rows that are at hand in Python (pyarrow, pandas, or an iterable of batches) into a file in `aside`.

    Raises:
        DataError: it is no table.
    """
    return [(write(_table(rows), "given", aside, 0), Window(None, landing.until), None)]


def write(table: pa.Table, name: str, aside: Path, number: int) -> SourceFile:
    """Write `table` as the part `number` of the source `name`; every part has a name of its own."""
    path = aside / f"landed-{number:05}.parquet"
    pq.write_table(stored(table), path, compression="zstd", row_group_size=1_000_000)
    return SourceFile(name, path)


def _table(rows: Any) -> pa.Table:  # noqa: ANN401
    if isinstance(rows, pa.Table):
        return rows
    try:
        if hasattr(rows, "columns") and hasattr(rows, "index"):
            with warnings.catch_warnings():
                # pyarrow asks pandas for times with a zone in a way that pandas is about to change.
                warnings.simplefilter("ignore", DeprecationWarning)
                return pa.Table.from_pandas(rows, preserve_index=False)
        if hasattr(rows, "__arrow_c_stream__"):
            return pa.table(rows)
        if isinstance(rows, Iterable):
            return pa.Table.from_batches(
                [batch for part in rows for batch in (part.to_batches() if isinstance(part, pa.Table) else [part])]
            )
    except (pa.ArrowException, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"The rows given are no table: {error}.", remedy="Give a pyarrow.Table, a pandas.DataFrame or batches."
        ) from error
    raise DataError(
        f"{type(rows).__name__} is no table.", remedy="Give a pyarrow.Table, a pandas.DataFrame or batches."
    )
