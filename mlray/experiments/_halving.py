"""When a configuration may go on: asynchronous successive halving over rungs of boosting rounds.

Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020 (arXiv 1810.05934).
"""

from array import array
from bisect import insort
from collections.abc import Mapping, Sequence

from mlray.experiments._orders import Look

__all__ = ["ETA", "Rungs", "behind", "keeps_up", "marks", "past_its_best", "rungs"]

ETA = 3
"""One in `ETA` configurations goes on from each rung."""

FIRST = 24
"""Fewer rounds tell little: a slow learner has hardly moved, and would lose to a hasty one."""

PATIENCE = 1 / 3
"""A configuration whose score has not risen for this share of all rounds is past its best."""

LOOKS = 12
"""How often at most the score is looked at on the way; the best round count is one of these."""


def rungs(rounds: int, eta: int = ETA, first: int = FIRST) -> tuple[int, ...]:
    """Return the rounds after which configurations are compared, the last one being all `rounds`.

    >>> rungs(120), rungs(1000)
    ((40, 120), (37, 111, 333, 1000))
    """
    steps = [rounds]
    while steps[-1] // eta >= first:
        steps.append(steps[-1] // eta)
    return tuple(reversed(steps))


def marks(rounds: int) -> tuple[int, ...]:
    """Return the rounds after which the score is computed: every rung, and evenly spaced ones between.

    >>> marks(24)
    (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24)
    """
    even = {max(1, round(rounds * look / LOOKS)) for look in range(1, LOOKS + 1)}
    return tuple(sorted(even | set(rungs(rounds))))


def keeps_up(score: float, others: Sequence[float], *, higher: bool, eta: int = ETA) -> bool:
    """Return whether `score` belongs to the best of one in `eta` at its rung, given what `others` reached there.

    With fewer than `eta` others nobody is stopped: the second of two would always be.

    >>> keeps_up(0.70, [0.71, 0.72, 0.73], higher=True)
    False
    >>> keeps_up(0.70, [0.71, 0.72], higher=True)
    True
    """
    sign = 1.0 if higher else -1.0
    cut = _cut(sorted(sign * other for other in others), eta)
    return cut is None or sign * score >= cut


def _cut(reached: Sequence[float], eta: int) -> float | None:
    """Return the value above which the best of one in `eta` lie, of values in ascending order; None for too few."""
    if len(reached) < eta:
        return None
    place = (len(reached) - 1) * (1 - 1 / eta)
    below = int(place)
    low, high = reached[below], reached[min(below + 1, len(reached) - 1)]
    # Rounded up, the line between two values would end above the higher one, and stop the best of all.
    return min(low + (high - low) * (place - below), high)


def behind(looks: Sequence[Look], cuts: Mapping[int, float], *, higher: bool) -> bool:
    """Return whether a trial with `looks` so far is to end at the last of them, which `cuts` may ask a score of.

    >>> behind([Look(11, 0.70)], {11: 0.72}, higher=True), behind([Look(12, 0.70)], {11: 0.72}, higher=True)
    (True, False)
    """
    cut = cuts.get(looks[-1].rounds) if looks else None
    if cut is None:
        return False
    return looks[-1].score < cut if higher else looks[-1].score > cut


class Rungs:
    """What the trials of one sweep reached at each rung but the last, where nothing is left to stop.

    Eight bytes for each trial and rung are all that is kept.

    >>> seen = Rungs(120, higher=True)
    >>> [seen.record(40, score) for score in (0.70, 0.71, 0.72, 0.69)]
    [True, True, True, False]
    >>> {rung: round(cut, 3) for rung, cut in seen.cuts().items()}
    {40: 0.71}
    """

    def __init__(self, rounds: int, *, higher: bool, eta: int = ETA) -> None:
        """Compare trials of at most `rounds` rounds; the best of one in `eta` go on from each rung."""
        self._sign, self._eta = (1.0 if higher else -1.0), eta
        self._reached = {rung: array("d") for rung in rungs(rounds, eta)[:-1]}

    def record(self, rounds: int, score: float) -> bool:
        """Take note of a score, and return whether its trial keeps up; it does wherever there is no rung."""
        reached = self._reached.get(rounds)
        if reached is None:
            return True
        cut = _cut(reached, self._eta)
        insort(reached, self._sign * score)
        return cut is None or self._sign * score >= cut

    def cuts(self) -> dict[int, float]:
        """Return the score that must be reached at each rung; a rung that too few have seen has none."""
        cuts = {rung: _cut(reached, self._eta) for rung, reached in self._reached.items()}
        return {rung: self._sign * cut for rung, cut in cuts.items() if cut is not None}


def past_its_best(scores: Mapping[int, float], rounds: int, *, higher: bool) -> bool:
    """Return whether a trial of at most `rounds` rounds, with a score after so and so many, will hardly rise again.

    >>> past_its_best({10: 0.70, 20: 0.73, 40: 0.72, 60: 0.71}, 120, higher=True)
    True
    >>> past_its_best({10: 0.70, 20: 0.73, 40: 0.72}, 120, higher=True)
    False
    """
    sign = 1.0 if higher else -1.0
    best = max(scores, key=lambda mark: sign * scores[mark], default=0)
    return max(scores, default=0) - best >= PATIENCE * rounds
