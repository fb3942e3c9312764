"""Tests that may be looked at every day: evidence that a candidate is worse, as e-values. Pure.

An e-value is a number whose expectation is at most 1 while there is nothing to find; whoever acts only when it reaches
1/a acts wrongly with probability a at most, however often he looks (Ville's inequality; see Ramdas, Grünwald, Vovk and
Shafer, "Game-theoretic statistics and safe anytime-valid inference", Statistical Science 2023).
"""

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["effect_ratio", "failures_e", "worse_e"]

MARGIN = 0.001
"""A difference in Brier score below this never counts; without it two models that differ only in the last digit of
every score would look like a perfectly consistent difference."""
EFFECTS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Mean over standard deviation of the daily differences that the test looks for, mixed evenly."""
_POINTS = 481
# Simpson's rule: 1 4 2 4 … 2 4 1, thirds.
_WEIGHTS = np.array([1.0, *([4.0, 2.0] * (_POINTS // 2 - 1)), 4.0, 1.0]) / 3


def worse_e(differences: Sequence[float], rows: Sequence[int]) -> float:
    """Return the e-value against "the candidate's loss is not above the live version's by more than 0.001".

    Rows of one day share its weather: on New York's flights the difference between two models moves from day to day
    five to eight times as much as independent rows would explain. So the days are the observations, not the rows. The
    test is the mixture sequential t-test: likelihood ratios of scale-free effects with the unknown day-to-day spread
    integrated out under the right Haar prior (Lai 1976; Wang and Ramdas, "Anytime-valid t-tests and confidence
    sequences", 2024). It assumes that the daily differences are independent and roughly normal with variance inverse
    to the day's rows. tests/laws/test_rollout.py measures what it costs where they are not: heavy tails and unequal
    days nothing, days alike in a row (correlation 0.3) something that the promise still covers; only a candidate that
    is a little worse on most days and much better on a few rare ones is rolled back more often than promised.

    Args:
        differences: Mean loss of the candidate less that of the live version, by day.
        rows: Rows behind each difference.
    """
    if len(differences) < 2:
        return 1.0
    size = np.sqrt(np.asarray(rows, float) / np.mean(rows))
    scaled = (np.asarray(differences, float) - MARGIN) * size
    total = float(scaled @ size) / math.sqrt(float(scaled @ scaled) or 1.0)
    return float(np.mean([effect_ratio(effect, total, float(size @ size), len(scaled)) for effect in EFFECTS]))


def effect_ratio(effect: float, total: float, information: float, count: int) -> float:
    """Return the likelihood ratio of a scale-free `effect` over none.

    With x the observations, c their sizes and S = Σcx / √Σx², it is exp(-effect²·Σc²/2) times the mean of
    exp(effect·S·v) where v is chi-distributed with `count` degrees of freedom; for equal sizes that is the ratio of the
    noncentral to the central t density.

    Args:
        effect: Mean over standard deviation.
        total: S.
        information: Σc².
        count: Observations.
    """
    pull = effect * total
    # The integrand v^(count-1)·exp(pull·v - v²/2) is log-concave, with its top here and less than one wide.
    top = pull / 2 + math.sqrt(pull**2 / 4 + count - 1)
    v = np.linspace(max(1e-9, top - 12), top + 12, _POINTS)
    logs = (count - 1) * np.log(v) + pull * v - v**2 / 2
    peak = float(logs.max())
    log_integral = peak + math.log(float(_WEIGHTS @ np.exp(logs - peak)) * float(v[1] - v[0]))
    log_norm = (count / 2 - 1) * math.log(2) + math.lgamma(count / 2)
    return math.exp(min(log_integral - log_norm - effect**2 * information / 2, 500.0))


def failures_e(candidate: int, live: int) -> float:
    """Return the e-value against "the candidate fails on no more requests than the live version".

    Of the requests that exactly one of the two could not score, the candidate's share is at most one half under the
    null; under the alternative it is mixed evenly over one half to one. Requests are assumed to fail independently.

    >>> failures_e(0, 0)
    1.0
    >>> round(failures_e(8, 0), 1)
    56.8
    """
    from scipy.stats import beta

    a, b = candidate + 1, live + 1
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return math.exp(min((a + b - 1) * math.log(2) + log_beta + float(beta.logsf(0.5, a, b)), 500.0))
