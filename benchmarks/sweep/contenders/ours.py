"""Ours: sweeps on a Ray of two slots, on one that another process has started, or in threads of this process."""

import contextlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

from benchmarks.data.workers import serve
from benchmarks.sweep.job import SLOTS, SPACE, Domain, Rows, configurations, load

TRIVIAL = "benchmarks.sweep.contenders.trivial:Trivial"
KEEP = 600.0
"""Seconds for which lanes stay warm."""
MANY = 1_000_000


def start() -> str:
    """Start a Ray and return its address; what it takes counts for nobody, unless `search` does it."""
    from benchmarks.sweep.contenders.cluster import begin

    return begin()


def join(address: str) -> None:
    """Join the Ray of another process."""
    import ray

    ray.init(address=address, log_to_driver=False, logging_level="ERROR")


def listed(folder: str, trials: int, rounds: int, halving: bool) -> dict[str, Any]:  # noqa: FBT001 (a job's argument)
    """Train the fixed list: all of it to the end, or halved in the lanes."""
    from mlray.experiments import Configuration, Listed

    begun = time.time()
    search = Listed([Configuration("xgboost", params) for params in configurations(trials)])
    told = _Told()
    experiment = _on_ray(_problem(load(folder), 0), _model(rounds), told, trials=trials, search=search, halving=halving)
    return told.result(experiment, begun)


def search(
    folder: str,
    trials: int,
    rounds: int,
    seed: int,
    seconds: float | None,
    begun: float | None = None,
    address: str | None = "",
) -> dict[str, Any]:
    """Search as mlray does by itself. `address`: a Ray to join, `local` to start one, nothing where one is joined.

    Without any, the sweep runs in threads of this process.
    """
    begun = begun or time.time()
    if address == "local":
        start()
    elif address:
        join(address)
    rows, told = load(folder), _Told()
    problem, model = _problem(rows, seed), _model(rounds)
    left = None if seconds is None else max(1.0, seconds - (time.time() - begun))
    if address is None:
        experiment = _here(problem, model, told, trials=trials, seconds=left)
    else:
        experiment = _on_ray(problem, model, told, trials=trials, seconds=left)
    found = told.result(experiment, begun)
    if len(rows.test_y):
        best = experiment.best
        from benchmarks.sweep.contenders.training import judged

        found["test"] = judged(rows, best.params, best.rounds, best.seed)
    return found


