"""What no trainer could learn from is told before anything starts, with what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlray.errors import DataError
from mlray.experiments._metrics import Array

__all__ = ["Rows", "check_folds", "check_rows"]

WIDER = "Take a longer window, or check how the target is defined."


@dataclass(frozen=True, slots=True)
class Rows:
    """One part of a problem, see `Problem` for shapes and meaning."""

    part: str
    """What messages call it, such as `training`."""
    x: Array
    y: Array
    w: Array | None = None
    groups: Array | None = None


def check_rows(rows: Rows, width: int, task: str, *, classes: int = 0) -> None:
    """Find what is wrong with one part of a problem of `width` columns.

    Raises:
        DataError: shapes that disagree, weights or answers that cannot be, or nothing that tells rows apart.
    """
    _shapes(rows, width)
    _answers(rows.part, rows.y, task, classes)
    if rows.w is not None:
        _weights(rows.part, rows.w)
    if task == "ranking":
        _groups(rows.part, rows.groups)


def _shapes(rows: Rows, width: int) -> None:
    if rows.x.ndim != 2 or rows.x.shape != (len(rows.y), width) or rows.y.ndim != 1:
        raise DataError(
            f"The {rows.part} matrix has shape {rows.x.shape}, with {len(rows.y)} answers and {width} column names."
        )
    for what, values in (("weights", rows.w), ("groups", rows.groups)):
        if values is not None and values.shape != rows.y.shape:
            raise DataError(f"There are {len(rows.y)} {rows.part} rows, and {what} of shape {values.shape}.")


def _answers(part: str, y: Array, task: str, classes: int) -> None:
    if task == "binary":
        positives = int(np.count_nonzero(y))
        if not 0 < positives < len(y):
            raise DataError(f"The {part} rows hold one answer only: {positives} of {len(y)} are true.", remedy=WIDER)
        if not np.isin(y, (0, 1)).all():
            odd = y[~np.isin(y, (0, 1))][0]
            raise DataError(
                f"An answer of the {part} rows is {odd}; a yes-or-no question has 0 and 1.",
                remedy="For several classes the task is 'multiclass', for numbers 'regression'.",
            )
        return
    if not len(y):
        raise DataError(f"There are no {part} rows.", remedy=WIDER)
    if not np.isfinite(y.astype(np.float64)).all():
        raise DataError(
            f"{int((~np.isfinite(y.astype(np.float64))).sum())} of {len(y)} {part} rows have no finite answer.",
            remedy="Leave out rows whose target is not known.",
        )
    if task == "regression":
        if (y == y[0]).all():
            raise DataError(f"Every answer of the {part} rows is {y[0]:g}: nothing tells them apart.", remedy=WIDER)
        return
    if task == "multiclass":
        _codes(part, y, classes)
    elif (y < 0).any() or not (y > 0).any():
        raise DataError(
            f"The relevance of the {part} rows lies between {y.min():g} and {y.max():g}.",
            remedy="Write 0 for what is not relevant, and more than 0 for what is.",
        )


def _codes(part: str, y: Array, classes: int) -> None:
    if (y != np.floor(y)).any() or y.min() < 0 or (classes and y.max() >= classes):
        most = f" to {classes - 1}" if classes else ", 1, 2 and so on"
        raise DataError(
            f"The answers of the {part} rows lie between {y.min():g} and {y.max():g}; classes have the codes 0{most}.",
            remedy="Number the classes from 0, as `numpy.unique(y, return_inverse=True)` does.",
        )
    if (y == y[0]).all():
        raise DataError(f"The {part} rows hold one class only: all {len(y)} are {y[0]:g}.", remedy=WIDER)


def _weights(part: str, weights: Array) -> None:
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise DataError(
            f"A weight is a finite number from 0 up, and not all are 0; those of the {part} rows lie between"
            f" {weights.min():g} and {weights.max():g}."
        )


def _groups(part: str, groups: Array | None) -> None:
    if groups is None:
        raise DataError(
            f"A ranking compares rows of one list; nothing says which list each of the {part} rows belongs to.",
            remedy="Give a column of list numbers, such as the query or the customer.",
        )
    begins = 1 + int(np.count_nonzero(groups[1:] != groups[:-1]))
    lists = len(np.unique(groups))
    if begins != lists:
        raise DataError(
            f"The {part} rows of one list do not stand together: {lists} lists begin {begins} times.",
            remedy="Sort the rows by list.",
        )
    if lists == len(groups):
        raise DataError(f"Each of the {lists} lists of the {part} rows holds one row: there is nothing to rank.")


def check_folds(folds: Sequence[tuple[Array, Array]], rows: Rows, task: str) -> None:
    """Find what is wrong with `folds` over `rows`.

    Raises:
        DataError: positions that do not exist, a row on both sides, or a side from which nothing can be learnt.
    """
    _shapes(rows, rows.x.shape[1])
    for number, (learn, choose) in enumerate(folds, start=1):
        both = np.concatenate([learn, choose])
        if len(both) and (both.min() < 0 or both.max() >= len(rows.y)):
            raise DataError(f"Fold {number} names row {int(both.max())} of {len(rows.y)}.")
        if len(np.intersect1d(learn, choose)):
            raise DataError(
                f"Fold {number} learns from rows that it chooses by.", remedy="Use `mlray.experiments.k_folds`."
            )
        for side, positions in (("learning", learn), ("validation", choose)):
            part = f"{side} (fold {number})"
            _answers(part, rows.y[positions], task, 0)
            if task == "ranking":
                _groups(part, None if rows.groups is None else rows.groups[positions])
