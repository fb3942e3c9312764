"""The state of a sweep while it runs: what was tried, what goes on, and when to stop. No Ray, no clock."""

from dataclasses import dataclass, field
from decimal import Decimal

from mlray.errors import InputError, OverBudget
from mlray.experiments._orders import Look
from mlray.experiments._problem import higher_is_better
from mlray.experiments._space import Configuration
from mlray.experiments._halving import keeps_up, rungs
from mlray.records import Experiment, Trial

__all__ = ["DONE", "Look", "Sweep"]

DONE = "all trials done"
HOPELESS_REASON = "every trial failed"
HOPELESS = 3
"""When so many trials have failed and none has a score, the next would fail as well."""


@dataclass
class _Running:
    number: int
    configuration: Configuration
    looks: list[Look] = field(default_factory=list)
    seconds: float = 0.0
    cut: bool = False


@dataclass
class Sweep:
    """One sweep: asked before each trial, told about each look and each end.

    `elapsed` is always the number of seconds since the sweep began; it is paid for at `price_per_second`.
    """

    metric: str
    rounds: int
    trials: int
    price_per_second: Decimal = Decimal(0)
    budget: Decimal | None = None
    limit_seconds: float | None = None
    stopped_because: str = ""
    """Why no further trial is started; empty while there are more."""
    finished: list[Trial] = field(default_factory=list)
    _running: dict[str, _Running] = field(default_factory=dict)
    _begun: int = 0
    _at_rung: dict[int, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Lay out the rungs at which trials are compared; the last is the end, where nothing is left to stop."""
        self._higher = higher_is_better(self.metric)
        self._at_rung = {rung: [] for rung in rungs(self.rounds)[:-1]}

    def spent(self, elapsed: float) -> Decimal:
        """Return what `elapsed` seconds cost."""
        return self.price_per_second * Decimal(str(elapsed))

    def wants_more(self, elapsed: float) -> bool:
        """Return whether another trial may start now; the first no is the reason that is kept."""
        if not self.stopped_because:
            self.stopped_because = self._reason(elapsed)
        return not self.stopped_because

    def _reason(self, elapsed: float) -> str:
        failed = [trial for trial in self.finished if trial.score is None]
        if len(failed) == len(self.finished) >= min(HOPELESS, self.trials):
            return HOPELESS_REASON
        if self.budget is not None and self.spent(elapsed) >= self.budget:
            return f"the budget of {self.budget:.2f} USD is spent"
        if self.limit_seconds is not None and elapsed >= self.limit_seconds:
            return f"the time of {self.limit_seconds:.0f} s is over"
        return DONE if self._begun >= self.trials else ""

    def exhausted(self) -> None:
        """Take note that nothing new is left to try."""
        self.stopped_because = self.stopped_because or "every configuration of the space was tried"

    def begin(self, name: str, configuration: Configuration) -> None:
        """Take note that the trial `name` has been handed out."""
        self._running[name] = _Running(self._begun, configuration)
        self._begun += 1

    def look(self, name: str, looks: list[Look], seconds: float, elapsed: float) -> bool:
        """Take note of what trial `name` has shown, and return whether it may go on; a look told twice counts once.

        It may not when it falls behind the others at a rung, or when money or time has run out.
        """
        trial = self._running[name]
        last = trial.looks[-1].rounds if trial.looks else 0
        new = [seen for seen in looks if seen.rounds > last]
        trial.looks += new
        trial.seconds = seconds
        affordable = self.wants_more(elapsed) or self.stopped_because == DONE
        trial.cut = trial.cut or not affordable or not self._keeps_up(new)
        return not trial.cut

    def _keeps_up(self, looks: list[Look]) -> bool:
        for seen in looks:
            others = self._at_rung.get(seen.rounds)
            if others is None:
                continue
            ahead = keeps_up(seen.score, others, higher=self._higher)
            others.append(seen.score)
            if not ahead:
                return False
        return True

    def end(self, name: str, *, error: str = "") -> Trial:
        """Close trial `name` and return it: its score and round count are the best seen on the way."""
        running = self._running.pop(name)
        best = self._better(running.looks) if not error else None
        trial = Trial(
            number=running.number,
            trainer=running.configuration.trainer,
            params=running.configuration.params,
            score=best.score if best else None,
            rounds=best.rounds if best else 0,
            seconds=running.seconds,
            state=self._state(running, best),
            error=error or ("" if best else "it ended before it had a score"),
        )
        self.finished.append(trial)
        return trial

    def _state(self, running: _Running, best: Look | None) -> str:
        if best is None:
            return "failed"
        # A trial that ends by itself before the last round is past its best: nothing was cut off.
        return "stopped early" if running.cut and running.looks[-1].rounds < self.rounds else "finished"

    def _better(self, looks: list[Look]) -> Look | None:
        sign = 1.0 if self._higher else -1.0
        return max(looks, key=lambda look: sign * look.score, default=None)

    @property
    def best(self) -> Trial | None:
        """The best trial so far; None before any has a score."""
        sign = 1.0 if self._higher else -1.0
        scored = [trial for trial in self.finished if trial.score is not None]
        return max(scored, key=lambda trial: sign * (trial.score or 0.0), default=None)

    def experiment(self, *, name: str, dataset: str, elapsed: float, seed: int) -> Experiment:
        """Return the record of the whole sweep.

        Raises:
            InputError: every trial failed; the error is the first trial's.
            OverBudget: money or time ran out before any trial had a score.
        """
        best = self.best
        if (
            best is None
            and self.finished
            and self.finished[0].error
            and self.stopped_because in ("every trial failed", DONE)
        ):
            raise InputError(
                f"Every one of {len(self.finished)} trials failed: {self.finished[0].error}",
                remedy="Nothing was spent on further trials; check model.trainers and the features.",
            )
        if best is None:
            raise OverBudget(
                f"No trial had a score after {elapsed:.0f} s: {self.stopped_because or 'nothing ran'}.",
                remedy="Give the sweep more money, or take fewer rounds (model.rounds).",
            )
        return Experiment(
            id=name,
            dataset=dataset,
            metric=self.metric,
            trials=tuple(sorted(self.finished, key=lambda trial: trial.number)),
            best=best,
            spend=self.spent(elapsed),
            seconds=elapsed,
            stopped_because=self.stopped_because or DONE,
            seed=seed,
        )
