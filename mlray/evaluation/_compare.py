"""Two models on the same rows: what one gains over the other, and what these rows could have shown."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlray.evaluation._metrics import HIGHER_IS_BETTER, Array, auc_parts, check, losses, score, z_of
from mlray.records import Interval

__all__ = ["Comparison", "compare"]

POWER = 0.8
"""The chance with which a difference of `detectable` would have been seen."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a candidate gains over another model on the same rows."""

    metric: str
    candidate: float
    other: float
    gain: Interval
    """Difference in the metric, positive when the candidate is better."""
    excess_loss: Interval
    """Mean difference in Brier loss row by row, positive when the candidate is worse: it sees what a ranking hides."""
    rows: int
    detectable: float
    """The smallest gain or loss in the metric that these rows show in four of five cases."""


def compare(
    metric: str, y: npt.ArrayLike, candidate: npt.ArrayLike, other: npt.ArrayLike, *, level: float = 0.95
) -> Comparison:
    """Compare two sets of probabilities for the same answers `y`, all of shape [n].

    The differences are paired: what both models find hard cancels out. AUC by DeLong's covariance, the others by the
    mean of the differences row by row. Raises DataError as `mlray.evaluation.score` does.
    """
    truth, mine = check(np.asarray(y), np.asarray(candidate))
    _, theirs = check(truth, np.asarray(other))
    gain, error = _gain(metric, truth, mine, theirs)
    excess, spread = _mean(losses("brier", truth, mine) - losses("brier", truth, theirs))
    z = z_of(level)
    return Comparison(
        metric=metric,
        candidate=score(metric, truth, mine).value,
        other=score(metric, truth, theirs).value,
        gain=Interval(gain, gain - z * error, gain + z * error, level),
        excess_loss=Interval(excess, excess - z * spread, excess + z * spread, level),
        rows=len(truth),
        detectable=(z + z_of(2 * POWER - 1)) * error,
    )


def _gain(metric: str, y: Array, mine: Array, theirs: Array) -> tuple[float, float]:
    """Return the gain and its standard error."""
    if metric != "auc":
        sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
        return _mean(sign * (losses(metric, y, mine) - losses(metric, y, theirs)))
    value, positives, negatives = auc_parts(y, mine)
    other, other_positives, other_negatives = auc_parts(y, theirs)
    _, first = _mean(positives - other_positives)
    _, second = _mean(negatives - other_negatives)
    return value - other, float(np.hypot(first, second))


def _mean(differences: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the mean and its standard error; a single row says nothing about its own spread."""
    spread = float(differences.std(ddof=1)) if len(differences) > 1 else float("inf")
    return float(differences.mean()), spread / len(differences) ** 0.5
