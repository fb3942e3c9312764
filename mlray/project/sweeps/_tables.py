"""A sweep over rows: arrays, a frame, or a problem that is made already."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

from mlray.clock import parse_duration
from mlray.errors import InputError
from mlray.experiments import (
    Parting,
    Problem,
    Wanted,
    check_budget,
    higher_is_better,
    least_seconds,
    problem_of,
    spaces,
    suits,
)
from mlray.experiments.functions import needs_of
from mlray.project.sweeps._asked import Asked, search_of
from mlray.project.sweeps._joined import address, join, joined
from mlray.records import Experiment
from mlray.spec import Model, did_you_mean

__all__ = ["TableAsked", "lane", "problem_from", "sweep_problem"]

IN_THREADS = ("xgboost", "hist_gradient_boosting")
"""Trainers whose work lets go of Python's lock: threads of one process train side by side, and share the rows."""


@dataclass(frozen=True, slots=True)
class TableAsked:
    """What was said about rows; columns are given as they are, or by name where the rows are a frame."""

    target: str | None = None
    task: str | None = None
    metric: str | None = None
    split: str | None = None
    times: Any = None
    groups: Any = None
    weights: Any = None
    class_weights: Any = None
    seed: int | None = None


def lane(resources: object) -> dict[str, object]:
    """Return the keys of the section `model` that say what a lane needs: `threads` and `gpus`.

    Raises:
        InputError: several bundles, memory, or a part of a CPU, which a lane cannot be made of.

    >>> lane({"cpu": 2, "gpu": 0.5})
    {'threads': 2, 'gpus': 0.5}
    """
    if resources is None:
        return {}
    needs = needs_of(resources)
    cpus = needs.total("CPU") or 1.0
    odd = [name for name in needs.bundles[0] if name not in ("CPU", "GPU")]
    if len(needs.bundles) > 1 or odd or cpus != int(cpus):
        raise InputError(
            f"resources={resources!r} does not make a lane.",
            remedy='A lane is whole threads on one node, and GPUs or a fraction of one: {"cpu": 2, "gpu": 0.5}.',
        )
    return {"threads": int(cpus), "gpus": needs.total("GPU") or None}


def problem_from(data: Any, model: Model, how: TableAsked) -> Problem:  # noqa: ANN401
    """Return the problem that `data` poses.

    Raises:
        InputError: it is nothing that can be learnt from, or a column that it does not have.
        SpecError: a task or metric that does not suit the answers.
        DataError: rows that nothing can be learnt from.
    """
    if isinstance(data, Problem):
        return _given(data, how)
    x, y, how = _parted(data, how)
    parting = Parting(cast("Any", how.split), folds=model.folds, times=how.times, groups=how.groups)
    return problem_of(
        x,
        y,
        task=cast("Any", how.task),
        metric=how.metric,
        parting=parting,
        weights=how.weights,
        class_weights=how.class_weights,
        device=model.device,
        seed=how.seed or 0,
    )


def _given(problem: Problem, how: TableAsked) -> Problem:
    said = {"target": how.target, "task": how.task, "split": how.split, "times": how.times, "groups": how.groups}
    idle = [name for name, value in {**said, "weights": how.weights}.items() if value is not None]
    if idle or how.class_weights is not None:
        raise InputError(
            f"{', '.join(idle) or 'class_weights'}: the problem says that itself.",
            remedy="Leave it out, or pass the rows in place of the problem.",
        )
    changes: dict[str, Any] = {}
    if how.metric is not None:
        changes["metric"] = how.metric
    if how.seed is not None:
        changes["seed"] = how.seed
    return replace(problem, **changes) if changes else problem


def _parted(data: Any, how: TableAsked) -> tuple[Any, Any, TableAsked]:  # noqa: ANN401
    """Return rows and answers apart, and `how` with every column that it named."""
    if isinstance(data, tuple) and len(data) == 2:
        named = [name for name in ("target", "times", "groups", "weights") if isinstance(getattr(how, name), str)]
        if named:
            raise InputError(
                f"{', '.join(named)}: arrays have no names.", remedy="Pass the column itself, or a frame with `target`."
            )
        return data[0], data[1], how
    frame = data.to_pandas() if hasattr(data, "to_pandas") else data
    if not (hasattr(frame, "columns") and hasattr(frame, "drop")):
        raise InputError(
            f"There is nothing to learn from in a {type(data).__name__}.",
            remedy="Pass (x, y), a frame with target=…, a Problem, or a function that reports with ray.tune.report.",
        )
    columns = [str(name) for name in frame.columns]
    if how.target is None:
        raise InputError("Which column holds the answers?", remedy=f"Pass target= one of {', '.join(columns[:12])}.")
    taken: dict[str, Any] = {}
    for role in ("target", "times", "groups", "weights"):
        name = getattr(how, role)
        if not isinstance(name, str):
            continue
        if name not in columns:
            raise InputError(f"{role}: no column is called '{name}'.", remedy=did_you_mean(name, columns).capitalize())
        taken[role] = frame[name]
    rest = frame.drop(columns=[name for role in taken if (name := getattr(how, role)) is not None])
    if rest.shape[1] == 0:
        raise InputError("No column is left to learn from.", remedy="Pass a frame with more than its target.")
    answers = taken.pop("target")
    return rest, answers, replace(how, target=None, **taken)


def sweep_problem(problem: Problem, asked: Asked, *, halving: bool) -> Experiment:
    """Check what is left to check, and search: on a Ray where there is one, else in threads where that is as good.

    Raises:
        SpecError: a trainer that does not answer such questions, or a fault in its space.
        OverBudget: the budget does not pay one trial, or was gone before any had a score.
        InputError: every trial failed.
    """
    model = asked.model
    for name in model.trainers:
        suits(name, problem.task)
    found = spaces(model)
    price = asked.price * model.threads
    least = least_seconds(problem, model.rounds, max(1, len(problem.folds)))
    check_budget(model.budget, price * Decimal(str(least)))
    wanted = Wanted(
        name=asked.name,
        trials=model.trials,
        progress=asked.progress,
        price_per_lane_second=price,
        budget=model.budget,
        seconds=model.seconds,
        search=search_of(asked.search, found, problem.seed, higher=higher_is_better(problem.metric)),
        halving=halving,
        folder=asked.folder,
        resumed=asked.resumed,
    )
    if _here(model):
        from mlray.experiments import sweep_here

        return sweep_here(problem, model, wanted)
    join(asked.folder)
    from mlray.experiments.on_ray import sweep_on_ray

    keep = parse_duration(model.keep_lanes).total_seconds()
    return sweep_on_ray(problem, model, wanted, tenant=asked.tenant, terms=asked.terms, keep=keep)


def _here(model: Model) -> bool:
    """Return whether threads of this process do: no Ray is joined or named, and nothing asks for one."""
    if joined() or address():
        return False
    return model.gpus_per_lane == 0 and all(name in IN_THREADS for name in model.trainers)
