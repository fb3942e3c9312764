"""Looking into what is no file on this machine: a download, the first rows of a table, a topic's offsets."""

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pyarrow as pa

from mlray.data.crawl._judge import Sight, Thing
from mlray.data.crawl._sight import Glass, try_rows
from mlray.data.sources import SourceFile
from mlray.data.sources._probe import COLUMNS
from mlray.errors import DataError
from mlray.spec import SourceSpec

__all__ = ["brought_here", "look_into_rows"]


def brought_here(file: SourceFile, aside: Path) -> SourceFile:
    """Return a file that can be opened: one behind HTTP is downloaded into `aside`, as only all of it can be had."""
    if file.path is not None or file.key:
        return file
    from mlray.data.on_http import download

    return download(file, aside)


def look_into_rows(glass: Glass, spec: SourceSpec, folder: Path, name: str, mark: str) -> Sight:
    """Return what the first rows of a source that is no file say; `mark` is what its listing says.

    Raises:
        DataError: the table is missing, or the query is wrong.
        UnavailableError: it does not answer.
    """
    match spec.kind:
        case "sql":
            return _sql(glass, spec, folder, name, mark)
        case "iceberg":
            return _iceberg(glass, spec, name, mark)
        case _:
            return _kafka(glass, spec, name, mark)


def _kafka(glass: Glass, spec: SourceSpec, name: str, mark: str) -> Sight:
    from mlray.data._land_kafka import newest

    # How many messages there ever were: more of them are new ones, fewer are another topic of the same name.
    ends = [int(part.partition(": ")[2]) for part in mark.split(", ") if part]
    thing = Thing(mark, sum(ends))
    rows = newest(spec, glass.contract.data.time, glass.sample)
    if not rows.num_columns:
        return Sight({name: thing}, read="nothing")
    found = rows.column_names
    for column, rule in glass.contract.data.columns.items():
        # A field that may be missing may be so in all of a few messages, which is no fault of the topic.
        if rule.nullable and column not in found and not glass.contract.their_name(name, column, found):
            rows = rows.append_column(column, pa.nulls(rows.num_rows))
    return _tried(glass, name, thing, found, [rows])


def _sql(glass: Glass, spec: SourceSpec, folder: Path, name: str, mark: str) -> Sight:
    from mlray.data.on_sql import columns, tables

    # Its count, and the highest value of the cursor column.
    count, _, top = mark.rpartition(COLUMNS)[0].partition(", ")
    thing = Thing(mark, int(count) if count.isdecimal() else -1, last=_moment(top))
    return _tried(glass, name, thing, columns(spec, folder), tables(spec, folder))


def _iceberg(glass: Glass, spec: SourceSpec, name: str, mark: str) -> Sight:
    from mlray.data.on_iceberg import IcebergTable
    from mlray.data.sources._tables import place_of

    table = IcebergTable(place_of(spec))
    head = table.head()
    rows = 0 if head is None else head.rows
    thing = Thing(mark, -1 if rows is None else rows)
    return _tried(glass, name, thing, table.schema().names, table.batches() if head is not None else ())


def _tried(glass: Glass, name: str, thing: Thing, columns: Iterable[str], parts: Iterable[pa.Table]) -> Sight:
    """Return what the first of `parts` says; a table without rows has its columns all the same."""
    names = tuple(columns)
    ours = set(glass.contract.source_columns(name, lookup=glass.lookup))
    unknown = tuple(column for column in names if column not in ours)
    rows = [part.slice(0, glass.sample) for part in islice(parts, 1)]
    rows = rows or [pa.table({column: pa.nulls(0) for column in names})]
    try:
        tried, aside = try_rows(glass, name, rows)
    except DataError as error:
        return Sight({name: thing}, unknown, error.problem.rstrip("."), error.remedy, read="sample")
    return Sight({name: thing}, unknown, tried=tried, aside=aside, read="sample")


def _moment(text: str) -> datetime | None:
    if "-" not in text:  # a number that only grows is no time
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
