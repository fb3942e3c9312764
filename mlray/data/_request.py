"""A request's JSON values as Arrow columns: the types that JSON names, taken strictly."""

import difflib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._convert import ARROW, EXACT, parse_times
from mlray.data._rules import Rule
from mlray.errors import RequestError
from mlray.ids import Json

__all__ = ["misnamed", "read_column", "read_lengths", "read_raw"]

_NONE = type(None)
# Compared by exact type: JSON's true is an int to Python, and must not pass for a number.
_TYPES: Mapping[str, frozenset[type]] = {
    "integer": frozenset((int, float, _NONE)),
    "number": frozenset((int, float, _NONE)),
    "string": frozenset((str, _NONE)),
    "boolean": frozenset((bool, _NONE)),
    "timestamp": frozenset((str, _NONE)),
}


def read_lengths(columns: Mapping[str, Sequence[Json]]) -> int:
    """Return the number of rows that all `columns` have.

    Raises:
        RequestError: a column is not a list, columns differ in length, or there are no rows.
    """
    rows = -1
    first = ""
    for name, values in columns.items():
        if not isinstance(values, list | tuple):
            raise RequestError(
                f"Column '{name}' is {_shown(values)}.", remedy="Send one list of values per column.", column=name
            )
        if rows < 0:
            rows, first = len(values), name
        if len(values) != rows:
            raise RequestError(
                f"Column '{name}' has {len(values)} values and '{first}' {rows}.",
                remedy="Send one value per row in every column.",
                code="unequal_lengths",
                column=name,
            )
    if rows <= 0:
        raise RequestError("The request has no rows.", remedy="Send at least one row.", code="no_rows")
    return rows


def misnamed(columns: Sequence[str], wanted: Sequence[str], known: Collection[str]) -> RequestError:
    """Return what is wrong with the names of a request's `columns`, where `wanted` are asked for."""
    missing = [name for name in wanted if name not in columns]
    extra = [name for name in columns if name not in wanted]
    if extra:
        name = extra[0]
        close = difflib.get_close_matches(name, missing or wanted, n=1)
        meant = f"Is '{close[0]}' meant?" if close else f"Send {', '.join(wanted)}."
        if name in known:
            meant = "It is known only after the event; leave it out."
        return RequestError(f"There is no input column '{name}'.", remedy=meant, code="unknown_column", column=name)
    return RequestError(
        f"The column '{missing[0]}' is missing.",
        remedy=f"Send {', '.join(missing)} as well; each must be a list with one value per row.",
        code="missing_column",
        column=missing[0],
    )


def read_raw(name: str, values: Sequence[Json]) -> pa.Array:
    """Return `values` as a source's file would hold them: text, numbers or truths.

    Raises:
        RequestError: they are of several types, or of none that a table holds.
    """
    try:
        made = pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        first = str(error).splitlines()[0]
        raise RequestError(
            f"The values of '{name}' are not of one type: {first}.",
            remedy="Send texts, or numbers, or true and false.",
            code="wrong_type",
            column=name,
        ) from error
    return made.cast(pa.float64()) if pa.types.is_floating(made.type) else made


def read_column(rule: Rule, values: Sequence[Json], *, lenient: bool = False) -> pa.Array:
    """Return `values` as the column that `rule` describes; `lenient` leaves out what breaks it where it may be missing.

    Raises:
        RequestError: a value is of another type, or breaks the rule; row and column are named.
    """
    if not _TYPES[rule.kind].issuperset(map(type, values)):
        raise _refusal(rule, values, lambda value: type(value) not in _TYPES[rule.kind], "wrong_type")
    array = _READERS[rule.kind](rule, values)
    for fault in rule.faults(array):
        if lenient and rule.nullable:
            array = pc.if_else(fault.rows, pa.scalar(None, array.type), array)
            continue
        row = pc.index(fault.rows, value=True).as_py()
        raise _error(rule, values, row, fault.code)
    return array


def _numbers(rule: Rule, values: Sequence[Json]) -> pa.Array:
    try:
        array = pa.array(values, ARROW["number"])
    except (pa.ArrowInvalid, OverflowError) as error:
        raise _refusal(rule, values, _too_large, "wrong_type") from error
    # A sum is finite only if every term is, or if huge terms overflow it: then the rows are looked at one by one.
    total = pc.sum(array).as_py()
    if total is not None and not math.isfinite(total) and any(map(_infinite, values)):
        raise _refusal(rule, values, _infinite, "wrong_type")
    return array


def _integers(rule: Rule, values: Sequence[Json]) -> pa.Array:
    if float in set(map(type, values)):
        if any(map(_broken, values)):
            raise _refusal(rule, values, _broken, "wrong_type")
        values = [None if value is None else int(cast("float", value)) for value in values]
    try:
        return pa.array(values, ARROW["integer"])
    except (pa.ArrowInvalid, OverflowError) as error:
        raise _refusal(rule, values, _beyond, "wrong_type") from error


def _texts(rule: Rule, values: Sequence[Json]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError as error:
        raise _refusal(rule, values, _unwritable, "wrong_type") from error


def _booleans(_rule: Rule, values: Sequence[Json]) -> pa.Array:
    return pa.array(values, pa.bool_())


def _times(rule: Rule, values: Sequence[Json]) -> pa.Array:
    text = _texts(rule, values)
    array = parse_times(text)
    if array.null_count > text.null_count:
        row = pc.index(pc.and_(pc.is_valid(text), pc.is_null(array)), value=True).as_py()
        raise _error(rule, values, row, "wrong_type")
    return array


_READERS: Mapping[str, Callable[[Rule, Sequence[Json]], pa.Array]] = {
    "integer": _integers,
    "number": _numbers,
    "string": _texts,
    "boolean": _booleans,
    "timestamp": _times,
}


def _too_large(value: Json) -> bool:
    return type(value) is int and abs(value) > EXACT


def _beyond(value: Json) -> bool:
    return type(value) is int and not -(2**63) <= value < 2**63


def _infinite(value: Json) -> bool:
    return type(value) is float and not math.isfinite(value)


def _broken(value: Json) -> bool:
    return type(value) is float and not (math.isfinite(value) and value.is_integer())


def _unwritable(value: Json) -> bool:
    # Half of a surrogate pair: JSON can escape it, but it is no character.
    return isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value)


def _refusal(rule: Rule, values: Sequence[Json], wrong: Callable[[Json], bool], code: str) -> RequestError:
    row = next(row for row, value in enumerate(values) if wrong(value))
    return _error(rule, values, row, code)


def _error(rule: Rule, values: Sequence[Json], row: int, code: str) -> RequestError:
    hint = ', such as "2013-04-01T12:00:00Z"' if rule.kind == "timestamp" else ""
    return RequestError(
        f"'{rule.name}' in row {row} is {_shown(values[row])}.",
        remedy=f"It must be {rule.expected}{hint}.",
        code=code,
        column=rule.name,
        row=row,
    )


def _shown(value: object) -> str:
    text = "null" if value is None else repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 60 else f"{text[:59]}…"
