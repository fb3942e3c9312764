"""A sweep of plain trials while it runs: Tune's names on one side, orders on the other. No Ray, no clock."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlray.errors import InputError
from mlray.experiments._orders import Look, Order, Shown
from mlray.experiments._plan import Done, Wait
from mlray.experiments._sweep import Sweep
from mlray.experiments.functions._reports import OURS, Reports

__all__ = ["CPU_SECONDS", "ERROR", "NODE", "SECONDS", "Course"]

ERROR, NODE = f"{OURS}error", f"{OURS}node"
SECONDS, CPU_SECONDS = f"{OURS}seconds", f"{OURS}cpu_seconds"


@dataclass
class _Open:
    """One trial that has begun."""

    order: Order
    node: str
    before: float = 0.0
    """Seconds in processes that it has left: Tune may pause a trial and go on with it elsewhere."""
    seconds: float = 0.0
    """In its present process, as that told last."""
    cpu_before: float = 0.0
    cpu_seconds: float = 0.0
    heard_at: float = math.nan
    """When it last told something, or was seen to wait; not a number before."""
    reported: bool = False
    best: float = math.nan
    others: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    cut: bool = False
    complete: bool = False
    """It ended by itself, or came as far as it was to go."""

    def worked(self, now: float) -> float:
        """Return its seconds, those since it was last heard of included."""
        return self.before + self.seconds + max(0.0, now - self.heard_at)


class Course:
    """Hands out one configuration to each of Tune's trials, and tells the sweep what came of it."""

    def __init__(
        self, state: Sweep, reports: Reports, *, ends: Mapping[str, float] | None = None, moving: bool = False
    ) -> None:
        """Begin.

        Args:
            state: The sweep.
            reports: How results are read.
            ends: Figure → the value at which a trial is complete, such as `{"training_iteration": 10}`.
            moving: Whether parameters change while a trial runs, as under population based training: a trial's
                parameters are then those of its best report.
        """
        self.state = state
        self._reports, self._ends, self._moving = reports, dict(ends or {}), moving
        self._open: dict[str, _Open] = {}

    @property
    def running(self) -> int:
        """How many trials have begun and not ended."""
        return len(self._open)

    @property
    def names(self) -> set[str]:
        """Tune's names of the trials that have begun and not ended."""
        return set(self._open)

    def taken(self) -> dict[str, int]:
        """Return how many trials run on each node."""
        counts: dict[str, int] = {}
        for trial in self._open.values():
            counts[trial.node] = counts.get(trial.node, 0) + 1
        return counts

    def ask(self, name: str, now: float, node: str = "") -> Mapping[str, Any] | Wait | Done:
        """Return the parameters of a new trial, which will run on `node`."""
        pack = self.state.next_pack(name, now)
        if isinstance(pack, Wait | Done):
            return pack
        (order,) = pack.orders
        self._open[name] = _Open(order, node)
        return order.configuration.params

    def number(self, name: str) -> int:
        """Return which trial of the sweep Tune's trial `name` is."""
        return self._open[name].order.number

    def heard(self, name: str, result: Mapping[str, Any], now: float) -> bool:
        """Take note of a result, and return whether the trial may go on."""
        trial = self._open.get(name)
        if trial is None:
            return False
        self._time(trial, result, now)
        trial.error = str(result.get(ERROR, ""))
        if trial.error:
            return False
        try:
            look = self._reports.look(result)
        except InputError as error:
            trial.error = str(error)
            return False
        trial.others = {**trial.others, **self._reports.others(result)}
        if look is not None:
            self._move(trial, look, result)
        over = bool(result.get("done")) or any(_reached(result.get(key), at) for key, at in self._ends.items())
        trial.complete = trial.complete or over
        goes_on = self._tell(name, trial, now, () if look is None else (look,))
        trial.cut = trial.cut or not (goes_on or over)
        return goes_on and not over

    def _time(self, trial: _Open, result: Mapping[str, Any], now: float) -> None:
        seconds, cpu_seconds = float(result.get(SECONDS, 0.0)), float(result.get(CPU_SECONDS, 0.0))
        if seconds < trial.seconds:
            trial.before += trial.seconds
            trial.cpu_before += trial.cpu_seconds
        trial.seconds, trial.cpu_seconds, trial.heard_at, trial.reported = seconds, cpu_seconds, now, True

    def _move(self, trial: _Open, look: Look, result: Mapping[str, Any]) -> None:
        better = not (look.score <= trial.best if self.state.plan.higher else look.score >= trial.best)
        if not better:
            return
        trial.best = look.score
        params, config = trial.order.configuration.params, result.get("config")
        if self._moving and isinstance(params, dict) and isinstance(config, Mapping):
            params.update({key: _within(config, key, value) for key, value in params.items()})

    def _tell(self, name: str, trial: _Open, now: float, looks: tuple[Look, ...] = ()) -> bool:
        # Not beyond what the trial itself said: the time after its last word may have been spent waiting.
        seconds, cpu_seconds = trial.before + trial.seconds, trial.cpu_before + trial.cpu_seconds
        shown = Shown(trial.order.number, looks, seconds, cpu_seconds)
        return self.state.shown(name, shown, now)

    def beat(self, now: float, working: Collection[str] | None = None) -> bool:
        """Return whether everything that runs is to end at once: time or money is over, or somebody said stop.

        `working` are the trials known to hold their lease; None where that is not known, and those that have reported
        are taken to. Called every second or so, since a function may report seldom, or never.
        """
        if not self._open:
            return False
        goes_on = [self._alive(name, trial, now, working) for name, trial in self._open.items()]
        return not any(goes_on) and bool(self.state.stopped_because)

    def _alive(self, name: str, trial: _Open, now: float, working: Collection[str] | None) -> bool:
        works = trial.reported if working is None else name in working
        if not works or math.isnan(trial.heard_at):
            trial.heard_at = now
        seconds = trial.worked(now)
        cpu_seconds = trial.cpu_before + trial.cpu_seconds
        return self.state.shown(name, Shown(trial.order.number, (), seconds, cpu_seconds), now)

    def ended(self, name: str, now: float, *, died: bool = False) -> None:
        """Close a trial. One whose process died is tried again, as the sweep decides."""
        trial = self._open.pop(name, None)
        if trial is None:
            return
        if died:
            self.state.lost(name, now)
            return
        self.state.shown(
            name,
            Shown(
                trial.order.number,
                (),
                trial.before + trial.seconds,
                trial.cpu_before + trial.cpu_seconds,
                done=True,
                cut=trial.cut or not (trial.complete or trial.error),
                error=trial.error,
                objectives=trial.others,
            ),
            now,
        )

    def close(self, now: float) -> None:
        """Close what is still open: the sweep ended over it."""
        for name, trial in list(self._open.items()):
            trial.cut = True
            self.ended(name, now)


def _within(config: Mapping[str, Any], key: str, otherwise: Any) -> Any:  # noqa: ANN401
    """Return what `config` says for a parameter that may be named `group/name`."""
    found: Any = config
    for step in key.split("/"):
        if not isinstance(found, Mapping) or step not in found:
            return otherwise
        found = found[step]
    return found


def _reached(value: object, at: float) -> bool:
    return isinstance(value, int | float) and value >= at
