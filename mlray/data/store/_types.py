"""Arrow types as text, and rows in the plain types that the store keeps."""

import base64
import re
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from mlray.data.store._content import column_digest
from mlray.errors import DataError
from mlray.records import Column

__all__ = ["fit", "plain", "text_of", "type_of"]

_ZONED = re.compile(r"timestamp\[(\w+), tz=(.+)\]")
_DECIMAL = re.compile(r"(decimal\d+)\((\d+), (-?\d+)\)")
_FIXED = re.compile(r"fixed_size_binary\[(\d+)\]")
_DECIMALS = {
    "decimal32": pa.decimal32,
    "decimal64": pa.decimal64,
    "decimal128": pa.decimal128,
    "decimal256": pa.decimal256,
}
_DATES = {"date32[day]": pa.date32(), "date64[ms]": pa.date64()}


def text_of(kind: pa.DataType) -> str:
    """Return a type as text that `type_of` reads back.

    >>> text_of(pa.timestamp("us", "UTC"))
    'timestamp[us, tz=UTC]'
    """
    text = str(kind)
    if _parsed(text) == kind:
        return text
    # Inner names and nullability of nested types do not all show in their text.
    schema = pa.schema([pa.field("x", kind)])
    return "arrow:" + base64.b64encode(schema.serialize().to_pybytes()).decode()


def type_of(text: str) -> pa.DataType:
    """Return the type that `text_of` wrote, or DataError where the text says none."""
    if text.startswith("arrow:"):
        return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text[6:]))).field(0).type
    kind = _parsed(text)
    if kind is None:
        raise DataError(f"'{text}' is no Arrow type.", remedy="Write one such as int64, string or timestamp[us].")
    return kind


def _parsed(text: str) -> pa.DataType | None:
    if found := _ZONED.fullmatch(text):
        return pa.timestamp(found[1], found[2])
    if found := _DECIMAL.fullmatch(text):
        make = _DECIMALS.get(found[1])
        return make(int(found[2]), int(found[3])) if make else None
    if found := _FIXED.fullmatch(text):
        return pa.binary(int(found[1]))
    if text in _DATES:
        return _DATES[text]
    try:
        return pa.type_for_alias(text)
    except ValueError:
        return None


def plain(rows: pa.Table | pa.RecordBatch) -> pa.Table:
    """Return rows in the types the store keeps: dictionaries, views and extension types are layouts of plainer ones.

    Raises:
        DataError: two columns have the same name, or one has the name the store keeps for itself.
    """
    table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise DataError(f"The rows have {len(twice)} column names twice: {', '.join(twice)}.", remedy="Rename them.")
    if not table.column_names:
        raise DataError("The rows have no columns.", remedy="Give at least one column.")
    for place, field in enumerate(table.schema):
        kind = _plain_type(field.type)
        if kind != field.type:
            column = table.column(place)
            if isinstance(field.type, pa.BaseExtensionType):
                column = pa.chunked_array([chunk.storage for chunk in column.chunks], field.type.storage_type)
            table = table.set_column(place, pa.field(field.name, kind), column.cast(kind))
    return table.replace_schema_metadata(None)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if isinstance(kind, pa.BaseExtensionType):
        return _plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_interval(kind):
        raise DataError("Parquet has no calendar intervals.", remedy="Give the column as a duration or as numbers.")
    return kind


def fit(rows: pa.Table, columns: Sequence[Column], table: str) -> pa.Table:
    """Return `rows` with the columns that the table knows in the table's types.

    Raises:
        DataError: a value would be lost or changed by the cast.
    """
    kinds = {column.name: type_of(column.type) for column in columns}
    for place, field in enumerate(rows.schema):
        kind = kinds.get(field.name, field.type)
        if kind == field.type:
            continue
        if not _alike(field.type, kind):
            raise _unfit(field, kind, table, "these are no values of that type")
        try:
            made = rows.column(place).cast(kind)
            same = _lossless(rows.column(place), made)
        except pa.ArrowException as error:
            raise _unfit(field, kind, table, str(error)) from error
        if not same:
            raise _unfit(field, kind, table, "some values would change")
        rows = rows.set_column(place, pa.field(field.name, kind), made)
    return rows


def _alike(one: pa.DataType, other: pa.DataType) -> bool:
    """Tell whether values of both types mean the same: text is never parsed, a time without a zone gets none."""
    if pa.types.is_null(one):
        return True
    if pa.types.is_timestamp(one) and pa.types.is_timestamp(other):
        return (one.tz is None) == (other.tz is None)
    return any(test(one) and test(other) for test in _FAMILIES)


def _number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


_FAMILIES = (
    _number,
    lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind),
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_duration,
    pa.types.is_nested,
)


def _lossless(before: pa.ChunkedArray, after: pa.ChunkedArray) -> bool:
    if before.null_count != after.null_count:
        return False
    if pa.types.is_nested(after.type):
        # A cast leaves out fields that the type lacks, and rounds floats, without a word; the digest sees both.
        return _same_inside(before, after)
    if not pa.types.is_floating(after.type):
        return True
    # A cast to a shorter float rounds without a word; NaN is no value that could be lost.
    back = after.cast(before.type, safe=False)
    same = (
        pc.or_(pc.equal(before, back), pc.is_nan(back)) if pa.types.is_floating(before.type) else pc.equal(before, back)
    )
    return pc.all(same).as_py() is not False


def _same_inside(before: pa.ChunkedArray, after: pa.ChunkedArray) -> bool:
    try:
        back = after.cast(before.type, safe=False)
    except pa.ArrowException:
        # Empty lists come as lists of nothing, to which no list can be cast back.
        return repr(before.to_pylist()) == repr(after.to_pylist())
    return column_digest(before) == column_digest(back)


def _unfit(field: pa.Field, kind: pa.DataType, table: str, why: str) -> DataError:
    return DataError(
        f"Column '{field.name}' is {field.type} and '{table}' has it as {kind}: {why.splitlines()[0]}.",
        remedy=f"Convert it to {kind}, or add it under another name.",
    )
