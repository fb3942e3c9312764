"""The state of a sweep while it runs: what was tried, what goes on, and when to stop. No Ray, no clock, no data.

Lanes ask for packs and show what came of them; whoever drives them passes that on. `now` is always the number of
seconds since the sweep began, and never runs backwards.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from mlray.experiments._ending import COMMAND, DONE, EXHAUSTED, ending, goes_on
from mlray.experiments._halving import Rungs
from mlray.experiments._history import Difference, History, walk
from mlray.experiments._journal import Journal
from mlray.experiments._kept import Shelf
from mlray.experiments._orders import Look, Order, Pack, Shown
from mlray.experiments._packs import pack_size
from mlray.experiments._plan import Done, Kept, Plan, SweepProgress, Wait
from mlray.experiments._search import Search
from mlray.experiments._space import Configuration
from mlray.experiments._tally import Tally
from mlray.records import Experiment, Trial

__all__ = ["DONE", "LOSSES", "Sweep"]

LOSSES = 3
"""A configuration that was lost with its lane so often has probably killed it."""

WAIT = Wait(0.5)


@dataclass(slots=True, eq=False)
class _Running:
    """One order that was handed out, or waits to be handed out again."""

    order: Order
    asked_after: int
    lane: str = ""
    looks: list[Look] = field(default_factory=list)
    seconds: float = 0.0
    behind: bool = False
    cut: bool = False
    """Whether its lane was told to end it."""
    counted: int = 0
    """Up to which rung its scores are known: trained again, it must not count there twice."""
    losses: int = 0


class Sweep:
    """One sweep: asked for packs, told of each look and each end, deterministic in the order of these calls.

    Only what runs, the best and a few sums are in memory; finished trials are in the journal.
    """

    def __init__(
        self,
        plan: Plan,
        search: Search,
        journal: Journal | None = None,
        history: History | None = None,
        heard: Callable[[Trial], None] = lambda _: None,
    ) -> None:
        """Begin the sweep `plan`, or go on with it where `history` ends: nothing that ended there is trained again.

        `search` is made as for a fresh sweep; it is asked and told all of `history` once more. Without a journal
        nothing outlives this process. `heard` is called with every trial that ends from now on.
        """
        self.plan = plan
        self.stopped_because = ""
        """Why nothing new is started; empty while there is more."""
        self.difference: Difference | None = None
        """Where `search` first proposed something else than the history tells; what was trained stands."""
        self._search, self._journal, self._heard = search, journal or Journal(None), heard
        self._rungs = Rungs(plan.rounds, higher=plan.higher)
        self._shelf = Shelf(plan.keep_predictions, plan.keep_models, higher=plan.higher)
        self._tally = Tally(plan)
        self._running: dict[int, _Running] = {}
        self._again: deque[_Running] = deque()
        self._known_lanes: set[str] = set()
        self._begun = 0
        if history is not None:
            self._remember(history)

    def _remember(self, history: History) -> None:
        for trial in history.trials:
            self._tally.count(trial)
            looks = [Look(*point) for point in trial.curve]
            for seen in range(1, len(looks) + 1) if self.plan.halving else ():
                self._rungs.record(looks[:seen])
        ended = {trial.number: trial for trial in history.trials}
        after = dict(history.asked)
        for number, configuration in walk(history, self._search):
            self._begun = max(self._begun, number + 1)
            if number not in ended:
                if configuration is not None:
                    self._again.append(_Running(Order(number, configuration, self.plan.seed), after[number]))
                continue
            recorded = Configuration(ended[number].trainer, ended[number].params)
            if configuration != recorded and self.difference is None:
                self.difference = Difference(number, recorded, configuration)
        self._tally.spent_seconds = history.spent_seconds

    # Handing out

    def next_pack(self, lane: str, now: float) -> Pack | Wait | Done:
        """Return what `lane` is to do next; it may still have orders of the pack before.

        A lane that was told to wait asks again: what another one has may come back.
        """
        self._check(now)
        if not goes_on(self.stopped_because):
            return Done(self.stopped_because)
        allowance = self._allowance(lane, now)
        size = self._size(lane, allowance)
        taken = self._queued(size) or self._asked(size, lane, now)
        if not taken:
            return WAIT if self._running else Done(self.stopped_because)
        for running in taken:
            running.lane = lane
            self._running[running.order.number] = running
        return Pack(
            orders=tuple(running.order for running in taken),
            cuts=self._rungs.cuts(),
            keep=self._shelf.threshold,
            keep_model=self._shelf.model_threshold,
            allowance=allowance,
            stream=lane not in self._known_lanes,
        )

    def _queued(self, size: int) -> list[_Running]:
        # One that was lost goes out alone: if it kills its lane, no other is lost with it.
        taken: list[_Running] = []
        while self._again and len(taken) < size and not (taken and (taken[-1].losses or self._again[0].losses)):
            taken.append(self._again.popleft())
        return taken

    def _asked(self, size: int, lane: str, now: float) -> list[_Running]:
        if self.stopped_because:
            return []
        taken: list[_Running] = []
        for _ in range(min(size, self.plan.trials - self._begun)):
            configuration = self._search.ask(self._begun)
            if configuration is None:
                self.stopped_because = EXHAUSTED
                break
            taken.append(_Running(Order(self._begun, configuration, self.plan.seed), self._tally.done))
            self._begun += 1
        if taken:
            self._journal.asked([running.order.number for running in taken], lane, self._tally.spent_seconds, now)
        return taken

    def _size(self, lane: str, allowance: float | None) -> int:
        if lane not in self._known_lanes:
            return 1
        plan, cost = self.plan, self._tally.cost
        size = pack_size(plan.trials - self._begun, self._lanes(lane), cost, plan.target_seconds, plan.most)
        if allowance is None or not cost:
            return size
        return max(1, min(size, int(allowance / cost)))

    def _lanes(self, lane: str) -> int:
        """Return how many lanes share what is left, `lane` among them; as many as expected until the first result."""
        busy = len({running.lane for running in self._running.values()} | {lane})
        return max(busy, self.plan.lanes) if self._tally.cost is None else busy

    def _allowance(self, lane: str, now: float) -> float | None:
        left = math.inf if self.plan.seconds is None else max(0.0, self.plan.seconds - now)
        left = min(left, self._tally.affordable_seconds / self._lanes(lane))
        return left if math.isfinite(left) else None

    # Being told

    def shown(self, lane: str, shown: Shown, now: float) -> bool:
        """Take note of what `lane` has shown of an order, and return whether it may go on with it.

        It may not when it falls behind the others at a rung, when money or time has run out, or when the order is no
        longer its own; what is told twice counts once.
        """
        running = self._running.get(shown.number)
        if running is None or running.lane != lane:
            return False
        self._tally.spent_seconds += max(0.0, shown.seconds - running.seconds)
        running.seconds = max(running.seconds, shown.seconds)
        error = shown.error or self._look(running, shown.looks)
        self._check(now)
        if shown.returned:
            self._put_back(running, now)
        elif error or shown.done:
            self._known_lanes.add(lane)
            self._close(running, replace(shown, error=error), now)
        else:
            running.cut = running.cut or running.behind or not goes_on(self.stopped_because)
            return not running.cut
        self._check(now)
        return False

    def _look(self, running: _Running, looks: Sequence[Look]) -> str:
        """Take note of new looks; return what is wrong with them, or an empty text."""
        for look in looks:
            if running.looks and look.rounds <= running.looks[-1].rounds:
                continue
            if not math.isfinite(look.score):
                return f"ValueError: the score after {look.rounds} rounds is {look.score}"
            running.looks.append(look)
            if self.plan.halving and look.rounds > running.counted:
                running.counted = look.rounds
                running.behind = not self._rungs.record(running.looks) or running.behind
        return ""

    def _put_back(self, running: _Running, now: float) -> None:
        """Let another lane begin it anew, unless the sweep is over; what it has cost so far stays spent."""
        if running.seconds:  # no line of a trial will tell of it
            self._journal.asked((), running.lane, self._tally.spent_seconds, now)
        del self._running[running.order.number]
        if goes_on(self.stopped_because):
            running.looks, running.seconds, running.lane = [], 0.0, ""
            running.behind = running.cut = False
            self._again.append(running)

    def _close(self, running: _Running, shown: Shown, now: float) -> None:
        cut = running.cut or shown.cut
        if cut and not running.looks and not shown.error and (self._limited or not goes_on(self.stopped_because)):
            # What it was allowed was used up before its first look: that is no verdict on the configuration.
            self._lose(running, "it was cut off before it had a score", now)
            return
        del self._running[running.order.number]
        trial = self._trial(running, shown, cut=cut)
        self._tally.count(trial)
        self._shelf.put(trial, shown.predictions, shown.model)
        self._journal.finished(trial, self._tally.spent_seconds, now)
        self._search.tell(trial)
        self._heard(trial)

    @property
    def _limited(self) -> bool:
        return self.plan.seconds is not None or self.plan.budget is not None

    def _trial(self, running: _Running, shown: Shown, *, cut: bool) -> Trial:
        sign = 1.0 if self.plan.higher else -1.0
        best = None if shown.error else max(running.looks, key=lambda look: sign * look.score, default=None)
        cost = self._tally.money(running.seconds)
        objectives = dict(shown.objectives)
        if "cost" in self.plan.objectives:
            objectives.setdefault("cost", float(cost))
        # One that ends by itself before the last round is past its best: nothing was cut off.
        early = cut and bool(running.looks) and running.looks[-1].rounds < self.plan.rounds
        return Trial(
            number=running.order.number,
            trainer=running.order.configuration.trainer,
            params=running.order.configuration.params,
            score=best.score if best else None,
            rounds=best.rounds if best else 0,
            seconds=round(running.seconds, 6),
            state="failed" if best is None else "stopped early" if early else "finished",
            error=shown.error or ("" if best else "it ended before it had a score"),
            seed=running.order.seed,
            asked_after=running.asked_after,
            curve=tuple((look.rounds, float(f"{look.score:.7g}")) for look in running.looks),
            cpu_seconds=round(shown.cpu_seconds, 6),
            cost=cost,
            lane=running.lane,
            objectives=objectives,
        )

    def lost(self, lane: str, now: float) -> tuple[int, ...]:
        """Take note that `lane` is gone; what it had is queued again, and its numbers are returned.

        A configuration that is lost for the third time has failed.
        """
        self._known_lanes.discard(lane)
        had = [running for running in self._running.values() if running.lane == lane]
        for running in had:
            self._lose(running, f"its lane was lost {LOSSES} times", now)
        self._check(now)
        return tuple(running.order.number for running in had if running in self._again)

    def _lose(self, running: _Running, error: str, now: float) -> None:
        running.losses += 1
        if running.looks and not goes_on(self.stopped_because):
            self._close(running, Shown(running.order.number, done=True, cut=True), now)
        elif running.losses >= LOSSES and goes_on(self.stopped_because):
            self._close(running, Shown(running.order.number, done=True, error=error), now)
        else:
            self._put_back(running, now)

    def stop(self, because: str = COMMAND) -> None:
        """End the sweep: nothing new starts, and what runs is stopped at its next look; the best so far stays."""
        if goes_on(self.stopped_because):
            self.stopped_because = because
            self._again.clear()

    def _check(self, now: float) -> None:
        """Find out whether the sweep ends; a reason that also stops what runs takes the place of one that does not."""
        if not goes_on(self.stopped_because) or (self.stopped_because and not (self._running or self._again)):
            return
        reason = ending(self.plan, self._tally.standing(self._begun, now))
        if not goes_on(reason):
            self.stop(reason)
        else:
            self.stopped_because = self.stopped_because or reason

    def tick(self, now: float) -> None:
        """Find out whether the sweep ends, while no lane says anything."""
        self._check(now)

    # Answers

    @property
    def busy(self) -> tuple[str, ...]:
        """The lanes that have orders."""
        return tuple(dict.fromkeys(running.lane for running in self._running.values()))

    @property
    def best(self) -> Trial | None:
        """The best trial so far; None before any has a score."""
        return self._tally.best

    @property
    def spent_seconds(self) -> float:
        """Lane seconds of everything that was shown: what runs and what was lost included."""
        return self._tally.spent_seconds

    @property
    def spent(self) -> Decimal:
        """What these seconds cost, in USD."""
        return self._tally.spent

    @property
    def running(self) -> int:
        """How many orders are being trained."""
        return len(self._running)

    @property
    def over(self) -> bool:
        """Whether nothing new starts and nothing runs any more."""
        return bool(self.stopped_because) and not self._running and not self._again

    def kept(self) -> tuple[Kept, ...]:
        """Return the predictions and models of the best, the best first."""
        return self._shelf.kept()

    def trials(self) -> Iterator[Trial]:
        """Return all finished trials in the order in which they ended, read from the journal."""
        return self._journal.trials()

    def progress(self, now: float) -> SweepProgress:
        """Return how far the sweep has come."""
        lanes = len({running.lane for running in self._running.values()})
        return self._tally.progress(running=self.running, lanes=lanes, now=now, stopped_because=self.stopped_because)

    def experiment(self, now: float) -> Experiment:
        """Return the record of the whole sweep, the trials in the order of their numbers.

        Raises:
            InputError: every trial failed; the error is the first trial's.
            OverBudget: money or time ran out before any trial had a score.
            UnavailableError: it was stopped before any had one.
        """
        return self._tally.experiment(self.trials(), self._journal.path, self.stopped_because, now)
