"""The answers that trials are compared by: scored part by part, and looked at on some rows only where they are many."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from mlray.errors import DataError
from mlray.experiments._problem import Array, Problem, higher_is_better, point_score

__all__ = ["Part", "Some", "Truth"]

FEW = 8
"""Rows of a class, or lists, below which half of them is no sample of anything."""
STRETCHES = 10
"""Of rows in the order of time, taken in turn: each half sees the whole time."""


@dataclass(frozen=True, eq=False)
class Part:
    """The answers of one fold, or of all validation rows where there are no folds."""

    y: Array
    weights: Array | None = None
    groups: Array | None = None

    def at(self, rows: Array) -> "Part":
        """Return the answers at the rising positions `rows`."""
        return Part(
            self.y[rows],
            None if self.weights is None else self.weights[rows],
            None if self.groups is None else self.groups[rows],
        )


@dataclass(frozen=True, eq=False)
class Truth:
    """All answers, one part after the other, and the metric that predictions for them are scored by."""

    parts: tuple[Part, ...]
    metric: str
    task: str = "binary"
    classes: int = 2
    quick: bool = False
    """Areas under the curve may be taken from rounded predictions: a tenth of the time, exact to the sixth digit."""

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Return the validation answers of `problem`; with folds those of each fold, in their order."""
        parts: tuple[Part, ...] = (Part(problem.valid_y, problem.valid_w, problem.valid_groups),)
        if problem.folds:
            learnt = Part(problem.train_y, problem.train_w, problem.train_groups)
            parts = tuple(learnt.at(choose) for _, choose in problem.folds)
        return cls(parts, problem.metric, problem.task, problem.classes)

    @property
    def rows(self) -> int:
        """How many answers there are."""
        return sum(len(part.y) for part in self.parts)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of predictions for all rows."""
        return (self.rows, self.classes) if self.task == "multiclass" else (self.rows,)

    def read(self, content: bytes) -> Array:
        """Return predictions that travelled as float32, row by row: [n], or [n, classes] for several classes.

        What came in pieces only is returned as it is: it does not fit, see `fits`.
        """
        flat = np.frombuffer(content[: len(content) // 4 * 4], dtype=np.float32)
        return flat.reshape(-1, self.classes) if self.task == "multiclass" and len(flat) % self.classes == 0 else flat

    def fits(self, predicted: Array) -> bool:
        """Return whether `predicted` can be scored: a finite value per row (and class)."""
        return predicted.shape == self.shape and bool(np.isfinite(predicted).all())

    def scale(self, predicted: Array) -> float:
        """Return what to divide `predicted` by before it is averaged with others: 1, but for ranks their spread.

        The scores of two rankers have no common unit; a ranking stays the same whatever it is divided by.
        """
        spread = float(np.std(predicted)) if self.task == "ranking" else 1.0
        return spread if spread > 0 else 1.0

    def gain(self, predicted: Array) -> float:
        """Return the score of `predicted`, averaged over the parts, with the sign that makes more better."""
        scores, start = [], 0
        for part in self.parts:
            stop = start + len(part.y)
            scores.append(self._score(part, predicted[start:stop]))
            start = stop
        return self._sign * float(np.mean(scores))

    def _score(self, part: Part, predicted: Array) -> float:
        if self.quick and self.metric == "auc" and part.weights is None:
            return _quick_auc(part.y, predicted)
        return point_score(self.metric, part.y, predicted, part.weights, part.groups)

    def score_of(self, gain: float) -> float:
        """Return the score that `gain` stands for."""
        return self._sign * gain

    @property
    def _sign(self) -> float:
        return 1.0 if higher_is_better(self.metric) else -1.0

    def thinned(self, most: int) -> "Some":
        """Return about `most` of the rows, spread evenly over each part.

        Of each class at least its share of a quarter is taken, where it has so many, and its rows then count for more
        or less, so that scores stay the ones of all rows: a thousandth of positives would otherwise be a handful.
        """
        if self.rows <= most:
            return Some(np.arange(self.rows), replace(self, quick=True))
        thin = [_thin(part, self.task, most / self.rows) for part in self.parts]
        if self.metric == "auc":  # which compares rows of different classes: how many there are of each is no matter
            thin = [(rows, None) for rows, _ in thin]
        some = self._some(thin)
        return replace(some, truth=replace(some.truth, quick=True))

    def halves(self) -> "tuple[Some, Some] | None":
        """Return every other stretch of each part's (and class's) rows, and the stretches between; None where few.

        Neighbours are alike, above all in time: row by row in turn, the halves would be one and the same.
        """
        cuts = [_halves(part, self.task) for part in self.parts]
        known = [cut for cut in cuts if cut is not None]
        if len(known) < len(cuts):
            return None
        first, second = (self._some([(cut[side], None) for cut in known]) for side in (0, 1))
        try:  # a half may lack what the metric compares, such as a relevant row
            for half in (first, second):
                half.truth.gain(np.zeros(half.truth.shape))
        except DataError:
            return None
        return first, second

    def _some(self, chosen: "Sequence[tuple[Array, Array | None]]") -> "Some":
        rows, parts, start = [], [], 0
        for part, (at, counts) in zip(self.parts, chosen, strict=True):
            kept = part.at(at)
            if counts is not None:
                kept = replace(kept, weights=counts if kept.weights is None else kept.weights * counts)
            parts.append(kept)
            rows.append(start + at)
            start += len(part.y)
        return Some(np.concatenate(rows), replace(self, parts=tuple(parts)))


@dataclass(frozen=True, eq=False)
class Some:
    """Some of the rows, and their answers."""

    rows: Array
    """Positions among all rows."""
    truth: Truth

    def of(self, predicted: Array) -> Array:
        """Return what was predicted for these rows."""
        return predicted[self.rows]


def _quick_auc(y: Array, p: Array) -> float:
    """Return the area under the curve, for several classes the mean of one against the rest."""
    if p.ndim == 2:
        found = [code for code in range(p.shape[1]) if 0 < np.count_nonzero(y == code) < len(y)]
        return float(np.mean([_quick_auc((y == code).astype(float), p[:, code]) for code in found]))
    # Read as whole numbers, float32 keep their order (negative ones once turned round). With the answer for a last bit
    # one plain sort tells where the positives stand; ties put them last, then first: the mean of both is the truth.
    bits = np.ascontiguousarray(p, dtype=np.float32).view(np.uint32)
    rounded = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)) & ~np.uint32(1)
    positive = (y > 0.5).astype(np.uint32)
    count = int(positive.sum())
    last = np.flatnonzero(np.sort(rounded | positive) & 1).sum()
    first = np.flatnonzero((np.sort(rounded | (1 - positive)) & 1) == 0).sum()
    return float(((last + first) / 2 - count * (count - 1) / 2) / (count * (len(y) - count)))


def _thin(part: Part, task: str, share: float) -> tuple[Array, Array | None]:
    """Return which rows of `part` to look at, about `share` of them, and how much each counts (None: all the same)."""
    if task == "ranking":
        lists, starts = _lists(part)
        kept = np.isin(lists, _even(len(starts), max(FEW, round(share * len(starts)))))
        return np.flatnonzero(kept), None
    kinds = _kinds(part, task)
    least = round(share * len(part.y) / (4 * len(kinds)))
    taken, counts = [], []
    for kind in kinds:
        few = _even(len(kind), max(least, round(share * len(kind)), 1))
        taken.append(kind[few])
        counts.append(np.full(len(few), len(kind) / len(few)))
    order = np.argsort(np.concatenate(taken))
    return np.concatenate(taken)[order], np.concatenate(counts)[order]


def _halves(part: Part, task: str) -> tuple[Array, Array] | None:
    if task == "ranking":
        lists, starts = _lists(part)
        if len(starts) < FEW:
            return None
        side = _sides(len(starts))[lists]
    else:
        kinds = _kinds(part, task)
        if min(map(len, kinds)) < FEW:
            return None
        side = np.zeros(len(part.y), dtype=bool)
        for kind in kinds:
            side[kind] = _sides(len(kind))
    return np.flatnonzero(~side), np.flatnonzero(side)


def _sides(count: int) -> Array:
    """Return for each of `count` rows in their order whether it belongs to the second half."""
    sides: Array = (np.arange(count) * STRETCHES // count) % 2 == 1
    return sides


def _kinds(part: Part, task: str) -> list[Array]:
    """Return the positions of each class; of numbers all in one."""
    if task == "regression":
        return [np.arange(len(part.y))]
    return [np.flatnonzero(part.y == code) for code in np.unique(part.y)]


def _lists(part: Part) -> tuple[Array, Array]:
    """Return the number of each row's list, counted from 0, and where each list begins."""
    groups = np.zeros(len(part.y)) if part.groups is None else part.groups
    fresh = np.concatenate([[True], groups[1:] != groups[:-1]])
    return np.cumsum(fresh) - 1, np.flatnonzero(fresh)


def _even(count: int, most: int) -> Array:
    """Return at most `most` of the positions 0 to `count` - 1, evenly spread."""
    return np.arange(count) if count <= most else (np.arange(most) * count) // most
