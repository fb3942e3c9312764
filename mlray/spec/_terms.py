"""Terms of a contract beyond columns: what becomes of the unforeseen, rules on whole tables, who sees what."""

import codecs
import re
from collections.abc import Iterator
from typing import Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, ValidationInfo, model_validator

from mlray.spec._forms import Part, Wrong, complain
from mlray.spec._words import closest, did_you_mean

__all__ = ["Modes", "QualityRule", "Treatment", "unknown_encoding", "unknown_zone"]

Treatment = Literal["show", "mask", "hash", "drop"]
"""What a reader gets of a classified column."""

_ENCODINGS = ("utf-8", "utf-16", "latin-1", "cp1252", "cp1250", "mac-roman")
_OPERATORS = (
    "must_be",
    "must_not_be",
    "more_than",
    "at_least",
    "less_than",
    "at_most",
    "between",
    "not_between",
)


class Modes(Part):
    """What becomes of what the contract does not foresee; a request is held to the same modes as a file."""

    rows: Literal["quarantine", "discard_value", "freeze"] = "quarantine"
    """A value that breaks its rule: its row is set aside, the value is left out, or the source is refused."""
    columns: Literal["discard_value", "quarantine", "evolve", "freeze"] = "discard_value"
    """A column that the contract does not name: not read, rows that fill it set aside, taken up, or refused."""
    types: Literal["freeze", "quarantine", "discard_value", "evolve"] = "freeze"
    """A column of a type that never fits: refused, its rows set aside, its values left out, or the type widened."""


class QualityRule(Part):
    """One rule on a whole table, as ODCS has it: a metric, and what it must be. It reports, and sets nothing aside."""

    metric: Literal["nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"]
    """What is counted: rows whose value is null, missing, invalid or repeated; or all rows."""
    columns: tuple[str, ...] = ()
    """The column; for duplicateValues also several that together must not repeat; none for rowCount."""
    name: str = ""
    """What the rule is called in reports; made of metric and columns where it is not named."""
    unit: Literal["rows", "percent"] = "rows"
    """Whether the numbers below are rows, or percent of all rows."""
    severity: str = "error"
    """`error` fails the table; anything else only warns."""
    must_be: float | None = None
    """Exactly this."""
    must_not_be: float | None = None
    """Anything but this."""
    more_than: float | None = None
    """More than this."""
    at_least: float | None = None
    """This or more."""
    less_than: float | None = None
    """Less than this."""
    at_most: float | None = None
    """This or less."""
    between: tuple[float, float] | None = None
    """Between the two, both included."""
    not_between: tuple[float, float] | None = None
    """Outside of the two."""
    missing: tuple[str | int | float, ...] = ()
    """For missingValues: the values that stand for a missing one, besides null."""
    valid: tuple[str | int | float, ...] = ()
    """For invalidValues: the only valid values."""
    pattern: str | None = None
    """For invalidValues: a regular expression that a valid text matches."""
    min_length: int | None = Field(default=None, ge=0)
    """For invalidValues: the least number of letters of a valid text."""
    max_length: int | None = Field(default=None, ge=0)
    """For invalidValues: the greatest number of letters of a valid text."""

    @property
    def label(self) -> str:
        """The name, or metric and columns."""
        return self.name or (f"{self.metric}({', '.join(self.columns)})" if self.columns else self.metric)

    @model_validator(mode="after")
    def _sensible(self, info: ValidationInfo) -> Self:
        return complain(self, self._wrongs(), info)

    def _wrongs(self) -> Iterator[Wrong]:
        said = [name for name in _OPERATORS if getattr(self, name) is not None]
        if len(said) != 1:
            found = ", ".join(said) or "none"
            yield (), self.metric, f"a rule has exactly one of {', '.join(_OPERATORS)}; here: {found}"
        if self.metric == "rowCount" and self.columns:
            yield ("columns",), self.columns, "rowCount counts whole rows; leave the columns out"
        if self.metric not in ("rowCount", "duplicateValues") and len(self.columns) != 1:
            yield ("columns",), self.columns, f"{self.metric} looks at one column"
        if self.metric == "duplicateValues" and not self.columns:
            yield ("columns",), self.columns, "name the columns that must not repeat"
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                yield ("pattern",), self.pattern, f"not a regular expression: {error}"


def unknown_zone(name: str) -> str:
    """Return what is wrong with a time zone's name; nothing for a known one.

    >>> unknown_zone("Europe/Berln")
    "not a time zone; did you mean 'Europe/Berlin'?"
    """
    known = available_timezones()
    if name in known:
        return ""
    near = closest(name, known)
    return f"not a time zone; did you mean '{near}'?" if near else "not a time zone; write one such as Europe/Berlin"


def unknown_encoding(name: str) -> str:
    """Return what is wrong with the name of a character set; nothing for a known one."""
    try:
        codecs.lookup(name)
    except LookupError:
        return f"not a character set; {did_you_mean(name, _ENCODINGS)}"
    return ""
