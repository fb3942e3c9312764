"""A sweep under way: its state behind a lock, its clock, and who listens. Lanes of any kind work for it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, RLock

from mlray.clock import SystemClock
from mlray.experiments._command import forget_stop, stop_asked
from mlray.experiments._ending import COMMAND, goes_on
from mlray.experiments._journal import Journal
from mlray.experiments._orders import Pack, Shown
from mlray.experiments._plan import Done, SweepProgress, Wait
from mlray.experiments._problem import Problem
from mlray.experiments._sweep import Sweep
from mlray.ports import Progress
from mlray.records import Experiment, Trial

__all__ = ["Course", "Heard"]

Heard = Callable[[Sequence[Trial], Mapping[int, bytes]], None]
"""Whoever wants finished trials, and the models that came with some of them, by trial number."""

GRACE = 15.0
"""Seconds that a lane has to bring what it trains to its next look, once the sweep has ended."""
LOOK_FOR_STOP = 0.5
"""Seconds between two looks whether somebody has asked the sweep to stop."""


@dataclass(eq=False)
class Course:
    """One sweep while lanes work for it: whatever they ask or tell goes through here, one at a time."""

    sweep: Sweep
    written: Journal
    problem: Problem
    progress: Progress
    finished: list[Trial]
    """Where the sweep puts every trial that ends."""
    heard: Heard | None = None
    journal: Path | None = None
    """The sweep's journal: a request to stop is a file beside it."""
    before: float = 0.0
    """Seconds that the sweep had run before it was taken up again."""
    ended: Event = field(default_factory=Event)
    fault: Exception | None = None
    """What went wrong with the sweep itself: its search, its journal, or who listens; raised by `raise_fault`."""
    _lock: RLock = field(default_factory=RLock)
    _models: dict[int, bytes] = field(default_factory=dict)
    _closed: bool = False
    _stopping: float | None = None

    def __post_init__(self) -> None:
        """Start the sweep's clock."""
        if self.journal is not None:
            forget_stop(self.journal)
        self._clock = SystemClock()
        self._began = self._clock.ticks() - self.before
        self._next_look = 0.0
        self._best: tuple[int, float | None] | None = None
        self._told = -1

    @property
    def now(self) -> float:
        """Seconds since the sweep began."""
        return self._clock.ticks() - self._began

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.sweep.plan.name

    def next_pack(self, lane: str) -> Pack | Wait | Done:
        """Return what `lane` is to do next."""
        with self._guarded() as open_:
            if open_:
                self._heed_stop()
                return self.sweep.next_pack(lane, self.now)
        return Done("the sweep has ended")

    def shown(self, lane: str, shown: Shown) -> bool:
        """Take note of what `lane` has shown; False where the order is to be stopped."""
        with self._guarded() as open_:
            if open_:
                self._heed_stop()
                if shown.model:
                    self._models[shown.number] = shown.model
                return self.sweep.shown(lane, shown, self.now)
        return False

    def lost(self, lane: str) -> None:
        """Take note that `lane` has died, or gives back all it had."""
        with self._guarded() as open_:
            if open_:
                self.sweep.lost(lane, self.now)

    def stop(self, because: str = COMMAND) -> None:
        """End the sweep: nothing new is begun, what runs ends at its next look, and the best so far is kept."""
        with self._guarded() as open_:
            if open_:
                self.sweep.stop(because)

    def tick(self) -> SweepProgress:
        """Look at time, money and the command to stop, also while no lane says a word; return how far the sweep is.

        What still runs `GRACE` seconds after the end is closed with what it has shown: its lane may be paused, or gone.
        """
        with self._guarded() as open_:
            if open_:
                self._heed_stop()
                self.sweep.tick(self.now)
                if goes_on(self.sweep.stopped_because):
                    self._stopping = None
                elif self._stopping is None:
                    self._stopping = self.now
                elif self.now - self._stopping > GRACE:
                    for lane in self.sweep.busy:
                        self.sweep.lost(lane, self.now)
        with self._lock:
            return self.sweep.progress(self.now)

    def raise_fault(self) -> None:
        """Raise what went wrong with the sweep itself, if anything did."""
        if self.fault is not None:
            raise self.fault

    @contextmanager
    def _guarded(self) -> Iterator[bool]:
        """Let one in at a time, and say whether the sweep is still open.

        Lanes of other sweeps share the threads in which this runs, and a lane has nobody to complain to: what goes
        wrong here ends this sweep, and is raised where the sweep was asked for.
        """
        with self._lock:
            if self._closed or self.fault is not None:
                yield False
                return
            try:
                yield True
                self._after()
            except Exception as fault:  # noqa: BLE001 (a search, a listener, a full disk: the sweep's own)
                self.fault = fault
                self.ended.set()

    def experiment(self) -> Experiment:
        """Return the record of the whole sweep; raises as `Sweep.experiment` does."""
        with self._lock:
            return self.sweep.experiment(self.now)

    def close(self) -> None:
        """Write down what the journal still holds back."""
        with self._lock:
            self._closed = True
            self.written.close()
            if self.journal is not None:
                forget_stop(self.journal)

    def _heed_stop(self) -> None:
        if self.journal is None or self.now < self._next_look:
            return
        self._next_look = self.now + LOOK_FOR_STOP
        if stop_asked(self.journal):
            self.sweep.stop()

    def _after(self) -> None:
        """Tell those who listen, and note whether the sweep is over."""
        finished = list(self.finished)
        self.finished.clear()
        if finished and self.heard is not None:
            self.heard(finished, {t.number: self._models[t.number] for t in finished if t.number in self._models})
        for trial in finished:
            self._models.pop(trial.number, None)
        seen = self.sweep.progress(self.now)
        best = (seen.best.number, seen.best.score) if seen.best else None
        if seen.done != self._told or best != self._best:
            self._told, self._best = seen.done, best
            self.progress(seen.done, seen.trials, str(seen))
        if self.sweep.over:
            self.ended.set()
