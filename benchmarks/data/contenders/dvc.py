"""DVC: a folder of Parquet files under `dvc add`, each version a commit of Git; what counts is its cache."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from dvc.repo import Repo

from benchmarks.data.contenders.history import Files, answer

IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")


class Dvc(Files):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._git("init", "--quiet")
        with Repo.init(str(folder)):
            pass
        self._git("commit", "--quiet", "--message", "begin")

    def _git(self, *command: str) -> None:
        subprocess.run(["git", *IDENTITY, *command], cwd=self.folder, check=True)

    def keep(self) -> None:
        os.chdir(self.folder)
        with Repo(str(self.folder)) as repo:
            repo.add("work")
        self._git("add", "work.dvc", ".gitignore")
        self._git("commit", "--quiet", "--message", f"v{self.version}")
        self._git("tag", f"v{self.version}")

    def read(self, version: int) -> pa.Table:
        self._git("checkout", "--quiet", f"v{version}", "--", "work.dvc")
        with Repo(str(self.folder)) as repo:
            repo.checkout("work.dvc", force=True)
        return pq.read_table(self.work)

    def places(self) -> Iterable[Path]:
        return [self.folder / ".dvc" / "cache"]


if __name__ == "__main__":
    answer(Dvc)
