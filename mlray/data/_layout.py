"""How columns lie in a Parquet file: a dictionary where values recur, and else the encoding that suits their type.

A dictionary of values that hardly recur costs twice, once to build it and once to give it up. Choosing per column, from
a sample, writes a quarter faster than the library's default and makes smaller files, at the same compression.
"""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

__all__ = ["GROUP_ROWS", "Writer", "batches", "layout", "plain_type", "recurring", "stored"]

GROUP_ROWS = 262_144
"""Rows that are compressed together and held by a writer; four times as many make a file 2 % smaller."""

SAMPLE = 8_192
RECURS = 0.85
"""Distinct values per row of the sample above which a dictionary does not pay: some 25,000 values, equally frequent."""

SHORT = 2.5
"""Bytes per value, uncompressed, below which a column of text must be a dictionary throughout."""

ARROW_SCHEMA = b"ARROW:schema"


def layout(rows: pa.Table) -> dict[str, Any]:
    """Return the arguments of a Parquet writer that suit `rows`, as the first of them show.

    The same rows get the same layout, so that equal rows make equal bytes.
    """
    sample = rows.slice(0, SAMPLE)
    encodings = {name: _encoding(sample[name]) for name in rows.column_names}
    return {
        "compression": "zstd",
        "version": "2.6",
        "use_dictionary": [name for name, encoding in encodings.items() if encoding == _DICTIONARY] or False,
        "column_encoding": {name: encoding for name, encoding in encodings.items() if encoding not in _BY_ITSELF},
    }


_DICTIONARY = "dictionary"
_BY_ITSELF = {_DICTIONARY, ""}


def _encoding(values: pa.ChunkedArray) -> str:
    kind = values.type
    if pa.types.is_nested(kind):
        # Its leaves have names of their own; the library's choice is left alone.
        return _DICTIONARY
    if pa.types.is_dictionary(kind) and pa.types.is_nested(kind.value_type):
        return _DICTIONARY
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return ""
    if _distinct(values) <= RECURS * len(values):
        return _DICTIONARY
    kind = plain_type(kind)
    if pa.types.is_float32(kind) or pa.types.is_float64(kind):
        return "BYTE_STREAM_SPLIT"
    if pa.types.is_integer(kind) or pa.types.is_timestamp(kind):
        return "DELTA_BINARY_PACKED"
    return "DELTA_LENGTH_BYTE_ARRAY" if pa.types.is_string(kind) or pa.types.is_large_string(kind) else ""


def _distinct(values: pa.ChunkedArray) -> int:
    if pa.types.is_dictionary(values.type):
        return max((len(pc.unique(chunk.indices)) for chunk in values.chunks), default=0)
    try:
        return int(pc.count_distinct(values, mode="all").as_py())
    except pa.ArrowNotImplementedError:
        return 0


def recurring(metadata: pq.FileMetaData) -> list[str]:
    """Return the text columns of a Parquet file whose values recur so much that they are best read as dictionaries."""
    if not metadata.num_row_groups:
        return []
    group = metadata.row_group(0)
    found = []
    for place in range(metadata.num_columns):
        column = group.column(place)
        short = column.total_uncompressed_size <= SHORT * max(column.num_values, 1)
        nested = "." in column.path_in_schema
        if column.physical_type == "BYTE_ARRAY" and column.has_dictionary_page and short and not nested:
            found.append(column.path_in_schema)
    return found


