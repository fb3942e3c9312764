"""How every peer that drives XGBoost itself does so: binned once, looked at on the way, its CPU counted."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.sweep.job import Rows

__all__ = ["bound", "judged", "looks", "matrices"]

FIXED = {"objective": "binary:logistic", "tree_method": "hist", "eval_metric": "auc", "verbosity": 0}


def bound(params: Mapping[str, Any], seed: int = 0) -> dict[str, Any]:
    """Return a configuration as XGBoost takes it, on one thread."""
    return {**params, **FIXED, "nthread": 1, "seed": seed}


def matrices(rows: Rows) -> tuple[Any, Any]:
    """Bin the rows once: to learn from, and to choose by."""
    import xgboost as xgb

    train = xgb.QuantileDMatrix(rows.train_x, rows.train_y, nthread=1)
    return train, xgb.QuantileDMatrix(rows.valid_x, rows.valid_y, ref=train, nthread=1)


def looks(
    data: tuple[Any, Any], params: Mapping[str, Any], marks: Sequence[int], seed: int = 0
) -> Iterator[tuple[int, float, float]]:
    """Train up to each mark in turn, and yield (rounds, AUC, CPU seconds of this thread since the look before)."""
    import xgboost as xgb

    train, valid = data
    begun = time.thread_time()
    booster, done = xgb.Booster(bound(params, seed), [train, valid]), 0
    for mark in marks:
        for number in range(done, mark):
            booster.update(train, number)
        done = mark
        score = float(booster.eval(valid, "v").rsplit(":", 1)[1])
        now = time.thread_time()
        yield mark, score, now - begun
        begun = time.thread_time()


def judged(rows: Rows, params: Mapping[str, Any], rounds: int, seed: int = 0) -> float:
    """Return the AUC, on rows later than all others, of one configuration learnt once more."""
    import xgboost as xgb
    from sklearn.metrics import roc_auc_score

    train = xgb.QuantileDMatrix(rows.train_x, rows.train_y, nthread=2)
    booster = xgb.train({**bound(params, seed), "nthread": 2}, train, rounds)
    return float(roc_auc_score(rows.test_y, booster.predict(xgb.DMatrix(rows.test_x)).astype(np.float64)))
