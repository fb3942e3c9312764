"""Texts that need no second look: columns whose every value is plainly a number or a time.

A regular expression costs ten times what the cast behind it does. Here whole columns are recognised by which characters
they have and how often, in a way that lets nothing through that the expressions would not.
"""

import re
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlray.errors import DataError

__all__ = ["EPOCHS", "check_format", "decoded", "parse_format", "plain_decimals", "plain_times", "whole_digits"]

UTC = pa.timestamp("us", "UTC")
_DIGITS = 18
"""Digits of a whole number that always fits 64 bits."""
_WIDTH = {
    "Y": "[0-9]{4}", "m": "[0-9]{1,2}", "d": "(?P<day>[0-9]{1,2})", "H": "[0-9]{1,2}", "I": "[0-9]{1,2}",
    "M": "[0-9]{1,2}", "S": "[0-9]{1,2}", "y": "[0-9]{2}", "b": "[^0-9]+?", "B": "[^0-9]+?", "p": "[^0-9]+?",
    "z": "[+-][0-9:]{4,5}", "%": "%",
}  # fmt: skip
EPOCHS = {"unix": "s", "unix_ms": "ms", "unix_us": "us"}
"""Formats of times that are numbers: since 1970, in seconds and smaller."""


@cache
def _limits() -> tuple[pa.Scalar, pa.Scalar]:
    # Arrow imports pandas for its first scalar, which takes longer than most commands.
    first, end = (pa.scalar(f"{year}-01-01T00:00:00Z").cast(UTC) for year in (1000, 3000))
    return first, end


def whole_digits(text: pa.Array) -> pa.Array | None:
    """Return `text` as int64 where every value is plain digits with or without a minus; None to look closer."""
    content = _content(text)
    if content.translate(None, b"0123456789-") or (pc.max(pc.binary_length(text)).as_py() or 0) > _DIGITS:
        return None
    return _cast(text, pa.int64())


def plain_decimals(text: pa.Array) -> pa.Array | None:
    """Return `text` as float64 where every value is plain digits with a point or a minus; None to look closer."""
    if _content(text).translate(None, b"0123456789.-"):
        return None
    made = _cast(text, pa.float64())
    return made if made is not None and np.isfinite(made.drop_null().to_numpy()).all() else None


def plain_times(text: pa.Array) -> pa.Array | None:
    """Return `text` as times, UTC or without a zone, where all are written alike in ISO 8601; None to look closer."""
    lengths = pc.min_max(pc.binary_length(text)).as_py()
    content, rows = _content(text), len(text) - text.null_count
    if lengths["min"] != lengths["max"] or not rows or content.translate(None, b"0123456789-:.TZ "):
        return None
    # Two dashes are a date's: an offset from UTC would bring a third, and is left to the closer look.
    day = lengths["max"] == 10 and content.count(b":") == 0
    if content.count(b"-") != 2 * rows or not (day or content.count(b":") == 2 * rows):
        return None
    zoned = content.count(b"Z")
    if zoned not in (0, rows) or (not day and lengths["max"] - bool(zoned) not in (19, *range(21, 27))):
        return None
    made = _cast(text, UTC if zoned else pa.timestamp("us"))
    return made if made is not None and _in_calendar(made) else None


def decoded(column: pa.Array, encoding: str) -> pa.Array:
    """Return bytes as text in `encoding`; null where they are none."""
    encoded = column.dictionary_encode()
    words = [_word(value, encoding) for value in encoded.dictionary.to_pylist()]
    return pa.array(words, pa.string()).take(encoded.indices)


def check_format(form: str, *, where: str) -> str:
    """Return `form`, the way in which a source writes times.

    Raises:
        DataError: it has a directive that is not known.
    """
    odd = [letter for letter in re.findall(r"%(.)", form) if letter not in _WIDTH]
    if form not in EPOCHS and (odd or "%" not in form):
        raise DataError(
            f"{where}: the format '{form}' has {f'%{odd[0]}, which is not known' if odd else 'no directive'}.",
            remedy=f"Known: {', '.join(f'%{letter}' for letter in _WIDTH)}; or {', '.join(EPOCHS)}.",
        )
    return form


def parse_format(column: pa.Array, form: str) -> pa.Array | None:
    """Return times written in `form`, in UTC where it names a zone and without one otherwise; null where one is not.

    None where the column's type cannot be so written.
    """
    if form in EPOCHS:
        if not pa.types.is_integer(column.type):
            return None
        return column.cast(pa.int64()).cast(pa.timestamp(EPOCHS[form])).cast(UTC, safe=False)
    if not pa.types.is_string(column.type):
        return None
    text = pc.utf8_trim_whitespace(column)
    made = pc.strptime(text, format=form, unit="us", error_is_null=True)
    made = pc.if_else(_within(made), made, pa.scalar(None, made.type))
    return _without_overflow(text, made, form)


def _without_overflow(text: pa.Array, made: pa.Array, form: str) -> pa.Array:
    """Take back the 31st of February: the C library makes the 3rd of March of it."""
    if "%d" not in form:
        return made
    early = np.flatnonzero(np.asarray(pc.fill_null(pc.less_equal(pc.day(made), 3), False)))
    if not len(early):
        return made
    pattern = re.sub(r"%(.)", lambda found: _WIDTH[found[1]], re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", form))
    days = pc.struct_field(pc.extract_regex(text.take(early), pattern=f"^{pattern}$"), "day").cast(pa.int64())
    wrong = early[np.asarray(pc.fill_null(pc.not_equal(days, pc.day(made.take(early))), False))]
    mask = np.zeros(len(made), dtype=np.bool_)
    mask[wrong] = True
    return pc.if_else(pa.array(mask), pa.scalar(None, made.type), made)


def _within(times: pa.Array) -> pa.Array:
    first, end = (limit.cast(times.type) for limit in _limits())
    return pc.and_(pc.greater_equal(times, first), pc.less(times, end))


def _in_calendar(times: pa.Array) -> bool:
    ends = pc.min_max(times)
    first, end = (limit.cast(times.type) for limit in _limits())
    return bool(pc.greater_equal(ends["min"], first).as_py() and pc.less(ends["max"], end).as_py())


def _content(text: pa.Array) -> bytes:
    """Return all letters of a column of text, one value behind the other."""
    _, offsets, content = text.buffers()
    if content is None:
        return b""
    ends = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1]
    return bytes(memoryview(content)[ends[0] : ends[-1]])


def _cast(text: pa.Array, kind: pa.DataType) -> pa.Array | None:
    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        return None


def _word(value: bytes | None, encoding: str) -> str | None:
    try:
        return None if value is None else value.decode(encoding)
    except UnicodeDecodeError:
        return None
