"""What every trainer offers, and how one is found by its name."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, Protocol, cast

from mlray.errors import NotFoundError, SpecError
from mlray.experiments._metrics import TASKS, Array, Task, default_metric
from mlray.experiments._problem import Problem
from mlray.plugins import load, names
from mlray.ports import Model

__all__ = [
    "ALL_ROWS",
    "BUILT_IN",
    "Params",
    "Run",
    "Trainer",
    "Traits",
    "fit",
    "load_model",
    "suits",
    "threads_for",
    "trainer",
    "traits",
]

Params = Mapping[str, Any]
"""Parameter → number, text, yes or no, or nothing."""

BUILT_IN = {
    "xgboost": "mlray.experiments.on_xgboost:XGBoost",
    "hist_gradient_boosting": "mlray.experiments.on_sklearn:HistGradientBoosting",
}
"""Each trainer and where it is: imported when it is first asked for, since both bring a library with them."""

ENSEMBLES = "mlray.experiments.after.ensemble:load_ensemble"
"""What reads an ensemble of trials. It is no trainer: it is made when a sweep has ended, and cannot be searched."""

ALL_ROWS = 100
"""The last mark of a trainer whose unit is `rows`: it has seen them all."""


class Run(Protocol):
    """One configuration while it is being trained."""

    def advance(self, marks: Sequence[int]) -> Iterator[tuple[int, Array]]:
        """Train on, and yield each of `marks` with the predictions for the validation rows there.

        `marks` rise and lie beyond what was trained before: boosting rounds in all, or hundredths of the training rows
        (1 to 100) where the trainer's unit is `rows`. Predictions are float64 [n]; [n, classes] for several classes.
        Who stops asking stops the training.
        """
        ...

    def content(self) -> bytes:
        """Return the model as it was at the last mark that was yielded; the trainer's `load` reads it."""
        ...


class Trainer(Protocol):
    """One way to learn a model. Three methods, and up to three attributes that `traits` reads where they are there.

    `unit` is `"rounds"` (the default: marks count boosting rounds) or `"rows"` (marks are hundredths of the rows, for
    what has no rounds). `tasks` names the kinds of questions it answers; all without. `known` maps each parameter to
    its bounds (a `Known`, or None where there are none); without it every parameter is let through.
    """

    def prepare(self, problem: Problem, threads: int) -> Any:  # noqa: ANN401 (whatever the trainer wants to keep)
        """Return the problem's rows in the trainer's own form; made once per process and shared by its runs.

        With `problem.final` there are no validation rows, and runs yield empty predictions.
        """
        ...

    def start(self, prepared: Any, params: Params, seed: int, threads: int) -> Run:  # noqa: ANN401
        """Begin a configuration on what `prepare` returned; several may be under way at once, in threads too."""
        ...

    def load(self, content: bytes) -> Model:
        """Return the model that a run's `content` holds."""
        ...


@dataclass(frozen=True, slots=True)
class Traits:
    """What a trainer says about itself."""

    unit: Literal["rounds", "rows"] = "rounds"
    tasks: tuple[Task, ...] = tuple(TASKS)
    known: Mapping[str, Any] | None = None
    """Parameter → its bounds (a `Known`) or None; None in all: anything may be tried."""


def trainer(name: str) -> Trainer:
    """Return the trainer called `name`: one of ours, an entry point of `mlray.trainers`, or what lies at `module:Name`.

    At an import path may stand a trainer (class or instance) or any scikit-learn estimator or pipeline: its class, an
    instance, or a function without arguments that makes one.

    Raises:
        SpecError: there is none; the remedy names the closest.
    """
    if name in BUILT_IN:
        return _instance(load("trainers", BUILT_IN[name]), name)
    try:
        return _instance(load("trainers", name), name)
    except NotFoundError as error:
        if ":" in name:
            raise SpecError([f"The trainer '{name}' is not there: {error.problem}"], remedy=error.remedy) from error
        known = (*BUILT_IN, *names("trainers"))
        close = get_close_matches(name, known, n=1, cutoff=0.3)
        closest = f"Did you mean '{close[0]}'? " if close else ""
        remedy = f"{closest}Known: {', '.join(known)}; or write `package.module:Name`."
        raise SpecError([f"'{name}' is not a trainer."], remedy=remedy) from error


