"""What rows say, whatever files they lie in: a digest of a column's values that no layout changes."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["ColumnDigest", "Marks", "column_digest", "row_marks"]

Marks = npt.NDArray[np.uint64]
"""One number of 64 bits for each row."""

Words = npt.NDArray[Any]


class ColumnDigest:
    """The digest of a column that comes in pieces: the same values give the same digest however they are cut.

    Types, nulls and values count, to the bit; chunks, dictionaries, offsets and what lies below a null do not.
    """

    def __init__(self, kind: pa.DataType) -> None:
        """Begin the digest of a column of type `kind`."""
        self.kind = _plain(kind)
        self.rows = 0
        # One hash for each kind of fact, since two pieces would otherwise mix lengths and letters.
        self._present, self._lengths, self._values = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
        self._inner = [ColumnDigest(inner) for inner in _inner_kinds(self.kind)]

    def update(self, values: pa.ChunkedArray | pa.Array) -> None:
        """Take in what follows."""
        for chunk in values.chunks if isinstance(values, pa.ChunkedArray) else [values]:
            self._take(chunk)

    def hexdigest(self) -> str:
        """Return 64 hexadecimal digits for all that was taken in."""
        whole = hashlib.sha256(f"{self.kind}\n{self.rows}\n".encode())
        for part in (self._present, self._lengths, self._values):
            whole.update(part.digest())
        for inner in self._inner:
            whole.update(inner.hexdigest().encode())
        return whole.hexdigest()

    def _take(self, array: pa.Array) -> None:
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if array.type != self.kind:
            array = array.cast(self.kind)
        self.rows += len(array)
        self._present.update(_bytes(pc.cast(pc.is_valid(array), pa.uint8())))
        self._take_values(array.drop_null() if array.null_count else array)

    def _take_values(self, array: pa.Array) -> None:
        kind = self.kind
        if pa.types.is_null(kind):
            return
        if pa.types.is_boolean(kind):
            self._values.update(_bytes(array.cast(pa.uint8())))
        elif pa.types.is_struct(kind):
            for part, inner in zip(array.flatten(), self._inner, strict=True):
                inner.update(part)
        elif self._inner:
            self._lengths.update(_bytes(pc.list_value_length(array).cast(pa.int64())))
            self._inner[0].update(array.flatten())
        elif pa.types.is_large_binary(kind):
            self._lengths.update(_bytes(pc.binary_length(array).cast(pa.int64())))
            offsets = np.frombuffer(array.buffers()[1], dtype=np.int64) if len(array) else np.zeros(1, np.int64)
            first, last = (
                (int(offsets[array.offset]), int(offsets[array.offset + len(array)])) if len(array) else (0, 0)
            )
            if last > first:
                self._values.update(array.buffers()[2][first:last])
        elif len(array):
            width = kind.bit_width // 8
            self._values.update(array.buffers()[1][array.offset * width : (array.offset + len(array)) * width])


def column_digest(values: pa.ChunkedArray | pa.Array) -> str:
    """Return the digest of the values of one column.

    >>> import pyarrow as pa
    >>> whole = column_digest(pa.array(["a", None, "b"]))
    >>> whole == column_digest(pa.chunked_array([["a"], [None, "b"]]))
    True
    >>> whole == column_digest(pa.array(["a", "b", None]))
    False
    """
    found = ColumnDigest(values.type)
    found.update(values)
    return found.hexdigest()


def row_marks(columns: Sequence[pa.ChunkedArray | pa.Array]) -> Marks:
    """Return one number of 64 bits for each row of `columns`: equal rows have equal marks.

    Different rows may share a mark, so whoever matches rows by it compares their values afterwards.
    """
    rows = len(columns[0]) if columns else 0
    marks = np.full(rows, 0x9E3779B97F4A7C15, dtype=np.uint64)
    for column in columns:
        codes, values = _encoded(column)
        # Values of different columns, or the same value in another column, must not cancel each other.
        marks = (marks ^ values[codes]) * np.uint64(0xBF58476D1CE4E5B9)
        marks ^= marks >> np.uint64(31)
    return marks


def _encoded(column: pa.ChunkedArray | pa.Array) -> tuple[Words, Marks]:
    """Return for each row which distinct value it has, and a mark for each of these; nulls are a value of their own."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = _plain(whole.type)
    whole = whole.cast(kind) if whole.type != kind else whole
    fixed = not _inner_kinds(kind) and not pa.types.is_large_binary(kind) and not pa.types.is_null(kind)
    if fixed and not pa.types.is_boolean(kind) and kind.bit_width in {8, 16, 32, 64}:
        # The bits themselves: no dictionary is needed, and -0.0 is not 0.0.
        words = np.frombuffer(whole.buffers()[1] or b"", dtype=f"u{kind.bit_width // 8}") if len(whole) else np.zeros(0)
        marks = _mixed(words[whole.offset : whole.offset + len(whole)].astype(np.uint64))
        if whole.null_count:
            marks = np.where(pc.is_valid(whole).to_numpy(zero_copy_only=False), marks, np.uint64(1))
        return np.arange(len(whole)), marks
    if _inner_kinds(kind):
        texts = pa.array([None if value is None else repr(value) for value in whole.to_pylist()], pa.large_string())
        return _encoded(texts)
    coded = pc.dictionary_encode(whole, null_encoding="encode")
    marks = np.fromiter(_marks_of(coded.dictionary), dtype=np.uint64, count=len(coded.dictionary))
    return coded.indices.to_numpy(zero_copy_only=False), marks


def _marks_of(values: pa.Array) -> Iterator[int]:
    # Python's own hash differs from process to process: a mark is compared at once, and never kept.
    for value in values.to_pylist():
        yield hash(value if isinstance(value, bytes | None) else repr(value)) & 0xFFFFFFFFFFFFFFFF


def _mixed(words: Marks) -> Marks:
    """Spread the bits of each word over all of it (the finaliser of splitmix64, Steele and others 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type that stands for `kind`: layouts that say the same have one."""
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_map(kind):
        return pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)]))
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    if any(test(kind) for test in (*texts, pa.types.is_binary, pa.types.is_binary_view)):
        return pa.large_binary()
    return kind


def _inner_kinds(kind: pa.DataType) -> list[pa.DataType]:
    if pa.types.is_struct(kind):
        return [field.type for field in kind]
    if pa.types.is_nested(kind):
        return [kind.value_type]
    return []


def _bytes(array: pa.Array) -> bytes:
    return cast("bytes", array.to_numpy(zero_copy_only=False).tobytes())
