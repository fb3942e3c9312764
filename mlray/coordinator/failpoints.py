"""Places where a test kills the coordinator's process, to prove that it comes back knowing what it was doing."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

__all__ = ["POINTS", "Failpoints"]

POINTS = ("before_decision", "after_decision", "training", "rollout")


class Failpoints:
    """Kill this process, once, at each named point. Empty in production.

    >>> Failpoints().hit("training")
    """

    def __init__(self, markers: Mapping[str, str] | None = None) -> None:
        """Take the points, each with a file that says it was hit already: a process that comes back must survive."""
        self._markers = dict(markers or {})

    def hit(self, point: str) -> None:
        """Die here without any clean-up, the first time this point is reached."""
        marker = self._markers.get(point)
        if marker is None or Path(marker).exists():
            return
        Path(marker).write_text(point, encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)
