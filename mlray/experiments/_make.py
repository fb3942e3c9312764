"""A question made from what people have at hand: a table and answers, parted as they say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from mlray.errors import DataError, SpecError
from mlray.experiments._metrics import Array, Task, default_metric
from mlray.experiments._problem import Fold, Problem
from mlray.experiments._splits import holdout, k_folds, time_folds, time_holdout
from mlray.experiments._table import column, table
from mlray.experiments._weights import ClassWeights
from mlray.experiments._weights import class_weights as weigh

__all__ = ["Parting", "Split", "problem_of", "task_of"]

Split = Literal["random", "time"]

MOST_CODES = 20
"""Whole numbers with more different values than this are taken for numbers, not for classes."""


@dataclass(frozen=True)
class Parting:
    """How rows are parted into those to learn from and those to choose by.

    By `times`, where there are some, or in the order of the rows with `split` `time`: never is a later row learnt from.
    Else at random, whole `groups` together where there are some, each class shared out alike.
    """

    split: Split | None = None
    share: float = 0.25
    """Of the rows to choose by, where there are no folds."""
    folds: int | None = None
    times: Any = None
    """A number or a moment for each row."""
    gap: Any = 0
    """How long before the first row to choose by nothing is learnt: the time until an answer is known."""
    groups: Any = None
    """Which group each row belongs to: a person, a machine; for a ranking, the list."""

    def cut(self, n: int, seed: int, y: Array | None = None) -> tuple[Fold, ...]:
        """Return the folds over `n` rows, or the one holdout; `y` are classes [n]. Errors as `_splits` raises them."""
        if self.split == "random" and self.times is not None:
            raise SpecError(["Rows with times cannot be split at random here."], remedy="Leave out split, or times.")
        if self.split == "time" or self.times is not None:
            times = np.arange(n) if self.times is None else column(self.times)
            if self.folds:
                return time_folds(times, self.folds, gap=self.gap)
            return (time_holdout(times, self.share, gap=self.gap),)
        if self.folds:
            return k_folds(n, self.folds, seed, y=y, groups=self.groups)
        return (holdout(n, self.share, seed, y=y, groups=self.groups),)


def problem_of(  # noqa: PLR0913 (what is asked of which rows)
    x: Any,  # noqa: ANN401 (a matrix, or a frame)
    y: Any,  # noqa: ANN401 (a column)
    *,
    task: Task | None = None,
    metric: str | None = None,
    parting: Parting | None = None,
    names: Sequence[str] | None = None,
    categorical: Sequence[int | str] = (),
    weights: Any = None,  # noqa: ANN401 (a column)
    class_weights: ClassWeights | None = None,
    device: str = "cpu",
    seed: int = 0,
    dataset: str = "",
) -> Problem:
    """Return the question that the rows `x` with the answers `y` ask.

    Args:
        x: A matrix [n, f] of numbers with NaN for missing, or a frame: words become codes.
        y: The answers, [n]: yes or no, classes, numbers, or relevance within the groups of `parting`.
        task: What kind of question it is; told by the answers without (a ranking never is).
        metric: What trials are compared by; the task's usual one without.
        parting: How rows are parted; a quarter of them, drawn at random, chooses without.
        names: What the columns of a matrix are called.
        categorical: Names or positions of columns that hold integer codes.
        weights: How much each row counts, [n].
        class_weights: How much each class counts: class → weight, or `balanced`.
        device: Where trainers that can use a GPU work.
        seed: Decides everything that is random.
        dataset: A digest of the rows, where the caller has one.

    Raises:
        SpecError: parts of the question that do not fit together.
        DataError: rows that nothing can be learnt from.
    """
    rows = table(x, names, categorical)
    answers = column(y)
    asked = task or task_of(answers)
    codes, labels = _coded(answers, asked)
    if len(codes) != len(rows.matrix):
        raise DataError(f"There are {len(rows.matrix)} rows and {len(codes)} answers.")
    judged = None if weights is None else np.asarray(column(weights), dtype=np.float32)
    # Weights of classes steer the training; the score is that of the rows as they come.
    learnt = judged if class_weights is None else _weighed(answers, asked, class_weights, judged)
    how, order = _by_list(parting or Parting(), len(codes)) if asked == "ranking" else (parting or Parting(), None)
    if order is not None:
        rows, codes = replace(rows, matrix=rows.matrix[order]), codes[order]
        judged, learnt = (None if own is None else own[order] for own in (judged, learnt))
    folds = how.cut(len(codes), seed, codes if labels else None)
    every, none = np.arange(len(codes)), np.arange(0)
    learn, choose = (every, none) if how.folds else folds[0]
    scored = every if how.folds else choose
    lists = how.groups if asked == "ranking" else None
    return Problem(
        *(rows.matrix[learn], codes[learn], rows.matrix[choose], codes[choose], rows.names, rows.categorical),
        metric=metric or default_metric(asked),
        seed=seed,
        task=asked,
        train_w=None if learnt is None else learnt[learn],
        valid_w=None if judged is None else judged[scored],
        train_groups=None if lists is None else lists[learn],
        valid_groups=None if lists is None else lists[choose],
        classes=len(labels),
        folds=folds if how.folds else (),
        dataset=dataset,
        device=device,
        labels=labels,
    )


def task_of(y: Array) -> Task:
    """Return what kind of question answers `y` [n] are taken for: words and few whole numbers for classes.

    >>> task_of(np.array([True, False])), task_of(np.array(["a", "b", "c"])), task_of(np.array([1.5, 2.0]))
    ('binary', 'multiclass', 'regression')
    """
    different = np.unique(y[~_missing(y)])
    few = y.dtype.kind not in "biuf" or (len(different) <= MOST_CODES and (different == np.floor(different)).all())
    if not few:
        return "regression"
    return "binary" if len(different) <= 2 else "multiclass"


def _missing(y: Array) -> Array:
    if y.dtype.kind == "O":
        return np.array([value is None or value != value for value in y], dtype=bool)  # noqa: PLR0124 (NaN)
    return np.asarray(y != y)  # noqa: PLR0124


def _coded(y: Array, task: Task) -> tuple[Array, tuple[Any, ...]]:
    """Return the answers as numbers, and what the codes of classes stand for."""
    missing = int(np.count_nonzero(_missing(y)))
    if missing:
        raise DataError(
            f"{missing} of {len(y)} rows have no answer.", remedy="Leave out rows whose target is not known."
        )
    if task in ("binary", "multiclass"):
        labels, codes = np.unique(y, return_inverse=True)
        if task == "binary" and len(labels) > 2:
            some = ", ".join(str(label) for label in labels[:5])
            raise SpecError(
                [f"A yes-or-no question has two answers; here are {len(labels)}: {some}."],
                remedy="For several classes the task is 'multiclass', for numbers 'regression'.",
            )
        return codes.astype(np.float32), tuple(labels.tolist())
    if y.dtype.kind not in "biuf":
        raise SpecError(
            [f"The answers of a {task} question are numbers; one of them is '{y[0]}'."],
            remedy="For classes the task is 'multiclass'.",
        )
    return y.astype(np.float64), ()


def _weighed(y: Array, task: Task, of: ClassWeights, own: Array | None) -> Array:
    if task not in ("binary", "multiclass"):
        raise SpecError([f"class_weights: a {task} question has no classes."], remedy="Use weights, one for each row.")
    return weigh(y, of, weights=own)


def _by_list(how: Parting, n: int) -> tuple[Parting, Array | None]:
    """Return how to part rows sorted by list, and that order: a list stays whole, and counts as old as its last row."""
    if how.groups is None:
        return how, None
    _, lists = np.unique(column(how.groups), return_inverse=True)
    order = np.argsort(lists, kind="stable")
    times = how.times
    if times is not None or how.split == "time":
        each = np.arange(n) if times is None else column(times)
        by_time = np.lexsort((each, lists))
        last = np.append(np.flatnonzero(np.diff(lists[by_time])), n - 1)
        times = each[by_time][last][lists[order]]
    return replace(how, groups=lists[order], times=times), order
