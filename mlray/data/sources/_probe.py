"""A look at a source from outside: what it lists, and no row of it read."""

from dataclasses import dataclass
from pathlib import Path

from mlray.data.sources._find import find
from mlray.data.sources._place import SourceFile
from mlray.ids import digest_of
from mlray.spec import Data, SourceSpec

__all__ = ["COLUMNS", "Probe", "probe"]

COLUMNS = ", columns "
"""What stands in the mark of a database between what was counted and the digest of its columns."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a source looks like from outside. Two probes with equal `token` saw the same."""

    files: tuple[SourceFile, ...] = ()
    """Of the source and its lookups: name, size, time and etag."""
    marks: tuple[tuple[str, str], ...] = ()
    """Of what is no file: source → its count, highest cursor value and columns, its end offsets or its snapshot."""

    @property
    def token(self) -> str:
        """A digest of all that was seen: while it stays the same, nothing has to be read."""
        listing = [[file.name, file.size, file.modified, file.etag] for file in self.files]
        return digest_of([listing, [list(mark) for mark in self.marks]])

    @property
    def bytes(self) -> int:
        """Bytes of all files whose size is known."""
        return sum(max(file.size, 0) for file in self.files)


def probe(data: Data, folder: Path) -> Probe:
    """Return what the sources of `data` (its lookups as well) look like now, without reading rows.

    Files are listed; a server is asked for its headers; a database for a count, the highest cursor value and its
    columns; a topic for its offsets; a table for its snapshot.

    Raises:
        DataError: nothing is there.
        UnavailableError: what is outside does not answer.
    """
    files: list[SourceFile] = []
    marks: list[tuple[str, str]] = []
    for spec, time in [(data.origin, data.time), *((lookup.origin, "") for lookup in data.lookups.values())]:
        if spec.kind == "files":
            files += find(spec, folder)
        else:
            marks.append((str(spec), _mark(spec, folder, time)))
    return Probe(tuple(files), tuple(marks))


def _mark(spec: SourceSpec, folder: Path, time: str) -> str:
    match spec.kind:
        case "sql":
            from mlray.data.on_sql import mark, shape

            counted = mark(spec, folder, spec.cursor.column if spec.cursor else time)
            # A column that was renamed changes neither the count nor the highest value.
            return f"{counted}{COLUMNS}{shape(spec, folder)}"
        case "kafka":
            from mlray.data.on_kafka import mark as ends

            return ends(spec)
        case _:
            from mlray.data.sources._tables import snapshot

            return snapshot(spec)
