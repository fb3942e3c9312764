"""scikit-learn's searches over the same list: RandomizedSearchCV, and halving on the number of trees.

They say what they found when they end; nothing can be had of them before.
"""

import os
import time
import warnings
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (makes the import below possible)
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV
from xgboost import XGBClassifier

from benchmarks.data.workers import serve
from benchmarks.sweep.job import SLOTS, configurations, load

FACTOR = 3


def randomized(folder: str, trials: int, rounds: int, begun: float | None = None) -> dict[str, Any]:
    """Train the whole list."""
    search = RandomizedSearchCV(
        XGBClassifier(tree_method="hist", n_estimators=rounds, n_jobs=1, random_state=0),
        _listed(trials),
        n_iter=trials,
        scoring="roc_auc",
        n_jobs=SLOTS,
        refit=False,
        random_state=0,
        cv=_split(folder),
    )
    return _searched(search, folder, trials, begun)


def halving(folder: str, trials: int, rounds: int, begun: float | None = None) -> dict[str, Any]:
    """Train the list with few trees, a third of it with three times as many, and so on.

    `exhaust` makes the last ones train with as many as are allowed; those are rounded up to what it divides evenly,
    so that they may have a few more trees than anybody else.
    """
    steps = int(np.floor(np.log(trials) / np.log(FACTOR)))
    most = int(np.ceil(rounds / FACTOR**steps)) * FACTOR**steps
    search = HalvingRandomSearchCV(
        XGBClassifier(tree_method="hist", n_jobs=1, random_state=0),
        _listed(trials),
        n_candidates=trials,
        resource="n_estimators",
        max_resources=most,
        min_resources="exhaust",
        factor=FACTOR,
        scoring="roc_auc",
        n_jobs=SLOTS,
        refit=False,
        random_state=0,
        cv=_split(folder),
    )
    return _searched(search, folder, trials, begun)


def _listed(trials: int) -> list[dict[str, list[float]]]:
    return [{name: [value] for name, value in params.items()} for params in configurations(trials)]


def _split(folder: str) -> list[tuple[np.ndarray, np.ndarray]]:
    rows = load(folder)
    whole = np.arange(len(rows.train_y) + len(rows.valid_y))
    return [(whole[: len(rows.train_y)], whole[len(rows.train_y) :])]


def _searched(search: Any, folder: str, trials: int, begun: float | None) -> dict[str, Any]:
    begun = begun or time.time()
    rows = load(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(np.vstack([rows.train_x, rows.valid_x]), np.hstack([rows.train_y, rows.valid_y]))
    wall = time.time() - begun
    found = search.cv_results_
    best = float(np.nanmax(found["mean_test_score"]))
    return {"wall": wall, "trials": trials, "line": [(wall, best)], "training": float(np.sum(found["mean_fit_time"]))}


if __name__ == "__main__":
    serve(randomized=randomized, halving=halving)
