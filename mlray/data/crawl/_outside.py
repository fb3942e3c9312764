"""Looking into what is no file on this machine: a download, the first rows of a table, a topic's offsets."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mlray.data.crawl._judge import Sight, Thing
from mlray.data.crawl._sight import Glass, try_rows
from mlray.data.sources import SourceFile
from mlray.data.sources._probe import COLUMNS
from mlray.errors import DataError
from mlray.spec import SourceSpec

__all__ = ["brought_here", "look_into_rows"]

EMPTY = "there are no rows"


def brought_here(file: SourceFile, aside: Path) -> SourceFile:
    """Return a file that can be opened: one behind HTTP is downloaded into `aside`, as only all of it can be had."""
    if file.path is not None or file.key:
        return file
    from mlray.data.on_http import download

    return download(file, aside)


def look_into_rows(
    glass: Glass, spec: SourceSpec, folder: Path, name: str, mark: str, before: Thing | None = None
) -> Sight:
    """Return what the first rows of a source that is no file say, and up to when it has any.

    `mark` is what its listing says, `before` what the last look saw by the same contract.

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
            return _kafka(glass, spec, name, mark, before)


def _kafka(glass: Glass, spec: SourceSpec, name: str, mark: str, before: Thing | None) -> Sight:
    from mlray.data._land_kafka import newest

    # How many messages there ever were: more of them are new ones, fewer are another topic of the same name.
    count = sum(int(part.partition(": ")[2]) for part in mark.split(", ") if part)
    rows = newest(spec, glass.contract.data.time, glass.sample)
    found = rows.column_names
    # The newest messages need not be of the latest events, and those of the last look are in the topic still.
    seen = [before.last if before is not None and before.rows <= count else None]
    seen += [_latest(glass, name, rows) if glass.timed and found else None]
    thing = Thing(mark, count, last=max((last for last in seen if last is not None), default=None))
    untold = _untold(glass, thing, "its newest messages have no event time that can be read" if found else EMPTY)
    if not found:
        return Sight({name: thing}, read="nothing", untold=untold)
    for column, rule in glass.contract.data.columns.items():
        # A field that may be missing may be so in all of a few messages, which is no fault of the topic.
        if rule.nullable and column not in found and not glass.contract.their_name(name, column, found):
            rows = rows.append_column(column, pa.nulls(rows.num_rows))
    return replace(_tried(glass, name, thing, found, [rows]), untold=untold)


def _sql(glass: Glass, spec: SourceSpec, folder: Path, name: str, mark: str) -> Sight:
    from mlray.data.on_sql import columns, highest, tables

    # Its count; the cursor's highest value that follows tells when a row was last changed, which is no event time.
    count = mark.rpartition(COLUMNS)[0].partition(", ")[0]
    names = columns(spec, folder)
    time = _time(glass, name, names)
    last = _latest(glass, name, highest(spec, folder, time)) if time else None
    thing = Thing(mark, int(count) if count.isdecimal() else -1, last=last)
    sight = _tried(glass, name, thing, names, tables(spec, folder))
    cursor = spec.cursor.column if spec.cursor else ""
    unknown = tuple(column for column in sight.unknown if column != cursor)
    why = f"the highest '{time}' is no time" if time else _unordered(glass)
    return replace(sight, unknown=unknown, untold=_untold(glass, thing, why))


def _iceberg(glass: Glass, spec: SourceSpec, name: str, mark: str) -> Sight:
    from mlray.data.on_iceberg import IcebergTable
    from mlray.data.sources._tables import place_of

    table = IcebergTable(place_of(spec))
    head = table.head()
    rows = 0 if head is None else head.rows
    names = table.schema().names
    time = _time(glass, name, names)
    top = table.highest(time) if time else None
    last = _latest(glass, name, pa.table({time: top})) if top is not None else None
    thing = Thing(mark, -1 if rows is None else rows, last=last)
    sight = _tried(glass, name, thing, names, table.batches() if head is not None else ())
    why = f"the bounds in its manifests do not tell the highest '{time}'" if time else _unordered(glass)
    return replace(sight, untold=_untold(glass, thing, why))


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


def _time(glass: Glass, name: str, columns: Sequence[str]) -> str:
    """Return the column whose highest value is the latest event time; empty where none is."""
    return glass.contract.growing_time(name, columns) if glass.timed else ""


def _latest(glass: Glass, name: str, rows: pa.Table) -> datetime | None:
    """Return the latest event time of raw rows; None where they have none that can be read."""
    try:
        latest: datetime | None = pc.max(glass.contract.times(rows, name)).as_py()
    except DataError:  # told when rows are tried
        return None
    return latest


def _untold(glass: Glass, thing: Thing, otherwise: str) -> str:
    """Return why the latest event time is not known; empty where it is."""
    if thing.last is not None:
        return ""
    if thing.rows == 0:
        return EMPTY
    return otherwise if glass.timed else "it has no event time"


def _unordered(glass: Glass) -> str:
    return f"'{glass.contract.data.time}' is written in a way whose highest value need not be the latest"
