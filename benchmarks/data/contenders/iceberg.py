"""Apache Iceberg through pyiceberg: a catalog in SQLite, updates as copy-on-write of the files that they touch."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import _dataframe_to_data_files
from pyiceberg.types import DoubleType

from benchmarks.data.contenders.history import answer
from benchmarks.data.made import LEVEL, ROW_GROUP, total

SETTINGS = {
    "write.parquet.compression-codec": "zstd",
    "write.parquet.compression-level": str(LEVEL),
    "write.parquet.row-group-limit": str(ROW_GROUP),
}


class Iceberg:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "warehouse"
        self.folder.mkdir()
        self.catalog = SqlCatalog("bench", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{self.folder}")
        self.catalog.create_namespace("bench")
        self.snapshots: list[int] = []

    def _kept(self) -> None:
        self.snapshots.append(self.table.current_snapshot().snapshot_id)

    def base(self, tables: list[pa.Table]) -> None:
        self.table = self.catalog.create_table("bench.rows", schema=tables[0].schema, properties=SETTINGS)
        # A file for each part, as the other stores have it: an update then rewrites no more than it touches.
        with self.table.transaction() as transaction, transaction.update_snapshot().fast_append() as update:
            for table in tables:
                for file in self._files(table):
                    update.append_data_file(file)
        self._kept()

    def _files(self, table: pa.Table) -> list[object]:
        return list(_dataframe_to_data_files(self.table.metadata, table, self.table.io))

    def append(self, table: pa.Table) -> None:
        self.table.append(table)
        self._kept()

    def update(self, rows: pa.Table) -> None:
        """Overwrite the files that hold one of the rows: a good deal faster than its `upsert`."""
        ids = rows["id"].to_numpy()

        def changed(old: pa.Table) -> pa.Table | None:
            mine = old["id"].to_numpy()
            inside = (ids >= mine[0]) & (ids <= mine[-1])
            if not inside.any():
                return None
            amount = old["amount"].to_numpy().copy()
            amount[np.searchsorted(mine, ids[inside])] = rows["amount"].to_numpy()[inside]
            return old.set_column(old.schema.get_field_index("amount"), "amount", pa.array(amount))

        self._overwrite(changed)

    def _overwrite(self, change: object) -> None:
        files = [task.file for task in self.table.scan().plan_files()]
        with self.table.transaction() as transaction, transaction.update_snapshot().overwrite() as update:
            for file in files:
                new = change(pq.read_table(file.file_path.removeprefix("file://")))
                if new is not None:
                    update.delete_data_file(file)
                    for made in self._files(new):
                        update.append_data_file(made)
        self._kept()

    def derive(self) -> None:
        with self.table.update_schema() as update:
            update.add_column("total", DoubleType())
        self._overwrite(lambda old: old.append_column("total", total(old)))

    def drop(self) -> None:
        with self.table.update_schema() as update:
            update.delete_column("visit")
        self._kept()

    def rename(self) -> None:
        with self.table.update_schema() as update:
            update.rename_column("score", "risk")
        self._kept()

    def read(self, version: int) -> pa.Table:
        if version < 6:
            return self.table.scan(snapshot_id=self.snapshots[version - 1]).to_arrow()
        # Its snapshots know the schema that they were written with; the last two steps made no snapshot.
        table = self.table.scan().to_arrow()
        return (
            table
            if version == len(self.snapshots)
            else table.rename_columns(["score" if name == "risk" else name for name in table.column_names])
        )

    def diff(self, old: int, new: int) -> int:
        """Compare the files that only one of the versions has, row by row; it has no row difference of its own."""
        sides = [
            {task.file.file_path for task in self.table.scan(snapshot_id=self.snapshots[version - 1]).plan_files()}
            for version in (old, new)
        ]
        before, after = (
            pa.concat_tables(pq.read_table(name.removeprefix("file://")) for name in sorted(side - other)).sort_by("id")
            for side, other in (sides, sides[::-1])
        )
        changed = np.zeros(before.num_rows, bool)
        for name in before.column_names:
            changed |= pc.not_equal(before[name], after[name]).to_numpy()
        return int(changed.sum())

    def places(self) -> Iterable[Path]:
        return [self.folder]


if __name__ == "__main__":
    answer(Iceberg)
