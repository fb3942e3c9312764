"""`mlray.sweep`: the best configuration of a model or of a training function, in one call."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from mlray.errors import InputError
from mlray.experiments import Problem
from mlray.leases import Terms
from mlray.ports import Progress
from mlray.project.sweeps._asked import (
    FOLDER,
    Asked,
    by_trainer,
    check_trainers,
    domains_of,
    journal_of,
    price_of,
    spec_of,
)
from mlray.project.sweeps._functions import FunctionAsked, sweep_function
from mlray.project.sweeps._live import live
from mlray.project.sweeps._tables import TableAsked, lane, problem_from, sweep_problem
from mlray.records import Experiment

__all__ = ["sweep"]


def sweep(  # noqa: PLR0913 (one call for everything a sweep can be told; all but the first two by name)
    data: Any,  # noqa: ANN401 (a problem, arrays, a frame, or a function)
    space: Mapping[str, Any] | None = None,
    *,
    # What is asked.
    target: str | None = None,
    task: str | None = None,
    metric: str | None = None,
    mode: str | None = None,
    objectives: Sequence[str] = ("score",),
    # What is tried, and how long.
    trainer: str = "xgboost",
    trials: int = 64,
    rounds: int | None = None,
    time: str | None = None,
    budget: str | float | Decimal | None = None,
    plateau: float | None = None,
    halving: bool = True,
    ensemble: bool = True,
    search: Any = "tpe",  # noqa: ANN401 (a word, a search of ours, or one of Ray Tune's)
    seed: int | None = None,
    # Which rows choose, and how much each counts.
    folds: int | None = None,
    split: str | None = None,
    times: Any = None,  # noqa: ANN401 (a column, or its name)
    groups: Any = None,  # noqa: ANN401
    weights: Any = None,  # noqa: ANN401
    class_weights: str | Mapping[Any, float] | None = None,
    # For functions alone.
    scheduler: Any = None,  # noqa: ANN401 (one of Ray Tune's)
    stop: Mapping[str, float] | None = None,
    reuse: bool = False,
    # Where, for whom, and what is kept.
    resources: Any = None,  # noqa: ANN401 (a mapping, several, or a PlacementGroupFactory)
    device: str | None = None,
    tenant: str = "default",
    terms: Terms | None = None,
    price: str | float | Decimal | None = None,
    folder: Path | str | None = None,
    resume: Path | str | None = None,
    progress: Progress | None = None,
) -> Experiment:
    """Search for the best configuration, and return all that was tried.

    It runs on the Ray that this process is joined to, else on the one that `MLRAY_RAY` or `RAY_ADDRESS` name, else on
    one of its own. Everything that is said here is checked before anything starts.

    Args:
        data: What to learn: `(x, y)` arrays; a pandas frame or Arrow table with `target`; a `Problem`; or a function
            `train(config)` that calls `ray.tune.report`, or a `ray.tune.Trainable`.
        space: Parameter → range `(low, high)`, `(low, high, "log")`, `{"choices": […]}` or a domain of `ray.tune`;
            or trainer → such a space. Without it the ranges that do well on most tables.
        target: The column of the frame with the answers.
        task: `binary`, `multiclass`, `regression` or `ranking`; told by the answers without.
        metric: What trials are compared by; the task's usual one without. Of a function: a name that it reports.
        mode: Whether the best value of a function's metric is its `max` or its `min`, where the name does not tell.
        objectives: `score`, and further figures that are better low: `latency`, `cost`, or what a function reports.
        trainer: Whose parameters a flat `space` names: a name, an entry point, or `package.module:Name`.
        trials: Configurations at most.
        rounds: Boosting rounds of one configuration at most.
        time: How long, such as `10 minutes`.
        budget: How much money, such as `2 USD`, counted by the seconds of lanes at `price`.
        plateau: Ends the sweep when less improvement of the best score than this is expected.
        halving: Whether trials that fall behind are stopped early.
        ensemble: Whether a weighted mean of the best trials is tried in the end.
        search: `tpe`, `random`, an object with `ask` and `tell`, or one of `ray.tune.search`.
        seed: Decides everything that is random; 0 without, or the problem's own.
        folds: Parts of a cross-validation; without it a quarter of the rows chooses.
        split: `time` where no row may be learnt from that is later than those that choose, or `random`.
        times: When each row happened, or the name of that column.
        groups: Which rows belong together, or the name of that column; for a ranking, the lists.
        weights: How much each row counts, or the name of that column.
        class_weights: How much each class counts: class → weight, or `balanced`.
        scheduler: One of Ray Tune's, such as ASHA or population based training.
        stop: Figure → value at which a function's trial is complete, such as `{"training_iteration": 10}`.
        reuse: Whether one process runs one trial after another.
        resources: What one lane or trial needs: `{"cpu": 2, "gpu": 0.5}`; of a function also a list of bundles, or a
            `ray.tune.PlacementGroupFactory`.
        device: `cuda` where boosting is to run on GPUs.
        tenant: In whose name leases are taken.
        terms: On which terms, where no operator has set them.
        price: USD of one CPU for one hour; that of the price book `laptop` without.
        folder: Where the journal is written, one line for each configuration; `.mlray/sweeps` without.
        resume: A sweep of that folder, or its journal, that is taken up again: nothing is trained twice.
        progress: Hears how far it is; a line in the terminal without.

    Raises:
        SpecError: an unknown trainer or parameter, an empty space, or a value that cannot be.
        DataError: rows that nothing can be learnt from, such as a target with one class.
        InputError: a function that takes no configuration, resources that no node has; or every trial failed.
        OverBudget: the budget does not pay one trial, or was gone before any had a score.
    """
    function = callable(data) and not isinstance(data, Problem)
    if function:
        tables = {"target": target, "task": task, "rounds": rounds, "folds": folds, "split": split, "times": times}
        _refuse(
            {**tables, "groups": groups, "weights": weights, "class_weights": class_weights}, "tables", "a function"
        )
    else:
        _refuse({"mode": mode, "scheduler": scheduler, "stop": stop, "reuse": reuse or None}, "functions", "a table")
    trainers = _trainers(data, space, trainer, function=function)
    place = Path(folder) if folder is not None else FOLDER
    said: dict[str, object] = {
        "metric": None if function else metric,
        "objectives": None if function else tuple(objectives),
        "trials": trials,
        "rounds": rounds,
        "time": time,
        "budget": budget,
        "plateau": plateau,
        "ensemble": ensemble,
        "searcher": search if isinstance(search, str) else None,
        "seed": seed,
        "folds": folds,
        "device": device,
        **({} if function else lane(resources)),
    }
    model = spec_of(said, trainers)
    with live(progress) as heard:
        asked = Asked(model, search, place, journal_of(resume, place), price_of(price), tenant, terms, heard)
        if function:
            how = FunctionAsked(
                metric or "score", mode, tuple(objectives), resources, scheduler, dict(stop or {}), reuse, _grid(space)
            )
            return sweep_function(data, asked, how)
        rows = TableAsked(target, task, metric, split, times, groups, weights, class_weights, seed)
        return sweep_problem(problem_from(data, model, rows), asked, halving=halving)


def _trainers(
    data: object, space: Mapping[str, Any] | None, trainer: str, *, function: bool
) -> dict[str, Mapping[str, object]]:
    """Return trainer → parameter → domain; for a function under its own name."""
    if function:
        from mlray.experiments.tune.on_ray import from_tune

        return {str(getattr(data, "__name__", "function")): from_tune(space or {})}
    found = by_trainer(space, trainer)
    check_trainers(found)
    return {name: domains_of(part) for name, part in found.items()}


def _grid(space: Mapping[str, Any] | None) -> tuple[str, ...]:
    from mlray.experiments.tune.on_ray import crossed

    return crossed(space or {})


def _refuse(said: Mapping[str, object], these: str, this: str) -> None:
    """Refuse what was said that means nothing here."""
    idle = [name for name, value in said.items() if value is not None]
    if idle:
        raise InputError(f"{', '.join(idle)}: said of {these} only, and data is {this}.", remedy="Leave it out.")
