"""Tests that may be looked at every day: evidence that a candidate is worse, as e-values.

An e-value is a number whose expectation is at most 1 while there is nothing to find; whoever acts only when it reaches
1/α acts wrongly with probability α at most, however often he looks (Ville's inequality). Pure.
"""

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["failures_e", "worse_e"]

_EFFECTS = np.array([0.5, 1.0, 2.0, 4.0, 8.0])
"""Mean over standard deviation of the daily differences; equal prior weight each."""


def worse_e(differences: Sequence[float], rows: Sequence[int]) -> float:
    """Return the e-value against "the mean difference is not above zero", for one difference per day."""
    x = np.asarray(differences, float)
    if len(x) < 2 or not np.any(x):
        return 1.0
    size = np.sqrt(np.asarray(rows, float) / np.mean(rows))
    scaled = x * size
    total = float(scaled @ size) / math.sqrt(float(scaled @ scaled))
    return float(np.mean([_ratio(effect, total, float(size @ size), len(x)) for effect in _EFFECTS]))


def _ratio(effect: float, total: float, information: float, count: int) -> float:
    """Return the likelihood ratio of a scale-free effect: the mean of exp(effect·total·v) over v with a chi density."""
    top = max(effect * total, 0.0) / 2 + math.sqrt((effect * total) ** 2 / 4 + count)
    v = np.linspace(max(1e-6, top - 12), top + 12, 2001)
    base = (count - 1) * np.log(v) - v**2 / 2
    tilted = base + effect * total * v
    peak = tilted.max()
    log_top = peak + math.log(float(np.trapezoid(np.exp(tilted - peak), v)))
    log_norm = (count / 2 - 1) * math.log(2) + math.lgamma(count / 2)
    return math.exp(min(log_top - log_norm - effect**2 * information / 2, 500.0))


def failures_e(candidate: int, live: int) -> float:
    """Return the e-value against "the candidate fails no more often than the live version".

    Of the requests that exactly one of the two could not score, the candidate's share is at most one half under the null;
    the share is mixed evenly over one half to one.

    >>> failures_e(0, 0)
    1.0
    >>> failures_e(8, 0) > 50
    True
    """
    from scipy.stats import beta

    log_ratio = (candidate + live + 1) * math.log(2) + float(
        beta.logsf(0.5, candidate + 1, live + 1)
        + math.lgamma(candidate + 1)
        + math.lgamma(live + 1)
        - math.lgamma(candidate + live + 2)
    )
    return math.exp(min(log_ratio, 500.0))
