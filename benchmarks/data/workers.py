"""Contenders in processes of their own, which answer one job after another: their seconds, and their tree's memory.

A process keeps what it has imported, opened or started, so that rounds of several contenders can follow each other in
turn with Ray warm and libraries loaded.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.peers import PLACE
from benchmarks.processes import descendants, inherit_orphans, memory_of, started, used

__all__ = ["Answer", "Worker", "WorkerError", "serve"]

ROOT = Path(__file__).parents[2]
LOGS = PLACE / "logs"
EVERY = 0.2


class WorkerError(RuntimeError):
    """A contender failed; the message is its traceback."""


@dataclass(frozen=True)
class Answer:
    """What became of one job."""

    seconds: float
    """Inside the process, the job alone."""
    memory: float
    """The largest proportional set size of its process tree while it ran, in MB."""
    value: Any
    cpu: float = 0.0
    """CPU seconds of its process tree meanwhile; of a process that ended, up to the last look at it."""


class Worker:
    """One contender: the module `<package>.<name>`, run by the Python of an environment."""

    def __init__(
        self,
        name: str,
        python: Path | str = sys.executable,
        *,
        package: str = "benchmarks.data.contenders",
        every: float = EVERY,
        **settings: str,
    ) -> None:
        """Start the process and wait until it has loaded its libraries; `settings` go into its environment.

        While it works its process tree is looked at `every` so many seconds.
        """
        LOGS.mkdir(parents=True, exist_ok=True)
        self.name, self._every = name, every
        os.sync()
        self._began = time.monotonic()
        self._log = LOGS / f"{name}-{os.getpid()}.log"
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                [str(python), "-m", f"{package}.{name}"],
                cwd=ROOT,
                env={**os.environ, **settings},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._read()

    def ask(self, job: str, **arguments: Any) -> Answer:
        """Have one job done, after the disk has taken what others wrote."""
        os.sync()
        peak, over = [0.0], threading.Event()
        before, seen = self._cpu(), {}

        def watch() -> None:
            while True:
                seen.update(self._cpu())
                peak[0] = max(peak[0], sum(map(memory_of, self._tree())))
                if over.wait(self._every):
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            self._child.stdin.write(json.dumps({"job": job, "arguments": arguments}) + "\n")
            self._child.stdin.flush()
            found = self._read()
        finally:
            over.set()
            watcher.join()
        seen.update(self._cpu())
        spent = sum(seconds - before.get(process, 0.0) for process, seconds in seen.items())
        return Answer(found["seconds"], peak[0], found["value"], spent)

    def _tree(self) -> list[int]:
        return [self._child.pid, *descendants(self._child.pid)]

    def _cpu(self) -> dict[tuple[int, int], float]:
        """Return (pid, start) → CPU seconds so far, of all its processes."""
        return dict(filter(None, map(used, self._tree())))

    @property
    def age(self) -> float:
        """Seconds since the process was started."""
        return time.monotonic() - self._began

    def _read(self) -> dict[str, Any]:
        line = self._child.stdout.readline()
        found = json.loads(line) if line else {"error": f"it ended: {self._log.read_text(errors='replace')[-3000:]}"}
        if "error" in found:
            raise WorkerError(f"{self.name}: {found['error']}")
        return found

    def close(self) -> None:
        """End the process and all that it started."""
        tree = {pid: started(pid) for pid in descendants(self._child.pid)}
        self._child.stdin.close()
        try:
            self._child.wait(30)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()
        for pid, since in tree.items():
            if started(pid) == since:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(**jobs: Callable[..., Any]) -> None:
    """Answer jobs from standard input until it ends; what libraries print goes to standard error."""
    inherit_orphans(True)  # Ray's daemons leave their parents; here they stay in the tree whose memory is counted
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)

        def say(**what: Any) -> None:
            out.write(json.dumps(what) + "\n")
            out.flush()

        say(ready=True)
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                start = time.perf_counter()
                value = jobs[asked["job"]](**asked["arguments"])
                say(seconds=time.perf_counter() - start, value=value)
            except Exception:  # noqa: BLE001 (told to whoever asked)
                say(error=traceback.format_exc())
