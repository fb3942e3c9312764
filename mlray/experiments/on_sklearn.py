"""scikit-learn's histogram gradient boosting as a trainer."""

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from mlray.experiments._problem import Array, Problem
from mlray.experiments._trainers import Params, Run
from mlray.ports import Model

__all__ = ["HistGradientBoosting"]

MOST_CODES = 255
"""scikit-learn's limit for the codes of a category; a column with more is treated as a number."""


class HistGradientBoosting:
    """`HistGradientBoostingClassifier`; a model's content is a pickle: its signature is verified before it is loaded."""

    def prepare(self, problem: Problem, threads: int) -> Problem:  # noqa: ARG002 (scikit-learn bins inside `fit`)
        """Return the problem: scikit-learn has no binned form to keep."""
        return problem

    def start(self, prepared: Problem, params: Params, seed: int, threads: int) -> Run:
        """Begin a configuration."""
        return _Run(prepared, _classifier(prepared.train_x, prepared.categorical, params, seed), threads)

    def fit(
        self, x: Array, y: Array, categorical: Sequence[int], params: Params, rounds: int, seed: int, threads: int
    ) -> bytes:
        """Train `rounds` rounds and return the classifier as a pickle."""
        from threadpoolctl import threadpool_limits

        model = _classifier(x, categorical, params, seed).set_params(max_iter=rounds, warm_start=False)
        with threadpool_limits(threads, user_api="openmp"):
            model.fit(x, y)
        return pickle.dumps(model)

    def load(self, content: bytes) -> Model:
        """Return the classifier. Reading a pickle can run code: only content whose signature was verified."""
        return _Model(pickle.loads(content))  # noqa: S301


class _Run:
    def __init__(self, problem: Problem, model: Any, threads: int) -> None:
        self._problem, self._model, self._threads = problem, model, threads

    def advance(self, rounds: int) -> Array:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(self._threads, user_api="openmp"):
            self._model.set_params(max_iter=rounds).fit(self._problem.train_x, self._problem.train_y)
            return np.asarray(self._model.predict_proba(self._problem.valid_x)[:, 1], dtype=np.float64)


class _Model:
    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, values: Any) -> Array:
        return np.asarray(self._model.predict_proba(values)[:, 1], dtype=np.float64)


def _classifier(x: Array, categorical: Sequence[int], params: Params, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    codes = [column for column in categorical if np.nanmax(x[:, column], initial=0) < MOST_CODES]
    return HistGradientBoostingClassifier(
        categorical_features=codes or None, early_stopping=False, warm_start=True, random_state=seed, **params
    )
