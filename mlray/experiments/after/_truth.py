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

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """Return the validation answers of `problem`; with folds those of each fold, in their order."""
        parts = (Part(problem.valid_y, problem.valid_w, problem.valid_groups),)
        if problem.folds:
            learnt = Part(problem.train_y, problem.train_w, problem.train_groups)
            parts = tuple(learnt.at(choose) for _, choose in problem.folds)
        return cls(parts, problem.metric, problem.task, problem.classes)

    @property
    def rows(self) -> int:
        """How many answers there are."""
        return sum(len(part.y) for part in self.parts)

    def read(self, content: bytes) -> Array:
        """Return predictions that travelled as float32, row by row: [n], or [n, classes] for several classes.

        What came in pieces only is returned as it is: it does not fit, see `fits`.
        """
        flat = np.frombuffer(content[: len(content) // 4 * 4], dtype=np.float32)
        return flat.reshape(-1, self.classes) if self.task == "multiclass" and len(flat) % self.classes == 0 else flat

    def fits(self, predicted: Array) -> bool:
        """Return whether `predicted` can be scored: a finite value per row (and class)."""
        shape = (self.rows, self.classes) if self.task == "multiclass" else (self.rows,)
        return predicted.shape == shape and bool(np.isfinite(predicted).all())

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
            scores.append(point_score(self.metric, part.y, predicted[start:stop], part.weights, part.groups))
            start = stop
        return self._sign * float(np.mean(scores))

    def score_of(self, gain: float) -> float:
        """Return the score that `gain` stands for."""
        return self._sign * gain

    @property
    def _sign(self) -> float:
        return 1.0 if higher_is_better(self.metric) else -1.0

    def thinned(self, most: int) -> "Some":
        """Return about `most` of the rows, spread evenly over each part.

        Of each class at least its share of a quarter is taken, where it has so many, and its rows then count for more or
        less, so that scores stay the ones of all rows: a thousandth of positives would otherwise be a handful.
        """
        if self.rows <= most:
            return Some(np.arange(self.rows), self)
        share = most / self.rows
        return self._some([_thin(part, self.task, share) for part in self.parts])

    def halves(self) -> "tuple[Some, Some] | None":
        """Return the first and the second half of the rows, of each part and class; None where they are too few.

        Rows in the order of time are halved in time: what was chosen on one stretch is scored on another.
        """
        cuts = [_halves(part, self.task) for part in self.parts]
        known = [cut for cut in cuts if cut is not None]
        if len(known) < len(cuts):
            return None
        first, second = (self._some([(cut[side], None) for cut in known]) for side in (0, 1))
        try:  # a half may lack what the metric compares, such as a relevant row
            for half in (first, second):
                half.truth.gain(np.zeros((half.truth.rows, self.classes) if self.task == "multiclass" else half.truth.rows))
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
        early = lists < len(starts) // 2
        return None if len(starts) < FEW else (np.flatnonzero(early), np.flatnonzero(~early))
    kinds = _kinds(part, task)
    if min(map(len, kinds)) < FEW:
        return None
    first = np.sort(np.concatenate([kind[: len(kind) // 2] for kind in kinds]))
    second = np.sort(np.concatenate([kind[len(kind) // 2 :] for kind in kinds]))
    return first, second


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
