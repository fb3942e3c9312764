"""How much better the best score will still become: what the tail of the scores so far lets one expect.

Scores above a high threshold are taken to fall off exponentially, the usual tail of peaks over a threshold
(Pickands, Annals of Statistics 3, 1975, with shape zero).
"""

import math
from collections import deque
from collections.abc import Iterable

__all__ = ["AHEAD", "Plateau", "expected_gain"]

WINDOW = 64
"""A search gets better with time: only the last so many scores tell what the next will be."""

FEWEST = 24
"""With fewer scores there is no tail to speak of, and defaults and chance are still among them."""

TAIL = 0.2
"""The share of the scores that counts as their tail."""

AHEAD = 32
"""Of so many further trials the gain is asked."""

PATIENCE = 16
"""A best score that rose among the last so many trials may rise again, whatever the tail says."""

_EULER = 0.5772156649015329


def expected_gain(scores: Iterable[float], best: float, ahead: int) -> float:
    """Return by how much the best of `ahead` more scores is expected to exceed `best`; more is better.

    Infinite for fewer than `FEWEST` scores, zero where the tail has no width.

    >>> round(expected_gain([0.80 + 0.001 * i for i in range(50)], 0.85, 32), 4)
    0.0051
    >>> expected_gain([0.80] * 50, 0.80, 32)
    0.0
    """
    ordered = sorted(scores, reverse=True)
    if len(ordered) < FEWEST:
        return math.inf
    size = int(TAIL * len(ordered))
    threshold = ordered[size]
    # One less than there are: the best of them enters twice, and its own gain would come out a third too small.
    width = math.fsum(score - threshold for score in ordered[:size]) / (size - 1)
    if width <= 0.0:
        return 0.0
    above = size / len(ordered) * math.exp(-max(0.0, best - threshold) / width)
    return width * _harmonic(ahead * above)


def _harmonic(mean: float) -> float:
    """Return the expected harmonic number of a Poisson count: the maximum of so many unit exponentials.

    It is the entire exponential integral Ein, as a series where that is quick and by its limit beyond.
    """
    if mean > 8.0:
        return math.log(mean) + _EULER
    total, term = 0.0, 1.0
    for k in range(1, 48):
        term *= -mean / k
        total -= term / k
    return total


class Plateau:
    """Watches the scores of one sweep as they come in; 64 of them are kept."""

    def __init__(self, *, higher: bool) -> None:
        """Begin without a score."""
        self._sign = 1.0 if higher else -1.0
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._best, self._since = -math.inf, 0

    def add(self, score: float) -> None:
        """Take note of a finished trial's score."""
        signed = self._sign * score
        self._recent.append(signed)
        self._since = 0 if signed > self._best else self._since + 1
        self._best = max(self._best, signed)

    def gain(self, ahead: int = AHEAD) -> float:
        """Return by how much the best is expected to improve in `ahead` more trials; infinite while it is too early."""
        if self._since < PATIENCE:
            return math.inf
        return expected_gain(self._recent, self._best, ahead)
