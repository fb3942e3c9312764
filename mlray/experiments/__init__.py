"""Trainers, search spaces and stopping rules; `experiments.on_ray` runs them side by side as a sweep."""

from mlray.experiments._begin import Wanted
from mlray.experiments._command import ask_stop, forget_stop, stop_asked
from mlray.experiments._course import Heard
from mlray.experiments._ending import check_budget, least_seconds
from mlray.experiments._halving import keeps_up, marks, past_its_best, rungs
from mlray.experiments._history import History, Replay
from mlray.experiments._journal import Journal, earlier, read, replay, resume
from mlray.experiments._make import Parting, problem_of, task_of
from mlray.experiments._metrics import METRICS, TASKS, Task, default_metric, higher_is_better, metrics_of, point_score
from mlray.experiments._plan import Plan, SweepProgress
from mlray.experiments._portfolio import first_configurations, portfolio
from mlray.experiments._problem import Fold, Problem
from mlray.experiments._recipe import Planned, Recipe
from mlray.experiments._run import sweep_here
from mlray.experiments._search import First, Grid, Listed, Random, Search
from mlray.experiments._space import (
    Configuration,
    Dimension,
    Known,
    Space,
    Value,
    check_space,
    compose,
    grid,
    nearest,
    placed,
    sample,
    size,
    space_of,
    spaces,
    within,
)
from mlray.experiments._splits import holdout, k_folds, time_folds, time_holdout
from mlray.experiments._sweep import Sweep
from mlray.experiments._trainers import BUILT_IN, Run, Trainer, Traits, fit, load_model, suits, trainer, traits
from mlray.experiments._weights import class_weights

__all__ = [
    "BUILT_IN",
    "METRICS",
    "TASKS",
    "Configuration",
    "Dimension",
    "First",
    "Fold",
    "Grid",
    "Heard",
    "History",
    "Journal",
    "Known",
    "Known",
    "Listed",
    "Listed",
    "Parting",
    "Parting",
    "Plan",
    "Planned",
    "Problem",
    "Random",
    "Recipe",
    "Replay",
    "Run",
    "Search",
    "Space",
    "Sweep",
    "SweepProgress",
    "Task",
    "Trainer",
    "Traits",
    "Value",
    "Wanted",
    "ask_stop",
    "check_budget",
    "check_space",
    "check_space",
    "class_weights",
    "compose",
    "default_metric",
    "earlier",
    "first_configurations",
    "fit",
    "forget_stop",
    "grid",
    "higher_is_better",
    "holdout",
    "k_folds",
    "keeps_up",
    "least_seconds",
    "load_model",
    "marks",
    "metrics_of",
    "nearest",
    "past_its_best",
    "placed",
    "point_score",
    "portfolio",
    "problem_of",
    "read",
    "replay",
    "resume",
    "rungs",
    "sample",
    "size",
    "space_of",
    "spaces",
    "stop_asked",
    "suits",
    "sweep_here",
    "task_of",
    "time_folds",
    "time_holdout",
    "trainer",
    "traits",
    "within",
]
