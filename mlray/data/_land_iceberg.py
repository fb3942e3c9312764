"""An Iceberg table's new rows, landed in files: those appended since the snapshot that was read last."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._convert import ARROW
from mlray.data._cursor import Cursor
from mlray.data._land import Landed, Landing, write
from mlray.data.on_iceberg import IcebergTable
from mlray.data.scan import Window
from mlray.data.sources import SourceFile
from mlray.data.sources._tables import place_of
from mlray.errors import DataError
from mlray.spec import SourceSpec

__all__ = ["land_iceberg", "whole"]

ROWS = 250_000
"""Rows of one part."""


def land_iceberg(landing: Landing, cursor: Cursor, aside: Path) -> tuple[list[Landed], Cursor, str]:
    """Write what was appended since the cursor's snapshot into files; return them, the cursor after and what to note.

    Rows that were later than what was asked for are sought again in the snapshot that was read then. Where rows were
    changed or deleted since, the whole table is read, and its key tells what is new.

    Raises:
        DataError: rows were changed, and there is no key; or the table is missing.
        StoreError: the catalog does not answer.
    """
    spec = landing.contract.data.origin
    table = IcebergTable(place_of(spec))
    head = table.head()
    if head is None:
        raise DataError(f"{spec} has no snapshot yet.", remedy="Write rows to it first.")
    name, work = str(spec), _Landings(landing, aside)
    before = int(cursor.snapshot) if cursor.kind == "snapshot" and cursor.snapshot else None
    note = ""
    if before is None:
        work.land(table.batches(head.id), f"{name}@{head.id}", Window(None, landing.until))
    else:
        if cursor.again and landing.as_of is not None and landing.as_of < landing.until:
            rest = Window(landing.as_of, landing.until, exact=True)
            work.land(table.batches(before), f"{name}@{before}", rest)
        else:
            work.left |= cursor.again
        if head.id != before:
            note = work.since(table, before, head.id, name)
    after = replace(Cursor("snapshot"), snapshot=str(head.id), again=work.left)
    return work.landed, after, note


def whole(spec: SourceSpec) -> Iterator[pa.Table]:
    """Yield all rows of the table's newest state, part by part; errors as `land_iceberg`."""
    yield from _parts(IcebergTable(place_of(spec)).batches())


class _Landings:
    """Parts as they are written, and whether rows of them are left for later."""

    def __init__(self, landing: Landing, aside: Path) -> None:
        """Begin with nothing."""
        self.landed: list[Landed] = []
        self.left = False
        self._landing = landing
        self._aside = aside

    def since(self, table: IcebergTable, before: int, head: int, name: str) -> str:
        """Land what came after the snapshot `before`; return what is to be noted."""
        window = Window(None, self._landing.until)
        try:
            added = [
                self._file(part, f"{name}@{head}", number)
                for number, part in enumerate(_parts(table.added(before, head)))
            ]
        except DataError:
            if not self._landing.contract.data.key:
                raise
            self.land(table.batches(head), f"{name}@{head}", window)
            return f"changed: {name}"
        self.landed += [(file, window, None) for file in added]
        return ""

    def land(self, batches: Iterable[pa.Table], name: str, window: Window) -> None:
        """Write rows of one snapshot into files."""
        self.landed += [(self._file(part, name, n), window, None) for n, part in enumerate(_parts(batches))]

    def _file(self, part: pa.Table, name: str, number: int) -> SourceFile:
        called = f"{name}:{number}" if number else name
        times = self._landing.contract.times(part, called)
        until = pa.scalar(self._landing.until, ARROW["timestamp"])
        self.left |= bool(pc.any(pc.greater_equal(times, until)).as_py())
        # Parts of what failed half way may lie there already, under names that nobody uses.
        return write(part, called, self._aside, len(list(self._aside.iterdir())))


def _parts(batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
    held: list[pa.Table] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= ROWS:
            yield pa.concat_tables(held)
            held = []
    if any(one.num_rows for one in held):
        yield pa.concat_tables(held)
