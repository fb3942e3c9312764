"""The scores that trials are compared by: each kind of question has its own, defined as in scikit-learn."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mlray.errors import DataError, SpecError

__all__ = ["METRICS", "TASKS", "Array", "Task", "default_metric", "higher_is_better", "metrics_of", "point_score"]

Array = npt.NDArray[Any]
Task = Literal["binary", "multiclass", "regression", "ranking"]

METRICS: Mapping[str, bool] = {
    "auc": True,
    "accuracy": True,
    "log_loss": False,
    "brier": False,
    "rmse": False,
    "mae": False,
    "r2": True,
    "ndcg": True,
    "map": True,
}
"""Each metric, and whether a higher value is the better one."""

TASKS: Mapping[Task, tuple[str, ...]] = {
    "binary": ("auc", "accuracy", "log_loss", "brier"),
    "multiclass": ("accuracy", "log_loss", "auc"),
    "regression": ("rmse", "mae", "r2"),
    "ranking": ("ndcg", "map"),
}
"""Each kind of question and the metrics it has, the usual one first."""

NEVER_CERTAIN = 1e-15
"""A probability of exactly 0 or 1 that turns out wrong would make the logarithm infinite."""


def metrics_of(task: str) -> tuple[str, ...]:
    """Return the metrics that `task` has, the usual one first; SpecError when there is no such task.

    >>> metrics_of("ranking")
    ('ndcg', 'map')
    """
    for known, metrics in TASKS.items():
        if task == known:
            return metrics
    raise SpecError([f"'{task}' is not a kind of question."], remedy=_remedy(task, tuple(TASKS)))


def default_metric(task: str) -> str:
    """Return what trials of `task` are compared by where nobody says otherwise.

    >>> default_metric("binary"), default_metric("regression")
    ('auc', 'rmse')
    """
    return metrics_of(task)[0]


def higher_is_better(metric: str, task: str | None = None) -> bool:
    """Return whether more of `metric` is better; SpecError when it is none, or none that `task` has.

    >>> higher_is_better("auc"), higher_is_better("rmse", "regression")
    (True, False)
    """
    known = tuple(METRICS) if task is None else metrics_of(task)
    if metric in known:
        return METRICS[metric]
    whose = "a metric" if task is None else f"a metric of a {task} question"
    raise SpecError([f"model.metric: '{metric}' is not {whose}."], remedy=_remedy(metric, known))


def _remedy(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    closest = f"Did you mean '{close[0]}'? " if close else ""
    return f"{closest}Known: {', '.join(known)}."


def point_score(
    metric: str,
    y: Sequence[float] | Array,
    p: Sequence[float] | Array,
    weights: Sequence[float] | Array | None = None,
    groups: Sequence[int] | Array | None = None,
) -> float:
    """Return the score of predictions `p` for the answers `y` of shape [n], without an interval.

    `p` is of shape [n]: the probability of 1 (binary), the value (regression) or a rank score (ranking); for several
    classes it is [n, k], one probability for each code 0 to k - 1. `weights` [n] say how much each row counts; the
    rows of one list share one of `groups` [n] and stand together. Lists without a relevant row tell nothing and are
    left out; a list counts as much as its rows do on average.

    Raises:
        SpecError: `metric` is none.
        DataError: lengths differ, or the metric is not defined on these rows.

    >>> point_score("auc", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    >>> point_score("rmse", [1.0, 2.0], [1.0, 4.0], weights=[3.0, 1.0])
    1.0
    """
    higher_is_better(metric)
    truth, answer = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    count = np.ones(len(truth)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not len(truth) == len(answer) == len(count) or not len(truth):
        raise DataError(f"There are {len(truth)} answers, {len(answer)} predictions and {len(count)} weights to score.")
    if metric in TASKS["ranking"]:
        if groups is None:
            raise DataError(f"'{metric}' compares rows of one list; no row says which list it belongs to.")
        return _ranked(metric, truth, answer, count, np.asarray(groups))
    if metric == "auc":
        return _auc_of_each(truth, answer, count) if answer.ndim == 2 else _auc(truth, answer, count)
    if metric == "r2":
        spread = _mean((truth - _mean(truth, count)) ** 2, count)
        if not spread:
            raise DataError("R² compares with the spread of the answers; these are all the same.")
        return 1 - _mean((truth - answer) ** 2, count) / spread
    value = _mean(_each(metric, truth, answer), count)
    return float(np.sqrt(value)) if metric == "rmse" else value


def _mean(values: Array, weights: Array) -> float:
    return float(np.average(values, weights=weights))


def _each(metric: str, y: Array, p: Array) -> Array:
    """Return what each row adds to a score that is a mean over rows, shape [n]."""
    if metric == "mae":
        return np.asarray(np.abs(y - p))
    if metric in ("rmse", "brier"):
        return np.asarray((y - p) ** 2)
    if metric == "accuracy":
        right = p.argmax(axis=1) == y if p.ndim == 2 else (p > 0.5) == (y > 0.5)
        return np.asarray(right, dtype=np.float64)
    if p.ndim == 2:
        return np.asarray(-np.log(np.clip(p[np.arange(len(y)), y.astype(int)], NEVER_CERTAIN, 1.0)))
    sure = np.clip(p, NEVER_CERTAIN, 1 - NEVER_CERTAIN)
    return np.asarray(-(y * np.log(sure) + (1 - y) * np.log1p(-sure)))


def _auc(y: Array, p: Array, weights: Array) -> float:
    """Return the share of pairs in which the positive ranks above the negative, ties counting half (Mann–Whitney)."""
    order = np.argsort(p, kind="stable")
    y, p, weights = y[order] > 0.5, p[order], weights[order]
    negative = np.concatenate([[0.0], np.cumsum(np.where(y, 0.0, weights))])
    below, not_above = np.searchsorted(p, p[y], "left"), np.searchsorted(p, p[y], "right")
    mine = weights[y]
    pairs = negative[-1] * mine.sum()
    if not pairs:
        raise DataError("The area under the curve compares rows of both answers; these hold one only.")
    return float(np.sum(mine * (negative[below] + negative[not_above]) / 2) / pairs)


def _auc_of_each(y: Array, p: Array, weights: Array) -> float:
    """Return the mean over the classes that occur of the area of one against the rest."""
    found = [code for code in range(p.shape[1]) if 0 < np.count_nonzero(y == code) < len(y)]
    if not found:
        raise DataError("The area under the curve compares rows of several classes; these hold one only.")
    return float(np.mean([_auc((y == code).astype(float), p[:, code], weights) for code in found]))


def _ranked(metric: str, y: Array, p: Array, weights: Array, groups: Array) -> float:
    """Return the weighted mean over lists of a list's score, all lists at once."""
    fresh = np.concatenate([[True], groups[1:] != groups[:-1]])
    number = np.cumsum(fresh) - 1
    starts = np.flatnonzero(fresh)
    relevant = np.add.reduceat(np.where(y > 0, y, 0.0), starts) > 0
    if not relevant.any():
        raise DataError("No list holds a relevant row: there is nothing to rank.")
    per_list = _ndcg(y, p, number, starts) if metric == "ndcg" else _average_precision(y, p, number, starts)
    sizes = np.diff(np.append(starts, len(y)))
    return _mean(per_list[relevant], (np.add.reduceat(weights, starts) / sizes)[relevant])


def _ndcg(y: Array, p: Array, number: Array, starts: Array) -> Array:
    """Return the normalised discounted cumulative gain of each list: linear gains, ties averaged."""
    discount = 1 / np.log2(np.arange(len(y)) - starts[number] + 2)
    order = np.lexsort((-p, number))
    tied = _runs(p[order], number)
    at = np.cumsum(tied) - 1
    runs = np.flatnonzero(tied)
    sizes = np.diff(np.append(runs, len(y)))
    # Rows with the same score may come in any order: each gets the mean gain of its run.
    gain = (np.add.reduceat(y[order], runs) / sizes)[at]
    best = y[np.lexsort((-y, number))]
    ideal = np.add.reduceat(best * discount, starts)
    return np.asarray(np.add.reduceat(gain * discount, starts) / np.where(ideal > 0, ideal, 1.0))


def _average_precision(y: Array, p: Array, number: Array, starts: Array) -> Array:
    """Return the average precision of each list: the area under its steps of precision over recall."""
    order = np.lexsort((-p, number))
    hit = (y[order] > 0).astype(np.float64)
    tied = _runs(p[order], number)
    last = np.append(np.flatnonzero(tied)[1:], len(y)) - 1  # of each run of equal scores: they are taken together
    before = np.concatenate([[0.0], np.cumsum(hit)])[starts][number]
    found = np.cumsum(hit) - before
    precision = found[last] / (last - starts[number[last]] + 1)
    gained = np.add.reduceat(hit, np.flatnonzero(tied))
    total = np.add.reduceat(hit, starts)
    summed = np.bincount(number[last], weights=precision * gained, minlength=len(starts))
    return np.asarray(summed / np.where(total > 0, total, 1.0))


def _runs(p: Array, number: Array) -> Array:
    """Return where another score, or another list, begins."""
    return np.concatenate([[True], (p[1:] != p[:-1]) | (number[1:] != number[:-1])])
