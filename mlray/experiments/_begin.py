"""How a sweep begins and ends, whatever its lanes are: everything is checked first, and the best is never lost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from mlray.errors import InputError
from mlray.experiments._course import Course, Heard
from mlray.experiments._ending import check_budget, least_seconds
from mlray.experiments._history import History
from mlray.experiments._journal import Journal, resume
from mlray.experiments._plan import Plan
from mlray.experiments._problem import Problem
from mlray.experiments._recipe import Recipe
from mlray.experiments._search import Search
from mlray.experiments._space import spaces
from mlray.experiments._sweep import Sweep
from mlray.experiments._trainers import suits
from mlray.ports import Progress
from mlray.records import Experiment, Trial
from mlray.spec import Model

__all__ = ["Wanted", "begin", "finish"]


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


def begin(problem: Problem, model: Model, wanted: Wanted) -> Course:
    """Check everything, open the journal, and return the sweep ready for its lanes.

    Raises:
        SpecError: a fault in the space, or a trainer that does not suit the task.
        OverBudget: the budget does not pay a single trial.
        InputError: the sweep that is to be taken up again asked another question.
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
        question=problem.key,
    )
    if wanted.resumed is None:
        search, journal = _fresh(plan, problem, model, wanted)
        return _course(plan, search, journal, None, problem, wanted)
    journal, history = resume(wanted.resumed)
    try:
        return _taken_up(plan, journal, history, problem, wanted)
    except BaseException:
        journal.close()  # else it would stay locked for as long as this process lives
        raise


def _taken_up(plan: Plan, journal: Journal, history: History, problem: Problem, wanted: Wanted) -> Course:
    """Return the sweep of `history` as it goes on; InputError where `plan` asks another question."""
    before = history.plan
    differs = before.differs(question=plan.question, metric=plan.metric, rounds=plan.rounds, halving=plan.halving)
    if differs:
        raise InputError(
            f"The sweep {before.name} asked another question: {differs}.",
            remedy="Resume it with the data and the settings that it began with, or begin a new sweep.",
        )
    plan = replace(before, trials=plan.trials, seconds=plan.seconds, budget=plan.budget, lanes=plan.lanes)
    search = wanted.search or Recipe.from_json(history.model).search()
    return _course(plan, search, journal, history, problem, wanted)


def _course(
    plan: Plan, search: Search, journal: Journal, history: History | None, problem: Problem, wanted: Wanted
) -> Course:
    finished: list[Trial] = []
    sweep = Sweep(plan, search, journal, history, finished.append)
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


def _fresh(plan: Plan, problem: Problem, model: Model, wanted: Wanted) -> tuple[Search, Journal]:
    """Return the search and the journal of a new sweep."""
    recipe = Recipe.of(
        model,
        seed=problem.seed,
        higher=plan.higher,
        trials=wanted.trials,
        warm=wanted.warm,
        task=problem.task,
        rows=len(problem.train_y),
        own=type(wanted.search).__qualname__ if wanted.search is not None else "",
    )
    search = wanted.search or recipe.search()  # before the journal: one that cannot be made leaves nothing behind
    return search, Journal.begin(wanted.folder, plan, recipe.to_json())


def finish(course: Course, model: Model) -> Experiment:
    """Return the record of a sweep that is over, with its ensemble, front and importance; raises as `Sweep` does."""
    from mlray.experiments.after import complete

    try:
        experiment = course.experiment()
    finally:
        course.close()
    kept = [(kept.trial.number, kept.predictions) for kept in course.sweep.kept()]
    return complete(experiment, course.problem, kept, blended=model.ensemble)