def _instance(found: Any, name: str) -> Trainer:  # noqa: ANN401 (whatever lies at the import path)
    """Return what was found as a trainer: a trainer itself, or the one of scikit-learn around an estimator."""
    ready = not isinstance(found, type) and (_is_trainer(found) or _is_estimator(found))
    made = found() if callable(found) and not ready else found
    if _is_trainer(made):
        return cast("Trainer", made)
    if _is_estimator(made):
        from mlray.experiments.on_sklearn import Estimator

        return Estimator(made)
    raise SpecError(
        [f"'{name}' is a {type(made).__name__}: neither a trainer nor a scikit-learn estimator."],
        remedy="A trainer has the methods prepare, start and load; an estimator has fit, get_params and set_params.",
    )


def _is_trainer(found: object) -> bool:
    return all(callable(getattr(found, method, None)) for method in ("prepare", "start", "load"))


def _is_estimator(found: object) -> bool:
    return all(callable(getattr(found, method, None)) for method in ("fit", "get_params", "set_params"))


def traits(name: str) -> Traits:
    """Return what the trainer called `name` says about itself; SpecError where there is none.

    >>> traits("xgboost").unit, traits("sklearn.linear_model:LogisticRegression").unit
    ('rounds', 'rows')
    """
    found, usual = trainer(name), Traits()
    return Traits(
        unit=getattr(found, "unit", usual.unit),
        tasks=tuple(getattr(found, "tasks", usual.tasks)),
        known=getattr(found, "known", usual.known),
    )


def suits(name: str, task: str) -> None:
    """Find out whether the trainer called `name` answers questions of `task`.

    Raises:
        SpecError: it does not, or there is none.
    """
    tasks = traits(name).tasks
    if task not in tasks:
        raise SpecError(
            [f"model.trainers: '{name}' does not answer {task} questions."],
            remedy=f"It answers {' and '.join(tasks)} questions; 'xgboost' answers all.",
        )


CELLS_PER_THREAD = 2_000_000
"""With fewer rows times columns a second thread waits more than it works, above all on a busy machine."""


def threads_for(x: Array) -> int:
    """Return how many threads to train with on `x`: all cores that this process may use, where there is work."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, x.size // CELLS_PER_THREAD))


def fit(  # noqa: PLR0913 (the rows, the configuration, and what kind of question it is)
    name: str,
    x: Array,
    y: Array,
    categorical: Sequence[int],
    params: Params,
    rounds: int,
    seed: int,
    *,
    task: Task = "binary",
    weights: Array | None = None,
    groups: Array | None = None,
    classes: int = 0,
    device: str = "cpu",
) -> bytes:
    """Train the final model, on all cores where that pays, and return its content, which `load_model` reads.

    `x` is float32 of shape [n, f] with NaN for missing; `y`, `weights` and `groups` are of shape [n], as `Problem` has
    them. `rounds` says nothing to a trainer without rounds: it learns from all rows.

    Raises:
        SpecError: no such trainer, or it does not answer questions of `task`.
        DataError: rows that nothing can be learnt from.
    """
    suits(name, task)
    columns = tuple(str(column) for column in range(x.shape[1]))
    problem = Problem(
        *(x, y, x[:0], y[:0], columns, tuple(categorical), default_metric(task), seed, task),
        train_w=weights,
        train_groups=groups,
        classes=classes,
        final=True,
        device=device,
    )
    learner, threads = trainer(name), threads_for(x)
    run = learner.start(learner.prepare(problem, threads), params, seed, threads)
    for _ in run.advance([rounds if traits(name).unit == "rounds" else ALL_ROWS]):
        pass
    return run.content()


def load_model(name: str, content: bytes) -> Model:
    """Return the model that `fit` of the trainer `name` wrote, or `fit_ensemble` where `name` is `ensemble`.

    Some trainers' content is a pickle, which can run code when it is read: verify its signature first.
    """
    if name == "ensemble":
        return cast("Callable[[bytes], Model]", load("models", ENSEMBLES))(content)
    return trainer(name).load(content)
