"""The arithmetic of sweeps: scores over time, and shares of a machine. Nothing is measured here."""

import math
from collections.abc import Mapping, Sequence

__all__ = ["Line", "at", "busy", "common", "overhead", "reached", "rising", "share_error"]

Line = Sequence[tuple[float, float]]
"""(seconds since the beginning, score then seen) of one search, in the order of time; a higher score is better."""


def rising(line: Line) -> list[tuple[float, float]]:
    """Return the moments at which the best so far rose.

    >>> rising([(1, 0.5), (3, 0.4), (2, 0.7)])
    [(1, 0.5), (2, 0.7)]
    """
    found: list[tuple[float, float]] = []
    for moment, score in sorted(line):
        if not found or score > found[-1][1]:
            found.append((moment, score))
    return found


def at(line: Line, seconds: float, nothing: float = 0.5) -> float:
    """Return the best score seen within so many seconds; `nothing` before the first, the AUC of a guess.

    >>> at([(1, 0.6), (4, 0.7), (9, 0.8)], 5), at([(3, 0.7)], 2)
    (0.7, 0.5)
    """
    return max((score for moment, score in line if moment <= seconds), default=nothing)


def reached(line: Line, score: float) -> float:
    """Return after how many seconds `score` was reached, infinity when it never was.

    >>> reached([(1, 0.6), (4, 0.7)], 0.65), reached([(1, 0.6)], 0.65)
    (4, inf)
    """
    return min((moment for moment, seen in line if seen >= score), default=math.inf)


def common(lines: Mapping[str, Line]) -> float:
    """Return the score that everybody reached: the lowest of their best ones, a guess's where somebody saw none.

    >>> common({"a": [(1, 0.7), (2, 0.9)], "b": [(5, 0.8)]})
    0.8
    """
    return min(at(line, math.inf) for line in lines.values())


def overhead(spent: float, training: float, trials: int) -> float:
    """Return what a trial cost above its training, in seconds of a slot or of CPU.

    Never below a millisecond: training is timed by another clock, and a ratio to nothing says nothing.

    >>> overhead(64.0, 60.0, 40), overhead(59.0, 60.0, 40)
    (0.1, 0.001)
    """
    return max(0.001, (spent - training) / trials)


def busy(spans: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    """Return the seconds of the spans (from, to) that lie between two moments.

    >>> busy([(0, 4), (3, 9)], 2, 5)
    4
    """
    return sum(max(0, min(last, end) - max(first, begin)) for first, last in spans)


def share_error(one: float, other: float) -> float:
    """Return by how much the share of either of two equal teams is off a half, in hundredths of all.

    >>> round(share_error(33.0, 27.0), 1)
    5.0
    """
    whole = one + other
    return 100 * abs(one / whole - 0.5) if whole else 50.0
