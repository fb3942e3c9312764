"""The journal of a sweep: a file that only grows, with one line for every configuration.

The first line says what the sweep is. Then comes a line for each pack that was asked for, and one for each trial that
ended, in the order in which it happened: that order is what a replay needs. A crash tears the last line at most.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Self

from mlray.errors import JournalError, NotFoundError
from mlray.experiments._history import (
    History,
    Replay,
    asked_line,
    head_line,
    history_of,
    replayed,
    trial_line,
    trials_of,
)
from mlray.experiments._plan import Plan
from mlray.experiments._search import Search
from mlray.ids import Json
from mlray.records import Trial

__all__ = ["Journal", "earlier", "read", "replay", "resume"]

SYNC_SECONDS = 5.0
"""So often at most is the disk told to keep what was written: a power cut costs the trials of so many seconds."""

_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC


class Journal:
    """The open journal of one sweep. One process writes it; a second one is refused."""

    def __init__(self, path: Path | None, handle: int = -1) -> None:
        """Write to `handle`, or into memory without a path; `Journal.begin` and `resume` are the ways to get one."""
        self._path, self._handle = path, handle
        self._lines: list[bytes] = []
        self._synced = 0.0

    @classmethod
    def begin(cls, folder: Path | None, plan: Plan, model: Mapping[str, Json] | None = None) -> Self:
        """Begin the journal of the sweep `plan` in `folder`, or in memory without one.

        `model` is what a person asked to be searched; it is kept for people and for the command line.

        Raises:
            JournalError: there is one of that name already, or the folder cannot be written.
        """
        if folder is None:
            return cls(None)
        path = folder / f"{plan.name}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            raise JournalError(
                f"The sweep {plan.name} has a journal already, {path}.",
                remedy="Resume it (`mlray sweep resume`), or begin one of another name.",
            ) from None
        except OSError as problem:
            raise _unwritten(path, problem) from problem
        _lock(handle, path)
        journal = cls(path, handle)
        journal._write(head_line(plan, model or {}))
        os.fsync(handle)
        return journal

    @property
    def path(self) -> str:
        """The file; empty when the lines are in memory."""
        return "" if self._path is None else str(self._path)

    def asked(self, numbers: Sequence[int], lane: str, spent_seconds: float, now: float) -> None:
        """Write that the search was asked for `numbers`, before anybody trains them."""
        self._write(asked_line(numbers, lane, spent_seconds, now))

    def finished(self, trial: Trial, spent_seconds: float, now: float) -> None:
        """Write what came of a configuration, and the sweep's lane seconds and time so far."""
        self._write(trial_line(trial, spent_seconds, now))
        if self._path is not None and now - self._synced >= SYNC_SECONDS:
            self._synced = now
            os.fsync(self._handle)

    def _write(self, line: bytes) -> None:
        if self._path is None:
            self._lines.append(line)
            return
        try:
            written = os.write(self._handle, line)
        except OSError as problem:
            raise _unwritten(self._path, problem) from problem
        if written != len(line):
            raise _unwritten(self._path, OSError("the disk is full"))

    def trials(self) -> Iterator[Trial]:
        """Return all trials written so far, in the order in which they ended."""
        if self._path is None:
            yield from trials_of(self._lines)
            return
        with self._path.open("rb") as lines:
            yield from trials_of(lines)

    def close(self) -> None:
        """Make sure that everything is on the disk, and let others write; further calls do nothing."""
        if self._handle >= 0:
            os.fsync(self._handle)
            os.close(self._handle)
            self._handle = -1


def _unwritten(path: Path, problem: OSError) -> JournalError:
    return JournalError(
        f"The journal {path} cannot be written: {problem}.",
        remedy="Make room on the disk, or choose another folder; what was written can be resumed.",
    )


def _lock(handle: int, path: Path) -> None:
    """Keep other processes from writing; the system takes the lock back when this one dies, however it dies."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise JournalError(
            f"The sweep of {path} is running in another process.",
            remedy="Wait for it, or stop it (`mlray sweep stop`).",
        ) from None


def read(path: Path) -> History:
    """Return what the journal at `path` tells, while its sweep runs or afterwards; a torn end is left out.

    Raises:
        NotFoundError: there is no such file.
        JournalError: it is not the journal of a sweep, or it is damaged.
    """
    return _opened(path)[0]


def _opened(path: Path) -> tuple[History, int]:
    try:
        with path.open("rb") as lines:
            return history_of(lines, str(path))
    except FileNotFoundError:
        raise NotFoundError(f"There is no journal {path}.", remedy="`mlray sweep list` names them.") from None


def resume(path: Path) -> tuple[Journal, History]:
    """Open the journal at `path` to go on with its sweep, and return it with what it tells; a torn end is cut off.

    Raises:
        NotFoundError: there is no such file.
        JournalError: another process is writing it, it is not the journal of a sweep, or it is damaged.
    """
    try:
        handle = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise NotFoundError(f"There is no journal {path}.", remedy="`mlray sweep list` names them.") from None
    _lock(handle, path)
    try:
        history, whole = _opened(path)
    except JournalError:
        os.close(handle)
        raise
    os.ftruncate(handle, whole)
    return Journal(path, handle), history


def replay(path: Path, search: Search) -> Replay:
    """Ask `search`, made anew as the sweep's was, for the sweep of the journal at `path`; errors as of `read`."""
    return replayed(read(path), search)


def earlier(folder: Path, contract: str, metric: str, *, most: int = 8, skip: str = "") -> tuple[Trial, ...]:
    """Return the best of earlier sweeps in `folder` over the same data contract and by the same metric.

    The best of every sweep comes first, of the newest sweep before all; then the second best of each, and so on. No
    configuration comes twice. Sweeps named `skip`, damaged journals and those of another contract are passed over.
    """
    ranked: list[list[Trial]] = []
    for path in sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            history = read(path)
        except JournalError:
            continue
        plan = history.plan
        if contract and plan.contract == contract and plan.metric == metric and plan.name != skip:
            sign = -1.0 if plan.higher else 1.0
            scored = [trial for trial in history.trials if trial.score is not None]
            ranked.append(sorted(scored, key=lambda trial: (sign * (trial.score or 0.0), trial.number))[:most])
    chosen: dict[str, Trial] = {}
    for layer in zip_longest(*ranked):
        for trial in layer:
            if trial is not None:
                chosen.setdefault(repr((trial.trainer, sorted(trial.params.items()))), trial)
    return tuple(chosen.values())[:most]
