"""Rows of a dataset version as what models learn from: split by time, labelled, turned into matrices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlray.clock import parse_duration
from mlray.coordinator.workspace import Workspace
from mlray.errors import DataError
from mlray.experiments import class_weights, fit, load_model
from mlray.features import Fitted, Matrix
from mlray.ids import Json
from mlray.records import DatasetVersion

__all__ = [
    "Array",
    "Split",
    "example_request",
    "labels",
    "matrices",
    "quiet",
    "scores_of",
    "some_rows",
    "split",
    "weights",
]

Array = np.ndarray[Any, np.dtype[Any]]
"""A numpy array of any shape."""


def quiet(done: float, total: float, note: str = "") -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class Split:
    """Rows of one dataset version in the order of time: to learn from, to choose by, to judge by."""

    train: pa.Table
    valid: pa.Table
    holdout: pa.Table

    @property
    def known(self) -> pa.Table:
        """Everything before the holdout."""
        return pa.concat_tables([self.train, self.valid])

    @property
    def everything(self) -> pa.Table:
        """All rows."""
        return pa.concat_tables([self.train, self.valid, self.holdout])


def split(space: Workspace, dataset: DatasetVersion) -> Split:
    """Return the newest rows within the training window, split by time; DataError when a part has one class."""
    model, end = space.spec.model, dataset.as_of
    holdout = end - parse_duration(model.holdout)
    valid = holdout - parse_duration(model.holdout)
    start = end - parse_duration(model.window)
    parts = Split(
        train=space.store.read(dataset, start=start, end=valid),
        valid=space.store.read(dataset, start=valid, end=holdout),
        holdout=space.store.read(dataset, start=holdout, end=end),
    )
    for name, part in (("training", parts.train), ("validation", parts.valid), ("holdout", parts.holdout)):
        positives = pc.sum(space.contract.target(part)).as_py() or 0
        if not 0 < positives < part.num_rows:
            raise DataError(
                f"{dataset.name}: the {name} rows hold one class only ({positives} of {part.num_rows} are true).",
                remedy="Widen model.window or model.holdout, or check data.target.",
            )
    return parts


def labels(space: Workspace, table: pa.Table) -> Array:
    """Return the target of each row as 0 or 1."""
    return np.asarray(space.contract.target(table)).astype(np.float64)


def weights(space: Workspace, y: Array) -> Array | None:
    """Return how much each of the labels `y` counts in a training (`model.class_weights`); None where all are alike."""
    wanted = space.spec.model.weight_of_class
    return None if wanted is None else class_weights(y, wanted)


def matrices(space: Workspace, train: pa.Table, other: pa.Table) -> tuple[Fitted, Matrix, Matrix]:
    """Fit the features on the rows of `train`; return what was fitted, and both tables as matrices."""
    fitted = space.plan.fit(train, tuple(space.spec.data.request_columns))
    return fitted, fitted.apply(train), fitted.apply(other)


def some_rows(rows: int, most: int, seed: int) -> Array:
    """Return which rows to look at: all, or `most` of them drawn at random, in their order."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def scores_of(
    trainer: str, known: Matrix, y: Array, params: Mapping[str, Any], rounds: int, seed: int, x: Matrix
) -> Array:
    """Train a configuration on `known` with the answers `y`, and return its probabilities for `x`, shape [n]."""
    content = fit(trainer, known.values, y, known.categorical, params, rounds, seed)
    scores: Array = load_model(trainer, content).predict(x.values)
    return scores


def example_request(rows: pa.Table) -> dict[str, list[Json]]:
    """Return rows as JSON columns, times in ISO 8601."""
    return {
        name: [value.isoformat() if isinstance(value, datetime) else value for value in rows.column(name).to_pylist()]
        for name in rows.column_names
    }
