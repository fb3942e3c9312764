"""Our store: the edits of `mlray.data.Table`."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from benchmarks.data.contenders.history import answer
from benchmarks.data.made import total
from mlray.data import Store
from mlray.data.table import Table


class Ours:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "store"
        self.table = Table(Store(self.folder), "rows")

    def base(self, tables: list[pa.Table]) -> None:
        # Each part a fragment, as the other stores have a file for each.
        self.table.append(tables, key=["id"])

    def append(self, table: pa.Table) -> None:
        self.table.append(table)

    def update(self, rows: pa.Table) -> None:
        self.table.upsert(rows, key=["id"])

    def derive(self) -> None:
        self.table.add_column("total", ["amount", "quantity"], total)

    def drop(self) -> None:
        self.table.drop_column("visit")

    def rename(self) -> None:
        self.table.rename_column("score", "risk")

    def read(self, version: int) -> pa.Table:
        return self.table.read(version)

    def diff(self, old: int, new: int) -> int:
        return self.table.diff(old, new).changed["amount"]

    def places(self) -> Iterable[Path]:
        return [self.folder]


if __name__ == "__main__":
    answer(Ours)
