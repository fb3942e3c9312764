"""One task: a file is read, cut to its window, brought into the contract, joined, profiled and written, in one go.

Rows never travel: a task returns a name, counts and a profile. What runs the tasks is somebody else's choice. A large
Parquet file goes by in pieces of whole row groups, so that a task's memory does not grow with its file.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data import sources
from mlray.data._convert import ARROW
from mlray.data._lend import Lent, brought, lent_rows
from mlray.data.contract import Before, Checked, Contract
from mlray.data.sources import Raw, SourceFile
from mlray.data.store import Store
from mlray.records import Fragment
from mlray.sketches import Profile, Reference, profile
from mlray.spec import Data

PIECE_ROWS = 1_000_000
"""Rows of a file that are in memory at a time, where its row groups are no larger."""

__all__ = [
    "ScanPart",
    "Scanned",
    "Window",
    "first_rows",
    "join",
    "may_hold",
    "read_window",
    "rows_of",
    "scan",
    "scan_here",
]


@dataclass(frozen=True, slots=True)
class Window:
    """Event times to read: from `start` (the beginning if None) to `until`, which is not in it."""

    start: datetime | None
    until: datetime
    open: bool = False
    """Whether rows at `start` itself were read before and cannot be told apart, for want of a key."""
    exact: bool = False
    """Whether no row at `start` or later was read before, so that none can come twice."""

    def holds(self, times: pa.Array) -> pa.Array:
        """Tell which of `times` lie inside; a missing time does, since no other window would report it."""
        inside = pc.less(times, pa.scalar(self.until, ARROW["timestamp"]))
        if self.start is not None:
            after = pc.greater if self.open else pc.greater_equal
            inside = pc.and_(inside, after(times, pa.scalar(self.start, ARROW["timestamp"])))
        return pc.fill_null(inside, True)


@dataclass(frozen=True, slots=True, eq=False)
class ScanPart:
    """All that one task needs to know; small enough to send anywhere."""

    path: Path | SourceFile
    source: str
    """The file's name in messages and manifests."""
    data: Data
    window: Window
    store: Path | str
    reference: Reference | None = None
    lookups: Mapping[str, Lent] = field(default_factory=dict)
    """Lookup → its checked rows, each key once; a Parquet file or a blob of the store, as those below."""
    taken: Lent | None = None
    """Key and event time of rows that are kept already and may come again."""
    own: Lent | None = None
    """The keys of rows that were read from this very source before: they are no fault, only known."""
    landed: str = ""
    """The blob with the bytes of a file that was brought to where not every task can open it."""


@dataclass(frozen=True, slots=True, eq=False)
class Scanned:
    """What became of one file."""

    source: str
    fragment: Fragment | None
    """None where no row was kept."""
    first: datetime | None
    last: datetime | None
    """The earliest and latest event time kept."""
    set_aside: pa.Table
    mapped: Mapping[str, int]
    profile: Profile | None
    later: datetime | None = None
    """The earliest event time that is not before the window's end, for which the file is to be read again."""

    def meets(self, other: "Scanned") -> bool:
        """Tell whether the event times of both overlap."""
        if not (self.first and self.last and other.first and other.last):
            return False
        return self.first <= other.last and other.first <= self.last


def scan_here(parts: Sequence[ScanPart]) -> Iterator[Scanned]:
    """Scan `parts` one after the other in this process: for small data, and where no Ray runs."""
    for part in parts:
        yield scan(part)


def scan(part: ScanPart) -> Scanned:
    """Read one file, write the rows that keep the contract into the store, and tell what was found.

    Raises:
        DataError: the file is unreadable, or lacks a column.
        StoreError: the store cannot be written.
    """
    store = Store(part.store)
    with ExitStack() as stack:
        if part.landed:
            part = replace(part, path=brought(store, part.path, part.landed, stack.enter_context(store.aside())))
        found = _Found(part)
        kept = found.kept()
        first = next(kept, None)
        fragment = None
        if first is not None:
            fragment = store.write(chain([first], kept), source=part.source, time=part.data.time)
        return found.scanned(fragment)


class _Found:
    """What was found in a file so far, while its rows go by piece by piece."""

    def __init__(self, part: ScanPart) -> None:
        self._part = part
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._set_aside: list[pa.Table] = []
        self._mapped: Counter[str] = Counter()
        self._profile: Profile | None = None
        self._later: datetime | None = None

    def kept(self) -> Iterator[pa.Table]:
        """Yield the rows that are kept, where there are any."""
        for checked, rows, later in _pieces_of(self._part, PIECE_ROWS):
            self._set_aside.append(checked.set_aside)
            self._mapped.update(checked.mapped)
            self._later = _earlier(self._later, later)
            if rows.num_rows:
                self._note(rows)
                yield rows

    def _note(self, rows: pa.Table) -> None:
        ends = pc.min_max(rows[self._part.data.time]).as_py()
        self._first = min(self._first or ends["min"], ends["min"])
        self._last = max(self._last or ends["max"], ends["max"])
        if self._part.reference:
            found = profile(rows, self._part.reference)
            self._profile = found if self._profile is None else self._profile.merge(found)

    def scanned(self, fragment: Fragment | None) -> Scanned:
        """Return all that was found, once the last piece has gone by."""
        aside = pa.concat_tables(self._set_aside)
        source, mapped = self._part.source, dict(self._mapped)
        return Scanned(source, fragment, self._first, self._last, aside, mapped, self._profile, self._later)


