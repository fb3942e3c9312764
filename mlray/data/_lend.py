"""What the tasks of one ingestion share: in a folder that all see, or as blobs of the store where none is."""

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlray.data.sources import SourceFile
from mlray.data.store import Store
from mlray.data.store.storage import LocalStorage

__all__ = ["Lender", "Lent", "brought", "lent_rows"]

Lent = Path | str
"""A Parquet file by its path, or a blob of the store by its name."""


@dataclass(frozen=True, slots=True)
class Lender:
    """Lends tables and landed files to tasks for the time of an ingestion.

    A store in a folder has a place beside its files, which whoever reaches the store reaches as well. One in a bucket
    has none: what is lent there is a blob that no version names, and the next sweep takes it away.
    """

    store: Store
    aside: Path
    near: bool = False
    """Whether all tasks run in this process."""

    @property
    def shared(self) -> bool:
        """Whether tasks see the folder `aside`."""
        return self.near or isinstance(self.store.storage, LocalStorage)

    def table(self, rows: pa.Table, name: str) -> Lent:
        """Lend rows under a name of their own."""
        path = self.aside / f"{name}.parquet"
        pq.write_table(rows, path)
        return path if self.shared else self.store.put_file(path)[0]

    def file(self, file: SourceFile) -> str:
        """Lend a file that was brought into `aside`; return its blob, or nothing where tasks open it as it is."""
        if self.shared or file.path is None or not file.path.is_relative_to(self.aside):
            return ""
        # The store takes what it is given, and this process goes on reading the file.
        copy = file.path.with_name(f"{file.path.name}~")
        os.link(file.path, copy)
        return self.store.put_file(copy)[0]


def lent_rows(store: Store, lent: Lent | None) -> pa.Table | None:
    """Return the rows that were lent, if any were."""
    if lent is None:
        return None
    return pq.read_table(lent) if isinstance(lent, Path) else store.get(lent)


def brought(store: Store, file: Path | SourceFile, blob: str, aside: Path) -> SourceFile:
    """Return a lent file at a place in `aside`; as it is where it lies on this machine."""
    found = SourceFile.of(file)
    if not blob or (found.path is not None and found.path.exists()):
        return found
    # The ending of its name may be all that tells its format.
    place = aside / (found.path.name if found.path else blob)
    with store.blobs.opened(blob) as lent, place.open("wb") as here:
        shutil.copyfileobj(lent, here, 1 << 22)
    return replace(found, path=place)
