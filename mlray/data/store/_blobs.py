"""Files named by their content: written aside, named when they are whole, never changed."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlray.data._files import lent_folder
from mlray.data._layout import layout, stored
from mlray.data.store._statistics import statistics_of
from mlray.data.store.storage import LocalStorage, Storage, writing
from mlray.errors import DataError, StoreError
from mlray.ids import Json, canonical, digest
from mlray.records import Fragment

__all__ = ["POSITION", "ROW_GROUP", "Blobs", "read_columns", "row_groups"]

ROW_GROUP = 1_000_000
"""Rows that are compressed together; a quarter of it costs a sixth more bytes."""

TIME = b"mlray.time"
"""The Parquet metadata key under which a file names its event-time column."""

PAGE = 131_072
"""Values that are compressed in one piece, roughly: eight bytes each make a page of Parquet."""

POSITION = "_pos"
"""The column of a patch, or of deletions, that says which rows of the fragment are meant."""


@dataclass(frozen=True, slots=True)
class Blobs:
    """The blobs of one storage."""

    storage: Storage

    def write(
        self,
        parts: Iterable[pa.Table | pa.RecordBatch],
        *,
        schema: pa.Schema | None = None,
        source: str = "",
        time: str = "",
    ) -> Fragment:
        """Write rows as one file, row group by row group; the same rows give the same file however they are cut."""
        groups = map(stored, row_groups(parts, schema))
        try:
            first = next(groups)
        except StopIteration:
            raise DataError("There are no rows, and no schema for none.", remedy="Give a schema.") from None
        kind = first.schema.with_metadata({TIME: time.encode()} if time else None)
        with self.aside() as folder:
            path = folder / "rows"
            with writing(self.storage), self.rejecting():
                # The first rows choose the layout, so that equal rows give equal bytes.
                with pq.ParquetWriter(path, kind, **_layout(first)) as writer:
                    rows = 0
                    for group in _with(first, groups):
                        writer.write_table(group.replace_schema_metadata(kind.metadata), row_group_size=ROW_GROUP)
                        rows += group.num_rows
                known = statistics_of(pq.read_metadata(path))
            blob, size = self.put_file(path)
        return Fragment(
            blob, rows, size, source, columns={name: name for name in kind.names}, time=time, statistics=known
        )

    def put_places(self, table: pa.Table) -> tuple[str, int, Mapping[str, Any]]:
        """Write a small table with places (`_pos`, ascending); return name, size and statistics.

        Neighbouring places differ by little: their differences are packed into a few bits each.
        """
        with self.aside() as folder:
            path = folder / "rows"
            with writing(self.storage), self.rejecting():
                table = stored(table)
                chosen = _layout(table)
                chosen["column_encoding"][POSITION] = "DELTA_BINARY_PACKED"
                rows = max(1, table.num_rows)
                pq.write_table(table.combine_chunks(), path, row_group_size=rows, **chosen)
                known = statistics_of(pq.read_metadata(path))
            blob, size = self.put_file(path)
        return blob, size, known

    def put_file(self, path: Path) -> tuple[str, int]:
        """Take a finished file under the name of its content; return the name and the size."""
        with writing(self.storage):
            with path.open("rb") as file:
                name = file_digest(file, "sha256").hexdigest()
                size = file.seek(0, os.SEEK_END)
            self.storage.put(self.place(name), path)
        return name, size

    def read(self, blob: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a blob, all columns or those named."""
        try:
            with self.storage.open(self.place(blob)) as file:
                return read_columns(pq.ParquetFile(file), columns)
        except (OSError, pa.ArrowException, KeyError) as error:
            raise self.damaged(blob, error) from error

    def put_json(self, content: Mapping[str, Json]) -> str:
        """Write JSON values under the SHA-256 of their canonical text, and return it."""
        text = canonical(content)
        name = digest(text)
        with writing(self.storage):
            self.storage.replace(self.place(name), text)
        return name

    def get_json(self, blob: str) -> Mapping[str, Json]:
        """Return what `put_json` wrote."""
        try:
            return cast("Mapping[str, Json]", json.loads(self.storage.read(self.place(blob))))
        except (OSError, ValueError) as error:
            raise self.damaged(blob, error) from error

    @contextmanager
    def opened(self, blob: str) -> Iterator[IO[bytes]]:
        """Lend the bytes of a blob."""
        try:
            with self.storage.open(self.place(blob)) as file:
                yield file
        except OSError as error:
            raise self.damaged(blob, error) from error

    def digest(self, blob: str) -> str:
        """Return the SHA-256 of what lies under the name `blob`: the name itself, if nothing is damaged."""
        try:
            with self.storage.open(self.place(blob)) as file:
                # A mapped file has neither `readinto` in all versions nor a descriptor: pieces do for every storage.
                return _hashed(iter(lambda: file.read(1 << 22), b""))
        except OSError as error:
            raise self.damaged(blob, error) from error

    def place(self, blob: str) -> str:
        """Return the name under which the storage keeps a blob."""
        return f"blobs/{blob[:2]}/{blob}"

    @contextmanager
    def aside(self) -> Iterator[Path]:
        """Lend a local folder for files that nobody needs afterwards."""
        elsewhere = Path(tempfile.gettempdir()) / f"mlray-{os.getuid()}"
        home = self.storage.aside if isinstance(self.storage, LocalStorage) else elsewhere
        with ExitStack() as stack:
            # Only making the folder is the store's fault; what fails inside says so itself.
            with writing(self.storage):
                folder = stack.enter_context(lent_folder(home))
            yield folder

    @contextmanager
    def rejecting(self) -> Iterator[None]:
        """Tell what Parquet cannot hold as a fault of the rows."""
        try:
            yield
        except OSError:
            raise
        except pa.ArrowException as error:
            raise DataError(
                f"The rows cannot be written as Parquet: {error}.", remedy="Convert the column to a plainer type."
            ) from error

    def damaged(self, blob: str, error: object) -> StoreError:
        """Return the error for a blob that is missing or not what it was."""
        place = self.place(blob)
        where = self.storage.path(place) if isinstance(self.storage, LocalStorage) else f"{self.storage.url}/{place}"
        return StoreError(
            f"The file {where} is missing or damaged: {error}.",
            remedy="Restore it from a backup, or delete the workspace's store and ingest again.",
        )


