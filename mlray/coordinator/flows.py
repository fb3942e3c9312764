"""The stages composed: each flow is a short list of named steps, and only here do stages meet."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlray.clock import parse_duration
from mlray.coordinator.artifact import Artifact, ArtifactPredictor, read_artifact, write_artifact
from mlray.coordinator.workspace import Workspace
from mlray.data import ingest as ingest_rows
from mlray.data import scan_here
from mlray.errors import DataError
from mlray.evaluation import metrics, scorecard
from mlray.experiments import Problem, check_space, fit
from mlray.features import Fitted, Matrix
from mlray.ids import Json, new_id
from mlray.monitoring import calibration, excess
from mlray.ports import Progress
from mlray.records import DatasetVersion, Experiment, Feasibility, Interval, ModelVersion, Scorecard, Spend, Trial
from mlray.sketches import Reference, profile

__all__ = [
    "Excess",
    "Order",
    "Trained",
    "artifact_of",
    "challenge",
    "feasibility",
    "ingest",
    "learnt_until",
    "price_of_seconds",
    "split",
    "train",
]

Array = np.ndarray[Any, np.dtype[Any]]
QUICK = {"learning_rate": 0.2, "max_depth": 5, "min_child_weight": 8.0}
"""The challenger: small enough to be nearly free, good enough to show what fresh data would bring."""
QUICK_ROUNDS, QUICK_SHARE, QUICK_ROWS = 25, 0.25, 40_000
BASELINE_ROWS = 50_000
"""Rows that the linear baseline learns from: a straight line gains nothing from more."""


def quiet(done: float, total: float, note: str = "") -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class Split:
    """Rows of one dataset version in the order of time: to learn from, to choose by, to judge by."""

    train: pa.Table
    valid: pa.Table
    holdout: pa.Table

    @property
    def known(self) -> pa.Table:
        """Everything before the holdout."""
        return pa.concat_tables([self.train, self.valid])

    @property
    def everything(self) -> pa.Table:
        """All rows."""
        return pa.concat_tables([self.train, self.valid, self.holdout])


@dataclass(frozen=True)
class Trained:
    """What a training brought."""

    experiment: Experiment
    version: ModelVersion
    spend: Spend


@dataclass(frozen=True)
class Excess:
    """How much worse than a fresh challenger the live model did on the same rows."""

    excess: Interval
    rows: int
    seconds: float


def ingest(
    space: Workspace, until: datetime, now: datetime, *, on_ray: bool = False, progress: Progress = quiet
) -> DatasetVersion:
    """Read what the source holds up to `until`, through the contract, into a new dataset version.

    Small data is read in this process; `on_ray` reads through Ray Data, one task per file.
    """
    run = scan_here
    if on_ray:
        from mlray.data.on_ray import scan_on_ray

        run = scan_on_ray
    version = ingest_rows(
        space.spec.data, space.spec.folder, space.store, until=until, now=now, run=run, progress=progress
    )
    # Whether or not it is new: a process that died between the commit and this entry left the entry out.
    space.journal.append("dataset", version.name, version.to_json(), at=now, key=f"dataset:{version.digest}")
    return version


def split(space: Workspace, dataset: DatasetVersion) -> Split:
    """Return the newest rows within the training window, split by time; DataError when a part has one class."""
    model, end = space.spec.model, dataset.as_of
    holdout = end - parse_duration(model.holdout)
    valid = holdout - parse_duration(model.holdout)
    start = end - parse_duration(model.window)
    parts = Split(
        train=space.store.read(dataset, start=start, end=valid),
        valid=space.store.read(dataset, start=valid, end=holdout),
        holdout=space.store.read(dataset, start=holdout, end=end),
    )
    for name, part in (("training", parts.train), ("validation", parts.valid), ("holdout", parts.holdout)):
        positives = pc.sum(space.contract.target(part)).as_py() or 0
        if not 0 < positives < part.num_rows:
            raise DataError(
                f"{dataset.name}: the {name} rows hold one class only ({positives} of {part.num_rows} are true).",
                remedy="Widen model.window or model.holdout, or check data.target.",
            )
    return parts


def labels(space: Workspace, table: pa.Table) -> Array:
    """Return the target of each row as 0 or 1."""
    return np.asarray(space.contract.target(table)).astype(np.float64)


def feasibility(space: Workspace, dataset: DatasetVersion, now: datetime, progress: Progress = quiet) -> Feasibility:
    """Say what this data can probably reach, before money is spent on a sweep."""
    from mlray.evaluation.on_sklearn import feasibility as judge

    parts = split(space, dataset)
    _, x, xv = _matrices(space, parts.train, parts.valid)
    verdict = judge(
        x.values,
        labels(space, parts.train),
        xv.values,
        labels(space, parts.valid),
        x.categorical,
        metric=space.spec.model.metric,
        goal=space.spec.model.goal,
        seed=space.spec.model.seed,
        progress=progress,
    )
    space.journal.append("feasibility", dataset.name, verdict.to_json(), at=now)
    return verdict


def _matrices(space: Workspace, train: pa.Table, other: pa.Table) -> tuple[Fitted, Matrix, Matrix]:
    fitted = space.plan.fit(train, tuple(space.spec.data.request_columns))
    return fitted, fitted.apply(train), fitted.apply(other)


def price_of_seconds(space: Workspace, cpus: float) -> Decimal:
    """Return what one second on `cpus` CPUs of the project's node type costs."""
    return space.prices.compute(space.spec.costs.node, 1.0, cpus=cpus)


