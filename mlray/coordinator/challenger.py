"""The challenger: a small fresh model that shows, week by week, what fresh data would bring."""

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow.compute as pc

from mlray.clock import parse_duration
from mlray.coordinator.artifact import predictor
from mlray.coordinator.rows import Array, labels, matrices, scores_of, some_rows
from mlray.coordinator.workspace import Workspace
from mlray.errors import DataError
from mlray.features import Matrix
from mlray.monitoring import excess
from mlray.records import DatasetVersion, Interval, ModelVersion

__all__ = ["Excess", "challenge", "learnt_until", "quick_scores"]

QUICK = {"learning_rate": 0.2, "max_depth": 5, "min_child_weight": 8.0}
"""The challenger: small enough to be nearly free, good enough to show what fresh data would bring."""
QUICK_ROUNDS, QUICK_SHARE, QUICK_ROWS = 25, 0.25, 40_000


@dataclass(frozen=True)
class Excess:
    """How much worse than a fresh challenger the live model did on the same rows."""

    excess: Interval
    rows: int
    seconds: float


def quick_scores(known: Matrix, y: Array, x: Matrix, seed: int) -> Array:
    """Return the challenger's scores: few rounds on a share of the rows."""
    chosen = some_rows(len(y), min(QUICK_ROWS, max(1, int(len(y) * QUICK_SHARE))), seed)
    sample = replace(known, values=known.values[chosen])
    return scores_of("xgboost", sample, y[chosen], QUICK, QUICK_ROUNDS, seed, x)


def challenge(space: Workspace, dataset: DatasetVersion, live: ModelVersion, window: timedelta) -> Excess:
    """Compare the live model with a small fresh one on the newest `window` of `dataset`, which neither has seen.

    The excess is the difference in error rate, less the handicap that the challenger's smallness was measured to have
    when the live model was trained; its interval is that of a paired difference.

    Raises:
        DataError: there are no rows that the live model has not seen, or those before them hold one class only.
    """
    started = time.perf_counter()
    end = dataset.as_of
    start = max(end - window, learnt_until(space, live) or end - window)
    rows = space.store.read(dataset, start=start, end=end)
    known = space.store.read(dataset, start=end - parse_duration(space.spec.model.window), end=start)
    positives = pc.sum(space.contract.target(known)).as_py() or 0
    if not rows.num_rows or not 0 < positives < known.num_rows:
        raise DataError(
            f"{dataset.name}: v{live.number} cannot be compared with a fresh model, with {rows.num_rows} new rows and"
            f" {known.num_rows} before them ({positives} are true).",
            remedy="Widen model.window, or check data.target.",
        )
    _, x_known, x = matrices(space, known, rows)
    y = labels(space, rows)
    fresh = quick_scores(x_known, labels(space, known), x, space.spec.model.seed)
    served = predictor(space, live).predict(rows)
    days = rows.column(space.spec.data.time).cast("date32").to_pylist()
    seen, gap = excess(y, served, fresh, days), live.traits.get("challenger_gap", 0.0)
    shifted = Interval(seen.value + gap, seen.low + gap, seen.high + gap, seen.level)
    return Excess(shifted, len(y), time.perf_counter() - started)


def learnt_until(space: Workspace, version: ModelVersion) -> datetime | None:
    """Return up to which moment `version` has seen the data; None where its dataset version is not kept here."""
    seen = [
        known.as_of for known in space.store.versions(space.spec.data.table) if known.digest == version.dataset_digest
    ]
    return seen[0] if seen else None
