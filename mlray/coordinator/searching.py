"""A project's sweep: its question put as a problem, its terms, its money, and what earlier sweeps found."""

import math
from decimal import Decimal
from pathlib import Path

import numpy as np

from mlray.clock import parse_duration
from mlray.coordinator.rows import Split, labels, some_rows, weights
from mlray.coordinator.workspace import Workspace
from mlray.errors import JournalError
from mlray.experiments import Fold, Heard, Problem, Wanted, k_folds, time_folds
from mlray.experiments import earlier as earlier_trials
from mlray.experiments import resume as reopen
from mlray.features import Matrix
from mlray.ids import digest_of, new_id
from mlray.leases import Resources, Terms
from mlray.ports import Progress
from mlray.records import DatasetVersion, Experiment, Trial
from mlray.spec import Claim

__all__ = ["lane_price", "problem_of", "search", "taken_up", "terms_of"]

HEARD_MODELS = 10
"""Whoever hears of a sweep is handed the models of so many of its best trials."""


def problem_of(space: Workspace, parts: Split, x: Matrix, valid: Matrix) -> Problem:
    """Return what a sweep learns from and chooses by: the two parts, or folds of both together.

    At most `model.sweep_rows` rows are learnt from, drawn at random.
    """
    model = space.spec.model
    chosen = some_rows(x.values.shape[0], model.sweep_rows, model.seed)
    train_x, train_y = x.values[chosen], labels(space, parts.train)[chosen]
    valid_x, valid_y = valid.values, labels(space, parts.valid)
    folds: tuple[Fold, ...] = ()
    if model.folds is not None:
        train_x, train_y = np.concatenate([train_x, valid_x]), np.concatenate([train_y, valid_y])
        valid_x, valid_y = valid_x[:0], valid_y[:0]
        # The rows are in the order of time already.
        folds = (
            k_folds(len(train_y), model.folds, model.seed, y=train_y)
            if model.split == "random"
            else time_folds(np.arange(len(train_y)), model.folds)
        )
    return Problem(
        train_x,
        train_y,
        valid_x,
        valid_y,
        x.names,
        x.categorical,
        model.metric,
        model.seed,
        train_w=weights(space, train_y),
        folds=folds,
    )


def lane_price(space: Workspace) -> Decimal:
    """Return what one lane costs by the second, on the project's node type."""
    model, costs = space.spec.model, space.spec.costs
    return space.prices.compute(costs.node, 1.0, cpus=model.threads, gpus=model.gpus_per_lane or None)


def terms_of(space: Workspace) -> Terms:
    """Return the terms on which the project's sweeps share the cluster."""
    sharing = space.spec.sharing
    return Terms(
        guarantee=_amount(sharing.guarantee, 0.0),
        weight=sharing.weight,
        maximum=_amount(sharing.maximum, math.inf) if sharing.maximum else None,
        priority=sharing.priority,
    )


def _amount(claim: Claim, missing: float) -> Resources:
    return Resources(
        cpu=missing if claim.cpu is None else claim.cpu,
        gpu=missing if claim.gpu is None else claim.gpu,
        memory=missing if claim.memory is None else float(claim.memory),
    )


def taken_up(space: Workspace, cause: str, problem: Problem) -> tuple[str, Path | None]:
    """Return the name of the sweep that a training for `cause` runs, and its journal where one before was cut off.

    The name follows from the cause: a process that comes back finds what the one before it left behind. A sweep that
    asked another question, whose journal is damaged, or which another process still runs, is left to itself, and the
    cause's next name is taken.
    """
    if not cause:
        return new_id("sweep"), None
    stem, attempt = f"sweep-{digest_of([space.place, cause])[:12]}", 1
    while True:
        name = stem if attempt == 1 else f"{stem}-{attempt}"
        path = space.folder("sweeps") / f"{name}.jsonl"
        if not path.exists():
            return name, None
        if _goes_on(path, problem, space.spec.model.rounds):
            return name, path
        attempt += 1


def _goes_on(path: Path, problem: Problem, rounds: int) -> bool:
    try:
        journal, history = reopen(path)
    except JournalError:
        return False
    journal.close()
    if history.plan.differs(question=problem.key, metric=problem.metric, rounds=rounds, halving=True):
        return False
    # One that has spent without a single score would only end so again.
    return not history.spent_seconds or any(trial.score is not None for trial in history.trials)


def search(  # noqa: PLR0913 (what is searched, for how much, and who listens)
    space: Workspace,
    dataset: DatasetVersion,
    problem: Problem,
    *,
    name: str,
    trials: int,
    warm: tuple[Trial, ...],
    budget: Decimal | None,
    progress: Progress,
    heard: Heard | None = None,
    seconds: float | None = None,
    resumed: Path | None = None,
) -> Experiment:
    """Run the project's sweep on the Ray that this process is joined to.

    Strong configurations come first, then `warm`, then the best of earlier sweeps over the same contract, whichever
    project they were made for, then the searcher's own. `seconds` takes the place of `model.time`; `resumed` is the
    journal of a sweep that is taken up again.
    """
    from mlray.experiments.on_ray import sweep_on_ray

    model, folder = space.spec.model, space.folder("sweeps")
    known = earlier_trials(folder, dataset.contract, model.metric) if dataset.contract else ()
    wanted = Wanted(
        name=name,
        trials=trials,
        progress=progress,
        dataset=dataset.name,
        contract=dataset.contract,
        warm=(*warm, *known)[: max(1, trials // 2)],
        price_per_lane_second=lane_price(space),
        budget=_least(budget, model.budget),
        seconds=seconds if seconds is not None else model.seconds,
        folder=folder,
        resumed=resumed,
        heard=heard,
        keep_models=1 if heard is None else HEARD_MODELS,
    )
    return sweep_on_ray(
        problem,
        model,
        wanted,
        tenant=space.spec.sharing.tenant,
        terms=terms_of(space),
        keep=parse_duration(model.keep_lanes).total_seconds(),
    )


def _least(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    known = [amount for amount in (one, other) if amount is not None]
    return min(known, default=None)
