"""A Ray that outlives the command that started it: where it is written down, and how it is found and ended."""

import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

from mlray.coordinator.cluster._birth import birth

__all__ = ["Kept", "read_kept"]


@dataclass(frozen=True)
class Kept:
    """A keeper process and the Ray that it holds up."""

    pid: int
    started: float
    """The keeper's birth, so that a process that got the same number later is not taken for it."""
    address: str

    def write(self, file: Path) -> None:
        """Write it down, whole or not at all."""
        aside = file.with_suffix(".new")
        aside.write_text(json.dumps(asdict(self)), encoding="utf-8")
        aside.replace(file)

    def forget(self, file: Path) -> None:
        """Remove `file` if it names this keeper; another keeper's stays."""
        if _written(file) == self:
            file.unlink(missing_ok=True)

    @property
    def alive(self) -> bool:
        """Whether the keeper still runs."""
        import psutil

        try:
            return abs(birth(self.pid) - self.started) < 1.0
        except psutil.Error:
            return False

    def stop(self, wait: float = 30.0) -> None:
        """Ask the keeper to end its Ray, and end by force what has not ended after `wait` seconds."""
        import psutil

        if not self.alive:
            return
        keeper = psutil.Process(self.pid)
        family = [keeper, *keeper.children(recursive=True)]
        os.kill(self.pid, signal.SIGTERM)
        _, still = psutil.wait_procs(family, timeout=wait)
        for process in still:
            process.kill()
        psutil.wait_procs(still, timeout=5)


def read_kept(file: Path) -> Kept | None:
    """Return the keeper that `file` names, or None when there is none or it no longer runs."""
    kept = _written(file)
    return kept if kept is not None and kept.alive else None


def _written(file: Path) -> Kept | None:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return Kept(int(told["pid"]), float(told["started"]), str(told["address"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
