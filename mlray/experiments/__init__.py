"""Trainers, search spaces and stopping rules; `experiments.on_ray` runs them side by side as a sweep."""

from mlray.experiments._halving import keeps_up, marks, past_its_best, rungs
from mlray.experiments._metrics import METRICS, TASKS, Task, default_metric, higher_is_better, metrics_of, point_score
from mlray.experiments._portfolio import first_configurations, portfolio
from mlray.experiments._problem import Fold, Problem
from mlray.experiments._search import First, Listed, Random, Search
from mlray.experiments._space import Configuration, Space, check_space, space_of, spaces
from mlray.experiments._trainers import Run, Trainer, Traits, fit, load_model, suits, trainer, traits

__all__ = [
    "METRICS",
    "TASKS",
    "Configuration",
    "First",
    "Fold",
    "Listed",
    "Problem",
    "Random",
    "Run",
    "Search",
    "Space",
    "Task",
    "Trainer",
    "Traits",
    "check_space",
    "default_metric",
    "first_configurations",
    "fit",
    "higher_is_better",
    "keeps_up",
    "load_model",
    "marks",
    "metrics_of",
    "past_its_best",
    "point_score",
    "portfolio",
    "rungs",
    "space_of",
    "spaces",
    "suits",
    "trainer",
    "traits",
]
