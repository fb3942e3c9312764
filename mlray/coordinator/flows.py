"""The stages composed: each flow is a short list of named steps, and only here do stages meet."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from mlray.clock import parse_duration
from mlray.coordinator.artifact import Artifact, predictor, write_artifact
from mlray.coordinator.candidates import Candidate, better, candidates, scores
from mlray.coordinator.challenger import quick_scores
from mlray.coordinator.lineage import tells_of_ingestion, tells_of_training
from mlray.coordinator.pause import refuse_paused
from mlray.coordinator.rows import Split, example_request, labels, matrices, quiet, some_rows, split, weights
from mlray.coordinator.searching import problem_of, search, taken_up
from mlray.coordinator.workspace import Workspace
from mlray.data import ingest as ingest_rows
from mlray.data import scan_here
from mlray.evaluation import score, scorecard
from mlray.experiments import check_space
from mlray.features import Fitted
from mlray.ids import Json, new_id
from mlray.monitoring import calibration
from mlray.ports import Progress
from mlray.records import DatasetVersion, Experiment, Feasibility, ModelVersion, Scorecard, Spend, Trial
from mlray.registry.lineage import LEARNT_SINCE
from mlray.sketches import Reference, profile

__all__ = ["Order", "Trained", "feasibility", "ingest", "price_of_seconds", "train"]

BASELINE_ROWS = 50_000
"""Rows that the linear baseline learns from: a straight line gains nothing from more."""


@dataclass(frozen=True)
class Trained:
    """What a training brought."""

    experiment: Experiment
    version: ModelVersion
    spend: Spend


@tells_of_ingestion
def ingest(
    space: Workspace,
    until: datetime,
    now: datetime,
    *,
    on_ray: bool = False,
    progress: Progress = quiet,
    given: object = None,
) -> DatasetVersion:
    """Read what the source holds up to `until`, through the contract, into a new dataset version.

    Small data is read in this process; `on_ray` reads through Ray Data, one task per file. `given` are rows at hand
    (pyarrow, pandas, batches) that are read in place of the source.

    Raises:
        SourcePaused: a source broke its contract, and nobody has let it go on.
    """
    refuse_paused(space)
    run = scan_here
    if on_ray:
        from mlray.data.on_ray import scan_on_ray

        run = partial(scan_on_ray, cpus=space.spec.data.cpus)
    version = ingest_rows(
        space.spec.data, space.spec.folder, space.store, until=until, now=now, run=run, progress=progress, given=given
    )
    # Whether or not it is new: a process that died between the commit and this entry left the entry out.
    space.journal.append("dataset", version.name, version.to_json(), at=now, key=f"dataset:{version.digest}")
    return version


def feasibility(space: Workspace, dataset: DatasetVersion, now: datetime, progress: Progress = quiet) -> Feasibility:
    """Say what this data can probably reach, before money is spent on a sweep."""
    from mlray.evaluation.on_sklearn import feasibility as judge

    parts = split(space, dataset)
    _, x, xv = matrices(space, parts.train, parts.valid)
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


@tells_of_training
def train(space: Workspace, order: Order, *, progress: Progress = quiet) -> Trained:
    """Sweep, judge on later rows, refit on everything, sign and register; the same cause is never trained twice."""
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
    fitted, x, xv = matrices(space, parts.train, parts.valid)
    problem = problem_of(space, parts, x, xv)
    name, resumed = taken_up(space, order.cause, problem)
    with space.registry.tracked(space.name, name, dataset, space.spec.model.metric) as tracked:
        experiment = search(
            space,
            dataset,
            problem,
            name=name,
            trials=order.trials,
            warm=order.warm,
            budget=order.budget,
            progress=progress,
            heard=tracked.pack,
            resumed=resumed,
        )
    progress(order.trials, order.trials, "judging on later rows")
    chosen, card, traits, calibrated = _judge(space, parts, fitted, candidates(experiment), order.live)
    progress(order.trials, order.trials, "registering")
    experiment = space.registry.log_experiment(space.name, experiment, dataset)
    space.journal.append("experiment", experiment.id, experiment.to_json(), at=now, key=f"experiment:{experiment.id}")
    artifact = _final(space, parts, chosen, calibrated, order.fault)
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
        traits={**traits, "seconds": seconds, "fault": float(bool(order.fault)), LEARNT_SINCE: _since(space, dataset)},
    )
    version = space.registry.register(version)
    _write_down(space, version, now)
    return Trained(experiment, version, _spend(space, "training", seconds, cpus, now))


def _since(space: Workspace, dataset: DatasetVersion) -> float:
    """Return from which moment on a training looks at rows, in seconds since 1970; lineage asks for it."""
    return (dataset.as_of - parse_duration(space.spec.model.window)).timestamp()


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
    space: Workspace, parts: Split, fitted: Fitted, proposed: Sequence[Candidate], live: ModelVersion | None
) -> tuple[Candidate, Scorecard, dict[str, float], Mapping[str, Json]]:
    """Judge the better one of `proposed`, trained without the holdout, on the holdout."""
    from mlray.evaluation.on_sklearn import linear_baseline

    spec = space.spec
    known = fitted.apply(parts.known)
    y_known, y = labels(space, parts.known), labels(space, parts.holdout)
    x = fitted.apply(parts.holdout)
    told = scores(proposed, known, y_known, spec.model.seed, x, weights(space, y_known))
    place = better(spec.model.metric, y, told)
    p = told[place]
    quick = quick_scores(known, y_known, x, spec.model.seed)
    some = some_rows(len(y_known), BASELINE_ROWS, spec.model.seed)
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
    error = card.metrics["error"].value
    gap = score("error", y, quick).value - error
    members = len(proposed[place].members)
    traits = {"challenger_gap": max(0.0, gap), "holdout_error": error, "members": float(members)}
    return proposed[place], card, traits, calibration(y, p).to_json()


def _edge(table: pa.Table, column: str, *, first: bool) -> datetime:
    edges = pc.min_max(table.column(column)).as_py()
    moment: datetime = edges["min" if first else "max"]
    return moment


def _final(space: Workspace, parts: Split, chosen: Candidate, calibrated: Mapping[str, Json], fault: str) -> Artifact:
    """Refit what was judged on every row, the holdout included: fresh rows are what a retraining is for."""
    from mlray.monitoring import Calibration

    rows = parts.everything
    fitted = space.plan.fit(rows, tuple(space.spec.data.request_columns))
    x = fitted.apply(rows)
    y = labels(space, rows)
    seen = rows.select(list(space.spec.data.request_columns))
    return Artifact(
        trainer=chosen.trainer,
        model=chosen.fit(x, y, space.spec.model.seed, weights(space, y)),
        features=fitted,
        data=space.spec.data,
        profile=profile(seen, Reference.of(seen)),
        calibration=Calibration.from_json(calibrated),
        example=example_request(seen.slice(seen.num_rows - 2)),
        fault=fault,
    )


def _spend(space: Workspace, purpose: str, seconds: float, cpus: float, now: datetime) -> Spend:
    amount = space.prices.compute(space.spec.costs.node, seconds, cpus=cpus)
    tenant = space.spec.access.tenants[0]
    return Spend(tenant, space.name, purpose, amount, "USD", now, seconds, {"CPU": cpus})
