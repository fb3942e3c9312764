"""XGBoost as a trainer."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mlray.experiments._problem import Array, Problem
from mlray.experiments._trainers import Params, Run
from mlray.ports import Model

# Read once, when OpenMP is loaded: threads that wait by spinning made a fit on a busy machine five times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = ["XGBoost"]

_FIXED = {"objective": "binary:logistic", "tree_method": "hist", "verbosity": 0}


class XGBoost:
    """Gradient boosted trees of XGBoost, `hist`; a model's content is its UBJSON."""

    def prepare(self, problem: Problem, threads: int) -> tuple[Any, Any]:
        """Bin the rows once; every run of this process shares the two matrices."""
        import xgboost as xgb

        types = _types(problem.train_x.shape[1], problem.categorical)
        train = xgb.QuantileDMatrix(
            problem.train_x, problem.train_y, nthread=threads, feature_types=types, enable_categorical=True
        )
        valid = xgb.QuantileDMatrix(
            problem.valid_x, problem.valid_y, ref=train, nthread=threads, feature_types=types, enable_categorical=True
        )
        return train, valid

    def start(self, prepared: tuple[Any, Any], params: Params, seed: int, threads: int) -> Run:
        """Begin a configuration."""
        return _Run(*prepared, {**params, **_FIXED, "seed": seed, "nthread": threads})

    def fit(
        self, x: Array, y: Array, categorical: Sequence[int], params: Params, rounds: int, seed: int, threads: int
    ) -> bytes:
        """Train `rounds` rounds and return the booster as UBJSON."""
        import xgboost as xgb

        matrix = xgb.QuantileDMatrix(
            x, y, nthread=threads, feature_types=_types(x.shape[1], categorical), enable_categorical=True
        )
        booster = xgb.train({**params, **_FIXED, "seed": seed, "nthread": threads}, matrix, rounds)
        return bytes(booster.save_raw("ubj"))

    def load(self, content: bytes) -> Model:
        """Return the booster; UBJSON holds data only, no code."""
        import xgboost as xgb

        booster = xgb.Booster({"nthread": 1})
        booster.load_model(bytearray(content))
        booster.set_param({"nthread": 1})
        return _Model(booster)


class _Run:
    """A booster driven by hand: XGBoost keeps the validation rows' margins, so a score costs little."""

    def __init__(self, train: Any, valid: Any, params: Mapping[str, Any]) -> None:
        import xgboost as xgb

        self._train, self._valid = train, valid
        self._booster = xgb.Booster(dict(params), [train, valid])
        self._done = 0

    def advance(self, marks: Sequence[int]) -> Iterator[tuple[int, Array]]:
        for mark in marks:
            for iteration in range(self._done, mark):
                self._booster.update(self._train, iteration)
            self._done = mark
            yield mark, np.asarray(self._booster.predict(self._valid), dtype=np.float64)


class _Model:
    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def predict(self, values: Any) -> Array:
        return np.asarray(self._booster.inplace_predict(values), dtype=np.float64)


def _types(width: int, categorical: Sequence[int]) -> list[str]:
    return ["c" if column in categorical else "q" for column in range(width)]
