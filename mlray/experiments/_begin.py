"""How a sweep begins and ends, whatever its lanes are: everything is checked first, and the best is never lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Literal

from mlray.experiments._course import Course, Heard
from mlray.experiments._ending import check_budget, least_seconds
from mlray.experiments._journal import History, Journal, resume
from mlray.experiments._metrics import higher_is_better
from mlray.experiments._plan import Plan
from mlray.experiments._portfolio import first_configurations
from mlray.experiments._problem import Problem
from mlray.experiments._search import First, Search
from mlray.experiments._space import spaces
from mlray.experiments._sweep import Sweep
from mlray.experiments._trainers import suits
from mlray.ports import Progress
from mlray.records import Experiment, Trial
from mlray.spec import Model

__all__ = ["Wanted", "begin", "finish", "search_for"]


@dataclass(frozen=True)
class Wanted:
    """What a sweep is asked to do besides its problem and its space."""

    name: str
    trials: int
    progress: Progress
    dataset: str = ""
    contract: str = ""
    """Digest of the data's contract."""
    warm: Sequence[Trial] = ()
    """Trials of earlier sweeps whose configurations are tried early."""
    price_per_lane_second: Decimal = Decimal(0)
    budget: Decimal | None = None
    seconds: float | None = None
    search: Search | None = None
    """Whoever says what to try; the portfolio and Optuna's TPE where nobody is named."""
    halving: bool = True
    folder: Path | None = None
    """Where the journal lies; None keeps it in memory."""
    resumed: Path | None = None
    """The journal of a sweep that is taken up again."""
    heard: Heard | None = None
    keep_models: int = 1
    lanes: int = 1


def search_for(model: Model, problem: Problem, wanted: Wanted) -> Search:
    """Return the search that `model` and `wanted` ask for: strong configurations first, then the searcher."""
    if wanted.search is not None:
        return wanted.search
    from mlray.experiments.on_optuna import Optuna

    higher = higher_is_better(problem.metric)
    directions: dict[str, Literal["maximize", "minimize"]] = {
        name: "maximize" if name == "score" and higher else "minimize" for name in model.objectives
    }
    first = first_configurations(model, wanted.trials, wanted.warm, task=problem.task, rows=len(problem.train_y))
    return First(first, Optuna(spaces(model), problem.seed, directions))


def begin(problem: Problem, model: Model, wanted: Wanted) -> Course:
    """Check everything, open the journal, and return the sweep ready for its lanes.

    Raises:
        SpecError: a fault in the space, or a trainer that does not suit the task.
        OverBudget: the budget does not pay a single trial.
    """
    for name in model.trainers:
        suits(name, problem.task)
    spaces(model)
    check_budget(
        wanted.budget,
        wanted.price_per_lane_second * Decimal(str(least_seconds(problem, model.rounds, max(1, len(problem.folds))))),
    )
    plan = Plan(
        wanted.name,
        problem.metric,
        model.rounds,
        wanted.trials,
        seed=problem.seed,
        lanes=wanted.lanes,
        seconds=wanted.seconds,
        budget=wanted.budget,
        price_per_lane_second=wanted.price_per_lane_second,
        plateau=model.plateau,
        objectives=tuple(model.objectives),
        halving=wanted.halving,
        keep_predictions=25 if model.ensemble else 0,
        keep_models=wanted.keep_models,
        dataset=wanted.dataset,
        contract=wanted.contract,
    )
    journal, history = _opened(plan, model, wanted)
    if history is not None:
        plan = replace(
            history.plan, trials=wanted.trials, seconds=wanted.seconds, budget=wanted.budget, lanes=wanted.lanes
        )
    finished: list[Trial] = []
    sweep = Sweep(plan, search_for(model, problem, wanted), journal, history, finished.append)
    return Course(
        sweep,
        journal,
        problem,
        wanted.progress,
        finished,
        wanted.heard,
        Path(journal.path) if journal.path else None,
        before=history.seconds if history is not None else 0.0,
    )


def _opened(plan: Plan, model: Model, wanted: Wanted) -> tuple[Journal, History | None]:
    if wanted.resumed is not None:
        return resume(wanted.resumed)
    described: Mapping[str, object] = model.model_dump(mode="json", exclude_defaults=True)
    return Journal.begin(wanted.folder, plan, described), None  # type: ignore[arg-type]


def finish(course: Course, model: Model) -> Experiment:
    """Return the record of a sweep that is over, with its ensemble, front and importance; raises as `Sweep` does."""
    from mlray.experiments.after import complete

    try:
        experiment = course.experiment()
    finally:
        course.close()
    kept = [(kept.trial.number, kept.predictions) for kept in course.sweep.kept()]
    return complete(experiment, course.problem, kept, blended=model.ensemble)
