"""A blend of a sweep's best trials, built greedily from the predictions they left for the validation rows. Pure.

Caruana et al., Ensemble Selection from Libraries of Models, ICML 2004: begin with the best one, and add, again and
again and with replacement, whichever makes the average better; how often a trial was taken is its weight.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mlray.experiments._problem import Array
from mlray.experiments.after._truth import Truth

__all__ = ["MOST", "Ensemble", "best_single", "blend", "ensemble", "greedy"]

MOST = 8
"""Each member is one more model that answers every request, so a blend has no more of them."""
LEAST = 0.05
"""A smaller share moves no score that one could see, and costs as much of every request."""
STEPS = 40
"""One step is a fortieth of the weight at most: finer weights follow the noise."""
PATIENCE = 8
"""Steps without a better score after which the path is given up: it rarely rises again, and each costs a score."""
BAGS = 4
"""Paths over a random half of the trials each, whose average leans on no single lucky trial (Caruana, section 2.3)."""
ROWS = 10_000
"""Rows that the weights are chosen on: the gain of one more step is seen on them, and a sweep's end stays short."""
RANKED = 3_000
"""The same for rankings, whose scores take three times as long."""
FIRST = 5
"""The best few on those rows: one of them is the best on all rows."""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Which trials, in what shares, and what their weighted average scores on all validation rows."""

    weights: tuple[tuple[int, float], ...]
    """Trial number and share, the largest first; shares are positive and sum to 1."""
    score: float
    single: float
    """What the best trial alone scores on the same rows."""


def blend(predictions: Mapping[int, Array], weights: Sequence[tuple[int, float]]) -> Array:
    """Return the weighted sum of predictions, each of shape [n] or [n, classes].

    >>> blend({4: np.array([0.0, 1.0]), 7: np.array([1.0, 1.0])}, [(4, 0.75), (7, 0.25)]).tolist()
    [0.25, 1.0]
    """
    parts = [share * np.asarray(predictions[number], dtype=np.float64) for number, share in weights]
    mixed: Array = np.sum(parts, axis=0)
    return mixed


def best_single(predictions: Mapping[int, Array], truth: Truth) -> int:
    """Return the trial whose own predictions score best; of equal ones the first."""
    return max(sorted(predictions), key=lambda number: truth.gain(predictions[number]))


def greedy(
    predictions: Mapping[int, Array], truth: Truth, *, steps: int = STEPS, most: int = MOST
) -> tuple[tuple[int, float], ...]:
    """Return the shares at the best point of one greedy path of at most `steps` steps and `most` different trials.

    The first step is the best single trial, so the shares never score worse than it on the rows of `truth`. The order
    of `predictions` does not matter: of equally good steps the trial with the lowest number is taken.
    """
    taken: dict[int, int] = {}
    total: Array = np.zeros(1)
    found, best, best_at = dict(taken), -np.inf, 0
    for step in range(1, steps + 1):
        open_ = sorted(predictions) if len(taken) < most else sorted(taken)
        gains = [truth.gain((total + predictions[number]) / step) for number in open_]
        chosen = open_[int(np.argmax(gains))]
        total = total + predictions[chosen]
        taken[chosen] = taken.get(chosen, 0) + 1
        if max(gains) > best:
            found, best, best_at = dict(taken), max(gains), step
        if step - best_at >= PATIENCE:
            break
    return _shares(found)


def _shares(counts: Mapping[int, float], most: int = MOST) -> tuple[tuple[int, float], ...]:
    """Return the `most` largest of `counts` as shares of one, the largest first."""
    largest = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
    total = sum(count for _, count in largest)
    return tuple((number, count / total) for number, count in largest)


def ensemble(predictions: Mapping[int, Array], truth: Truth, seed: int) -> Ensemble | None:
    """Return the blend that is worth its members, or None where the best trial alone is as good.

    Worth it means: better than the best single trial on all rows of `truth`, and also where shares that were chosen on
    one half of the rows are scored on the other half, both ways on average: a gain that is noise does not survive that.

    Args:
        predictions: What each trial, by its number, predicts for the rows of `truth`: shape [n] or [n, classes].
            Ranking scores may be on any scale: they are brought to one, and the shares take that back.
        truth: The answers.
        seed: Of the random halves of the trials; the same seed gives the same blend.
    """
    usable = {number: predictions[number] for number in sorted(predictions) if truth.fits(predictions[number])}
    if len(usable) < 2:
        return None
    scales = {number: truth.scale(predicted) for number, predicted in usable.items()}
    chosen = truth.thinned(RANKED if truth.task == "ranking" else ROWS)
    few, short = (
        {number: chosen.of(usable[number]).astype(np.float64) / scales[number] for number in usable},
        chosen.truth,
    )
    if _crossed(few, short) <= 0:
        return None
    first = sorted(few, key=lambda number: -short.gain(few[number]))[:FIRST]
    single = max(truth.gain(usable[number]) for number in first)
    paths = [_unscaled(_trimmed(path), scales) for path in (_bagged(few, short, seed), greedy(few, short))]
    gain, weights = max(((truth.gain(blend(usable, path)), path) for path in paths), key=lambda pair: pair[0])
    if gain <= single or len(weights) < 2:
        return None
    return Ensemble(weights, truth.score_of(gain), truth.score_of(single))


def _trimmed(shares: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    return [(number, share) for number, share in shares if share >= LEAST]


def _unscaled(shares: Sequence[tuple[int, float]], scales: Mapping[int, float]) -> tuple[tuple[int, float], ...]:
    return _shares({number: share / scales[number] for number, share in shares})


def _bagged(predictions: Mapping[int, Array], truth: Truth, seed: int) -> tuple[tuple[int, float], ...]:
    """Return the average of greedy paths, each over a random half of the trials."""
    draw = np.random.default_rng(seed)
    numbers = sorted(predictions)
    total: dict[int, float] = {}
    for _ in range(BAGS):
        half = draw.choice(numbers, max(2, len(numbers) // 2), replace=False)
        for number, share in greedy({int(one): predictions[int(one)] for one in half}, truth):
            total[number] = total.get(number, 0.0) + share
    return _shares(total)


def _crossed(predictions: Mapping[int, Array], truth: Truth) -> float:
    """Return what a blend gains over the best single on rows that neither was chosen on; 0 where they are too few."""
    halves = truth.halves()
    if halves is None:
        return 0.0
    gains = []
    for here, there in (halves, halves[::-1]):
        seen = {number: here.of(predicted) for number, predicted in predictions.items()}
        unseen = {number: there.of(predicted) for number, predicted in predictions.items()}
        mixed = there.truth.gain(blend(unseen, greedy(seen, here.truth)))
        gains.append(mixed - there.truth.gain(unseen[best_single(seen, here.truth)]))
    return float(np.mean(gains))
