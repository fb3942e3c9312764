"""From what a source wrote to the contract's types: only where nothing is lost, whole columns at a time."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._texts import plain_decimals, plain_times, whole_digits
from mlray.errors import DataError

__all__ = ["ARROW", "NOUNS", "MisfitError", "convert", "decode", "flat", "naive_times", "parse_times", "raw"]

ARROW = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "string": pa.string(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
}
"""The contract's types as they are stored."""

NOUNS = {
    "integer": "a whole number",
    "number": "a finite number",
    "string": "text",
    "boolean": "true or false",
    "timestamp": "a time",
}
"""The contract's types in words, for reasons."""

EXACT = 2**53
"""Above this, float64 no longer tells neighbouring whole numbers apart."""

_WHOLE = r"^[+-]?[0-9]{1,18}$"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"

# A calendar in a pattern: what it lets through can always be cast, so one impossible date never spoils a column.
_LONG = r"(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
_SHORT = r"(0[469]|11)-(0[1-9]|[12][0-9]|30)"
_LEAP = r"([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)-02-29"
_DAY = rf"([12][0-9]{{3}}-({_LONG}|{_SHORT}|02-(0[1-9]|1[0-9]|2[0-8]))|{_LEAP})"
_CLOCK = r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
_ZONED = rf"^{_DAY}{_CLOCK}(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])$"
_PLAIN = rf"^{_DAY}({_CLOCK})?$"


class MisfitError(DataError):
    """No value of a column's type can be what the contract says."""


def flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return the column as one array."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def convert(column: pa.Array, kind: str, *, where: str) -> tuple[pa.Array, pa.Array | None]:
    """Return `column` as the contract's type `kind`, and which values could not be: a boolean mask, or None for none.

    Missing values, and NaN with them, stay missing and are no fault. A value that would lose something (3.5 as a whole
    number) is one. A time without a zone is UTC.

    Raises:
        DataError: no value of the column's type can be of this kind; `where` names file and column.
    """
    column = _simple(column)
    if column.type == ARROW[kind]:
        return _finite(column) if kind == "number" else (column, None)
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), ARROW[kind]), None
    made = _CONVERTERS[kind](column)
    if made is None:
        raise MisfitError(
            f"{where} is {column.type} and cannot be {NOUNS[kind]}.",
            remedy="Correct the type in the contract, or the file.",
        )
    lost = pc.and_(pc.is_valid(column), pc.is_null(made))
    return made, lost if lost.true_count else None


def _simple(column: pa.Array) -> pa.Array:
    """Return plain values: no dictionary, no large or viewed text, null instead of NaN."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = decode(column)
        kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_decimal(kind):
        # As text it is parsed like any other number, digit by digit.
        return column.cast(pa.string())
    if pa.types.is_floating(kind):
        column = column.cast(pa.float64())
        if np.isfinite(raw(column)).all():
            return column
        unknown = pc.is_nan(column)
        return pc.if_else(unknown, pa.scalar(None, pa.float64()), column) if unknown.true_count else column
    return column


def raw(column: pa.Array) -> npt.NDArray[Any]:
    """Return a column of 64-bit values as numpy sees its memory, without a copy; what is missing holds anything."""
    kind = np.float64 if pa.types.is_floating(column.type) else np.int64
    content = column.buffers()[1]
    if content is None:
        return np.zeros(len(column), kind)
    return np.frombuffer(content, kind)[column.offset : column.offset + len(column)]


def decode(column: pa.Array) -> pa.Array:
    """Return the values of a dictionary column: several times faster than Arrow's own cast of text."""
    return column.dictionary.take(column.indices) if pa.types.is_dictionary(column.type) else column


