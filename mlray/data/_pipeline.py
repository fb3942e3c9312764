"""One column's way from a source's words to the contract's, compiled once.

find → decode → words → decimal sign → time and zone → number → unit → type → checks. A column that needs none of it
passes through untouched, and every step works on whole columns.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._convert import ARROW, NOUNS, MisfitError, convert, decode, naive_times
from mlray.data._mapping import Mapped, Words, in_unit
from mlray.data._rules import Rule
from mlray.data._texts import decoded, parse_format
from mlray.data._units import Conversion
from mlray.data._zones import from_local
from mlray.spec import Modes

__all__ = ["LEFT_OUT", "Fallen", "Reading", "Step", "unknown_columns", "with_point"]

LEFT_OUT = ": value left out"
"""What follows the reason where a row is kept without the value that broke a rule."""
Fallen = tuple[str, pa.Array]
"""Why values cannot be kept, and which: a boolean mask without nulls, shape [n]."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source writes its values."""

    encoding: str | None = None
    comma: bool = False
    """Whether a comma is the decimal sign."""
    zone: str | None = None
    form: str | None = None
    """How times are written, where not in ISO 8601."""


@dataclass(frozen=True, slots=True)
class Step:
    """One column's way."""

    rule: Rule
    words: Words | None
    change: Conversion | None
    reading: Reading

    def run(self, column: pa.Array, where: str, mapped: Mapped, modes: Modes) -> tuple[pa.Array, list[Fallen]]:
        """Return the values in the contract's type and words, and what is wrong with which of them.

        Raises:
            DataError: the column's type can never fit, and the contract's modes refuse that.
        """
        try:
            values, fallen = self._read(column, where, mapped)
        except MisfitError:
            if modes.types not in ("quarantine", "discard_value"):
                raise
            values = pa.nulls(len(column), ARROW[self.rule.kind])
            fallen = [(f"{self.rule.name} is {column.type}, not {NOUNS[self.rule.kind]}", pc.is_valid(column))]
            if modes.types == "discard_value":
                values, fallen = self._discard(values, fallen, mapped)
        fallen += [(fault.reason, fault.rows) for fault in self.rule.faults(values)]
        return self._discard(values, fallen, mapped) if modes.rows == "discard_value" else (values, fallen)

    def times(self, column: pa.Array, where: str) -> pa.Array:
        """Return the values of a column of times in UTC; null where one is missing or cannot be told."""
        return self._read(column, where, None)[0]

    def _read(self, column: pa.Array, where: str, mapped: Mapped | None) -> tuple[pa.Array, list[Fallen]]:
        rule, kind = self.rule, self.rule.kind
        fallen: list[Fallen] = []
        if self.reading.encoding is not None and pa.types.is_binary(column.type):
            there, column = column, decoded(column, self.reading.encoding)
            fallen += _lost(there, column, f"{rule.name} is no text in {self.reading.encoding}")
        if self.words is not None:
            column = self.words.apply(column, mapped)
        if kind == "timestamp":
            return self._times(column, where, mapped, fallen)
        if self.reading.comma and pa.types.is_string(column.type) and kind in ("number", "integer"):
            column = with_point(column)
        values, lost = convert(column, "number" if self.change else kind, where=where)
        if self.change is not None:
            values, there = in_unit(values, self.change)
            if mapped is not None:
                mapped.note(f"{rule.name}: {self.change.source} → {self.change.target}", there)
            values, beyond = convert(values, kind, where=where)
            lost = _either(lost, beyond)
        if lost is not None:
            fallen.append((f"{rule.name} is not {NOUNS[kind]}", lost))
        return values, fallen

    def _times(
        self, column: pa.Array, where: str, mapped: Mapped | None, fallen: list[Fallen]
    ) -> tuple[pa.Array, list[Fallen]]:
        name, zone, form = self.rule.name, self.reading.zone, self.reading.form
        column = decode(column)
        local = None
        if form is not None and (made := parse_format(column, form)) is not None:
            fallen += _lost(column, made, f"{name} is not a time written {form}")
            column = made
        if zone is not None and pa.types.is_string(column.type):
            zoned, local = naive_times(column)
            made = local if zoned is None else pc.coalesce(zoned, local.cast(ARROW["timestamp"]))
            fallen += _lost(column, made, f"{name} is not {NOUNS['timestamp']}")
            column = local if zoned is None else zoned
        elif zone is not None and pa.types.is_timestamp(column.type) and column.type.tz is None:
            # Nothing that a clock shows is finer than a microsecond; what would be lost is found below.
            local = column if column.type.unit == "us" else None
            local = convert(column, "timestamp", where=where)[0].cast(pa.timestamp("us")) if local is None else local
            fallen += _lost(column, local, f"{name} is not {NOUNS['timestamp']}")
            column = local
        if zone is None or local is None:
            values, lost = convert(column, "timestamp", where=where)
            return values, [*fallen, (f"{name} is not {NOUNS['timestamp']}", lost)] if lost is not None else fallen
        values, odd = from_local(local, zone)
        if mapped is not None and local.null_count < len(local):
            mapped.note(f"{name}: {zone} → UTC", np.asarray(local.is_valid()) if local.null_count else None)
        fallen += [(f"{name} {what} ({zone})", rows) for what, rows in odd]
        return (pc.coalesce(column, values) if column.type == ARROW["timestamp"] else values), fallen

    def _discard(self, values: pa.Array, fallen: list[Fallen], mapped: Mapped) -> tuple[pa.Array, list[Fallen]]:
        """Leave out the values at fault and keep their rows, where the column may be without a value."""
        if not self.rule.nullable or not fallen:
            return values, fallen
        for reason, rows in fallen:
            mapped.note(f"{reason}{LEFT_OUT}", np.asarray(rows))
            values = pc.if_else(rows, pa.scalar(None, values.type), values)
        return values, []


def unknown_columns(names: Iterable[str], table: pa.Table) -> Iterator[Fallen]:
    """Yield the rows that have a value in a column which the contract does not know."""
    for name in names:
        there = pc.is_valid(table[name])
        if pc.any(there).as_py():
            yield f"'{name}' is not a column of the contract", there


def with_point(text: pa.Array) -> pa.Array:
    """Return numbers with a decimal comma as others write them; dots between thousands go."""
    thousands = pc.match_substring_regex(text, r"^\s*[+-]?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]*)?\s*$")
    bare = pc.if_else(thousands, pc.replace_substring(text, ".", ""), text)
    # A dot that is not between thousands is no number here: 1.5 may be fifteen hundred or one and a half.
    odd = pc.and_(pc.invert(thousands), pc.match_substring(text, "."))
    return pc.if_else(odd, _no_number(text), pc.replace_substring(bare, ",", "."))


def _no_number(text: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_valid(text), pa.scalar("?"), text)


def _lost(before: pa.Array, after: pa.Array, reason: str) -> list[Fallen]:
    if after.null_count == before.null_count:
        return []
    return [(reason, pc.and_(pc.is_valid(before), pc.is_null(after)))]


def _either(first: pa.Array | None, second: pa.Array | None) -> pa.Array | None:
    if first is None or second is None:
        return second if first is None else first
    return pc.or_(first, second)