@dataclass(frozen=True)
class Order:
    """A training that somebody asked for."""

    dataset: DatasetVersion
    now: datetime
    trials: int
    warm: tuple[Trial, ...] = ()
    """Configurations to begin with."""
    cause: str = ""
    """The decision that asked for it; asked again for the same cause, the model it brought is returned."""
    live: ModelVersion | None = None
    """The champion that the candidate is compared with."""
    budget: Decimal | None = None
    """Money for the sweep."""
    fault: str = ""
    """Break the candidate on purpose, see `artifact.FAULTS`."""
    cpus: int = 2


def train(space: Workspace, order: Order, *, progress: Progress = quiet) -> Trained:
    """Sweep, judge on later rows, refit on everything, sign and register; the same cause is never trained twice."""
    from mlray.experiments.on_ray import sweep

    dataset, now, cpus = order.dataset, order.now, order.cpus
    found = _registered(space, order.cause, cpus, now)
    if found is not None:
        return found
    started = time.perf_counter()
    check_space(space.spec.model)
    space.journal.append(
        "training",
        space.name,
        {"cause": order.cause, "dataset": dataset.name, "trials": order.trials},
        at=now,
        key=f"training:{order.cause}" if order.cause else None,
    )
    parts = split(space, dataset)
    fitted, x, xv = _matrices(space, parts.train, parts.valid)
    chosen = _some(x.values.shape[0], space.spec.model.sweep_rows, space.spec.model.seed)
    problem = Problem(
        x.values[chosen],
        labels(space, parts.train)[chosen],
        xv.values,
        labels(space, parts.valid),
        x.names,
        x.categorical,
        space.spec.model.metric,
        space.spec.model.seed,
    )
    warming = Thread(target=space.registry.warm)  # a new tracking database takes seconds: they pass during the sweep
    warming.start()
    experiment = sweep(
        problem,
        space.spec.model,
        trials=order.trials,
        dataset=dataset.name,
        warm=order.warm,
        price_per_second=price_of_seconds(space, cpus),
        budget=order.budget,
        now_id=new_id("sweep"),
        progress=progress,
    )
    progress(order.trials, order.trials, "judging on later rows")
    warming.join()
    card, traits, calibrated = _judge(space, parts, fitted, experiment.best, order.live)
    progress(order.trials, order.trials, "registering")
    experiment = space.registry.log_experiment(space.name, experiment, dataset)
    space.journal.append("experiment", experiment.id, experiment.to_json(), at=now, key=f"experiment:{experiment.id}")
    artifact = _final(space, parts, experiment.best, calibrated, order.fault)
    folder = space.folder("models") / new_id(space.name)
    digest = write_artifact(artifact, folder, space.signing_key)
    seconds = time.perf_counter() - started
    version = ModelVersion(
        name=space.name,
        number=0,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        features=artifact.features.digest,
        experiment=experiment.id,
        scorecard=card,
        artifact=str(folder),
        artifact_digest=digest,
        created_at=now,
        caused_by=order.cause,
        traits={**traits, "seconds": seconds, "fault": float(bool(order.fault))},
    )
    version = space.registry.register(version)
    _write_down(space, version, now)
    return Trained(experiment, version, _spend(space, "training", seconds, cpus, now))


