"""One file of a source: where it is, what it is, and by what it is known again."""

import errno
import os
import zlib
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Literal, Self

import pyarrow as pa

from mlray.errors import DataError, UnavailableError
from mlray.spec import SourceSpec

__all__ = ["BROKEN", "RAGGED", "Format", "SourceFile", "unreadable", "whole"]

Format = Literal["parquet", "csv", "json"]

BROKEN = (OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error, pa.ArrowException)
"""What the readers raise for content that is not what it should be: damaged bytes can say anything."""

RAGGED = "columns, got"
"""What pyarrow says of a row that has more or fewer values than the header."""

BLOCK = 4 * 1024 * 1024
"""Bytes of a file that are read at a time where its content is looked at."""

_FORMATS: tuple[tuple[Format, tuple[str, ...]], ...] = (
    ("parquet", (".parquet", ".pq")),
    ("csv", (".csv", ".csv.gz", ".tsv", ".tsv.gz")),
    ("json", (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")),
)
_ANY = SourceSpec(files="*")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was found; small enough to send to any task, and without any secret."""

    name: str
    """What messages and manifests call it: the path from the project on, or the URL."""
    path: Path | None = None
    """Where it lies on this machine; None for an object in a bucket, or one that was not downloaded."""
    spec: SourceSpec = _ANY
    """How it is to be read: format, delimiter, character set, address."""
    key: str = ""
    """The object's key in its bucket."""
    size: int = -1
    modified: str = ""
    """When it was last changed, in the source's own words; only equality means anything."""
    etag: str = ""

    @classmethod
    def of(cls, place: "Path | SourceFile") -> Self:
        """Return a path on this machine as a file that is read by its name alone."""
        return place if isinstance(place, cls) else cls(str(place), Path(str(place)))

    @property
    def shown(self) -> str:
        """The file in a message: where somebody finds it."""
        return self.name if self.path is None or "://" in self.name else str(self.path)

    @property
    def format(self) -> Format:
        """What the file is: what its source says, else what its name says; DataError where neither does."""
        if self.spec.format is not None:
            return self.spec.format
        name = (self.path.name if self.path else self.name.partition("?")[0]).lower()
        for kind, endings in _FORMATS:
            if name.endswith(endings):
                return kind
        raise DataError(
            f"{self.shown} is neither Parquet nor CSV nor JSON lines by its name.",
            remedy="Name it .parquet, .csv, .jsonl (or .csv.gz, .jsonl.gz), or write `format:` in the source.",
        )

    def open(self) -> IO[bytes] | Any:  # noqa: ANN401 (an obstore reader is a file in all but its class)
        """Open the bytes for reading at any place; DataError or UnavailableError where that fails."""
        if self.path is None:
            from mlray.data.on_obstore import open_object

            return open_object(self.spec, self.key)
        try:
            return self.path.open("rb")
        except OSError as error:
            raise unreadable(self, "", error) from error

    def content(self) -> str:
        """Return a digest of size and content; empty for what does not lie on this machine.

        It tells a file that was only touched or copied from one that was written anew. The whole file is read, as a
        stream: one byte may make a row another one.
        """
        if self.path is None:
            return ""
        found = sha256(str(self.path.stat().st_size).encode())
        with self.path.open("rb") as file:
            while block := file.read(BLOCK):
                found.update(block)
        return found.hexdigest()[:32]

    def written_in(self, encoding: str | None, delimiter: str | None) -> "SourceFile":
        """Return the same file, its text in another character set or with another separator, where one is named."""
        said = {"encoding": encoding, "delimiter": delimiter}
        other = {name: value for name, value in said.items() if value not in (None, getattr(self.spec, name))}
        return replace(self, spec=self.spec.model_copy(update=other)) if other else self

    def here(self, path: Path) -> "SourceFile":
        """Return the same file, now at `path` on this machine."""
        return replace(self, path=path)


def unreadable(file: SourceFile, kind: str, error: Exception) -> DataError | UnavailableError:
    """Return the error that names the file, what went wrong, and what to do about it."""
    if isinstance(error, FileNotFoundError | PermissionError):
        why = os.strerror(error.errno or errno.ENOENT)
        return DataError(f"{file.shown} cannot be opened: {why}.", remedy="Check the path and its permissions.")
    first = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "UTF8" in first or "codec" in first or "UTF-8" in first:
        return DataError(
            f"{file.shown} is not whole, or not {kind} in {file.spec.encoding}: {first}",
            remedy="Name its character set: `source: {files: …, encoding: latin-1}`; nothing was committed.",
        )
    if RAGGED in first:
        return DataError(
            f"{file.shown} is not whole, or not {kind} in every line: {first}",
            remedy="A separator or a quote is missing there, or too many: correct the line, or fetch the file again."
            " The header is row 1, empty lines are not counted, and a value of several lines is in one row;"
            " nothing was committed.",
        )
    return DataError(
        f"{file.shown} is not whole, or not {kind}: {first}",
        remedy="Fetch the file again, or take it out of the folder; nothing was committed.",
    )


def whole(table: pa.Table) -> pa.Table:
    """Return `table` once its texts have been seen to be texts; pyarrow's error where their bytes are not UTF-8."""
    for column in table.columns:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            column.validate(full=True)
    return table
