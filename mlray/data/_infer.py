"""A first contract for a table that nobody has described: types, limits, codes, times and keys as they are found."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from mlray.data import sources
from mlray.data._convert import convert, flat
from mlray.data._pipeline import with_point
from mlray.data._texts import EPOCHS, parse_format
from mlray.data._units import known_units
from mlray.errors import DataError
from mlray.spec import Data, did_you_mean

__all__ = ["Guess", "draft", "guess", "read_as", "sample", "with_form"]

ROWS = 200_000
"""Rows that are looked at: enough for every code that matters, and seconds at most."""
_CODES = 25
"""A text with at most this many different values, each seen often, is taken for a list of codes."""
_OFTEN = 20
_FORMATS = (
    "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M %p", "%Y/%m/%d", "%Y/%m/%d %H:%M", "%Y%m%d", "%d %b %Y", "%b %d %Y", "%d-%m-%Y", "%d-%b-%Y",
)  # fmt: skip
_RECENT = (365 * 86_400, 230 * 365 * 86_400)
"""Seconds since 1970 between which a number is taken for a time: from 1971 to about 2200."""
_TYPES: tuple[tuple[str, Callable[[pa.DataType], bool]], ...] = (
    ("boolean", pa.types.is_boolean),
    ("integer", pa.types.is_integer),
    ("number", pa.types.is_floating),
    ("number", pa.types.is_decimal),
    ("timestamp", pa.types.is_timestamp),
    ("timestamp", pa.types.is_date),
)


@dataclass(frozen=True, slots=True)
class Guess:
    """What one column looks like."""

    name: str
    type: str
    """In the contract's words; empty where it holds nothing that a contract describes, as a list."""
    rows: int
    nulls: int
    distinct: int
    allowed: tuple[str, ...] = ()
    unit: str = ""
    form: str = ""
    """How it writes times, where not in ISO 8601."""
    comma: bool = False
    """Whether its numbers have a decimal comma."""
    low: float | None = None
    high: float | None = None

    @property
    def unique(self) -> bool:
        """Whether each row has a value of its own."""
        return self.nulls == 0 and self.distinct == self.rows and self.rows > 1


def sample(path: Path, rows: int = ROWS, *, written: Mapping[str, str] = MappingProxyType({})) -> pa.Table:
    """Return the first rows of a file as the contract would read them: CSV as text, `written` in another way.

    Raises:
        DataError: the file is missing, damaged, or not what its name says.
    """
    file = sources.SourceFile.of(path).written_in(written.get("encoding"), written.get("delimiter"))
    return sources.read(file, sources.columns_of(file)).table.slice(0, rows)


def guess(name: str, column: pa.Array) -> Guess:
    """Return what `column` looks like: its type as every value of it agrees, and what else a contract would say."""
    rows, nulls = len(column), column.null_count
    column = _plain(column)
    kind = next((kind for kind, test in _TYPES if test(column.type)), "")
    if not kind and not pa.types.is_string(column.type):
        return Guess(name, "", rows, nulls, 0)
    form, comma, values = "", False, column
    if not kind:
        kind, form, comma, values = _of_text(column)
    there = values.drop_null()
    distinct = len(pc.unique(there))
    codes = kind == "string" and 0 < distinct <= _CODES and len(there) >= distinct * _OFTEN
    allowed = tuple(sorted(pc.unique(there).to_pylist())) if codes else ()
    ends = pc.min_max(there).as_py() if kind in ("integer", "number") and len(there) else {"min": None, "max": None}
    unit = unit_of(name) if kind in ("integer", "number") else ""
    return Guess(name, kind, rows, nulls, distinct, allowed, unit, form, comma, ends["min"], ends["max"])


def with_form(found: Guess, column: pa.Array, forms: Iterable[str]) -> Guess:
    """Return what `column` looks like where it may be a time in one of `forms`: the first that all its values are in.

    These go before formats that are only usual, since 3/4/2013 is a day in March as well as one in April; times in
    ISO 8601 need none.
    """
    if found.type == "timestamp" and not found.form:
        return found
    there = _plain(column).drop_null()
    if pa.types.is_string(there.type):
        trimmed = pc.utf8_trim_whitespace(there)
        there = trimmed.filter(pc.not_equal(trimmed, ""))
    form, _ = _formed(there, forms)
    return replace(found, type="timestamp", form=form, comma=False) if form else found


def read_as(column: pa.Array, found: Guess) -> pa.Array:
    """Return the values of `column` in the type that was found: times in UTC, numbers as float64 or int64."""
    if not pa.types.is_string(column.type):
        return column
    text = pc.utf8_trim_whitespace(column)
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    if found.form and (made := parse_format(text, found.form)) is not None:
        return made
    return convert(with_point(text) if found.comma else text, found.type, where=found.name)[0]


