"""Trainers, search spaces and stopping rules; `experiments.on_ray` runs them side by side as a sweep."""

from mlray.experiments._halving import keeps_up, marks, past_its_best, rungs
from mlray.experiments._problem import METRICS, Problem, higher_is_better, point_score
from mlray.experiments._space import Space, check_space, first_configurations, spaces
from mlray.experiments._trainers import Trainer, fit, load_model, trainer

__all__ = [
    "METRICS",
    "Problem",
    "Space",
    "Trainer",
    "check_space",
    "first_configurations",
    "fit",
    "higher_is_better",
    "keeps_up",
    "load_model",
    "marks",
    "past_its_best",
    "point_score",
    "rungs",
    "spaces",
    "trainer",
]