def _finite(column: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """Return finite numbers, and which are infinite; None for none."""
    if np.isfinite(raw(column)).all():
        return column, None
    infinite = pc.fill_null(pc.is_inf(column), False)
    return (_where(pc.invert(infinite), column), infinite) if infinite.true_count else (column, None)


def _where(allowed: pa.Array, values: pa.Array) -> pa.Array:
    return pc.if_else(allowed, values, pa.scalar(None, values.type))


def _exact(whole: pa.Array) -> pa.Array:
    """Tell which whole numbers float64 can hold."""
    if whole.type.bit_width < 64:
        return pc.is_valid(whole)
    small = pc.less_equal(whole, pa.scalar(EXACT, whole.type))
    if pa.types.is_unsigned_integer(whole.type):
        return small
    return pc.and_(small, pc.greater_equal(whole, pa.scalar(-EXACT, whole.type)))


def _to_number(column: pa.Array) -> pa.Array | None:
    if pa.types.is_integer(column.type):
        return _where(_exact(column), column).cast(pa.float64())
    if pa.types.is_string(column.type):
        plain = plain_decimals(column)
        if plain is not None:
            return plain
        text = pc.utf8_trim_whitespace(column)
        return _finite(_where(pc.match_substring_regex(text, _NUMBER), text).cast(pa.float64()))[0]
    return None


def _to_integer(column: pa.Array) -> pa.Array | None:
    if pa.types.is_uint64(column.type):
        small = pc.less_equal(column, pa.scalar(2**63 - 1, pa.uint64()))
        return _where(small, column).cast(pa.int64())
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    if pa.types.is_floating(column.type):
        whole = pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), float(2**63)))
        return _where(whole, column).cast(pa.int64(), safe=False)
    if pa.types.is_string(column.type):
        plain = whole_digits(column)
        if plain is not None:
            return plain
        text = pc.utf8_trim_whitespace(column)
        digits = pc.match_substring_regex(text, _WHOLE)
        whole = _where(digits, pc.replace_substring_regex(text, r"^\+", "")).cast(pa.int64())
        if digits.true_count == len(column) - column.null_count:
            return whole
        return pc.coalesce(whole, _to_integer(_to_number(column)))
    return None


def _to_string(column: pa.Array) -> pa.Array | None:
    # A number read from text has lost how it was written (007, 1.50); only whole numbers have one form.
    return column.cast(pa.string()) if pa.types.is_integer(column.type) else _as_is(column, pa.string())


def _to_boolean(column: pa.Array) -> pa.Array | None:
    if pa.types.is_integer(column.type):
        return _where(pc.is_in(column, value_set=pa.array([0, 1], column.type)), column).cast(pa.bool_())
    if pa.types.is_string(column.type):
        text = pc.utf8_lower(pc.utf8_trim_whitespace(column))
        known = pc.is_in(text, value_set=pa.array(["true", "false"]))
        return pc.equal(_where(known, text), "true")
    return None


def _to_timestamp(column: pa.Array) -> pa.Array | None:
    kind = column.type
    if pa.types.is_string(kind):
        return parse_times(column)
    if pa.types.is_date(kind):
        return column.cast(pa.date32()).cast(pa.timestamp("us")).cast(ARROW["timestamp"])
    if not pa.types.is_timestamp(kind):
        return None
    zoned = column.cast(pa.timestamp(kind.unit, "UTC"))
    made = zoned.cast(ARROW["timestamp"], safe=False)
    # Seconds reach further than microseconds and nanoseconds are finer: what was lost does not come back as it went.
    return _where(pc.equal(made.cast(zoned.type, safe=False), zoned), made)


def _as_is(column: pa.Array, kind: pa.DataType) -> pa.Array | None:
    return column if column.type == kind else None


def parse_times(text: pa.Array) -> pa.Array:
    """Return texts in ISO 8601 (a date, or date and time, with or without zone) as UTC; anything else as null."""
    with_zone, without = naive_times(text)
    without = without.cast(ARROW["timestamp"])
    return without if with_zone is None else pc.coalesce(with_zone, without)


def naive_times(text: pa.Array) -> tuple[pa.Array | None, pa.Array]:
    """Return those of the texts in ISO 8601 that name a zone, as UTC (None: none does), and the others without one."""
    plain = plain_times(text)
    if plain is not None:
        none = pa.nulls(len(text), pa.timestamp("us"))
        return (None, plain) if plain.type.tz is None else (plain, none)
    zoned = pc.match_substring_regex(text, _ZONED)
    if zoned.true_count == len(text):
        return text.cast(ARROW["timestamp"]), pa.nulls(len(text), pa.timestamp("us"))
    local = pc.match_substring_regex(text, _PLAIN)
    return _where(zoned, text).cast(ARROW["timestamp"]), _where(local, text).cast(pa.timestamp("us"))


_CONVERTERS = {
    "integer": _to_integer,
    "number": _to_number,
    "string": _to_string,
    "boolean": _to_boolean,
    "timestamp": _to_timestamp,
}
