"""The baselines and the feasibility study, on scikit-learn."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from mlray.evaluation._expect import Period, expected_score, judge_goal
from mlray.evaluation._labels import LabelProblems, label_problems
from mlray.evaluation._metrics import score
from mlray.ports import Model, Progress
from mlray.records import CurvePoint, Feasibility

# Read once, when OpenMP is loaded: threads that wait by spinning made a fit on a busy machine five times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = ["feasibility", "label_study", "linear_baseline"]

Array = npt.NDArray[Any]

FEWEST = 200
"""A quick model learns from at least so many rows, and is judged by as many."""
MOST_CELLS = 3_000_000
"""Rows times columns that the quick model learns from at most: enough to see where the curve goes, in a second."""
POINTS = 5
"""Each point of the curve has twice the rows of the one before."""
PERIODS = 8
"""Parts of equal size that the known rows are cut into; every part but the first judges a model of those before it."""
QUICK = {"learning_rate": 0.1, "max_iter": 50, "max_leaf_nodes": 31, "min_samples_leaf": 20, "l2_regularization": 1.0}
FOLDS = 5
"""Parts that the rows are cut into; each is answered by a model of the others."""
MOST_CODES = 32
"""A column with more codes is treated as a number by the quick model."""


def linear_baseline(x: Array, y: Array, categorical: Sequence[int]) -> Model:
    """Return a regularised logistic regression: what a straight line can do, and the bar for everything else.

    `x` is float32 of shape [n, f] with NaN for missing, `y` is 0 or 1 of shape [n]. Numbers are filled with the median,
    a column marks what was missing, and all are scaled; codes become one column each, the rare ones one together.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    codes = list(categorical)
    numbers = [column for column in range(x.shape[1]) if column not in codes]
    filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    split = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20, dtype=np.float32)
    columns = make_column_transformer((make_pipeline(filled, StandardScaler()), numbers), (split, codes))
    model = make_pipeline(columns, LogisticRegression(max_iter=200, tol=1e-3))
    with _one_thread():
        return _Model(model.fit(x, y))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep OpenMP and BLAS to one thread: the tables are small, and two would mostly wait for each other."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1):
        yield


class _Model:
    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, values: Any) -> Array:
        return np.asarray(self._model.predict_proba(values)[:, 1], dtype=np.float64)


