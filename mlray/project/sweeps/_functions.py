"""A sweep over a training function that somebody wrote: it reports with `ray.tune.report`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from mlray.errors import InputError
from mlray.experiments import History, Journal, Plan, Recipe, Search, Sweep, check_budget, resume
from mlray.experiments.functions import Needs, Reports, direction
from mlray.project.sweeps._asked import Asked, search_of
from mlray.project.sweeps._joined import join
from mlray.records import Experiment

__all__ = ["FunctionAsked", "sweep_function"]

ENDLESS = 1_000_000_000
"""How often a function may report: nobody knows beforehand."""
SHORTEST = 1.0
"""Seconds that a trial of a function takes at the least: what it will need is not known before it runs."""


@dataclass(frozen=True, slots=True)
class FunctionAsked:
    """What was said about a function."""

    metric: str
    mode: str | None = None
    objectives: tuple[str, ...] = ("score",)
    resources: Any = None
    scheduler: Any = None
    ends: Mapping[str, float] | None = None
    reuse: bool = False
    grid: tuple[str, ...] = ()
    """Parameters that were written as a `grid_search`."""


def sweep_function(function: Any, asked: Asked, how: FunctionAsked) -> Experiment:  # noqa: ANN401
    """Check what is left to check, and run the function over its space.

    Raises:
        InputError: a function that takes no configuration, or resources that cannot be; or every trial failed.
        SpecError: an empty space, or one that cannot be.
        OverBudget: the budget does not pay one second, or was gone before any trial had a score.
    """
    mode = direction(how.metric, how.mode)
    further = tuple(name for name in how.objectives if name != "score")
    model, seed = asked.model, asked.model.seed
    recipe = Recipe(
        model.model_dump(mode="json", exclude_defaults=True),
        seed,
        mode == "max",
        free=True,
        grid=how.grid if isinstance(asked.search, str) else (),
        own=_own(asked.search),
    )
    spaces = recipe.spaces()
    from mlray.experiments.functions.on_ray import Job, moves, needs, room, run, trainable

    trainable(function)
    need = needs(how.resources)
    price = asked.price * Decimal(str(_cpus(need)))
    check_budget(model.budget, price * Decimal(str(SHORTEST)))
    if moves(how.scheduler) and recipe.own == "":
        # Parameters that are bred on the way: a search that learns from them would learn something wrong.
        recipe = replace(recipe, model={**recipe.model, "searcher": "random"})
    join(asked.folder)
    lanes = room(need)
    plan = Plan(
        asked.name,
        how.metric,
        ENDLESS,
        model.trials,
        seed=seed,
        lanes=lanes,
        seconds=model.seconds,
        budget=model.budget,
        price_per_lane_second=price,
        plateau=model.plateau,
        objectives=("score", *further),
        halving=False,
        keep_predictions=0,
        keep_models=0,
        most=1,
        mode=mode,
    )
    job = Job(
        function,
        Reports(how.metric, further),
        needs=need,
        scheduler=how.scheduler,
        ends=how.ends or {},
        tenant=asked.tenant,
        terms=asked.terms,
        reuse=how.reuse,
    )
    state, began, journal = _state(plan, recipe, asked, search_of(asked.search, spaces, seed, higher=mode == "max"))
    try:
        return run(job, state, folder=asked.folder, progress=asked.progress, began=began)
    finally:
        journal.close()


def _state(plan: Plan, recipe: Recipe, asked: Asked, search: Search | None) -> tuple[Sweep, float, Journal]:
    """Return the sweep, fresh or taken up, the seconds that it has behind it, and its journal."""
    if asked.resumed is None:
        search = search or recipe.search()  # before the journal: one that cannot be made leaves nothing behind
        journal = Journal.begin(asked.folder, plan, recipe.to_json())
        return Sweep(plan, search, journal), 0.0, journal
    journal, history = resume(asked.resumed)
    try:
        return _taken_up(plan, search, journal, history), history.seconds, journal
    except BaseException:
        journal.close()  # else it would stay locked for as long as this process lives
        raise


def _taken_up(plan: Plan, search: Search | None, journal: Journal, history: History) -> Sweep:
    """Return the sweep of `history` as it goes on; InputError where `plan` compares otherwise."""
    before = history.plan
    if before.metric != plan.metric or before.mode != plan.mode:
        raise InputError(
            f"The sweep {before.name} compared by {before.metric} ({before.mode}), not {plan.metric}.",
            remedy="Resume it with the metric it began with, or begin a new one.",
        )
    plan = replace(before, trials=plan.trials, seconds=plan.seconds, budget=plan.budget, plateau=plan.plateau)
    return Sweep(plan, search or Recipe.from_json(history.model).search(), journal, history)


def _own(search: object) -> str:
    """Return the class of a search that was passed; empty for a word."""
    return "" if search is None or isinstance(search, str) else type(search).__qualname__


def _cpus(need: Needs) -> float:
    """Return for how many CPUs a trial pays: one at the least, since its process is there."""
    return max(1.0, need.total("CPU"))
