"""The score by slice: a model that is good on the whole may fail a part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlray.evaluation._compare import Comparison, compare
from mlray.evaluation._metrics import score
from mlray.records import SliceScore

__all__ = ["Slice", "slices"]


@dataclass(frozen=True, slots=True)
class Slice:
    """The rows where one column has one value: the candidate's score there, and its comparison with another model."""

    score: SliceScore
    against: Comparison


def slices(
    metric: str,
    y: npt.ArrayLike,
    candidate: npt.ArrayLike,
    other: npt.ArrayLike,
    values: Mapping[str, Sequence[str]],
    *,
    at_least: int,
) -> tuple[Slice, ...]:
    """Return every slice of at least `at_least` rows, by column and then by size.

    `values` holds one value per row for each column. The comparisons' level is raised so that all of them together are
    wrong as rarely as one (Bonferroni). For `auc`, a slice with fewer than two rows of either answer is left out: its
    score is not defined or tells nothing.
    """
    truth, mine, theirs = (np.asarray(part, dtype=np.float64) for part in (y, candidate, other))
    chosen = [
        (column, value, rows)
        for column, entries in values.items()
        for value, rows in _groups(entries)
        if len(rows) >= at_least and (metric != "auc" or 2 <= truth[rows].sum() <= len(rows) - 2)
    ]
    level = 1 - 0.05 / max(1, len(chosen))
    return tuple(
        Slice(
            SliceScore(column, value, len(rows), score(metric, truth[rows], mine[rows])),
            compare(metric, truth[rows], mine[rows], theirs[rows], level=level),
        )
        for column, value, rows in chosen
    )


def _groups(entries: Sequence[str]) -> list[tuple[str, npt.NDArray[np.intp]]]:
    """Return each value and the positions that hold it, the most frequent first."""
    names, codes = np.unique(np.asarray([str(entry) for entry in entries], dtype=object), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes, minlength=len(names)))[:-1])
    groups = [(str(name), rows) for name, rows in zip(names, parts, strict=True) if len(rows)]
    return sorted(groups, key=lambda group: (-len(group[1]), group[0]))
