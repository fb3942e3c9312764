"""Trainers, search spaces and stopping rules; `experiments.on_ray` runs them side by side as a sweep."""

from mlray.experiments._portfolio import first_configurations, portfolio
from mlray.experiments._problem import METRICS, Problem, higher_is_better, point_score
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
from mlray.experiments._stopping import keeps_up, marks, past_its_best, rungs
from mlray.experiments._trainers import Trainer, fit, load_model, trainer

__all__ = [
    "METRICS",
    "Configuration",
    "Dimension",
    "First",
    "Grid",
    "Known",
    "Listed",
    "Problem",
    "Random",
    "Search",
    "Space",
    "Trainer",
    "Value",
    "check_space",
    "compose",
    "first_configurations",
    "fit",
    "grid",
    "higher_is_better",
    "keeps_up",
    "load_model",
    "marks",
    "nearest",
    "past_its_best",
    "placed",
    "point_score",
    "portfolio",
    "rungs",
    "sample",
    "size",
    "space_of",
    "spaces",
    "trainer",
    "within",
]