def _registered(space: Workspace, cause: str, cpus: float, now: datetime) -> Trained | None:
    """Return what an earlier call for the same cause registered: a coordinator that came back asks again."""
    if not cause or space.journal.find(f"training:{cause}") is None:
        return None
    known = [version for version in space.models().values() if version.caused_by == cause]
    version = known[0] if known else space.registry.by_cause(space.name, cause)
    if version is None:
        return None
    entry = space.journal.find(f"experiment:{version.experiment}")
    if entry is None:  # written before the model was registered, so only a foreign registry can lead here
        return None
    if not known:
        _write_down(space, version, now)
    return Trained(
        Experiment.from_json(entry.data), version, _spend(space, "training", version.traits["seconds"], cpus, now)
    )


def _write_down(space: Workspace, version: ModelVersion, now: datetime) -> None:
    space.journal.append(
        "model", f"{version.name}/v{version.number}", version.to_json(), at=now, key=f"model:{version.artifact_digest}"
    )


def _judge(
    space: Workspace, parts: Split, fitted: Fitted, best: Trial, live: ModelVersion | None
) -> tuple[Scorecard, dict[str, float], Mapping[str, Json]]:
    """Judge the best configuration, trained without the holdout, on the holdout."""
    from mlray.evaluation.on_sklearn import linear_baseline

    spec = space.spec
    known = fitted.apply(parts.known)
    y_known, y = labels(space, parts.known), labels(space, parts.holdout)
    x = fitted.apply(parts.holdout)
    p = _predict(best.trainer, known, y_known, best.params, best.rounds, spec.model.seed, x)
    quick = _quick(known, y_known, x, spec.model.seed)
    some = _some(len(y_known), BASELINE_ROWS, spec.model.seed)
    baseline = linear_baseline(known.values[some], y_known[some], known.categorical).predict(x.values)
    champion = predictor(space, live).predict(parts.holdout) if live else None
    columns = {name: parts.holdout.column(name).to_pylist() for name in spec.gates.slices}
    card = scorecard(
        y,
        p,
        baseline,
        champion,
        columns,
        spec.gates,
        spec.model.metric,
        _edge(parts.holdout, spec.data.time, first=True),
        _edge(parts.holdout, spec.data.time, first=False),
    )
    gap = metrics(y, quick)["error"].value - metrics(y, p)["error"].value
    traits = {"challenger_gap": max(0.0, gap), "holdout_error": metrics(y, p)["error"].value}
    return card, traits, calibration(y, p).to_json()


def _some(rows: int, most: int, seed: int) -> Array:
    """Return which rows to look at: all, or `most` of them drawn at random, in their order."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _edge(table: pa.Table, column: str, *, first: bool) -> datetime:
    edges = pc.min_max(table.column(column)).as_py()
    moment: datetime = edges["min" if first else "max"]
    return moment


def _predict(
    trainer: str, known: Matrix, y: Array, params: Mapping[str, Any], rounds: int, seed: int, x: Matrix
) -> Array:
    from mlray.experiments import load_model

    content = fit(trainer, known.values, y, known.categorical, params, rounds, seed)
    scores: Array = load_model(trainer, content).predict(x.values)
    return scores


def _quick(known: Matrix, y: Array, x: Matrix, seed: int) -> Array:
    """Return the challenger's scores: few rounds on a share of the rows."""
    chosen = _some(len(y), min(QUICK_ROWS, max(1, int(len(y) * QUICK_SHARE))), seed)
    sample = replace(known, values=known.values[chosen])
    return _predict("xgboost", sample, y[chosen], QUICK, QUICK_ROUNDS, seed, x)


