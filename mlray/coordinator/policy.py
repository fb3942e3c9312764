"""When to retrain. Pure: facts in, a verdict out.

The rule for now: a model is retrained when the wrong answers that a fresh one would have avoided have cost as much as
a retraining does, and when the same excess, half believed, would pay for it again within the horizon. For linear ageing
the first half is the optimal renewal rule (economic order quantity), and it is 2-competitive in general (ski rental).
Drift alone never retrains: it says that something changed, not that the answers got worse.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from mlray.records import Budget, DriftReport, Interval, Performance, Price

__all__ = ["Facts", "Weighed", "weigh"]

BELIEF = 0.5
"""How much of the excess just seen is expected to go on; half, since a week's excess is partly chance and weather."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the coordinator knows at one moment."""

    endpoint: str
    version: int
    now: datetime
    drift: DriftReport | None
    performance: Performance | None
    rows_per_day: float
    price: Price
    budget: Budget | None
    broken: str = ""
    """Why the data cannot be trusted; empty when it can."""
    paused: str = ""
    """Why no new data is taken in; empty when it is."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """The two sides of the scales, in money."""

    accumulated: float
    """Avoidable wrong answers since the live model went live, this window included."""
    lost: Decimal
    """What they cost so far."""
    gain: Interval | None
    """What a fresh model would save over the horizon."""


def weigh(facts: Facts, before: float, error: Decimal, horizon: timedelta, *, new: float = 1.0) -> Weighed:
    """Return what waiting has cost and what a retraining would gain.

    Args:
        facts: what is known now; without a measured excess nothing is added.
        before: avoidable wrong answers that had accumulated before this window.
        error: what one wrong answer costs.
        horizon: how far ahead a gain is counted.
        new: the share of the window's rows that no earlier look has counted, 0 to 1.
    """
    performance = facts.performance
    if performance is None or performance.excess is None:
        return Weighed(before, error * Decimal(str(round(before, 6))), None)
    excess = performance.excess
    accumulated = max(0.0, before + excess.value * performance.labelled * new)
    answers = facts.rows_per_day * (horizon / timedelta(days=1)) * float(error) * BELIEF
    gain = Interval(excess.value * answers, excess.low * answers, excess.high * answers, excess.level)
    return Weighed(accumulated, error * Decimal(str(round(accumulated, 6))), gain)
