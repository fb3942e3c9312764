"""The edit history that every store goes through, and the jobs by which it is asked to: seven versions of one table."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.data.made import LEVEL, ROW_GROUP, part, parts, raised, total
from benchmarks.data.workers import serve

__all__ = ["Files", "Store", "answer", "bytes_in", "write"]


class Store(Protocol):
    """What each store must be able to do; versions count from 1."""

    def base(self, tables: list[pa.Table]) -> None: ...
    def append(self, table: pa.Table) -> None: ...
    def update(self, rows: pa.Table) -> None:
        """Take over the rows, whole and sorted by `id`, of which only `amount` differs."""

    def derive(self) -> None: ...
    def drop(self) -> None: ...
    def rename(self) -> None: ...
    def read(self, version: int) -> pa.Table: ...
    def places(self) -> Iterable[Path]:
        """Return the folders whose bytes count."""


class History:
    """One store on its way through the steps; rows are made before the clock runs."""

    def __init__(self, make: Any) -> None:
        self.make = make

    def open(self, folder: str, rows: int) -> None:
        """Begin anew in an empty folder."""
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(parents=True)
        step = rows // 5
        self.rows = rows
        self.tables = [pq.read_table(file) for file in parts(5, step)]
        self.extra = part(5, rows // 20, step)
        self.updates = {"scattered": self._scattered(7), "clustered": self._raised(np.arange(rows // 100) + rows // 2)}
        self.store: Store = self.make(Path(folder))

    def _raised(self, ids: np.ndarray) -> pa.Table:
        return raised(self.tables, ids)

    def _scattered(self, seed: int) -> pa.Table:
        return self._raised(np.sort(np.random.default_rng(seed).choice(self.rows, self.rows // 100, replace=False)))

    def step(self, name: str) -> None:
        """Do one step of the history."""
        match name:
            case "base":
                self.store.base(self.tables)
            case "append":
                self.store.append(self.extra)
            case "scattered" | "clustered":
                self.store.update(self.updates[name])
            case _:
                getattr(self.store, name)()

    def step_snapshot(self, name: str) -> int:
        """Do one step, and return what the store calls its version."""
        self.step(name)
        return self.store.snapshots[-1]  # type: ignore[attr-defined]

    def prepare(self, seed: int) -> None:
        """Make another scattered update; `step("scattered")` carries it out."""
        self.updates["scattered"] = self._scattered(seed)

    def size(self) -> int:
        """Return the bytes in the store."""
        return sum(map(bytes_in, self.store.places()))

    def read(self, version: int) -> dict[str, float]:
        """Read a version whole, and return what tells whether it is the right one."""
        return facts(self.store.read(version))

    def diff(self, old: int, new: int) -> int:
        """Return how many rows changed."""
        return self.store.diff(old, new)  # type: ignore[attr-defined]


def facts(table: pa.Table) -> dict[str, float]:
    """Return what equal versions have in common, whatever the order of their rows."""
    risk = table["risk" if "risk" in table.column_names else "score"]
    sums = {"amount": pc.sum(table["amount"]).as_py(), "score": pc.sum(pc.abs(risk)).as_py()}
    if "total" in table.column_names:
        sums["total"] = pc.sum(table["total"]).as_py()
    return {"rows": table.num_rows, "columns": table.num_columns} | {
        name: round(value, 0) for name, value in sums.items()
    }


def answer(make: Any) -> None:
    """Serve the jobs of a history for the store that `make(folder)` returns."""
    history = History(make)
    serve(
        open=history.open,
        step=history.step,
        step_snapshot=history.step_snapshot,
        prepare=history.prepare,
        size=history.size,
        read=history.read,
        diff=history.diff,
    )


def bytes_in(folder: Path) -> int:
    """Return the bytes of all files below `folder`, those with two names once."""
    seen = {}
    for place, _, names in os.walk(folder):
        for name in names:
            status = (Path(place) / name).lstat()
            seen[status.st_ino] = status.st_size
    return sum(seen.values())


def write(table: pa.Table, file: Path, **settings: Any) -> None:
    """Write Parquet as everybody does."""
    pq.write_table(table, file, compression="zstd", compression_level=LEVEL, row_group_size=ROW_GROUP, **settings)


class Files:
    """A store that knows files only: a part per file, those that change are written anew from memory.

    What it must not do is read: the current rows stay in memory, which is the best that a user of it can do.
    """

    settings: dict[str, Any] = {}  # noqa: RUF012 (never changed)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir()
        self.tables: list[pa.Table] = []
        self.version = 0

    def keep(self) -> None:
        """Make what lies in the folder `work` the next version."""
        raise NotImplementedError

    def _write(self, changed: dict[int, pa.Table]) -> None:
        for number, table in changed.items():
            self.tables[number] = table
            write(table, self.work / f"part-{number:03d}.parquet", **self.settings)
        self.version += 1
        self.keep()

    def base(self, tables: list[pa.Table]) -> None:
        self.tables = [*tables]
        self._write(dict(enumerate(tables)))

    def append(self, table: pa.Table) -> None:
        self.tables.append(table)
        self._write({len(self.tables) - 1: table})

    def update(self, rows: pa.Table) -> None:
        ids, changed = rows["id"].to_numpy(), {}
        for number, table in enumerate(self.tables):
            first = table["id"][0].as_py()
            inside = (ids >= first) & (ids < first + table.num_rows)
            if inside.any():
                amount = table["amount"].to_numpy().copy()
                amount[ids[inside] - first] = rows["amount"].to_numpy()[inside]
                changed[number] = table.set_column(table.schema.get_field_index("amount"), "amount", pa.array(amount))
        self._write(changed)

    def _all(self, change: Any) -> None:
        self._write({number: change(table) for number, table in enumerate(self.tables)})

    def derive(self) -> None:
        self._all(lambda table: table.append_column("total", total(table)))

    def drop(self) -> None:
        self._all(lambda table: table.drop_columns(["visit"]))

    def rename(self) -> None:
        self._all(lambda table: table.rename_columns({name: name for name in table.column_names} | {"score": "risk"}))