def rows_of(part: ScanPart) -> tuple[Checked, pa.Table]:
    """Return what the contract made of one file's rows in the window, and the kept rows joined with the lookups."""
    ((checked, rows, _),) = _pieces_of(part, None)
    return checked, rows


def first_rows(part: ScanPart) -> pa.Table | None:
    """Return the rows that `rows_of` keeps of the first piece of a file that has any; None where none is kept."""
    return next((rows for _, rows, _ in _pieces_of(part, PIECE_ROWS) if rows.num_rows), None)


def _pieces_of(part: ScanPart, size: int | None) -> Iterator[tuple[Checked, pa.Table, datetime | None]]:
    contract = Contract.compile(part.data)
    store = Store(part.store)
    taken, own = lent_rows(store, part.taken), lent_rows(store, part.own)
    edge = None if part.window.exact else part.window.start
    lookups = {name: rows for name, lent in part.lookups.items() if (rows := lent_rows(store, lent)) is not None}
    key = list(contract.data.key)
    # Rows that are known are told from repeated ones within one table: such a file is taken whole.
    whole = bool(key) and (own is not None or (taken is not None and edge is not None))
    for raw in _windowed(contract, part.path, part.source, part.window, None, None if whole else size):
        before = Before(taken, edge, own) if taken is not None or own is not None else None
        checked = contract.apply(raw.table, part.source, positions=raw.positions, before=before)
        yield checked, join(contract, checked.table, lookups), raw.later
        if key and not whole:
            seen = checked.table.select(list(dict.fromkeys([*key, contract.data.time])))
            edge = None
            taken = (
                seen if taken is None else pa.concat_tables([taken.select(seen.column_names).cast(seen.schema), seen])
            )


def read_window(
    contract: Contract, path: Path | SourceFile, source: str, window: Window | None, *, lookup: str | None = None
) -> Raw:
    """Return the raw rows of a file whose event time lies in `window` (all if None), and their places in the file."""
    (whole,) = _windowed(contract, path, source, window, lookup, None)
    return whole


def _windowed(
    contract: Contract,
    path: Path | SourceFile,
    source: str,
    window: Window | None,
    lookup: str | None,
    size: int | None,
) -> Iterator[Raw]:
    columns = contract.source_columns(source, lookup=lookup)
    file = contract.as_written(path, source)
    if window is None:
        yield sources.read(file, columns)
        return
    # Only a Parquet footer can leave row groups out; a text would be opened once more for the names of its columns.
    time = contract.footer_time(source, sources.columns_of(file)) if file.format == "parquet" else ""
    for raw in sources.pieces(file, columns, time, window.start, window.until, rows=size):
        times = contract.times(raw.table, source)
        inside = np.asarray(window.holds(times))
        after = times.filter(pc.greater_equal(times, pa.scalar(window.until, ARROW["timestamp"])))
        yield Raw(raw.table.filter(inside), raw.positions[inside], _earlier(raw.later, _python(pc.min(after))))


def _python(time: pa.Scalar) -> datetime | None:
    """Return an Arrow time, None where it is missing; beyond the year 9999, the last one that Python has."""
    last = pa.scalar(datetime.max.replace(tzinfo=UTC), time.type)
    return cast("datetime | None", pc.if_else(pc.greater(time, last), last, time).as_py())


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(filter(None, (one, other)), default=None)


def may_hold(contract: Contract, path: Path | SourceFile, source: str, window: Window) -> bool:
    """Tell whether a file may have rows in `window`: its footer often says that it cannot."""
    file = contract.as_written(path, source)
    ends = sources.span(file, contract.footer_time(source, sources.columns_of(file)))
    if ends is None:
        return True
    return ends[0] < window.until and (window.start is None or ends[1] >= window.start)


def join(contract: Contract, rows: pa.Table, lookups: Mapping[str, pa.Table]) -> pa.Table:
    """Return `rows`, in their order, with each lookup's columns added by its key; null where nothing matches."""
    joined = rows
    for name, table in lookups.items():
        key = list(contract.data.lookups[name].on)
        places = pa.array(np.arange(joined.num_rows))
        # A hash join returns rows as threads finish them; the places bring the source's order back.
        joined = joined.append_column("", places).join(table, keys=key, join_type="left outer", use_threads=False)
        joined = joined.sort_by("").drop_columns("")
    return joined.select(contract.schema.names).cast(contract.schema)
