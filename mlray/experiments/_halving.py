"""When a configuration may go on: asynchronous successive halving over rungs of boosting rounds.

Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020 (arXiv 1810.05934). Instead of the scores
at a rung we compare what they promise for the next one: a slow learner is behind all the hasty ones for most of the
way, and would lose to them wherever the score is a loss.
"""

import math
from array import array
from bisect import insort
from collections.abc import Mapping, Sequence

from mlray.experiments._orders import Look

__all__ = ["ETA", "Rungs", "behind", "keeps_up", "marks", "past_its_best", "promise", "rungs"]

ETA = 3
"""From rung to rung the rounds grow by this factor."""

GOING_ON = {27: 4 / 5, 9: 1 / 3, 3: 1 / 4}
"""Of the trials that reach so small a part of all rounds, the share that goes on: early on little is known.

On two sets of 64 recorded curves, each in 26 orders, by AUC and by log loss, this took 0.30 to 0.41 of all the training
and missed the best by up to 0.0002: means over the orders; the worst single order missed it by 0.0019. One in three by
the scores alone, first after 24 rounds or more, took 0.39 to 0.68 and missed it by up to 0.0013.
"""

FIRST = 4
"""Fewer rounds tell nothing."""

FEWEST = 3
"""With fewer others nobody is stopped: the second of two always would be."""

HOPE = 0.7
"""The share of its recent gain, continued in the logarithm of the rounds, that a trial is credited with."""

BACK = 2 / 3
"""The recent gain is measured from the last look before this share of the rounds so far."""

PATIENCE = 1 / 3
"""A configuration whose score has not risen for this share of all rounds is past its best."""

LOOKS = 12
"""So many looks are spread evenly over the rounds; the best round count is one of all looks."""


def rungs(rounds: int) -> tuple[int, ...]:
    """Return the rounds after which configurations are compared, the last one being all `rounds`.

    >>> rungs(100), rungs(1000), rungs(10)
    ((4, 11, 33, 100), (37, 111, 333, 1000), (10,))
    """
    return (*(round(rounds / part) for part in GOING_ON if round(rounds / part) >= FIRST), rounds)


def marks(rounds: int) -> tuple[int, ...]:
    """Return the rounds after which the score is computed: evenly spaced, at every rung, and halfway to it.

    >>> marks(24)
    (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24)
    """
    even = {max(1, round(rounds * look / LOOKS)) for look in range(1, LOOKS + 1)}
    compared = rungs(rounds)[:-1]
    return tuple(sorted(even | {*compared, rounds} | {rung // 2 for rung in compared}))


def keeps_up(score: float, others: Sequence[float], *, higher: bool, eta: float = ETA) -> bool:
    """Return whether `score` belongs to the best of one in `eta` at its rung, given what `others` reached there.

    With fewer than three others nobody is stopped.

    >>> keeps_up(0.70, [0.71, 0.72, 0.73], higher=True)
    False
    >>> keeps_up(0.70, [0.71, 0.72], higher=True)
    True
    """
    sign = 1.0 if higher else -1.0
    cut = _cut(sorted(sign * other for other in others), 1 / eta)
    return cut is None or sign * score >= cut


def _cut(reached: Sequence[float], share: float) -> float | None:
    """Return the value above which the best `share` lie, of values in ascending order; None for too few."""
    if len(reached) < FEWEST:
        return None
    place = (len(reached) - 1) * (1 - share)
    below = int(place)
    low, high = reached[below], reached[min(below + 1, len(reached) - 1)]
    # Rounded up, the line between two values would end above the higher one, and stop the best of all.
    return min(low + (high - low) * (place - below), high)


def promise(looks: Sequence[Look], *, higher: bool) -> float:
    """Return the score that a trial with `looks` so far may have after three times as many rounds as now.

    Its gain since the last look before two thirds of its rounds goes on in the logarithm of the rounds, dampened; a
    trial that does not rise promises what it has, and so does one with a single look.

    >>> round(promise([Look(11, 0.70), Look(33, 0.80)], higher=True), 3)
    0.87
    >>> promise([Look(11, 0.82), Look(33, 0.80)], higher=True)
    0.8
    """
    last = looks[-1]
    before = next((look for look in reversed(looks) if look.rounds <= BACK * last.rounds), None)
    if before is None:
        return last.score
    gain = last.score - before.score
    if (gain < 0.0) is higher:
        return last.score
    return last.score + HOPE * gain * math.log(ETA) / math.log(last.rounds / before.rounds)


def behind(looks: Sequence[Look], cuts: Mapping[int, float], *, higher: bool) -> bool:
    """Return whether a trial with all its `looks` so far is to end at the last of them: it promises less than the cut.

    >>> behind([Look(11, 0.70)], {11: 0.72}, higher=True), behind([Look(12, 0.70)], {11: 0.72}, higher=True)
    (True, False)
    """
    cut = cuts.get(looks[-1].rounds) if looks else None
    if cut is None:
        return False
    promised = promise(looks, higher=higher)
    return promised < cut if higher else promised > cut


class Rungs:
    """What the trials of one sweep promised at each rung but the last, where nothing is left to stop.

    Eight bytes for each trial and rung are all that is kept.

    >>> seen = Rungs(100, higher=True)
    >>> [seen.record([Look(11, score)]) for score in (0.70, 0.71, 0.72, 0.69)]
    [True, True, True, False]
    >>> {rung: round(cut, 3) for rung, cut in seen.cuts().items()}
    {11: 0.71}
    """

    def __init__(self, rounds: int, *, higher: bool) -> None:
        """Compare trials of at most `rounds` rounds."""
        self._higher, self._sign = higher, 1.0 if higher else -1.0
        shares = {round(rounds / part): share for part, share in GOING_ON.items()}
        self._reached = {rung: (shares[rung], array("d")) for rung in rungs(rounds)[:-1]}

    def record(self, looks: Sequence[Look]) -> bool:
        """Take note of a trial that has come to the last of `looks`, and return whether it keeps up.

        It does wherever there is no rung.
        """
        at_rung = self._reached.get(looks[-1].rounds)
        if at_rung is None:
            return True
        share, reached = at_rung
        promised = self._sign * promise(looks, higher=self._higher)
        cut = _cut(reached, share)
        insort(reached, promised)
        return cut is None or promised >= cut

    def cuts(self) -> dict[int, float]:
        """Return what must be promised at each rung; a rung that too few have seen asks for nothing."""
        cuts = {rung: _cut(reached, share) for rung, (share, reached) in self._reached.items()}
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
