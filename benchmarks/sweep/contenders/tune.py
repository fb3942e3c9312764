"""Ray Tune: training functions as its documentation teaches them, and reused actors, the fastest it can do alone."""

import os
import threading
import time
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")

from ray import tune

from benchmarks.data.workers import serve
from benchmarks.sweep.contenders import trained
from benchmarks.sweep.contenders.cluster import begin, end, place
from benchmarks.sweep.job import SLOTS, configurations, load


def start() -> None:
    """Start a Ray; what it takes counts for nobody."""
    begin()


def function(folder: str, trials: int, rounds: int) -> dict[str, Any]:
    """Train the list with the function API: rows in the object store by `with_parameters`, one report at the end."""
    begun = time.time()
    rows = load(folder)
    found = tune.Tuner(
        tune.with_parameters(trained.train, data=(rows.train_x, rows.train_y, rows.valid_x, rows.valid_y)),
        param_space={"rounds": rounds, "params": tune.grid_search(configurations(trials))},
        tune_config=tune.TuneConfig(metric="auc", mode="max"),
        run_config=_quiet(),
    ).fit()
    wall = time.time() - begun
    told = [result.metrics for result in found]
    return {
        "wall": wall,
        "trials": len(told),
        "training": sum(row["cpu"] for row in told),
        "line": sorted((row["at"] - begun, row["auc"]) for row in told),
    }


def trivial(trials: int) -> dict[str, Any]:
    """Run trials that do nothing, by a class whose actors are used again."""
    begun = time.time()
    tune.Tuner(
        trained.Nothing,
        param_space={"x": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(num_samples=trials, reuse_actors=True),
        run_config=_quiet(),
    ).fit()
    return {"wall": time.time() - begun, "trials": trials}


def teams(first: int, second: int, seconds: float) -> dict[str, Any]:
    """Have two Tuners on one Ray, the second once the first has shown something; the moments at which trials ended."""
    moments: list[list[float]] = [[], []]
    begun = time.time()

    def run(team: int, trials: int) -> None:
        found = tune.Tuner(
            trained.Waiting,
            param_space={"seconds": seconds},
            tune_config=tune.TuneConfig(num_samples=trials, reuse_actors=True),
            run_config=_quiet(callbacks=[trained.Told(moments[team])]),
        ).fit()
        assert len(found) == trials

    one = threading.Thread(target=run, args=(0, first))
    one.start()
    while len(moments[0]) < SLOTS:
        time.sleep(0.05)
    asked = time.time()
    other = threading.Thread(target=run, args=(1, second))
    other.start()
    one.join()
    other.join()
    return {"asked": asked - begun, "ended": [[moment - begun for moment in team] for team in moments]}


def _quiet(**more: Any) -> tune.RunConfig:
    return tune.RunConfig(storage_path=place(), verbose=0, **more)


if __name__ == "__main__":
    try:
        serve(start=start, function=function, trivial=trivial, teams=teams)
    finally:
        end()
