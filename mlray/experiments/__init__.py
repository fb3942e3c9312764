"""Trainers, search spaces and stopping rules; `experiments.on_ray` runs them side by side as a sweep."""

from mlray.experiments._make import Parting, problem_of, task_of
from mlray.experiments._metrics import METRICS, TASKS, Task, default_metric, higher_is_better, metrics_of, point_score
from mlray.experiments._problem import Fold, Problem
from mlray.experiments._space import Space, check_space, first_configurations, spaces
from mlray.experiments._splits import holdout, k_folds, time_folds, time_holdout
from mlray.experiments._stopping import keeps_up, marks, past_its_best, rungs
from mlray.experiments._trainers import Run, Trainer, Traits, fit, load_model, suits, trainer, traits
from mlray.experiments._weights import class_weights

__all__ = [
    "METRICS",
    "TASKS",
    "Fold",
    "Parting",
    "Problem",
    "Run",
    "Space",
    "Task",
    "Trainer",
    "Traits",
    "check_space",
    "class_weights",
    "default_metric",
    "first_configurations",
    "fit",
    "higher_is_better",
    "holdout",
    "k_folds",
    "keeps_up",
    "load_model",
    "marks",
    "metrics_of",
    "past_its_best",
    "point_score",
    "problem_of",
    "rungs",
    "spaces",
    "suits",
    "task_of",
    "time_folds",
    "time_holdout",
    "trainer",
    "traits",
]
