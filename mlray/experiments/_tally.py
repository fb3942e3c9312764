"""What has become of a sweep so far, in a few sums: counts, the best, the front, money, and what is still to come."""

import math
from collections.abc import Iterable
from decimal import Decimal

from mlray.errors import InputError, OverBudget, UnavailableError
from mlray.experiments._ending import COMMAND, DONE, EXHAUSTED, FAILED, Standing
from mlray.experiments._packs import Cost
from mlray.experiments._pareto import Front
from mlray.experiments._plan import Plan, SweepProgress
from mlray.experiments._plateau import Plateau
from mlray.records import Experiment, Trial

__all__ = ["Tally"]


class Tally:
    """The sums of one sweep; of its trials only the best is kept."""

    def __init__(self, plan: Plan) -> None:
        """Begin with nothing."""
        self._plan = plan
        self._sign = 1.0 if plan.higher else -1.0
        self._plateau = Plateau(higher=plan.higher)
        self._front, self._cost = Front(), Cost()
        self._first: tuple[int, str] | None = None
        self.done = 0
        """How many trials have ended."""
        self.failed = 0
        """How many of them failed."""
        self.best: Trial | None = None
        """The best of them; None before any has a score."""
        self.spent_seconds = 0.0
        """Lane seconds of everything that was shown."""

    def count(self, trial: Trial) -> None:
        """Take note of a trial that has ended."""
        self.done += 1
        if trial.score is None:
            self.failed += 1
            self._first = min(self._first or (trial.number, trial.error), (trial.number, trial.error))
            return
        self._cost.add(trial.seconds)
        self._plateau.add(trial.score)
        if self.best is None or self._rank(trial) > self._rank(self.best):
            self.best = trial
        others = [name for name in self._plan.objectives if name != "score"]
        if others and all(name in trial.objectives for name in others):
            self._front.add(trial.number, [self._sign * trial.score, *(-trial.objectives[name] for name in others)])

    def _rank(self, trial: Trial) -> tuple[float, int]:
        # Of equal scores the first asked is the better: which lane was quicker must not decide.
        return (self._sign * (trial.score or 0.0), -trial.number)

    @property
    def cost(self) -> float | None:
        """What one trial has taken of late, in lane seconds; None while that is unknown."""
        return self._cost.seconds

    @property
    def spent(self) -> Decimal:
        """What everything has cost, in USD."""
        return self.money(self.spent_seconds)

    def money(self, seconds: float) -> Decimal:
        """Return what so many lane seconds cost, in USD."""
        price = self._plan.price_per_lane_second
        return price * Decimal(str(round(seconds, 6))) if price else price

    @property
    def affordable_seconds(self) -> float:
        """How many more lane seconds the budget pays for; infinite without a budget or a price."""
        plan = self._plan
        if plan.budget is None or not plan.price_per_lane_second:
            return math.inf
        return max(0.0, float((plan.budget - self.spent) / plan.price_per_lane_second))

    def standing(self, begun: int, now: float) -> Standing:
        """Return what decides whether the sweep ends."""
        gain = math.inf if self._plan.plateau is None else self._plateau.gain()
        return Standing(begun, self.done, self.failed, self.spent, now, gain)

    def progress(self, *, running: int, lanes: int, now: float, stopped_because: str) -> SweepProgress:
        """Return how far the sweep has come when `lanes` lanes train `running` orders."""
        plan = self._plan
        money = None if plan.budget is None else max(Decimal(0), plan.budget - self.spent)
        seconds = None if plan.seconds is None else max(0.0, plan.seconds - now)
        left = running if stopped_because else plan.trials - self.done
        ends = [math.inf if seconds is None else seconds, self.affordable_seconds / max(1, lanes)]
        if self.cost is not None or not left:
            ends.append(left * (self.cost or 0.0) / max(1, lanes))
        ahead = min(ends)
        return SweepProgress(
            metric=plan.metric,
            done=self.done,
            failed=self.failed,
            running=running,
            trials=plan.trials,
            lanes=lanes,
            best=self.best,
            spent=self.spent,
            money_left=money,
            now=now,
            seconds_left=seconds,
            expected_end=now + ahead if math.isfinite(ahead) else None,
            stopped_because=stopped_because,
        )

    def experiment(self, trials: Iterable[Trial], journal: str, stopped_because: str, now: float) -> Experiment:
        """Return the record of the whole sweep, with all of `trials` in the order of their numbers.

        Raises:
            InputError: every trial failed, or there was none to try; the error is the first trial's.
            OverBudget: money or time ran out before any trial had a score.
            UnavailableError: it was stopped before any had one.
        """
        plan, best = self._plan, self.best
        if best is None:
            raise self._nothing(stopped_because, now)
        return Experiment(
            id=plan.name,
            dataset=plan.dataset,
            metric=plan.metric,
            trials=tuple(sorted(trials, key=lambda trial: trial.number)),
            best=best,
            spend=self.spent,
            seconds=now,
            stopped_because=stopped_because or DONE,
            seed=plan.seed,
            contract=plan.contract,
            journal=journal,
            front=self._front.numbers,
        )

    def _nothing(self, because: str, now: float) -> InputError | OverBudget | UnavailableError:
        if self._first is not None and because in (FAILED, DONE, EXHAUSTED):
            return InputError(
                f"Every one of {self.failed} trials failed: {self._first[1]}",
                remedy="Nothing was spent on further trials; check model.trainers and the features.",
            )
        if because in (DONE, EXHAUSTED):
            return InputError(f"No trial was tried: {because}.", remedy="Widen model.trainers, or raise model.trials.")
        told = f"No trial had a score after {now:.0f} s: {because or 'nothing ran'}."
        if because == COMMAND or not because:
            return UnavailableError(told, remedy="Start the sweep again, or resume it.")
        return OverBudget(told, remedy="Give the sweep more money or time, or take fewer rounds (model.rounds).")
