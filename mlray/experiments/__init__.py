"""Trainers, search spaces and stopping rules; `experiments.on_ray` runs them side by side as a sweep."""

from mlray.experiments._portfolio import first_configurations, portfolio
from mlray.experiments._problem import METRICS, Problem, higher_is_better, point_score
from mlray.experiments._search import First, Listed, Random, Search
from mlray.experiments._space import Configuration, Space, check_space, space_of, spaces
from mlray.experiments._stopping import keeps_up, marks, past_its_best, rungs
from mlray.experiments._trainers import Trainer, fit, load_model, trainer

__all__ = [
    "METRICS",
    "Configuration",
    "First",
    "Listed",
    "Problem",
    "Random",
    "Search",
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
    "portfolio",
    "rungs",
    "space_of",
    "spaces",
    "trainer",
]
