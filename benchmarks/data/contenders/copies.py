"""Versions as full copies in folders of their own: what one does without a tool."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data.contenders.history import Files, answer


class Copies(Files):
    def keep(self) -> None:
        shutil.copytree(self.work, self.folder / "kept" / f"v{self.version}")

    def read(self, version: int) -> pa.Table:
        return pq.read_table(self.folder / "kept" / f"v{version}")

    def places(self) -> Iterable[Path]:
        return [self.folder / "kept"]


if __name__ == "__main__":
    answer(Copies)