def read_columns(file: pq.ParquetFile, columns: Sequence[str] | None) -> pa.Table:
    """Return the columns named, in that order, of a Parquet file; all of them for None."""
    if columns is None:
        return file.read()
    # A name with a dot also means a field of a nested column to Parquet: what comes along is left out again.
    return file.read(columns=list(columns)).select(list(columns))


def _hashed(pieces: Iterable[bytes]) -> str:
    found = sha256()
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()


def _layout(rows: pa.Table) -> dict[str, Any]:
    """Return the layout that suits `rows`, with bytes of floats split apart only where that saves any.

    Split bytes suit noise; numbers that come again, such as prices, are found again by the compression as a whole.
    """
    chosen = layout(rows)
    dictionaries = list(chosen["use_dictionary"] or ())
    for name, encoding in list(chosen["column_encoding"].items()):
        if encoding == "BYTE_STREAM_SPLIT" and not _splits(rows[name].slice(0, PAGE)):
            del chosen["column_encoding"][name]
            # They may also be few enough for one page of distinct values, though a short sample shows each once.
            if pc.count_distinct(rows[name], mode="all").as_py() <= min(PAGE, rows.num_rows // 2):
                dictionaries.append(name)
    return {**chosen, "use_dictionary": dictionaries or False}


def _splits(values: pa.ChunkedArray) -> bool:
    numbers = values.combine_chunks().drop_null().to_numpy(zero_copy_only=False)
    if not len(numbers):
        return False
    words = np.frombuffer(numbers.tobytes(), dtype=np.uint8).reshape(len(numbers), -1)
    whole, split = (len(pa.compress(one.tobytes(), "zstd", asbytes=True)) for one in (words, words.T))
    return split < whole


def _with(first: pa.Table, rest: Iterator[pa.Table]) -> Iterator[pa.Table]:
    yield first
    yield from rest


def row_groups(parts: Iterable[pa.Table | pa.RecordBatch], schema: pa.Schema | None) -> Iterator[pa.Table]:
    """Yield the rows cut into row groups, each in one piece; one empty group where there are none."""
    held: list[pa.Table] = []
    count, given = 0, False
    for part in parts:
        rows = part if isinstance(part, pa.Table) else pa.Table.from_batches([part])
        schema = schema or rows.schema
        while rows.num_rows:
            taken = rows.slice(0, ROW_GROUP - count)
            rows = rows.slice(taken.num_rows)
            held.append(taken.select(schema.names).cast(schema))
            count += taken.num_rows
            if count == ROW_GROUP:
                yield pa.concat_tables(held).combine_chunks()
                held, count, given = [], 0, True
    if held:
        yield pa.concat_tables(held).combine_chunks()
    elif schema is not None and not given:
        yield schema.empty_table()
