"""When a configuration may go on: asynchronous successive halving over rungs of boosting rounds.

Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020 (arXiv 1810.05934).
"""

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["ETA", "keeps_up", "marks", "past_its_best", "rungs"]

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
    if len(others) < eta:
        return True
    sign = 1.0 if higher else -1.0
    cut = float(np.quantile([sign * other for other in others], 1 - 1 / eta))
    return sign * score >= cut


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
