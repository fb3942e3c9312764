"""Delta Lake through delta-rs: updates by merge, and columns that change write the whole table anew."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, WriterProperties, write_deltalake

from benchmarks.data.contenders.history import answer
from benchmarks.data.made import LEVEL, ROW_GROUP, total

WRITER = WriterProperties(compression="ZSTD", compression_level=LEVEL, max_row_group_size=ROW_GROUP)


class Delta:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "table"
        self.versions: list[int] = []

    def _kept(self) -> None:
        self.versions.append(DeltaTable(self.folder).version())

    def _write(self, table: pa.Table, mode: str) -> None:
        schema = {"schema_mode": "overwrite"} if mode == "overwrite" else {}
        write_deltalake(self.folder, table, mode=mode, writer_properties=WRITER, **schema)

    def base(self, tables: list[pa.Table]) -> None:
        for table in tables:
            self._write(table, "append")
        self._kept()

    def append(self, table: pa.Table) -> None:
        self._write(table, "append")
        self._kept()

    def update(self, rows: pa.Table) -> None:
        first, last = rows["id"][0].as_py(), rows["id"][-1].as_py()
        # The range lets it leave files alone that hold none of the rows.
        where = f"t.id = s.id and t.id >= {first} and t.id <= {last}"
        merge = DeltaTable(self.folder).merge(
            rows.select(["id", "amount"]), where, source_alias="s", target_alias="t", writer_properties=WRITER
        )
        merge.when_matched_update({"amount": "s.amount"}).execute()
        self._kept()

    def _anew(self, change: object) -> None:
        self._write(change(DeltaTable(self.folder).to_pyarrow_table()), "overwrite")
        self._kept()

    def derive(self) -> None:
        self._anew(lambda table: table.append_column("total", total(table)))

    def drop(self) -> None:
        self._anew(lambda table: table.drop_columns(["visit"]))

    def rename(self) -> None:
        self._anew(lambda table: table.rename_columns({name: name for name in table.column_names} | {"score": "risk"}))

    def read(self, version: int) -> pa.Table:
        return DeltaTable(self.folder, version=self.versions[version - 1]).to_pyarrow_table()

    def places(self) -> Iterable[Path]:
        return [self.folder]


if __name__ == "__main__":
    answer(Delta)
