"""Optuna: one process whose threads share a matrix, and processes of joblib that share a journal file.

The sampler is its TPE with the settings it recommends for parallel trials; the pruner is that of its XGBoost example.
"""

import os
import tempfile
import threading
import time
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import optuna

from benchmarks.data.workers import serve
from benchmarks.sweep.contenders.training import judged, looks, matrices
from benchmarks.sweep.job import SLOTS, SPACE, Rows, load

optuna.logging.set_verbosity(optuna.logging.ERROR)
WARMUP = 5
"""Rounds that no trial is pruned before."""

Seen = list[tuple[float, float, dict[str, float], int, float]]
"""(moment, best AUC so far of the trial, its configuration, the rounds of that AUC, CPU seconds)."""


def threads(
    folder: str, rounds: int, seed: int, seconds: float | None, trials: int | None = None, begun: float | None = None
) -> dict[str, Any]:
    """Search in threads that share one matrix; a look counts as soon as it is made."""
    begun = begun or time.time()
    rows = load(folder)
    data, seen, lock = matrices(rows), Seen(), threading.Lock()
    study = _study(seed, None)

    def told(row: Any) -> None:
        with lock:
            seen.append(row)

    left = None if seconds is None else max(0.1, seconds - (time.time() - begun))
    study.optimize(
        lambda trial: _objective(trial, data, rounds, told, begun + (seconds or 1e9)),
        n_trials=trials,
        timeout=left,
        n_jobs=SLOTS,
    )
    return _result(rows, seen, begun, len(study.trials), seconds)


def joblib(folder: str, rounds: int, seed: int, trials: int, begun: float | None = None) -> dict[str, Any]:
    """Search in processes of joblib, each with its matrix, over a journal file."""
    from joblib import Parallel, delayed

    begun = begun or time.time()
    with tempfile.TemporaryDirectory() as place:
        file = f"{place}/journal"
        _study(seed, file)
        parts = [trials // SLOTS + (number < trials % SLOTS) for number in range(SLOTS)]
        found = Parallel(n_jobs=SLOTS)(
            delayed(_part)(folder, rounds, seed + number, part, file) for number, part in enumerate(parts)
        )
    return _result(load(folder), [row for seen in found for row in seen], begun, trials, None)


def _part(folder: str, rounds: int, seed: int, trials: int, file: str) -> Seen:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    data, seen = matrices(load(folder)), Seen()
    study = _study(seed, file)
    study.optimize(lambda trial: _objective(trial, data, rounds, seen.append, 1e18), n_trials=trials)
    return seen


def _study(seed: int, file: str | None) -> optuna.Study:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return optuna.create_study(
        study_name="bench",
        storage=JournalStorage(JournalFileBackend(file)) if file else None,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True),
        pruner=optuna.pruners.MedianPruner(n_warmup_steps=WARMUP),
    )


def _objective(trial: optuna.Trial, data: Any, rounds: int, tell: Any, until: float) -> float:
    params = {
        name: trial.suggest_int(name, int(domain.low), int(domain.high))
        if domain.whole
        else trial.suggest_float(name, domain.low, domain.high, log=domain.log)
        for name, domain in SPACE.items()
    }
    best, best_rounds = 0.0, 0
    for mark, score, cpu in looks(data, params, range(1, rounds + 1)):
        if score > best:
            best, best_rounds = score, mark
        tell((time.time(), best, params, best_rounds, cpu))
        trial.report(score, mark)
        if time.time() > until:
            break
        if trial.should_prune():
            raise optuna.TrialPruned
    return best


def _result(rows: Rows, seen: Seen, begun: float, trials: int, seconds: float | None) -> dict[str, Any]:
    wall = time.time() - begun
    inside = [row for row in seen if seconds is None or row[0] - begun <= seconds]
    best = max(inside, key=lambda row: row[1], default=None)
    rising: list[tuple[float, float]] = []
    for moment, score, *_ in sorted(inside, key=lambda row: row[0]):
        if not rising or score > rising[-1][1]:
            rising.append((moment - begun, score))
    return {
        "wall": wall,
        "trials": trials,
        "training": sum(row[4] for row in seen),
        "rounds": len(seen),
        "line": rising,
        "test": judged(rows, best[2], best[3]) if best and len(rows.test_y) else None,
    }


if __name__ == "__main__":
    serve(threads=threads, joblib=joblib)