@dataclass(frozen=True)
class _Question:
    """What the quick model is asked: which columns are codes, what counts, and the seed."""

    categorical: Sequence[int]
    metric: str
    seed: int

    def answer(self, x: Array, y: Array, rows: Array) -> Array:
        """Return a quick model's probabilities for `rows` after it has learnt from `x` and `y`."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        # Binning fails on a column without any value; filled with one value it is simply never split.
        x = np.where(np.isnan(x).all(axis=0), np.float32(0), x)
        codes = [column for column in self.categorical if np.nanmax(x[:, column], initial=0) < MOST_CODES]
        model = HistGradientBoostingClassifier(
            categorical_features=codes or None, early_stopping=False, random_state=self.seed, **QUICK
        )
        with _one_thread():
            return np.asarray(model.fit(x, y).predict_proba(rows)[:, 1])


def feasibility(  # noqa: PLR0913 (the rows in two parts, and the question)
    train_x: Array,
    train_y: Array,
    valid_x: Array,
    valid_y: Array,
    categorical: Sequence[int],
    *,
    metric: str,
    goal: float | None,
    seed: int,
    progress: Progress,
) -> Feasibility:
    """Say what this data can probably reach before money is spent on a sweep.

    The rows must be in the order of time. A quick model learns from growing random parts of the training rows and is
    judged by the later validation rows: the learning curve. Then it walks through all rows period by period, learning
    from what lies before: how much periods differ. About three seconds for 80,000 rows of 14 columns on one core.
    """
    question = _Question(categorical, metric, seed)
    most = max(FEWEST, MOST_CELLS // train_x.shape[1])
    steps = len(_sizes(len(train_y), most)) + PERIODS
    progress(0, steps, "linear baseline")
    trivial = score(metric, valid_y, np.full(len(valid_y), float(np.mean(train_y))))
    linear = score(metric, valid_y, linear_baseline(train_x[-most:], train_y[-most:], categorical).predict(valid_x))
    curve: list[CurvePoint] = []
    order = np.random.default_rng(seed).permutation(len(train_y))
    for size in _sizes(len(train_y), most):
        progress(len(curve) + 1, steps, f"learning curve, {size:,} rows")
        rows = np.sort(order[:size])
        curve.append(CurvePoint(size, score(metric, valid_y, question.answer(train_x[rows], train_y[rows], valid_x))))
    periods = []
    x, y = np.concatenate([train_x, valid_x]), np.concatenate([train_y, valid_y])
    for period in _periods(question, x, y, most):
        periods.append(period)
        progress(len(curve) + len(periods) + 1, steps, f"past period {len(periods)}")
    progress(steps, steps, "")
    expected = expected_score(metric, curve, periods, len(y))
    verdict, sentence = judge_goal(metric, goal, trivial, linear, curve, periods, expected)
    return Feasibility(metric, goal, trivial, linear, tuple(curve), expected, verdict, sentence)


def _sizes(rows: int, most: int) -> list[int]:
    largest = min(rows, most)
    sizes = [largest >> step for step in reversed(range(POINTS))]
    return [size for size in sizes if size >= FEWEST] or [largest]


def _periods(question: _Question, x: Array, y: Array, most: int) -> Iterator[Period]:
    """Walk through the rows in the order of time; a period with one answer only, or too few rows, is passed over."""
    edges = np.linspace(0, len(y), PERIODS + 1).astype(int).tolist()
    for start, end in pairwise(edges[1:]):
        known = slice(max(0, start - most), start)
        judged = y[start:end]
        both = 0 < judged.sum() < len(judged) and 0 < y[known].sum() < len(y[known])
        if both and len(judged) >= FEWEST:
            answers = question.answer(x[known], y[known], x[start:end])
            yield Period(len(y[known]), score(question.metric, judged, answers).value)


def label_study(
    x: Array,
    y: Array,
    categorical: Sequence[int],
    *,
    seed: int,
    rounds: int = 2,
    progress: Progress,
) -> tuple[Array, LabelProblems]:
    """Return what a model that has not seen a row gives to true, shape [n], and the rows whose label is probably wrong.

    The rows named in one round are left out of what the next one learns from, and judged again: a model that has learnt
    from fewer wrong labels names the wrong ones more surely (on injected noise the second round has fewer false names).

    Args:
        x: float32 of shape [n, f] with NaN for missing.
        y: 0 or 1, both of them there, shape [n].
        categorical: Positions of the columns that are codes.
        seed: Draws the folds.
        rounds: How often to judge.
        progress: Hears how many of the folds are done.
    """
    question, fold = _Question(categorical, "auc", seed), _folds(y, seed)
    clean = np.ones(len(y), dtype=bool)
    p, found = np.full(len(y), float(np.mean(y))), label_problems(y.astype(np.int64), np.column_stack([1 - y, y]))
    for turn in range(rounds):
        for part in range(FOLDS):
            progress(turn * FOLDS + part, rounds * FOLDS, f"labels, round {turn + 1} of {rounds}")
            learnt, judged = (fold != part) & clean, fold == part
            p[judged] = question.answer(x[learnt], y[learnt], x[judged])
        found = label_problems(y.astype(np.int64), np.column_stack([1 - p, p]))
        clean = np.ones(len(y), dtype=bool)
        clean[found.rows] = False
    progress(rounds * FOLDS, rounds * FOLDS, "")
    return p, found


def _folds(y: Array, seed: int) -> Array:
    """Return the fold of each row, 0 to FOLDS - 1, drawn so that each has its share of both answers."""
    order = np.random.default_rng(seed).permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % FOLDS
    return fold
