"""Long work under a name. The same name again finds the work that runs or is done: asking twice does it once."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any

from mlray.coordinator import flows
from mlray.coordinator.challenger import challenge
from mlray.coordinator.crawler import crawl
from mlray.coordinator.rows import quiet
from mlray.coordinator.workspace import Workspace
from mlray.errors import MlrayError, NotFoundError
from mlray.ports import Progress

__all__ = ["FLOWS", "Report", "Workshop"]

KEPT = 50
"""Finished pieces of work that are remembered; older ones are found by their cause."""

FLOWS: Mapping[str, Callable[..., Any]] = {
    "ingest": flows.ingest,
    "feasibility": flows.feasibility,
    "train": flows.train,
    "challenge": challenge,
    "crawl": crawl,
}


@dataclass(frozen=True)
class Report:
    """How far a piece of work has come."""

    state: str
    """`running`, `done` or `failed`."""
    done: float = 0.0
    total: float = 1.0
    note: str = ""
    value: Any = None
    error: MlrayError | None = None


def _silent() -> Progress:
    return quiet


class _Heard:
    """Passes progress on to a piece of work. Tune saves whatever a sweep holds, so a copy elsewhere falls silent."""

    def __init__(self, work: "Work") -> None:
        self._work = work

    def __call__(self, done: float, total: float, note: str = "") -> None:
        self._work.progress(done, total, note)

    def __reduce__(self) -> tuple[object, ...]:
        return (_silent, ())


class Work:
    """One piece of work in a thread of its own."""

    def __init__(self, call: Callable[..., Any], takes_progress: bool) -> None:  # noqa: FBT001
        """Start at once."""
        self._lock = Lock()
        self._ended = Event()
        self._report = Report("running")
        self._call = call
        self._takes_progress = takes_progress
        Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            value = self._call(progress=_Heard(self)) if self._takes_progress else self._call()
            report = Report("done", 1, 1, "", value)
        except BaseException as error:  # noqa: BLE001 (even an exit belongs to whoever asked: he would wait for ever)
            report = Report("failed", error=_portable(error))
        with self._lock:
            self._report = report
        self._ended.set()

    def progress(self, done: float, total: float, note: str = "") -> None:
        """Note how far it is."""
        with self._lock:
            if self._report.state == "running":
                self._report = Report("running", done, total, note)

    def report(self, wait: float) -> Report:
        """Return how far it is, after at most `wait` seconds."""
        self._ended.wait(wait)
        with self._lock:
            return self._report


def _portable(error: BaseException) -> MlrayError:
    """Return an error that any process can read and that a decision can be closed with: the text of others."""
    if isinstance(error, MlrayError):
        return error
    logging.getLogger(__name__).error("a piece of work failed", exc_info=error)
    return MlrayError(f"{type(error).__name__}: {error}", remedy="The workshop's log has the whole traceback.")


class Workshop:
    """Where one project's flows run. Keeps the heavy imports warm between trainings."""

    def __init__(self, project: str) -> None:
        """Take the project's folder or file."""
        self._project = project
        self._space = Workspace.at(project)
        self._works: dict[str, Work] = {}
        self._lock = Lock()

    def start(self, key: str, flow: str, arguments: Mapping[str, Any]) -> str:
        """Start `flow` under `key` unless that work is known already; return the key.

        Where the project's files have changed, finished work is forgotten: it was done by other rules.
        """
        with self._lock:
            space = self._space.current(self._project)
            if space is not self._space:
                self._space = space
                self._forget(0)
            known = self._works.get(key)
            if known is None or known.report(0).state == "failed":
                call = FLOWS[flow]
                takes_progress = "progress" in call.__annotations__
                self._works.pop(key, None)  # the newest work stands last
                self._works[key] = Work(lambda **more: call(space, **arguments, **more), takes_progress)
                self._forget(KEPT)
        return key

    def _forget(self, kept: int) -> None:
        """Keep the newest `kept` finished works and all that run."""
        finished = [key for key, work in self._works.items() if work.report(0).state != "running"]
        for key in finished[: max(0, len(finished) - kept)]:
            del self._works[key]

    def report(self, key: str, wait: float = 0.0) -> Report:
        """Return how far the work under `key` is; NotFoundError when it was never started here."""
        with self._lock:
            work = self._works.get(key)
        if work is None:
            raise NotFoundError(
                f"no work is known as '{key}'.", remedy="Start it again: finished work is found by its cause."
            )
        return work.report(wait)

    def latest(self) -> Report | None:
        """Return how far the newest piece of work is, if it still runs."""
        with self._lock:
            reports = [work.report(0) for work in self._works.values()]
        running = [report for report in reports if report.state == "running"]
        return running[-1] if running else None

    def pid(self) -> int:
        """Return the number of the process that the work runs in."""
        return os.getpid()
