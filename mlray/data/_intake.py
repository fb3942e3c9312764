"""What an ingestion reads: of which files which rows, and what the cursor says once they are read."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mlray.data import sources
from mlray.data._cursor import Changes, Cursor
from mlray.data._land import Landing, land, land_all
from mlray.data.contract import Contract
from mlray.data.scan import Window
from mlray.data.sources import SourceFile
from mlray.spec import SourceSpec

__all__ = ["Intake", "Take", "gather", "intake"]


@dataclass(frozen=True, slots=True)
class Take:
    """One file, and which of its rows."""

    file: SourceFile
    window: Window
    again: bool = False
    """Whether rows of it were read before: such rows are known, and no fault."""
    since: datetime | None = None
    """No row of it that is asked for is earlier; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Intake:
    """All that is to be read."""

    takes: tuple[Take, ...]
    cursor: Cursor
    """What will be known once everything was read, but for the latest event time and which files have rows left."""
    note: str = ""
    """What happened to the source since last time, in words; such a thing is written down even if no row is new."""

    later: datetime | None = None
    """The earliest time of files that were left out since no row of theirs is due yet; None where none was."""

    @property
    def since(self) -> datetime | None:
        """No row that is asked for is earlier; None where that is not known."""
        starts = [take.since for take in self.takes]
        return min(start for start in starts if start) if starts and all(starts) else None


def intake(landing: Landing, cursor: Cursor, aside: Path) -> Intake:
    """Return what is to be read of a source now, given the cursor that the last ingestion left.

    Of a file that is as it was, only rows that were too late then, if it has any; of a new file all, however old;
    of one that changed all as well where a key tells which rows are known. What is no file is landed in `aside`.

    Raises:
        DataError: nothing is there, or a file cannot be read.
        UnavailableError: what is outside does not answer.
    """
    spec = landing.contract.data.origin
    if spec.kind != "files":
        landed, after, note = land(landing, cursor, aside)
        return Intake(tuple(Take(file, window, again=True, since=since) for file, window, since in landed), after, note)
    found = sources.find(spec, landing.folder)
    if cursor.kind != "files" or landing.as_of is None:
        brought = [_bring(file, aside) for file in found]
        # An older cursor that is a time alone tells nothing of files: they are read from there on, as they were then.
        window = Window(cursor.time, landing.until, open=not landing.contract.data.key)
        return _of(landing.contract, cursor.listing(brought, Changes(new=tuple(brought))), _all(brought, window))
    return _since(landing, cursor, landing.as_of, found, aside)


def gather(spec: SourceSpec, folder: Path, aside: Path, name: str) -> list[SourceFile]:
    """Return all files of a source, whatever was read of it before: for a lookup, which is read whole.

    Raises:
        DataError: nothing is there.
        UnavailableError: what is outside does not answer.
    """
    if spec.kind == "files":
        return [_bring(file, aside) for file in sources.find(spec, folder)]
    place = aside / f"lookup-{name}"
    place.mkdir()
    return land_all(spec, folder, place)


def _since(landing: Landing, cursor: Cursor, as_of: datetime, found: list[SourceFile], aside: Path) -> Intake:
    changes = cursor.compare(found)
    keyed = bool(landing.contract.data.key)
    here = {file.name: _bring(file, aside) for file in (*changes.new, *changes.changed)}
    # A server that gives neither a time nor an etag is found out only by what it sent.
    equal = {
        file.name for file in changes.changed if cursor.files[file.name].content == here[file.name].content() != ""
    }
    changes = replace(
        changes,
        changed=tuple(file for file in changes.changed if file.name not in equal),
        same=(*changes.same, *(file for file in changes.changed if file.name in equal)),
    )
    rest = Window(as_of, landing.until, exact=True)
    whole = Window(None, landing.until)
    takes = [Take(here[file.name], whole) for file in changes.new]
    takes += [Take(here[file.name], whole if keyed else rest, again=True) for file in changes.changed]
    left = [file for file in changes.same if cursor.known(file, changes).later and as_of < landing.until]
    takes += [Take(here.get(file.name) or _bring(file, aside), rest, since=as_of) for file in left]
    order = {file.name: place for place, file in enumerate(found)}
    takes.sort(key=lambda take: order[take.file.name])
    listed = cursor.listing([here.get(file.name, file) for file in found], changes)
    return _of(landing.contract, listed, takes, str(changes))


def _of(contract: Contract, cursor: Cursor, takes: Iterable[Take], note: str = "") -> Intake:
    """Leave out files whose footers tell that they have no row in their window."""
    kept: list[Take] = []
    later: dict[str, datetime | None] = {}
    for take in takes:
        file, window = take.file, take.window
        ends = None
        if file.format == "parquet":
            ends = sources.span(file, contract.footer_time(file.name, sources.columns_of(file)))
        if ends is None or (ends[0] < window.until and (window.start is None or ends[1] >= window.start)):
            kept.append(replace(take, since=take.since or (ends[0] if ends else None)))
        else:
            later[file.name] = ends[0] if ends[0] >= window.until else None
    left = cursor.left({name: time is not None for name, time in later.items()})
    return Intake(tuple(kept), left, note, min(filter(None, later.values()), default=None))


def _all(files: Iterable[SourceFile], window: Window) -> list[Take]:
    return [Take(file, window, since=window.start) for file in files]


def _bring(file: SourceFile, aside: Path) -> SourceFile:
    """Return the file at a place that can be read: what is behind HTTP is downloaded first."""
    if file.path is not None or file.spec.scheme not in ("http", "https"):
        return file
    from mlray.data.on_http import download

    return download(file, aside)