def trivial(trials: int, search: str | None, folder: str) -> dict[str, Any]:
    """Run configurations that cost nothing; tell the driver's memory after a fifth of them and in the end, and disk.

    Disk is by what all that lies under the folder for temporary files has grown: the journal, Tune's and Ray's own.
    """
    from benchmarks.sweep.contenders.trivial import rows
    from mlray.experiments import Problem, Random, spaces
    from mlray.spec import Model, Range

    x, y = rows()
    problem = Problem(x, y, x, y, ("x",), (), "log_loss", 0)
    model = Model(trainers={TRIVIAL: {"x": Range(low=0.0, high=1.0)}}, rounds=10, ensemble=False)
    place = Path(folder)
    place.mkdir()
    told, before, begun = _Told(watched=trials // 5), _disk(), time.time()
    by = Random(spaces(model), 0) if search == "random" else None
    experiment = _on_ray(problem, model, told, trials=trials, search=by, folder=place)
    found = told.result(experiment, begun)
    journal = sum(file.stat().st_size for file in place.rglob("*"))
    memory = [told.memory or _memory(), _memory()]
    return {**found, "line": [], "memory": memory, "disk": _disk() - before, "journal": journal}


def team(folder: str, tenant: str, seed: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Search by chance, without halving, until the time is over; tell when each trial ran."""
    from mlray.experiments import Random, spaces

    begun, told = time.time(), _Told()
    model = _model(rounds)
    experiment = _on_ray(
        _problem(load(folder), 0),
        model,
        told,
        trials=MANY,
        seconds=seconds,
        search=Random(spaces(model), seed),
        halving=False,
        tenant=tenant,
    )
    return {**told.result(experiment, begun), "spans": told.spans}


def close() -> None:
    """End the lanes that were kept warm."""
    from mlray.experiments.on_ray import close_pools

    close_pools()


def stop() -> None:
    """Leave Ray, and remove what one of ours wrote about itself."""
    # A sweep in threads of this process knows nothing of Ray.
    if "ray" in sys.modules:
        from benchmarks.sweep.contenders.cluster import end

        end()


class _Told:
    """Listens to a sweep: when each trial ended and how good it was, and once how large this process was meanwhile."""

    def __init__(self, watched: int = 0) -> None:
        self.line: list[tuple[float, float]] = []
        self.spans: list[tuple[float, float]] = []
        self.memory = 0.0
        self._watched, self._seen, self._lock = watched, 0, threading.Lock()

    def heard(self, trials: Sequence[Any], models: Mapping[int, bytes]) -> None:  # noqa: ARG002 (mlray's form)
        """Note finished trials."""
        now = time.time()
        with self._lock:
            before, self._seen = self._seen, self._seen + len(trials)
            if before < self._watched <= self._seen:
                self.memory = _memory()
            if self._watched:
                return
            for trial in trials:
                self.spans.append((now - trial.seconds, now))
                if trial.score is not None:
                    self.line.append((now, trial.score))

    def result(self, experiment: Any, begun: float) -> dict[str, Any]:
        """Return what the benchmark asks of every contender."""
        trials = experiment.trials
        best: list[tuple[float, float]] = []
        for moment, score in self.line:
            if not best or score > best[-1][1]:
                best.append((moment - begun, score))
        return {
            "wall": time.time() - begun,
            "trials": len(trials),
            "training": sum(trial.cpu_seconds for trial in trials),
            "rounds": sum(trial.curve[-1][0] for trial in trials if trial.curve),
            "failed": sum(trial.score is None for trial in trials),
            "line": best,
            "test": None,
        }


def _on_ray(problem: Any, model: Any, told: _Told, *, tenant: str = "default", **wanted: Any) -> Any:
    from mlray.experiments import Wanted
    from mlray.experiments.on_ray import sweep_on_ray

    return sweep_on_ray(problem, model, Wanted(**_said(told), **wanted), tenant=tenant, keep=KEEP)


def _here(problem: Any, model: Any, told: _Told, **wanted: Any) -> Any:
    from mlray.experiments import Wanted, sweep_here

    return sweep_here(problem, model, Wanted(**_said(told), **wanted), width=SLOTS)


def _said(told: _Told) -> dict[str, Any]:
    name = f"bench-{os.getpid()}-{time.monotonic_ns()}"
    return {"name": name, "progress": lambda *_: None, "heard": told.heard}


def _model(rounds: int) -> Any:
    from mlray.spec import Model

    # No ensemble: the peers' best is a single model as well.
    return Model(
        trainers={"xgboost": {name: _range(domain) for name, domain in SPACE.items()}}, rounds=rounds, ensemble=False
    )


def _range(domain: Domain) -> Any:
    from mlray.spec import Range

    low, high = (int(domain.low), int(domain.high)) if domain.whole else (domain.low, domain.high)
    return Range(low=low, high=high, scale="log" if domain.log else "linear")


def _problem(rows: Rows, seed: int) -> Any:
    from mlray.experiments import Problem

    names = tuple(f"f{column}" for column in range(rows.train_x.shape[1]))
    return Problem(rows.train_x, rows.train_y, rows.valid_x, rows.valid_y, names, (), "auc", seed)


def _memory() -> float:
    """Return the resident memory of this process, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _disk() -> int:
    """Return the bytes of all files in the folder for temporary files."""
    total = 0
    for place, _, names in os.walk(tempfile.gettempdir()):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118 (ten thousand of them)
    return total


if __name__ == "__main__":
    try:
        serve(start=start, join=join, listed=listed, search=search, trivial=trivial, team=team, close=close)
    finally:
        stop()
