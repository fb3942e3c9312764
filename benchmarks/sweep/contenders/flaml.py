"""FLAML as its documentation shows it: `AutoML.fit` with a budget of time, XGBoost alone, two threads to a model."""

import json
import logging
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from flaml import AutoML, tune
from sklearn.metrics import roc_auc_score

from benchmarks.data.workers import serve
from benchmarks.sweep.job import SLOTS, SPACE, load

warnings.simplefilter("ignore")
logging.getLogger("flaml").setLevel(logging.ERROR)
LEARNER = "xgb_limitdepth"
FIRST = {
    "learning_rate": 0.3,
    "max_depth": 6,
    "min_child_weight": 1.0,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "reg_lambda": 1.0,
    "gamma": 0.0,
}
"""What it begins with in its own space, too."""


def fit(folder: str, rounds: int | None, seed: int, seconds: float, begun: float | None = None) -> dict[str, Any]:
    """Search until so many seconds after the beginning; with `rounds` in the space of all others, else in its own."""
    begun = begun or time.time()
    rows = load(folder)
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "log"
        automl, started = AutoML(), time.time()
        automl.fit(
            rows.train_x,
            rows.train_y,
            X_val=rows.valid_x,
            y_val=rows.valid_y,
            task="classification",
            metric="roc_auc",
            estimator_list=[LEARNER] if rounds else ["xgboost"],
            custom_hp={LEARNER: _space(rounds)} if rounds else None,
            eval_method="holdout",
            time_budget=max(1.0, seconds - (started - begun)),
            n_jobs=SLOTS,
            seed=seed,
            retrain_full=False,
            log_file_name=str(log),
            log_type="all",
            verbose=0,
        )
        told = [json.loads(line) for line in log.read_text().splitlines()]
    wall = time.time() - begun
    seen = [(row["wall_clock_time"] + started - begun, 1 - row["validation_loss"]) for row in told if "config" in row]
    test = roc_auc_score(rows.test_y, automl.predict_proba(rows.test_x)[:, 1]) if len(rows.test_y) else None
    return {"wall": wall, "trials": len(seen), "line": seen, "test": test}


def _space(rounds: int) -> dict[str, dict[str, Any]]:
    """Return the space of all others; what it begins with is cheap, as it recommends."""
    found: dict[str, dict[str, Any]] = {
        "n_estimators": {"domain": tune.lograndint(4, rounds + 1), "init_value": 4, "low_cost_init_value": 4},
        "reg_alpha": {"domain": 0.0},
        "colsample_bylevel": {"domain": 1.0},
    }
    for name, domain in SPACE.items():
        if domain.whole:
            values = tune.randint(int(domain.low), int(domain.high) + 1)
        elif domain.log:
            values = tune.loguniform(domain.low, domain.high)
        else:
            values = tune.uniform(domain.low, domain.high)
        found[name] = {"domain": values, "init_value": FIRST[name]}
    return found


if __name__ == "__main__":
    serve(fit=fit)