def draft(
    table: pa.Table,
    name: str,
    source: str,
    *,
    time: str | None = None,
    key: Sequence[str] | None = None,
    written: Mapping[str, str] = MappingProxyType({}),
) -> Data:
    """Return a first contract for `table`; what is predicted is left to a project.

    Args:
        table: Rows as the source has them.
        name: What the dataset is to be called.
        source: Path or pattern of its files.
        time: The column with the event time; the first one with a time in every row if None.
        key: Columns that name a row; the first one with a value of its own in every row if None.
        written: `delimiter` and `encoding` of its CSV files, where they are not the usual ones.

    Raises:
        DataError: no column could be the event time, or a named one is not there.
    """
    guesses = {one: guess(one, flat(table[one])) for one in table.column_names}
    usable = {one: found for one, found in guesses.items() if found.type and found.nulls < found.rows}
    for asked in [*([time] if time else []), *(key or ())]:
        if asked not in usable:
            hint = did_you_mean(asked, usable)
            raise DataError(f"{source} has no column '{asked}' with values.", remedy=f"{hint[0].upper()}{hint[1:]}")
    when = time or next((one for one, found in usable.items() if found.type == "timestamp" and not found.nulls), None)
    if when is None:
        listed = ", ".join(f"{one} ({found.type})" for one, found in usable.items())
        raise DataError(
            f"No column of {source} holds a time for every row.",
            remedy=f"Name one with --time; its values must be times. Found: {listed}.",
        )
    named = list(key) if key is not None else [one for one, found in usable.items() if found.unique and one != when][:1]
    columns = {one: _column(found) for one, found in usable.items()}
    told = next((one for one in reversed(columns) if one != when), when)
    mapping: dict[str, object] = {"files": "*", **written}
    forms = {one: found.form for one, found in usable.items() if found.form}
    mapping |= {"formats": forms} if forms else {}
    mapping |= {"decimal": ","} if any(found.comma for found in usable.values()) else {}
    said = {
        "source": source,
        "table": re.sub(r"[^a-z0-9_-]+", "_", name.lower()).strip("_-") or "rows",
        "time": when,
        "key": named,
        "columns": columns,
        "mappings": [mapping] if len(mapping) > 1 else [],
        "target": {"name": "none", "column": told},
    }
    # Nobody has said yet what is predicted, so that nothing about it can be wrong.
    return Data.model_validate(said, context={"quiet": {"Data"}})


def unit_of(name: str) -> str:
    """Return the unit that the last word of a column's name speaks of; empty if it does not.

    >>> unit_of("distance_km"), unit_of("flight")
    ('km', '')
    """
    word = re.split(r"[\s_\-()\[\]]+", name.strip(" )]"))[-1]
    known = {unit.lower(): unit for unit in known_units() if len(unit) > 1}
    return known.get(word.lower(), "") if word.lower() != name.lower() else ""


def _plain(column: pa.Array) -> pa.Array:
    """Return values that are neither in a dictionary nor of a larger kind of text."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type):
        column = column.cast(pa.string())
    return column


def _of_text(column: pa.Array) -> tuple[str, str, bool, pa.Array]:
    """Return type, format, whether commas are decimal signs, and the values of a column of texts."""
    trimmed = pc.utf8_trim_whitespace(column.drop_null())
    there = trimmed.filter(pc.not_equal(trimmed, ""))
    if not len(there):
        return "string", "", False, column
    # 007 is a name, not a number: as one it would lose its noughts.
    padded = pc.any(pc.match_substring_regex(there, r"^0[0-9]+$")).as_py()
    for kind in ("boolean", "timestamp") if padded else ("integer", "number", "boolean", "timestamp"):
        made, lost = convert(there, kind, where="")
        if lost is None:
            return kind, "", False, made
    if pc.any(pc.match_substring(there, ",")).as_py():
        made, lost = convert(with_point(there), "number", where="")
        if lost is None:
            return "number", "", True, made
    form, made = _formed(there, _FORMATS)
    return ("timestamp", form, False, made) if form else ("string", "", False, there)


def _formed(there: pa.Array, forms: Iterable[str]) -> tuple[str, pa.Array]:
    """Return the first of `forms` that all values of `there` are in, and their times; an empty one if there is none."""
    for form in forms:
        if form in EPOCHS and not _since_1970(there, form):
            continue
        made = parse_format(there, form)
        if made is not None and len(made) and not made.null_count:
            return form, made
    return "", there


def _since_1970(numbers: pa.Array, form: str) -> bool:
    """Tell whether numbers are likely times in `form`: any number is one, but a small one is a count or a name."""
    if not pa.types.is_integer(numbers.type) or not len(numbers):
        return False
    second = {"s": 1, "ms": 10**3, "us": 10**6}[EPOCHS[form]]
    ends = pc.min_max(numbers).as_py()
    return bool(_RECENT[0] * second <= ends["min"] and ends["max"] < _RECENT[1] * second)


def _column(found: Guess) -> Mapping[str, object]:
    told: dict[str, object] = {"type": found.type}
    if found.nulls:
        told["nullable"] = True
    if found.allowed:
        told["allowed"] = found.allowed
    if found.unit:
        told["unit"] = found.unit
    if found.low is not None and found.low >= 0 and found.type in ("integer", "number"):
        told["min"] = 0.0
    return told
