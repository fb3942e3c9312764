"""What a project's sweep is asked to solve: rows, answers, weights and folds, as the section `model` says."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from mlray.clock import parse_duration
from mlray.coordinator.rows import Array, Split, labels, matrices, some_rows, split
from mlray.coordinator.workspace import Workspace
from mlray.experiments import Parting, Problem, class_weights
from mlray.features import Fitted
from mlray.records import DatasetVersion

__all__ = ["Question", "question"]


@dataclass(frozen=True)
class Question:
    """A problem, and what it was made from."""

    problem: Problem
    parts: Split
    fitted: Fitted
    """The features, as fitted on the rows to learn from."""


def question(space: Workspace, dataset: DatasetVersion) -> Question:
    """Return what the sweep over `dataset` is to solve; DataError when a part of the rows has one class only.

    The newest rows (`model.holdout`) are left out: they judge. As many before them choose the best trial, or, with
    `model.folds`, each fold's own rows do; with `model.split` `time` no fold learns from what happened later.
    """
    model, parts = space.spec.model, split(space, dataset)
    fitted, learnt, choosing = matrices(space, parts.train, parts.valid)
    train_y, valid_y = labels(space, parts.train), labels(space, parts.valid)
    if model.folds is None:
        rows = some_rows(len(train_y), model.sweep_rows, model.seed)
        x, y, valid_x, folds = learnt.values[rows], train_y[rows], choosing.values, ()
    else:
        both = np.concatenate([learnt.values, choosing.values])
        rows = some_rows(len(both), model.sweep_rows, model.seed)
        x, y = both[rows], np.concatenate([train_y, valid_y])[rows]
        valid_x, valid_y = x[:0], y[:0]
        folds = _parting(space, parts, rows).cut(len(y), model.seed, y)
    weights = model.weight_of_class
    problem = Problem(
        *(x, y, valid_x, valid_y, learnt.names, learnt.categorical, model.metric, model.seed),
        train_w=None if weights is None else class_weights(y, weights),
        folds=folds,
        device=model.device,
    )
    return Question(problem, parts, fitted)


def _parting(space: Workspace, parts: Split, rows: Array) -> Parting:
    model, data = space.spec.model, space.spec.data
    if model.split == "random":
        return Parting("random", folds=model.folds)
    # An answer that became known only later could not have been learnt from.
    gap = np.timedelta64(round(parse_duration(data.target.known_after).total_seconds()), "s")
    return Parting("time", folds=model.folds, times=_times(parts.known, data.time)[rows], gap=gap)


def _times(table: pa.Table, column: str) -> Any:  # noqa: ANN401 (moments of numpy)
    return np.asarray(table.column(column).cast(pa.timestamp("us")).to_numpy()).astype("datetime64[us]")
