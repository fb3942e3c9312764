"""Long work under a name. The same name again finds the work that runs or is done: asking twice does it once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any

from mlray.coordinator import flows
from mlray.coordinator.flows import quiet
from mlray.coordinator.workspace import Workspace
from mlray.errors import MlrayError, NotFoundError
from mlray.ports import Progress

__all__ = ["FLOWS", "Report", "Workshop"]

FLOWS: Mapping[str, Callable[..., Any]] = {
    "ingest": flows.ingest,
    "feasibility": flows.feasibility,
    "train": flows.train,
    "challenge": flows.challenge,
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
    error: Exception | None = None


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
        except Exception as error:  # noqa: BLE001 (whatever went wrong belongs to whoever asked)
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


def _portable(error: Exception) -> Exception:
    """Return an error that any process can read: ours as they are, others by their text."""
    if isinstance(error, MlrayError):
        return error
    import traceback

    text = "".join(traceback.format_exception(error))
    return RuntimeError(text)


class Workshop:
    """Where one project's flows run. Keeps the heavy imports warm between trainings."""

    def __init__(self, project: str) -> None:
        """Take the project's folder."""
        self._space = Workspace.at(project)
        self._works: dict[str, Work] = {}
        self._lock = Lock()

    def start(self, key: str, flow: str, arguments: Mapping[str, Any]) -> str:
        """Start `flow` under `key` unless that work is known already; return the key."""
        with self._lock:
            known = self._works.get(key)
            if known is None or known.report(0).state == "failed":
                call = FLOWS[flow]
                takes_progress = "progress" in call.__annotations__
                self._works[key] = Work(lambda **more: call(self._space, **arguments, **more), takes_progress)
        return key

    def report(self, key: str, wait: float = 0.0) -> Report:
        """Return how far the work under `key` is; NotFoundError when it was never started here."""
        work = self._works.get(key)
        if work is None:
            raise NotFoundError(
                f"no work is known as '{key}'.", remedy="Start it again: finished work is found by its cause."
            )
        return work.report(wait)

    def latest(self) -> Report | None:
        """Return how far the newest piece of work is, if it still runs."""
        with self._lock:
            works = list(self._works.values())
        report = works[-1].report(0) if works else None
        return report if report is not None and report.state == "running" else None
