"""scikit-learn's histogram gradient boosting as a trainer."""

import os
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlray.experiments._problem import Array, Problem
from mlray.experiments._trainers import Params, Run
from mlray.ports import Model

# Read once, when OpenMP is loaded: threads that wait by spinning made a fit on a busy machine five times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = ["HistGradientBoosting"]

MOST_CODES = 32
"""A column with more codes is treated as a number: scikit-learn neither smooths rare codes nor takes more than 255."""


class HistGradientBoosting:
    """`HistGradientBoostingClassifier`; a model's content is a pickle: verify its signature before it is loaded."""

    def prepare(self, problem: Problem, threads: int) -> Problem:  # noqa: ARG002 (scikit-learn bins inside `fit`)
        """Return the problem, fit to be binned: scikit-learn has no binned form to keep."""
        return replace(problem, train_x=_with_values(problem.train_x))

    def start(self, prepared: Problem, params: Params, seed: int, threads: int) -> Run:
        """Begin a configuration."""
        return _Run(prepared, _classifier(prepared.train_x, prepared.categorical, params, seed), threads)

    def fit(
        self, x: Array, y: Array, categorical: Sequence[int], params: Params, rounds: int, seed: int, threads: int
    ) -> bytes:
        """Train `rounds` rounds and return the classifier as a pickle."""
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        model = _classifier(x, categorical, params, seed).set_params(max_iter=rounds, warm_start=False)
        with threadpool_limits(threads, user_api="openmp"):
            model.fit(_with_values(x), y)
        return pickle.dumps(model)

    def load(self, content: bytes) -> Model:
        """Return the classifier. Reading a pickle can run code: only content whose signature was verified."""
        return _Model(pickle.loads(content))  # noqa: S301


class _Run:
    def __init__(self, problem: Problem, model: Any, threads: int) -> None:
        self._problem, self._model, self._threads = problem, model, threads

    def advance(self, marks: Sequence[int]) -> Iterator[tuple[int, Array]]:
        from threadpoolctl import threadpool_limits

        # Each `fit` bins all rows again, so one brings all the rounds, and the scores on the way are told afterwards.
        with threadpool_limits(self._threads, user_api="openmp"):
            self._model.set_params(max_iter=marks[-1]).fit(self._problem.train_x, self._problem.train_y)
            for rounds, staged in enumerate(self._model.staged_predict_proba(self._problem.valid_x), start=1):
                if rounds in marks:
                    yield rounds, np.asarray(staged[:, 1], dtype=np.float64)


class _Model:
    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, values: Any) -> Array:
        return np.asarray(self._model.predict_proba(values)[:, 1], dtype=np.float64)


def _with_values(x: Array) -> Array:
    """Return `x`, columns without any value filled with one: binning fails on them, and a constant is never split."""
    empty = np.isnan(x).all(axis=0)
    return np.where(empty, np.float32(0), x) if empty.any() else x


def _classifier(x: Array, categorical: Sequence[int], params: Params, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    codes = [column for column in categorical if np.nanmax(x[:, column], initial=0) < MOST_CODES]
    return HistGradientBoostingClassifier(
        categorical_features=codes or None, early_stopping=False, warm_start=True, random_state=seed, **params
    )
