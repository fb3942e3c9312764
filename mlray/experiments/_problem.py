"""What a sweep is asked to solve: rows to learn from, rows to choose by, and the score that decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlray.errors import DataError, SpecError

__all__ = ["METRICS", "Array", "Problem", "higher_is_better", "point_score"]

Array = npt.NDArray[Any]

METRICS = {"auc": True, "accuracy": True, "log_loss": False, "brier": False}
"""Each metric, and whether a higher value is the better one."""

NEVER_CERTAIN = 1e-15
"""A probability of exactly 0 or 1 that turns out wrong would make the logarithm infinite."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A binary question over numeric columns, split by time into rows to learn from and later rows to choose by.

    `train_x` and `valid_x` are float32 of shape [n, f] with NaN for missing, `train_y` and `valid_y` are 0 or 1 of
    shape [n], `names` names the f columns, and `categorical` lists the columns that hold integer codes.
    """

    train_x: Array
    train_y: Array
    valid_x: Array
    valid_y: Array
    names: tuple[str, ...]
    categorical: tuple[int, ...]
    metric: str
    seed: int

    def __post_init__(self) -> None:
        """Refuse what no trainer could learn from.

        Raises:
            DataError: lengths or widths that disagree, or a part without both answers.
            SpecError: an unknown metric.
        """
        higher_is_better(self.metric)
        for part, x, y in (("training", self.train_x, self.train_y), ("validation", self.valid_x, self.valid_y)):
            if x.ndim != 2 or x.shape != (len(y), len(self.names)):
                raise DataError(
                    f"The {part} matrix has shape {x.shape}, with {len(y)} answers and {len(self.names)} column names."
                )
            positives = int(np.count_nonzero(y))
            if not 0 < positives < len(y):
                raise DataError(
                    f"The {part} rows hold one answer only: {positives} of {len(y)} are true.",
                    remedy="Take a longer window, or check how the target is defined.",
                )


def higher_is_better(metric: str) -> bool:
    """Return whether more of `metric` is better; SpecError when it is not one of `METRICS`.

    >>> higher_is_better("auc"), higher_is_better("brier")
    (True, False)
    """
    if metric not in METRICS:
        raise SpecError([f"model.metric: '{metric}' is not a metric."], remedy=f"Known: {', '.join(METRICS)}.")
    return METRICS[metric]


def point_score(metric: str, y: Sequence[float] | Array, p: Sequence[float] | Array) -> float:
    """Return the score of probabilities `p` for the answers `y` (0 or 1), both of shape [n], without an interval.

    >>> point_score("auc", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    truth = np.asarray(y, dtype=np.float64)
    answer = np.asarray(p, dtype=np.float64)
    higher_is_better(metric)
    if metric == "auc":
        return _auc(truth, answer)
    if metric == "accuracy":
        return float(np.mean((answer > 0.5) == (truth > 0.5)))
    if metric == "brier":
        return float(np.mean((answer - truth) ** 2))
    sure = np.clip(answer, NEVER_CERTAIN, 1 - NEVER_CERTAIN)
    return float(-np.mean(truth * np.log(sure) + (1 - truth) * np.log1p(-sure)))


def _auc(y: Array, p: Array) -> float:
    """Return the share of pairs in which the positive ranks above the negative, ties counting half (Mann–Whitney)."""
    negatives = np.sort(p[y < 0.5])
    positives = np.sort(p[y > 0.5])
    below = np.searchsorted(negatives, positives, "left")
    not_above = np.searchsorted(negatives, positives, "right")
    return float(np.mean((below + not_above) / 2)) / len(negatives)
