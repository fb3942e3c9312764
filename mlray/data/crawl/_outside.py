"""Looking into what is no file on this machine: a download, or the first rows of a database's table."""

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pyarrow as pa

from mlray.data.crawl._judge import Sight, Thing
from mlray.data.crawl._sight import Glass, try_rows
from mlray.data.sources import SourceFile
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
    """Return what the first rows of a source that is no file say; of a topic only its mark tells.

    Raises:
        DataError: the table is missing, or the query is wrong.
        UnavailableError: it does not answer.
    """
    thing = _thing(mark)
    if spec.kind != "sql":
        return Sight({name: thing}, read="nothing")
    from mlray.data.on_sql import columns, tables

    names = columns(spec, folder)
    rows = [rows.slice(0, glass.sample) for rows in islice(tables(spec, folder), 1)]
    # An empty table has its columns all the same.
    rows = rows or [pa.table({column: pa.nulls(0) for column in names})]
    ours = glass.contract.source_columns(name, lookup=glass.lookup)
    unknown = tuple(column for column in names if column not in set(ours))
    try:
        tried, aside = try_rows(glass, name, rows)
    except DataError as error:
        return Sight({name: thing}, unknown, error.problem.rstrip("."), error.remedy, read="sample")
    return Sight({name: thing}, unknown, tried=tried, aside=aside, read="sample")


def _thing(mark: str) -> Thing:
    """Return what a mark tells: of a database the count of its rows, and the highest value of its cursor column."""
    count, _, top = mark.partition(", ")
    return Thing(mark, int(count) if count.isdecimal() else -1, last=_moment(top))


def _moment(text: str) -> datetime | None:
    if "-" not in text:  # a number that only grows is no time
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
