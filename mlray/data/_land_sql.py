"""A database's new rows, by a column that only grows, landed in files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlray.clock import parse_duration
from mlray.data._convert import ARROW
from mlray.data._cursor import Cursor, Mark
from mlray.data._land import Landed, Landing, part_name, write
from mlray.data.on_sql import columns, tables
from mlray.data.scan import Window
from mlray.errors import DataError
from mlray.spec import CursorSpec

__all__ = ["land_sql"]


def land_sql(landing: Landing, cursor: Cursor, aside: Path) -> tuple[list[Landed], Cursor]:
    """Write the rows from the cursor's mark on (less its lag) into files, and return the cursor after them.

    Rows that are later than what is asked for hold the mark back, so that the next ingestion meets them again.

    Raises:
        DataError: the table or a column is missing, or rows could not be told apart without a key.
        UnavailableError: the database does not answer.
    """
    contract, spec = landing.contract, landing.contract.data.origin
    names = columns(spec, landing.folder)
    time = contract.their_name(str(spec), contract.data.time, names)
    asked = spec.cursor or CursorSpec(column=time)
    if asked.column not in names:
        raise DataError(
            f"{spec} has no column '{asked.column or contract.data.time}'; it has {', '.join(names)}.",
            remedy="Name the growing column: `cursor: {column: …}`.",
        )
    known = cursor if cursor.kind == "column" and cursor.column == asked.column else Cursor("column", cursor.time)
    lag = parse_duration(asked.lag)
    keyed = bool(contract.data.key)
    if lag and not keyed:
        raise DataError(
            f"A lag of {asked.lag} reads rows of {spec} twice, and without a key they cannot be told from new ones.",
            remedy="Write `key:` with the columns that name a row, or leave `lag` out.",
        )
    lower = replace(known, column=asked.column).lower(lag)
    marks = _Marks(known.mark, asked.column)
    landed: list[Landed] = []
    for number, table in enumerate(tables(spec, landing.folder, asked.column, lower, again=known.again or bool(lag))):
        name = part_name(spec, number)
        times = contract.times(table, name)
        later = pc.fill_null(pc.greater_equal(times, pa.scalar(landing.until, ARROW["timestamp"])), False)
        marks.see(table.column(asked.column), later)
        # A row without a time might be as early as any.
        since = None if times.null_count else pc.min(times).as_py()
        landed.append((write(table, name, aside, number), Window(None, landing.until), since))
    if marks.left is not None and not keyed and asked.column != time:
        raise DataError(
            f"In the order of '{asked.column}', {spec} has rows after {landing.until.isoformat()} amid earlier ones;"
            " without a key they could be read twice.",
            remedy="Write `key:` with the columns that name a row.",
        )
    return landed, marks.after(keyed=keyed)


class _Marks:
    """The highest mark that was read, and the lowest that was left."""

    def __init__(self, read: Mark | None, column: str) -> None:
        """Begin with what earlier ingestions read of `column`."""
        # Values of one column compare with each other, whatever they are.
        self.read: Any = read
        self.left: Any = None
        self._column = column

    def see(self, values: pa.ChunkedArray, later: pa.Array) -> None:
        """Take the marks of a part into account; a row without one is read only when everything is.

        Raises:
            DataError: some are texts and others numbers.
        """
        top = pc.max(values.filter(pc.invert(later))).as_py()
        bottom = pc.min(values.filter(later)).as_py()
        try:
            self.read = max((mark for mark in (self.read, top) if mark is not None), default=None)
            self.left = min((mark for mark in (self.left, bottom) if mark is not None), default=None)
        except TypeError as error:
            raise DataError(
                f"The cursor column '{self._column}' holds values of several types: {self.read!r} and {top!r}.",
                remedy="Name a column whose values are all of one type.",
            ) from error

    def after(self, *, keyed: bool) -> Cursor:
        """Return the cursor from which nothing is missed."""
        if self.left is not None and (self.read is None or self.left <= self.read or not keyed):
            return Cursor("column", column=self._column, mark=self.left, again=True)
        return Cursor("column", column=self._column, mark=self.read, again=keyed)
