"""The cursor: what of a source was read. It lies in the version's manifest, so that rows and cursor cannot part."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Self

from mlray.data.sources import SourceFile
from mlray.errors import DataError

__all__ = ["Changes", "Cursor", "Known", "Mark", "lasting"]

Kind = Literal["time", "files", "column", "offsets", "snapshot"]
Mark = int | float | str | datetime | date | Decimal
"""A value of a growing column, as the database gave it: only there is it compared."""


@dataclass(frozen=True, slots=True)
class Known:
    """A file as it was when it was read."""

    size: int
    modified: str = ""
    etag: str = ""
    content: str = ""
    """A digest of its content, by which a file that was only touched or moved is known again."""
    later: bool = False
    """Whether it has rows that were not read, since they are later than what was asked for."""
    gone: bool = False
    """Whether it was removed since; what was read from it stays."""

    @classmethod
    def of(cls, file: SourceFile, *, later: bool) -> Self:
        """Return what is to be remembered of `file`."""
        return cls(file.size, file.modified, file.etag, file.content(), later)

    def is_still(self, file: SourceFile) -> bool:
        """Tell whether `file` is what it was. It is read for that only where its time changed and its size did not."""
        if self.etag and file.etag:
            return self.etag == file.etag
        if self.size != file.size:
            return False
        if self.modified == file.modified and file.modified:
            return True
        return bool(self.content) and self.content == file.content()


@dataclass(frozen=True, slots=True)
class Changes:
    """A listing compared with what was read before."""

    new: tuple[SourceFile, ...] = ()
    changed: tuple[SourceFile, ...] = ()
    same: tuple[SourceFile, ...] = ()
    removed: tuple[str, ...] = ()
    """Names that are not listed any more."""
    moved: Mapping[str, str] = field(default_factory=dict)
    """New name → the name under which the file was read."""

    def __str__(self) -> str:
        """Return in words what is worth telling; nothing where nothing changed or went away."""
        told = [("changed", [file.name for file in self.changed]), ("removed", list(self.removed))]
        return "; ".join(f"{word}: {_some(names)}" for word, names in told if names)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next ingestion goes on."""

    kind: Kind = "time"
    time: datetime | None = None
    """The latest event time that was kept."""
    files: Mapping[str, Known] = field(default_factory=dict)
    column: str = ""
    mark: Mark | None = None
    """Rows below this value of `column` were read."""
    again: bool = False
    """Whether rows at the mark itself are to be read (once more)."""
    offsets: Mapping[str, int] = field(default_factory=dict)
    """Partition → the offset of the next message."""
    snapshot: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the cursor that a manifest holds; older ones hold an event time alone.

        >>> Cursor.read("2024-01-01T00:00:00+00:00").kind
        'time'
        """
        if not text.startswith("{"):
            return cls("time", datetime.fromisoformat(text) if text else None)
        said = json.loads(text)
        time, mark = said.pop("time", None), said.pop("mark", None)
        files = {name: Known(**known) for name, known in said.pop("files", {}).items()}
        return cls(time=datetime.fromisoformat(time) if time else None, files=files, mark=_mark(mark), **said)

    def text(self) -> str:
        """Return the JSON text that a manifest keeps; what says nothing is left out."""
        said: dict[str, Any] = {"kind": self.kind, "time": self.time.isoformat() if self.time else None}
        if self.files:
            said["files"] = {name: _brief(known) for name, known in sorted(self.files.items())}
        if self.mark is not None:
            said["mark"] = [type(self.mark).__name__, _plain(self.mark)]
        for name in ("column", "again", "offsets", "snapshot"):
            value = getattr(self, name)
            if value:
                said[name] = dict(value) if isinstance(value, Mapping) else value
        return json.dumps(said, separators=(",", ":"), ensure_ascii=False)

    def compare(self, found: Sequence[SourceFile]) -> Changes:
        """Return which of the files `found` are new, changed or the same, and which are not there any more."""
        new: list[SourceFile] = []
        changed: list[SourceFile] = []
        same: list[SourceFile] = []
        for file in found:
            known = self.files.get(file.name)
            if known is None:
                new.append(file)
            else:
                (same if known.is_still(file) else changed).append(file)
        names = {file.name for file in found}
        away = {name: known for name, known in self.files.items() if name not in names}
        moved = _moved(new, away)
        return Changes(
            new=tuple(file for file in new if file.name not in moved),
            changed=tuple(changed),
            same=(*same, *(file for file in new if file.name in moved)),
            removed=tuple(
                sorted(name for name, known in away.items() if not known.gone and name not in moved.values())
            ),
            moved=moved,
        )

    def known(self, file: SourceFile, changes: Changes) -> Known:
        """Return what is known of a file that is the same as before, under whichever name."""
        return self.files[changes.moved.get(file.name, file.name)]

    def listing(self, found: Sequence[SourceFile], changes: Changes) -> "Cursor":
        """Return the cursor with `found` listed, to be made before they are read.

        A file that is written meanwhile then differs from what is remembered, and is read again next time.
        """
        same = {file.name for file in changes.same}
        listed = {
            file.name: replace(self.known(file, changes), modified=file.modified, gone=False)
            if file.name in same
            else Known.of(file, later=True)
            for file in found
        }
        # A file that comes back is no new one: its rows are there.
        gone = {
            name: replace(known, gone=True)
            for name, known in self.files.items()
            if name not in listed and name not in changes.moved.values()
        }
        return replace(self, kind="files", files={**gone, **listed})

    def left(self, later: Mapping[str, bool]) -> "Cursor":
        """Return the cursor with what the reading told: of which files rows are left."""
        files = {name: replace(known, later=later.get(name, known.later)) for name, known in self.files.items()}
        return replace(self, files=files)

    def lower(self, lag: timedelta) -> Mark | None:
        """Return the mark from which rows are read again, `lag` before it.

        Raises:
            DataError: the mark is neither a time nor a text that reads as one.
        """
        if not lag or self.mark is None:
            return self.mark
        if isinstance(self.mark, date):
            return self.mark - lag
        try:
            then = datetime.fromisoformat(str(self.mark)) - lag if isinstance(self.mark, str) else None
        except ValueError:
            then = None
        if then is None:
            raise DataError(
                f"The cursor column '{self.column}' holds {self.mark!r}, which has no lag of {lag}.",
                remedy="Leave `lag` out, or name a column that holds a time.",
            )
        text = str(self.mark)
        return then.isoformat(sep="T" if "T" in text else " ", timespec="microseconds")[: len(text)]


def lasting(text: str) -> str:
    """Return what of a cursor is the same for the same source anywhere: when files were written is not."""
    if not text.startswith("{"):
        return text
    said = json.loads(text)
    for known in said.get("files", {}).values():
        known.pop("modified", None)
    return json.dumps(said, separators=(",", ":"), sort_keys=True)


def _moved(new: Sequence[SourceFile], away: Mapping[str, Known]) -> dict[str, str]:
    by_content = {(known.size, known.content): name for name, known in away.items() if known.content}
    if not by_content:
        return {}
    sizes = {size for size, _ in by_content}
    pairs = ((file, by_content.pop((file.size, file.content()), "")) for file in new if file.size in sizes)
    return {file.name: before for file, before in pairs if before}


def _brief(known: Known) -> dict[str, Any]:
    said = {"size": known.size, "modified": known.modified, "etag": known.etag, "content": known.content}
    return (
        {name: value for name, value in said.items() if value}
        | {name: True for name in ("later", "gone") if getattr(known, name)}
        | ({} if known.size else {"size": 0})
    )


def _plain(mark: Mark) -> int | float | str:
    if isinstance(mark, date):
        return mark.isoformat()
    return str(mark) if isinstance(mark, Decimal) else mark


def _mark(said: Sequence[Any] | None) -> Mark | None:
    if said is None:
        return None
    kind, value = said
    made: dict[str, Any] = {"datetime": datetime.fromisoformat, "date": date.fromisoformat, "Decimal": Decimal}
    mark: Mark = made[kind](value) if kind in made else value
    return mark


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
