"""Scores of a binary classifier, each with an interval that says how much the rows at hand can tell."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from mlray.errors import DataError, SpecError
from mlray.records import Interval

__all__ = ["HIGHER_IS_BETTER", "Array", "auc_parts", "check", "losses", "metrics", "score", "wilson", "z_of"]

Array = npt.NDArray[np.float64]
Numbers = Sequence[float] | npt.NDArray[Any]

HIGHER_IS_BETTER: Mapping[str, bool] = {
    "auc": True,
    "accuracy": True,
    "error": False,
    "log_loss": False,
    "brier": False,
}
"""Each score, and whether more of it is better."""

NEVER_CERTAIN = 1e-15
"""A probability of exactly 0 or 1 that turns out wrong would make the logarithm infinite."""


def metrics(y: Numbers, p: Numbers, *, level: float = 0.95) -> dict[str, Interval]:
    """Return every score of `HIGHER_IS_BETTER` for probabilities `p` of the answers `y` (0 or 1), both of shape [n].

    Raises:
        DataError: lengths differ, no rows, one answer only, or a probability outside 0 to 1.

    >>> print(metrics([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])["accuracy"])
    0.750 [0.301, 0.954]
    """
    return {name: score(name, y, p, level=level) for name in HIGHER_IS_BETTER}


def score(metric: str, y: Numbers, p: Numbers, *, level: float = 0.95) -> Interval:
    """Return one score with its interval.

    AUC by DeLong on the logit scale, shares by Wilson, mean losses by the normal law.

    Raises:
        DataError: as `metrics`; only `auc` needs both answers.
        SpecError: an unknown metric.
    """
    if metric not in HIGHER_IS_BETTER:
        raise SpecError([f"'{metric}' is not a metric."], remedy=f"Known: {', '.join(HIGHER_IS_BETTER)}.")
    truth, answer = check(y, p)
    if metric == "auc":
        return _auc(truth, answer, level)
    each = losses(metric, truth, answer)
    if metric in ("accuracy", "error"):
        return wilson(int(each.sum()), len(each), level=level)
    margin = z_of(level) * float(each.std(ddof=1)) / len(each) ** 0.5 if len(each) > 1 else float("inf")
    value = float(each.mean())
    return Interval(value, max(0.0, value - margin), value + margin, level)


def check(y: Numbers, p: Numbers) -> tuple[Array, Array]:
    """Return `y` and `p` as float64 arrays; DataError when they cannot be scored."""
    truth, answer = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != answer.shape or not len(truth):
        raise DataError(f"There are {truth.size} answers and {answer.size} probabilities to score.")
    if not np.isin(truth, (0.0, 1.0)).all():
        raise DataError(f"Answers are 0 or 1; one of them is {truth[~np.isin(truth, (0.0, 1.0))][0]}.")
    wrong = ~((answer >= 0) & (answer <= 1))
    if wrong.any():
        raise DataError(f"A probability lies between 0 and 1; row {int(wrong.argmax())} has {answer[wrong][0]}.")
    return truth, answer


def losses(metric: str, y: Array, p: Array) -> Array:
    """Return what each row adds to a score that is a mean over rows, shape [n] (every metric but `auc`)."""
    if metric == "accuracy":
        return np.asarray((p > 0.5) == (y > 0.5), dtype=np.float64)
    if metric == "error":
        return np.asarray((p > 0.5) != (y > 0.5), dtype=np.float64)
    if metric == "brier":
        return np.asarray((p - y) ** 2)
    sure = np.clip(p, NEVER_CERTAIN, 1 - NEVER_CERTAIN)
    return np.asarray(-(y * np.log(sure) + (1 - y) * np.log1p(-sure)))


def z_of(level: float) -> float:
    """Return how many standard errors a two-sided interval at `level` reaches.

    >>> round(z_of(0.95), 2)
    1.96
    """
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson(hits: int, n: int, *, level: float = 0.95) -> Interval:
    """Return the share `hits / n` with Wilson's score interval (Wilson 1927), which stays within 0 to 1.

    >>> print(wilson(0, 20))
    0.000 [0.000, 0.161]
    """
    z2 = z_of(level) ** 2
    share = hits / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    margin = (z2 * (share * (1 - share) / n + z2 / (4 * n * n))) ** 0.5 / (1 + z2 / n)
    # Rounding may carry an end past the share itself when that is 0 or 1.
    return Interval(share, min(share, max(0.0, centre - margin)), max(share, min(1.0, centre + margin)), level)


def auc_parts(y: Array, p: Array) -> tuple[float, Array, Array]:
    """Return the AUC and its structural components: one share per positive row and one per negative row.

    A positive's component is the share of negatives that it ranks above, a negative's the share of positives above it,
    ties counting half (DeLong et al. 1988); O(n log n) by sorting once (Sun and Xu 2014).
    """
    positives, negatives = p[y > 0.5], p[y < 0.5]
    m, n = len(positives), len(negatives)
    if not m or not n:
        raise DataError(
            f"The area under the curve needs both answers; {m} of {m + n} are true.",
            remedy="Judge on more rows, or by accuracy, log_loss or brier.",
        )
    of_positives = _share_below(negatives, positives)
    of_negatives = 1.0 - _share_below(positives, negatives)
    return float(of_positives.mean()), of_positives, of_negatives


def _share_below(others: Array, values: Array) -> Array:
    """Return for each of `values` the share of `others` below it, those equal to it counting half."""
    ordered = np.sort(others)
    below, not_above = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return np.asarray((below + not_above) / (2 * len(ordered)), dtype=np.float64)


def _auc(y: Array, p: Array, level: float) -> Interval:
    value, positives, negatives = auc_parts(y, p)
    m, n = len(positives), len(negatives)
    if min(m, n) < 2:
        return Interval(value, 0.0, 1.0, level)
    variance = float(positives.var(ddof=1)) / m + float(negatives.var(ddof=1)) / n
    if value in (0.0, 1.0) or not variance:
        return _separated(value, min(m, n), level)
    # On the logit scale the interval keeps its level near 1 and never leaves 0 to 1 (Pepe 2003, section 5.2).
    centre = np.log(value / (1 - value))
    margin = z_of(level) * variance**0.5 / (value * (1 - value))
    low, high = (1 / (1 + np.exp(-np.array([centre - margin, centre + margin])))).tolist()
    return Interval(value, low, high, level)


def _separated(value: float, smaller: int, level: float) -> Interval:
    """Return an interval where every component is alike, so that their variance tells nothing.

    If a positive ranked above a negative with chance a, the rows of the smaller class, paired off, would all agree with
    chance a^k; the bound is the a for which that chance is half of what the level leaves.
    """
    if value not in (0.0, 1.0):
        return Interval(value, value, value, level)
    far = ((1 - level) / 2) ** (1 / smaller)
    return Interval(value, far, 1.0, level) if value else Interval(value, 0.0, 1 - far, level)
