"""Where a plan's rows go: files in a folder, or fragments of a table."""

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from mlray.data._layout import Writer
from mlray.data.store.storage import LocalStorage, Storage
from mlray.errors import DataError, StoreError
from mlray.ids import Json
from mlray.records import DatasetVersion

__all__ = ["FolderSink", "Sink", "Written", "settle"]

LEDGER = ".parts"
MOVES = "moves.json"
"""The names that are to stand in the folder, and no others."""


@dataclass(frozen=True)
class Written:
    """What stands at the end."""

    files: tuple[Path, ...] = ()
    version: DatasetVersion | None = None


class Sink(Protocol):
    """Takes one part's rows at a time, in any process; picklable."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def write(self, number: int, parts: Iterable[pa.RecordBatch], origin: str) -> dict[str, Json]:
        """Write the rows of part `number`, which are from `origin`; return what `finish` needs to know of them."""
        ...

    def intact(self, written: dict[str, Json]) -> bool:
        """Tell whether what `write` once reported is still there."""
        ...

    @property
    def ledger(self) -> Storage:
        """Where finished parts are remembered."""
        ...

    def begin(self, kept: Sequence[dict[str, Json]], *, again: bool) -> None:
        """Get ready; `again` where an earlier run of the same plan has left parts, of which those `kept` still count.

        Raises:
            DataError: something is in the way.
        """
        ...

    def finish(self, written: Sequence[dict[str, Json]], note: str, run: str) -> Written:
        """Make of all that `write` reported, in order, what people see; `note` says what the plan did.

        Called again for the same `run`, as after a crash, it does nothing twice.
        """
        ...


@dataclass(frozen=True)
class FolderSink:
    """One Parquet file per part, named by its number; a part without rows makes none.

    Files are written aside, and come into the folder when the last is done: who reads the folder sees what was there
    before, or all of it. Names are moved one by one, by a list that is written first; whoever next writes or reads by a
    plan completes a move that was cut off.
    """

    folder: Path
    replace: bool = False
    """Let the files take the place of the Parquet files that are there."""

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def ledger(self) -> Storage:
        """A hidden folder beside the files; it goes when the last part is done."""
        return LocalStorage(self.folder / LEDGER)

    @property
    def _aside(self) -> Path:
        return _aside(self.folder)

    def begin(self, kept: Sequence[dict[str, Json]], *, again: bool) -> None:
        """Make the folder, which must have no Parquet files but those of an earlier run of the same plan."""
        stays = {str(each["file"]) for each in kept}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            settle(self.folder)
            there = [path for path in sorted(self.folder.glob("*.parquet")) if not again or path.name not in stays]
            if not there or self.replace:
                self._aside.mkdir(parents=True, exist_ok=True)
                for path in self._aside.iterdir():
                    if path.name not in stays:
                        path.unlink()
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        if there and not self.replace:
            raise DataError(
                f"{self.folder} has Parquet files already, such as {there[0].name}.",
                remedy="Write to another folder, or give `replace=True` to replace them.",
            )

    def finish(self, written: Sequence[dict[str, Json]], note: str, run: str) -> Written:  # noqa: ARG002 (a folder keeps neither)
        """Let the files be seen, in place of those that were there; what remembered the parts goes."""
        names = [str(each["file"]) for each in written if each["file"]]
        try:
            self.ledger.replace(MOVES, json.dumps(names).encode())
            settle(self.folder)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        shutil.rmtree(self.folder / LEDGER, ignore_errors=True)
        return Written(tuple(self.folder / name for name in names))

    def write(self, number: int, parts: Iterable[pa.RecordBatch], origin: str = "") -> dict[str, Json]:  # noqa: ARG002 (a folder does not tell)
        """Write `part-<number>.parquet` aside, whole or not at all."""
        path = self._aside / f"part-{number:05d}.parquet"
        unfinished = self._aside / f".{path.name}.{os.getpid()}"
        try:
            rows = _written(parts, unfinished)
            if not rows:
                return {"file": "", "rows": 0, "bytes": 0}
            size = unfinished.stat().st_size
            unfinished.replace(path)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        finally:
            unfinished.unlink(missing_ok=True)
        return {"file": path.name, "rows": rows, "bytes": size}

    def intact(self, written: dict[str, Json]) -> bool:
        """Tell whether the file is there with its size: aside, or where a run that was cut off at its end moved it."""
        if not written["file"]:
            return True
        name, size = str(written["file"]), written["bytes"]
        return any(path.is_file() and path.stat().st_size == size for path in (self._aside / name, self.folder / name))


def settle(folder: Path) -> None:
    """Complete the move of a plan's files into `folder`, where one was cut off.

    Raises:
        OSError: the folder cannot be written.
    """
    moves = folder / LEDGER / MOVES
    if not moves.is_file():
        return
    names = json.loads(moves.read_bytes())
    for path in folder.glob("*.parquet"):
        if path.name not in names:
            path.unlink()
    for name in names:
        made = _aside(folder) / name
        if made.exists():
            made.replace(folder / name)
    moves.unlink()


def _aside(folder: Path) -> Path:
    return folder / LEDGER / "rows"


def _written(parts: Iterable[pa.RecordBatch], path: Path) -> int:
    with Writer(path) as writer:
        for rows in parts:
            if rows.num_rows:
                writer.write(rows)
    return writer.rows


def _unwritable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"{folder} cannot be written: {error}.", remedy="Check the disk and its permissions.")
