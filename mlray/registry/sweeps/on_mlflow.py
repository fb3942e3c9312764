"""One sweep as a run of MLflow: what is written of it while it runs, and what at its end."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Self

from mlray.clock import SystemClock
from mlray.records import DatasetVersion, Experiment, Trial
from mlray.registry.sweeps.leaders import Leaders

__all__ = ["EXPERIMENT", "SweepRun", "Tracked"]

EXPERIMENT = "mlray.experiment"
"""The tag that holds the sweep's id."""
_AT_ONCE = 1_000
"""Metrics that MLflow takes in one batch."""
_LONGEST = 4_000
"""Characters of an error or a value; MLflow takes 5,000 in a tag and 6,000 in a parameter."""
_PARAMS = 90
"""Parameters of a trial that go into a run: MLflow takes 100 in one batch; the table has them all."""
_TABLE, _MODELS = "trials.csv", "models"


class SweepRun:
    """The run of one sweep. Nothing here takes the registry's lock: who calls holds it."""

    def __init__(self, client: Any, run: str, metric: str) -> None:
        """Write to the run with the id `run`."""
        self._client, self.id, self._metric = client, run, metric
        self._leaders = Leaders(metric)
        self._written: set[int] = set()
        self._models: set[int] = set()

    @classmethod
    def begin(
        cls, client: Any, folder: str, name: str, dataset: DatasetVersion, metric: str, store: str, at: datetime
    ) -> Self:
        """Return the run of the sweep `name` in MLflow's experiment `folder`; made, as of `at`, where there is none.

        One that a process left behind is taken up again: no score is written twice, and its models count as kept.
        """
        from mlray.registry.inputs.on_mlflow import dataset_input

        found = client.search_runs([folder], f"tags.`{EXPERIMENT}` = '{name}'", max_results=1)
        if found:
            run = cls(client, found[0].info.run_id, metric)
            run._go_on()
            if found[0].info.status != "FINISHED":  # a process may also have died after its sweep had ended
                client.update_run(run.id, status="RUNNING")
            return run
        tags = {EXPERIMENT: name, "mlray.dataset": dataset.name}
        made = client.create_run(folder, tags=tags, run_name=name, start_time=_millis(at)).info.run_id
        client.log_inputs(made, datasets=[dataset_input(dataset, store)])
        return cls(client, made, metric)

    def _go_on(self) -> None:
        points = sorted(self._client.get_metric_history(self.id, self._metric), key=lambda point: point.timestamp)
        self._written = {point.step for point in points}
        self._leaders.improvements(Trial(one.step, "", {}, one.value, 0, 0.0, "finished") for one in points)
        names = [Path(file.path).stem for file in self._client.list_artifacts(self.id, _MODELS)]
        self._models = {int(name.rpartition("-")[2]) for name in names}

    def heard(self, trials: Sequence[Trial], models: Mapping[int, bytes], at: datetime) -> None:
        """Write trials that had finished by `at` in one batch, and keep the models of the best only."""
        from mlflow.entities import Metric

        now = _millis(at)
        better = self._leaders.improvements(trials)
        scores = [(trial.number, trial.score) for trial in trials if trial.score is not None]
        self._written |= {trial.number for trial in trials}
        self._batch(
            [
                *(Metric(self._metric, score, now, number) for number, score in scores),
                *(Metric(f"best_{self._metric}", score, now, place) for place, score in better),
            ]
        )
        self._keep(models)

    def _batch(self, metrics: Sequence[Any]) -> None:
        for start in range(0, len(metrics), _AT_ONCE):
            self._client.log_batch(self.id, metrics=metrics[start : start + _AT_ONCE])

    def _keep(self, models: Mapping[int, bytes]) -> None:
        """Write models of the best, and take away those of trials that are no more: disk for a few, not for all."""
        fresh = self._leaders.among(models)
        gone = self._models - set(self._leaders.among(self._models))
        if fresh:
            with tempfile.TemporaryDirectory(prefix="mlray-models-") as folder:
                for number in fresh:
                    (Path(folder) / f"trial-{number}.bin").write_bytes(models[number])
                self._client.log_artifacts(self.id, folder, _MODELS)
        if gone:
            files = self._files()
            for number in gone:
                files.delete_artifacts(f"{_MODELS}/trial-{number}.bin")
        self._models = (self._models | set(fresh)) - gone

    def _files(self) -> Any:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        return get_artifact_repository(self._client.get_run(self.id).info.artifact_uri)

    def fail(self) -> None:
        """Close the run of a sweep that ended with an error."""
        self._client.set_terminated(self.id, "FAILED")

    def end(self, folder: str, experiment: Experiment, at: datetime) -> None:
        """Write what is missing, a child for each of the best trials and a table of all, and close the run at `at`."""
        from mlflow.entities import Metric, Param, RunTag

        stop, trials, best = _millis(at), experiment.trials, experiment.best
        self.heard([trial for trial in trials if trial.number not in self._written], {}, at)
        final = Leaders(experiment.metric)
        final.improvements(trials)
        for trial in final.best:
            self._child(folder, trial, stop)
        curve = [] if best.score is None else [Metric(f"best_{self._metric}", best.score, stop, len(trials) - 1)]
        errors = [trial.error for trial in trials if trial.error]
        self._client.log_batch(
            self.id,
            metrics=[*curve, *(Metric(name, value, stop, 0) for name, value in _figures(experiment).items())],
            params=[Param("metric", experiment.metric), Param("seed", str(experiment.seed)), *_params(best)],
            tags=[
                RunTag("mlray.stopped_because", experiment.stopped_because),
                *([RunTag("mlray.error", errors[0][:_LONGEST])] if errors else []),
                *([RunTag("mlray.ensemble", _shares(experiment))] if experiment.ensemble else []),
            ],
        )
        self._client.log_text(self.id, _table(trials), _TABLE)
        self._client.set_terminated(self.id, end_time=stop)

    def _child(self, folder: str, trial: Trial, stop: int) -> None:
        from mlflow.entities import Metric, RunTag

        tags = {"mlflow.parentRunId": self.id, "mlray.state": trial.state}
        start = stop - round(1000 * trial.seconds)
        run = self._client.create_run(folder, start_time=start, tags=tags, run_name=f"trial {trial.number}").info.run_id
        looks = trial.curve or ((trial.rounds, trial.score),)
        scores = [Metric(self._metric, score, stop, rounds) for rounds, score in looks if score is not None]
        figures = {"seconds": trial.seconds, "rounds": trial.rounds, "cost": float(trial.cost), **trial.objectives}
        model = f"{_MODELS}/trial-{trial.number}.bin"
        self._client.log_batch(
            run,
            metrics=[*scores, *(Metric(name, value, stop, 0) for name, value in figures.items())],
            params=_params(trial),
            tags=[RunTag("mlray.model", f"{self.id}/{model}")] if trial.number in self._models else [],
        )
        self._client.set_terminated(run, end_time=stop)


