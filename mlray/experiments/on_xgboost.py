"""XGBoost as a trainer of all four kinds of questions."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

import numpy as np

from mlray.errors import UnavailableError
from mlray.experiments._problem import Array, Problem
from mlray.experiments._trainers import Params, Run
from mlray.ports import Model

# Read once, when OpenMP is loaded: threads that wait by spinning made a fit on a busy machine five times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = ["XGBoost"]

_FIXED = {"tree_method": "hist", "verbosity": 0}

_OBJECTIVES = {
    "binary": "binary:logistic",
    "multiclass": "multi:softprob",
    "regression": "reg:squarederror",
    "ranking": "rank:ndcg",
}

BINS = 256
"""XGBoost's own default of `max_bin`."""


class XGBoost:
    """Gradient boosted trees of XGBoost, `hist`; a model's content is its UBJSON."""

    tasks = ("binary", "multiclass", "regression", "ranking")

    def prepare(self, problem: Problem, threads: int) -> "_Prepared":
        """Bin the rows once; every run of this process shares the matrices."""
        prepared = _Prepared(problem, threads)
        prepared.matrices(BINS)
        return prepared

    def start(self, prepared: "_Prepared", params: Params, seed: int, threads: int) -> Run:
        """Begin a configuration.

        Where the problem's device, or the parameter `device`, is `cuda`, the booster works on the GPU that this process
        sees; what `prepare` binned is copied there once, at the first round.
        """
        return _Run(prepared, {**prepared.usual, **params, **_FIXED, "seed": seed, "nthread": threads})

    def load(self, content: bytes) -> Model:
        """Return the booster; UBJSON holds data only, no code."""
        import xgboost as xgb

        booster = xgb.Booster({"nthread": 1})
        booster.load_model(bytearray(content))
        booster.set_param({"nthread": 1})
        return _Model(booster)


class _Prepared:
    """The rows of a problem, binned once for each number of bins that is asked for."""

    def __init__(self, problem: Problem, threads: int) -> None:
        self._problem, self._threads = problem, threads
        self._binned: dict[int, tuple[Any, Any]] = {}
        self._lock = Lock()
        self.usual: dict[str, Any] = {"objective": _OBJECTIVES[problem.task], "device": problem.device}
        if problem.task == "multiclass":
            self.usual["num_class"] = problem.classes
        if problem.task == "ranking":
            # Linear gains, as the score has them; exponential ones end at a relevance of 31.
            self.usual["ndcg_exp_gain"] = False

    def matrices(self, bins: int) -> tuple[Any, Any]:
        """Return the training and the validation matrix; None for the latter where nothing is to be chosen."""
        with self._lock:
            if bins not in self._binned:
                self._binned[bins] = self._bin(bins)
            return self._binned[bins]

    def _bin(self, bins: int) -> tuple[Any, Any]:
        import xgboost as xgb

        problem = self._problem
        shared = {
            "nthread": self._threads,
            "feature_types": ["c" if column in problem.categorical else "q" for column in range(len(problem.names))],
            "enable_categorical": True,
            "max_bin": bins,
        }
        train = xgb.QuantileDMatrix(
            problem.train_x, problem.train_y, **_told(problem.train_w, problem.train_groups), **shared
        )
        if problem.final:
            return train, None
        lists = _told(None, problem.valid_groups)
        return train, xgb.QuantileDMatrix(problem.valid_x, problem.valid_y, ref=train, **lists, **shared)


def _told(weights: Array | None, groups: Array | None) -> dict[str, Any]:
    """Return weights and lists as XGBoost wants them: lists numbered upwards, and then one weight for each."""
    if groups is None:
        return {} if weights is None else {"weight": weights}
    fresh = np.concatenate([[True], groups[1:] != groups[:-1]])
    numbered = {"qid": np.cumsum(fresh)}
    if weights is None:
        return numbered
    starts = np.flatnonzero(fresh)
    sizes = np.diff(np.append(starts, len(groups)))
    return {**numbered, "weight": np.add.reduceat(weights, starts) / sizes}


class _Run:
    """A booster driven by hand: XGBoost keeps the validation rows' margins, so a score costs little."""

    def __init__(self, prepared: _Prepared, params: Mapping[str, Any]) -> None:
        import xgboost as xgb

        self._train, self._valid = prepared.matrices(int(params.get("max_bin") or BINS))
        kept = [matrix for matrix in (self._train, self._valid) if matrix is not None]
        self._booster = xgb.Booster(dict(params), kept)
        self._device = str(params["device"])
        self._done = 0

    def advance(self, marks: Sequence[int]) -> Iterator[tuple[int, Array]]:
        for mark in marks:
            for iteration in range(self._done, mark):
                self._booster.update(self._train, iteration)
                if not iteration and self._device != "cpu":
                    _check_device(self._booster, self._device)
            self._done = mark
            yield mark, self._predictions()

    def _predictions(self) -> Array:
        if self._valid is None:
            return np.empty(0)
        return np.asarray(self._booster.predict(self._valid), dtype=np.float64)

    def content(self) -> bytes:
        return bytes(self._booster.save_raw("ubj"))


def _check_device(booster: Any, wanted: str) -> None:
    """Find out whether the first round ran where it was to: without a GPU, XGBoost goes on, slowly, on the CPU."""
    import xgboost as xgb

    used = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    if used != "cpu":
        return
    if not xgb.build_info()["USE_CUDA"]:
        raise UnavailableError(
            f"The device is '{wanted}', and the XGBoost that is installed here knows CPUs only.",
            remedy="Install `xgboost` in place of `xgboost-cpu` on the nodes with GPUs (cluster/gpu.lock).",
        )
    raise UnavailableError(
        f"The device is '{wanted}', and this process sees no GPU.",
        remedy="Give each lane a GPU or a part of one (model.gpus), or set model.device to cpu.",
    )


class _Model:
    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def predict(self, values: Any) -> Array:
        return np.asarray(self._booster.inplace_predict(values), dtype=np.float64)