def batches(file: pq.ParquetFile, columns: list[str], groups: list[int], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield `columns` of the row groups `groups` in batches of at most `rows`, in order, on one thread."""
    yield from file.iter_batches(batch_size=rows, row_groups=groups, columns=columns, use_threads=False)


Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)


class Writer:
    """A Parquet file that grows by batches; text may come as dictionaries and is text to whoever reads the file."""

    def __init__(
        self, path: Path, metadata: Mapping[bytes, bytes] | None = None, *, group_rows: int = GROUP_ROWS
    ) -> None:
        """Write to `path`, with `metadata` in the footer; nothing is written before rows come."""
        self.rows = 0
        self._group_rows = group_rows
        self._path = path
        self._metadata = dict(metadata or {})
        self._held: list[pa.RecordBatch] = []
        self._waiting = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Add `batch`; rows are compressed when GROUP_ROWS of them are there."""
        batch = stored(batch)
        self._held.append(batch)
        self._waiting += batch.num_rows
        self.rows += batch.num_rows
        while self._waiting >= self._group_rows:
            self._flush()

    def close(self, schema: pa.Schema | None = None) -> None:
        """Finish the file; with `schema`, one without rows has its columns."""
        if self._held or (self._writer is None and schema is not None):
            self._flush(schema)
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.close()
        elif self._writer is not None:
            self._writer.close()

    def _flush(self, schema: pa.Schema | None = None) -> None:
        taken = self._cut()
        first = pa.Table.from_batches(taken[:1], schema=None if taken else schema).replace_schema_metadata()
        if self._writer is None:
            # The types of the first batch hold for all; its layout is chosen from as many rows as there are.
            self._writer = self._open(_joined(taken, first.schema) if taken else first)
        rows = _joined(taken, self._writer.schema)
        self._writer.write_table(rows, row_group_size=max(rows.num_rows, 1))

    def _cut(self) -> list[pa.RecordBatch]:
        """Take what makes one row group: groups end at the same rows however these came."""
        taken, room = [], self._group_rows
        while self._held and room:
            batch = self._held.pop(0)
            taken.append(batch.slice(0, room))
            if batch.num_rows > room:
                self._held.insert(0, batch.slice(room))
            room -= taken[-1].num_rows
        self._waiting -= self._group_rows - room
        return taken

    def _open(self, rows: pa.Table) -> pq.ParquetWriter:
        # Readers are to see text, not our dictionaries: the plain schema is what the footer tells.
        plain = pa.schema([field.with_type(plain_type(field.type)) for field in rows.schema], self._metadata or None)
        schema = rows.schema.remove_metadata()
        writer = pq.ParquetWriter(self._path, schema, store_schema=False, **layout(rows))
        writer.add_key_value_metadata(
            {**self._metadata, ARROW_SCHEMA: base64.b64encode(plain.serialize().to_pybytes())}
        )
        return writer


def _joined(parts: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Return `parts` as one table of the types of `schema`: some batches may come as dictionaries and others not."""
    tables = []
    for part in parts:
        columns = [_as(part.column(place), field.type) for place, field in enumerate(schema)]
        tables.append(pa.Table.from_arrays(columns, schema=schema))
    rows = pa.concat_tables(tables) if tables else schema.empty_table()
    return rows.unify_dictionaries()


def _as(values: pa.Array, kind: pa.DataType) -> pa.Array:
    if values.type == kind:
        return values
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else values.cast(kind)


def stored(rows: Rows) -> Rows:
    """Return `rows` as a Parquet file can keep them: lists of a fixed size as lists.

    Parquet does not know the size, and a missing list has none when it is read.
    """
    for place, field in enumerate(rows.schema):
        kind = _stored_type(field.type)
        if kind != field.type:
            rows = rows.set_column(place, field.with_type(kind), rows.column(place).cast(kind))
    return rows


def _stored_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
        return pa.list_(_stored_field(kind.value_field))
    if pa.types.is_large_list(kind):
        return pa.large_list(_stored_field(kind.value_field))
    if pa.types.is_struct(kind):
        return pa.struct([_stored_field(field) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(kind.key_field, _stored_field(kind.item_field), kind.keys_sorted)
    return kind


def _stored_field(field: pa.Field) -> pa.Field:
    return field.with_type(_stored_type(field.type))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values where `kind` is a dictionary, else `kind`."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