class Tracked:
    """Tells MLflow of a sweep while it runs. `pack` returns at once: a thread writes, what piles up in one batch."""

    def __init__(self, begin: Callable[[], SweepRun], changing: Callable[[], AbstractContextManager[object]]) -> None:
        """Begin the run with `begin`, in the thread, since MLflow takes seconds to come up; write inside `changing`."""
        self._begin, self._changing = begin, changing
        self._waiting: SimpleQueue[tuple[Sequence[Trial], Mapping[int, bytes]] | None] = SimpleQueue()
        self.problem: Exception | None = None
        """Why nothing more is written; what is missing is written at the sweep's end."""
        self._thread = Thread(target=self._work, name="mlray-tracking", daemon=True)
        self._run: SweepRun | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join()
        if kind is not None and self._run is not None and self.problem is None:
            with self._changing():
                self._run.fail()

    def pack(self, trials: Sequence[Trial], models: Mapping[int, bytes]) -> None:
        """Take note of the finished trials of one pack, and of models that came along, by trial number."""
        self._waiting.put((trials, models))

    def _work(self) -> None:
        try:
            self._run = self._begin()
            while (told := self._next()) is not None:
                with self._changing():
                    self._run.heard(*told, SystemClock().now())
        except Exception as problem:  # noqa: BLE001 (a sweep does not end because MLflow is away)
            self.problem = problem

    def _next(self) -> tuple[list[Trial], dict[int, bytes]] | None:
        """Return everything that waits, at least one pack; None when the sweep has ended and nothing waits."""
        trials: list[Trial] = []
        models: dict[int, bytes] = {}
        told = self._waiting.get()
        while told is not None:
            trials += told[0]
            models |= told[1]
            if self._waiting.empty():
                return trials, models
            told = self._waiting.get()
        self._waiting.put(None)  # for the next time
        return (trials, models) if trials else None


def _figures(experiment: Experiment) -> dict[str, float]:
    return {
        "seconds": experiment.seconds,
        "spend": float(experiment.spend),
        "trials": float(len(experiment.trials)),
        "failed": float(sum(trial.state == "failed" for trial in experiment.trials)),
        **({} if experiment.ensemble_score is None else {"ensemble": experiment.ensemble_score}),
    }


def _shares(experiment: Experiment) -> str:
    return ", ".join(f"trial {number}: {share:.3f}" for number, share in experiment.ensemble)


def _table(trials: Iterable[Trial]) -> str:
    """Return every trial as a row of CSV."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["trial", "trainer", "score", "state", "rounds", "seconds", "cost", "params", "error"])
    for one in trials:
        params = json.dumps(dict(one.params), sort_keys=True)
        rows.writerow(
            [
                *(one.number, one.trainer, one.score, one.state, one.rounds, round(one.seconds, 3), one.cost),
                *(params, one.error[:_LONGEST]),
            ]
        )
    return out.getvalue()


def _params(trial: Trial) -> list[Any]:
    from mlflow.entities import Param

    return [
        Param("trainer", trial.trainer),
        Param("best_rounds", str(trial.rounds)),
        *(Param(name, str(value)[:_LONGEST]) for name, value in [*trial.params.items()][:_PARAMS]),
    ]


def _millis(moment: datetime) -> int:
    return round(1000 * moment.timestamp())
