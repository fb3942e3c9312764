"""The baselines and the feasibility study, on scikit-learn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mlray.evaluation._expect import expected_score, judge_goal
from mlray.evaluation._metrics import score
from mlray.ports import Model, Progress
from mlray.records import CurvePoint, Feasibility, Interval

__all__ = ["feasibility", "linear_baseline"]

Array = npt.NDArray[Any]

FEWEST = 200
"""The learning curve starts with at least so many rows."""
POINTS = 5
"""Each point of the curve has twice the rows of the one before."""
QUICK = {"learning_rate": 0.1, "max_iter": 60, "max_leaf_nodes": 31, "min_samples_leaf": 20, "l2_regularization": 1.0}
MOST_CODES = 255


def linear_baseline(x: Array, y: Array, categorical: Sequence[int]) -> Model:
    """Return a regularised logistic regression: what a straight line can do, and the bar for everything else.

    `x` is float32 of shape [n, f] with NaN for missing, `y` is 0 or 1 of shape [n]. Numbers are filled with the median,
    a column marks what was missing, and all are scaled; codes become one column each.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    codes = list(categorical)
    numbers = [column for column in range(x.shape[1]) if column not in codes]
    shape = make_column_transformer(
        (
            make_pipeline(
                SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
            ),
            numbers,
        ),
        (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20, dtype=np.float32), codes),
    )
    model = make_pipeline(shape, LogisticRegression(max_iter=200, tol=1e-3))
    return _Model(model.fit(x, y))


class _Model:
    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, values: Any) -> Array:
        return np.asarray(self._model.predict_proba(values)[:, 1], dtype=np.float64)


class _Constant:
    """Always the share of positives: the best answer that looks at nothing."""

    def __init__(self, share: float) -> None:
        self._share = share

    def predict(self, values: Any) -> Array:
        return np.full(len(values), self._share)


def feasibility(
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

    A quick model learns from growing random parts of the training rows and is scored on the later validation rows; the
    curve is carried on to all rows, training and validation. A few seconds for 80,000 rows of 14 columns.
    """
    sizes = _sizes(len(train_y))
    total = len(sizes) + 1
    trivial = score(metric, valid_y, _Constant(float(np.mean(train_y))).predict(valid_x))
    progress(0, total, "linear baseline")
    linear = score(metric, valid_y, linear_baseline(train_x, train_y, categorical).predict(valid_x))
    order = np.random.default_rng(seed).permutation(len(train_y))
    curve = []
    for step, size in enumerate(sizes):
        progress(step + 1, total, f"learning curve, {size:,} rows")
        rows = np.sort(order[:size])
        curve.append(
            CurvePoint(size, _quick(train_x[rows], train_y[rows], valid_x, valid_y, categorical, metric, seed))
        )
    progress(total, total, "")
    expected = expected_score(metric, curve, len(train_y) + len(valid_y))
    verdict, sentence = judge_goal(metric, goal, trivial, linear, curve, expected)
    return Feasibility(metric, goal, trivial, linear, tuple(curve), expected, verdict, sentence)


def _sizes(rows: int) -> list[int]:
    sizes = [rows >> step for step in reversed(range(POINTS))]
    return [size for size in sizes if size >= FEWEST] or [rows]


def _quick(
    x: Array, y: Array, valid_x: Array, valid_y: Array, categorical: Sequence[int], metric: str, seed: int
) -> Interval:
    from sklearn.ensemble import HistGradientBoostingClassifier

    codes = [column for column in categorical if np.nanmax(x[:, column], initial=0) < MOST_CODES]
    model = HistGradientBoostingClassifier(
        categorical_features=codes or None, early_stopping=False, random_state=seed, **QUICK
    ).fit(x, y)
    return score(metric, valid_y, model.predict_proba(valid_x)[:, 1])
