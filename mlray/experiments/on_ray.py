"""A sweep on Ray Tune: long-lived lanes that keep the data, asked by Optuna, cut at rungs."""

import logging
import math
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Self

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from mlray.clock import SystemClock
from mlray.errors import UnavailableError
from mlray.experiments._problem import Problem, higher_is_better, point_score
from mlray.experiments._space import first_configurations
from mlray.experiments._stopping import marks, past_its_best, rungs
from mlray.experiments._sweep import Look, Sweep
from mlray.experiments._trainers import Run, trainer
from mlray.experiments.on_optuna import Asked
from mlray.ports import Progress
from mlray.records import Experiment, Trial
from mlray.spec import Model

__all__ = ["Lane", "sweep"]

_FAST = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # else CSV, JSON and TensorBoard files for every trial
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # a sweep of minutes is repeated, not restored
    "TUNE_WARN_THRESHOLD_S": "60",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C belongs to the program, not to Tune
    "RAY_AIR_NEW_OUTPUT": "0",
}

LANE_CPU = 0.9
"""What a lane asks of Ray: one thread, and room for the small shares that endpoints hold on the same CPUs."""


def sweep(  # noqa: PLR0913 (what is searched, where, and what it may cost)
    problem: Problem,
    model: Model,
    *,
    trials: int,
    dataset: str,
    warm: Sequence[Trial] = (),
    price_per_second: Decimal,
    budget: Decimal | None,
    now_id: str,
    progress: Progress,
    limit_seconds: float | None = None,
    heard: Callable[[Sequence[Trial], Mapping[int, bytes]], None] | None = None,
) -> Experiment:
    """Search for the best configuration on the Ray that this process is connected to, and return all that was tried.

    First good defaults, then the configurations of `warm`, then Optuna's suggestions. Each lane is one process with one
    thread that keeps the data; there are as many as the cluster has CPUs. Works inside an actor's thread. `heard` is
    told of trials as they finish, with the models that came along; it returns at once.

    Raises:
        SpecError: a fault in `model.trainers`, before anything starts.
        InputError: every trial failed.
        UnavailableError: this process is not connected to a Ray.
        OverBudget: `budget` (in USD, spent at `price_per_second`) or `limit_seconds` was gone before any score.
    """
    lanes = max(1, min(_cpus(), trials))
    clock = SystemClock()
    began = clock.ticks()
    state = Sweep(problem.metric, model.rounds, trials, price_per_second, budget, limit_seconds)
    asked = Asked(model, problem, first_configurations(model, trials, warm))
    shared = _Shared(now_id, ray.put(problem))
    conductor = _Conductor(state, asked, shared, progress, lambda: clock.ticks() - began)
    conductor.heard = heard or conductor.heard
    with tempfile.TemporaryDirectory(prefix="mlray-sweep-") as folder, _quietly(lanes):
        tuner = tune.Tuner(
            tune.with_resources(Lane, {"cpu": LANE_CPU}),
            param_space={"rounds": model.rounds},
            tune_config=tune.TuneConfig(
                search_alg=conductor,
                scheduler=_Rungs(conductor),
                metric="score",
                mode="max" if higher_is_better(problem.metric) else "min",
                num_samples=-1,
                reuse_actors=True,
                trial_name_creator=str,
                trial_dirname_creator=lambda trial: str(trial.trial_id),
            ),
            run_config=tune.RunConfig(
                name=now_id,
                storage_path=folder,
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        tuner.fit()
    return state.experiment(name=now_id, dataset=dataset, elapsed=clock.ticks() - began, seed=problem.seed)


def _cpus() -> int:
    # Asked without a connection, Ray would quietly start a cluster of its own.
    if not ray.is_initialized():
        raise UnavailableError("A sweep runs on Ray; this process is not connected to one.", remedy="Call `ray.init`.")
    resources: Mapping[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(resources.get("CPU", 1))


@contextmanager
def _quietly(lanes: int) -> Iterator[None]:
    """Tune reads its settings from the environment, and talks; both are put back afterwards."""
    wanted = {**_FAST, "TUNE_MAX_PENDING_TRIALS_PG": str(lanes)}
    before = {name: os.environ.get(name) for name in wanted}
    logger = logging.getLogger("ray.tune")
    level = logger.level
    os.environ.update(wanted)
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Shared(str):
    """The name of a sweep, and with it the reference to its rows in the object store.

    Tune writes every trial's configuration into a file. A plain reference in it would be pinned by that until the
    program ends, 4 MB a sweep; of a text only the text is written, while a lane receives the whole.
    """

    __slots__ = ("rows",)
    rows: Any

    def __new__(cls, name: str, rows: Any) -> Self:
        shared = super().__new__(cls, name)
        shared.rows = rows
        return shared

    def __deepcopy__(self, memo: object) -> "_Shared":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Shared, (str(self), self.rows))


class Lane(tune.Trainable):
    """One process that trains one configuration after the other, and keeps the binned rows between them."""

    _kept: Mapping[str, Any] = {}

    def setup(self, config: dict[str, Any]) -> None:
        """Begin with the first configuration."""
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin with another configuration in the same process: no start, no binning."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        self._config = config
        self._seconds = 0.0
        self._run: Run | None = None
        self._scores: dict[int, float] = {}
        self._steps = list(rungs(config["rounds"]))

    def step(self) -> dict[str, Any]:
        """Train up to the next rung and return the scores on the way.

        A failure is a result, not an exception: Tune would end the process, and the next trial would wait for another.
        """
        clock = SystemClock()
        began = clock.ticks()
        error, over = "", False
        before = len(self._scores)
        try:
            over = self._train(self._steps.pop(0))
        except Exception as problem:  # noqa: BLE001 (whatever a trainer raises is the trial's result)
            error = f"{type(problem).__name__}: {problem}"
        self._seconds += clock.ticks() - began
        looks = list(self._scores.items())[before:]
        return {
            "score": looks[-1][1] if looks else math.nan,
            "looks": looks,
            "seconds": self._seconds,
            "error": error,
            "done": bool(error) or over or not self._steps,
        }

    def _train(self, until: int) -> bool:
        """Train up to `until` rounds, and return whether the trial is past its best."""
        problem: Problem = self._keep("problem", lambda: ray.get(self._config["data"].rows))
        if self._run is None:
            name = self._config["trainer"]
            learner = trainer(name)
            prepared = self._keep(name, lambda: learner.prepare(problem, 1))
            self._run = learner.start(prepared, self._config["params"], problem.seed, 1)
        rounds, done = self._config["rounds"], max(self._scores, default=0)
        ahead = [mark for mark in marks(rounds) if done < mark <= until]
        for mark, probabilities in self._run.advance(ahead):
            score = point_score(problem.metric, problem.valid_y, probabilities)
            if not math.isfinite(score):
                message = f"the score after {mark} rounds is {score}"
                raise ValueError(message)
            self._scores[mark] = score
            if past_its_best(self._scores, rounds, higher=higher_is_better(problem.metric)):
                return True
        return False

    def _keep(self, name: str, make: Any) -> Any:
        """Return what this process keeps under `name` for this sweep, made on first use."""
        if Lane._kept.get("sweep") != str(self._config["data"]):
            Lane._kept = {"sweep": str(self._config["data"])}
        if name not in Lane._kept:
            Lane._kept = {**Lane._kept, name: make()}
        return Lane._kept[name]

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Keep nothing: a trial takes seconds."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Load nothing."""


class _Conductor(Searcher):
    """Tune's searcher: hands out configurations and tells the sweep what came of them."""

    def __init__(
        self, state: Sweep, asked: Asked, shared: _Shared, progress: Progress, elapsed: Callable[[], float]
    ) -> None:
        super().__init__(metric="score", mode="max")
        self._state, self._asked, self._shared = state, asked, shared
        self._progress, self._elapsed = progress, elapsed
        self.heard: Callable[[Sequence[Trial], Mapping[int, bytes]], None] = lambda *_: None

    def suggest(self, trial_id: str) -> Any:
        if not self._state.wants_more(self._elapsed()):
            return Searcher.FINISHED
        configuration = self._asked.ask(trial_id)
        if configuration is None:
            self._state.exhausted()
            return Searcher.FINISHED
        self._state.begin(trial_id, configuration)
        return {"trainer": configuration.trainer, "params": dict(configuration.params), "data": self._shared}

    def look(self, trial_id: str, result: Mapping[str, Any]) -> bool:
        """Tell the sweep what the trial has shown, and return whether it may go on."""
        looks = [Look(rounds, score) for rounds, score in result["looks"]]
        return self._state.look(trial_id, looks, result["seconds"], self._elapsed())

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Do nothing: the scheduler has looked already."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:  # noqa: FBT001, FBT002
        reason = "its process ended"
        if result is not None and not error:
            self.look(trial_id, result)
            reason = str(result["error"])
        trial = self._state.end(trial_id, error=reason)
        self._asked.tell(trial_id, trial)
        self.heard([trial], {})
        best = self._state.best
        note = f"best {self._state.metric} {best.score:.4f} by {best.trainer}" if best else "no score yet"
        self._progress(len(self._state.finished), self._state.trials, note)

    def __getstate__(self) -> dict[str, Any]:
        """Leave everything behind: Tune pickles its searcher, and who listens to progress need not be picklable."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Keep nothing: a sweep is repeated, not restored."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""


class _Rungs(FIFOScheduler):
    """Tune's scheduler: a trial that falls behind at a rung ends."""

    def __init__(self, conductor: _Conductor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._conductor = conductor

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:  # noqa: ARG002
        return TrialScheduler.CONTINUE if self._conductor.look(trial.trial_id, result) else TrialScheduler.STOP

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Do nothing: the conductor closes the trial."""
