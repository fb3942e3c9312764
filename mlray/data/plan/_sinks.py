"""Where a plan's rows go: files in a folder, or fragments of a table."""

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

__all__ = ["FolderSink", "Sink", "Written"]

LEDGER = ".parts"


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

    def write(self, number: int, parts: Iterable[pa.RecordBatch]) -> dict[str, Json]:
        """Write the rows of part `number` and return what `finish` needs to know of them."""
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
    """One Parquet file per part, named by its number; a part without rows makes none."""

    folder: Path
    replace: bool = False
    """Remove the Parquet files that are there before."""

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def ledger(self) -> Storage:
        """A hidden folder beside the files; it goes when the last part is done."""
        return LocalStorage(self.folder / LEDGER)

    def begin(self, kept: Sequence[dict[str, Json]], *, again: bool) -> None:
        """Make the folder, which must have no Parquet files but those of an earlier run of the same plan."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            there = sorted(self.folder.glob("*.parquet"))
            stays = {each["file"] for each in kept}
            for path in there if again or self.replace else ():
                if path.name not in stays:
                    path.unlink()
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        if there and not again and not self.replace:
            raise DataError(
                f"{self.folder} has Parquet files already, such as {there[0].name}.",
                remedy="Write to another folder, or give `replace=True` to remove them.",
            )

    def finish(self, written: Sequence[dict[str, Json]], note: str, run: str) -> Written:  # noqa: ARG002 (a folder keeps neither)
        """Return the files; what remembered the parts goes."""
        shutil.rmtree(self.folder / LEDGER, ignore_errors=True)
        return Written(tuple(self.folder / str(each["file"]) for each in written if each["file"]))

    def write(self, number: int, parts: Iterable[pa.RecordBatch]) -> dict[str, Json]:
        """Write `part-<number>.parquet`, whole or not at all."""
        path = self.folder / f"part-{number:05d}.parquet"
        aside = self.folder / f".{path.name}.{os.getpid()}"
        try:
            rows = _written(parts, aside)
            if not rows:
                return {"file": "", "rows": 0, "bytes": 0}
            size = aside.stat().st_size
            aside.replace(path)
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        finally:
            aside.unlink(missing_ok=True)
        return {"file": path.name, "rows": rows, "bytes": size}

    def intact(self, written: dict[str, Json]) -> bool:
        """Tell whether the file is there with its size."""
        if not written["file"]:
            return True
        path = self.folder / str(written["file"])
        return path.is_file() and path.stat().st_size == written["bytes"]


def _written(parts: Iterable[pa.RecordBatch], path: Path) -> int:
    with Writer(path) as writer:
        for rows in parts:
            if rows.num_rows:
                writer.write(rows)
    return writer.rows


def _unwritable(folder: Path, error: OSError) -> StoreError:
    return StoreError(f"{folder} cannot be written: {error}.", remedy="Check the disk and its permissions.")