def _final(space: Workspace, parts: Split, best: Trial, calibrated: Mapping[str, Json], fault: str) -> Artifact:
    """Refit the judged configuration on every row, the holdout included: fresh rows are what a retraining is for."""
    from mlray.monitoring import Calibration

    rows = parts.everything
    fitted = space.plan.fit(rows, tuple(space.spec.data.request_columns))
    x = fitted.apply(rows)
    content = fit(
        best.trainer, x.values, labels(space, rows), x.categorical, best.params, best.rounds, space.spec.model.seed
    )
    seen = rows.select(list(space.spec.data.request_columns))
    return Artifact(
        trainer=best.trainer,
        model=content,
        features=fitted,
        data=space.spec.data,
        profile=profile(seen, Reference.of(seen)),
        calibration=Calibration.from_json(calibrated),
        example=example_request(seen.slice(seen.num_rows - 2)),
        fault=fault,
    )


def example_request(rows: pa.Table) -> dict[str, list[Json]]:
    """Return rows as JSON columns, times in ISO 8601."""
    return {
        name: [value.isoformat() if isinstance(value, datetime) else value for value in rows.column(name).to_pylist()]
        for name in rows.column_names
    }


def artifact_of(space: Workspace, version: ModelVersion) -> Artifact:
    """Return the artifact of a registered version, its signature verified; a moved workspace is no obstacle."""
    here = space.root / "models" / Path(version.artifact).name
    return read_artifact(here if here.exists() else Path(version.artifact), space.signing_key)


def predictor(space: Workspace, version: ModelVersion) -> ArtifactPredictor:
    """Return the predictor of a registered version, its signature verified."""
    return ArtifactPredictor(artifact_of(space, version))


def challenge(space: Workspace, dataset: DatasetVersion, live: ModelVersion, window: timedelta) -> Excess:
    """Compare the live model with a small fresh one on the newest `window` of `dataset`, which neither has seen.

    The excess is the difference in error rate, less the handicap that the challenger's smallness was measured to have
    when the live model was trained; its interval is that of a paired difference.

    Raises:
        DataError: there are no rows that the live model has not seen, or those before them hold one class only.
    """
    started = time.perf_counter()
    end = dataset.as_of
    start = max(end - window, learnt_until(space, live) or end - window)
    rows = space.store.read(dataset, start=start, end=end)
    known = space.store.read(dataset, start=end - parse_duration(space.spec.model.window), end=start)
    positives = pc.sum(space.contract.target(known)).as_py() or 0
    if not rows.num_rows or not 0 < positives < known.num_rows:
        raise DataError(
            f"{dataset.name}: v{live.number} cannot be compared with a fresh model, with {rows.num_rows} new rows and"
            f" {known.num_rows} before them ({positives} are true).",
            remedy="Widen model.window, or check data.target.",
        )
    _, x_known, x = _matrices(space, known, rows)
    y = labels(space, rows)
    fresh = _quick(x_known, labels(space, known), x, space.spec.model.seed)
    served = predictor(space, live).predict(rows)
    days = rows.column(space.spec.data.time).cast("date32").to_pylist()
    seen, gap = excess(y, served, fresh, days), live.traits.get("challenger_gap", 0.0)
    shifted = Interval(seen.value + gap, seen.low + gap, seen.high + gap, seen.level)
    return Excess(shifted, len(y), time.perf_counter() - started)


def learnt_until(space: Workspace, version: ModelVersion) -> datetime | None:
    """Return up to which moment `version` has seen the data; None where its dataset version is not kept here."""
    seen = [
        known.as_of for known in space.store.versions(space.spec.data.table) if known.digest == version.dataset_digest
    ]
    return seen[0] if seen else None


def _spend(space: Workspace, purpose: str, seconds: float, cpus: float, now: datetime) -> Spend:
    amount = space.prices.compute(space.spec.costs.node, seconds, cpus=cpus)
    tenant = space.spec.access.tenants[0]
    return Spend(tenant, space.name, purpose, amount, "USD", now, seconds, {"CPU": cpus})
