"""How large a run is, where it works, and what it says meanwhile."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.data.made import PLACE, parts
from benchmarks.data.workers import Answer
from benchmarks.peers import environment

__all__ = ["Clock", "Scale", "agree", "column", "python"]


@dataclass
class Clock:
    """Says how far a run is and how long it still takes, from how long each section is expected to."""

    expected: Mapping[str, float]
    begun: float = field(default_factory=time.monotonic)
    section: str = ""
    _since: float = 0.0
    _done: dict[str, float] = field(default_factory=dict)

    def begin(self, section: str) -> None:
        """Begin a section, the one before it being done."""
        now = time.monotonic()
        if self.section:
            self._done[self.section] = now - self._since
        self.section, self._since = section, now
        if section:
            self.say(f"section '{section}'")

    def left(self, now: float) -> float:
        """Return the seconds left: what the sections to come are expected to take, at the pace of those done."""
        pace = sum(self._done.values()) / sum(map(self.expected.__getitem__, self._done)) if self._done else 1.0
        coming = sum(seconds for name, seconds in self.expected.items() if name not in (self.section, *self._done))
        current = pace * self.expected[self.section] - (now - self._since) if self.section else 0.0
        return pace * coming + max(0.0, current)

    def say(self, what: str) -> None:
        """Print a line with the time spent and the time left."""
        now = time.monotonic()
        print(
            f"[{_minutes(now - self.begun)}, about {_minutes(self.left(now))} left] {what}", file=sys.stderr, flush=True
        )


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


@dataclass(frozen=True)
class Scale:
    """The size of a run."""

    rows: int = 5_000_000
    """The rows of the stores' table, in five parts; the engines take four and twelve times as many."""
    rounds: int = 3
    clock: Clock = field(default_factory=lambda: Clock({}))

    @property
    def part(self) -> int:
        """Rows of a file: a million, unless the run is smaller."""
        return self.rows // 5

    def files(self, count: int) -> list[str]:
        """Return so many files of `part` rows each, made where they are missing."""
        self.clock.say(f"{count} files of {self.part:,} rows")
        return [str(file) for file in parts(count, self.part)]

    def say(self, what: str) -> None:
        """Print a line of progress."""
        self.clock.say(what)

    @contextmanager
    def place(self) -> Iterator[Path]:
        """Lend a folder on the disk of the data, which goes afterwards."""
        PLACE.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="work-", dir=PLACE))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def python(name: str) -> Path:
    """Return the Python of a peer's environment."""
    return environment(name) / "bin" / "python"


def column(answers: Mapping[str, Sequence[Answer]], what: str) -> dict[str, list[float]]:
    """Return of each contender's answers the one figure."""
    return {name: [getattr(answer, what) for answer in given] for name, given in answers.items()}


def agree(answers: Mapping[str, object]) -> None:
    """Refuse to report anything where contenders did not do the same work."""
    values = list(answers.values())
    if any(value != values[0] for value in values):
        message = f"the contenders disagree: {answers}"
        raise AssertionError(message)
