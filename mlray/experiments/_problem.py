"""What a sweep is asked to solve: rows to learn from, rows to choose by, and the score that decides."""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from mlray.experiments._checks import Rows, check_folds, check_rows
from mlray.experiments._metrics import METRICS, Array, Task, higher_is_better, point_score

__all__ = ["METRICS", "Array", "Fold", "Problem", "higher_is_better", "point_score"]

Fold = tuple[Array, Array]
"""Which rows of `train_x` to learn from and which to choose by, each as rising positions."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A question over numeric columns: rows to learn from, and other (mostly later) rows to choose by.

    `train_x` and `valid_x` are float32 of shape [n, f] with NaN for missing, `names` names the f columns, and
    `categorical` lists the columns that hold integer codes. `train_y` and `valid_y` of shape [n] are 0 or 1 (binary),
    codes 0 to `classes` - 1 (multiclass), any finite number (regression) or relevance from 0 up (ranking).

    With `folds` all rows are in `train_*`, `valid_*` may be empty, and each fold is a problem of its own, see `parts`.
    """

    train_x: Array
    train_y: Array
    valid_x: Array
    valid_y: Array
    names: tuple[str, ...]
    categorical: tuple[int, ...]
    metric: str
    seed: int
    task: Task = "binary"
    train_w: Array | None = None
    """How much each row counts in training, float32 [n]; all the same without."""
    valid_w: Array | None = None
    """How much each row counts in the score; with folds there is one for each row of `train_*`."""
    train_groups: Array | None = None
    """Ranking: which list each row belongs to, integers [n]; the rows of one list stand together."""
    valid_groups: Array | None = None
    classes: int = 0
    """How many codes there are; told by the answers where it is left at 0. It is 0 for numbers and ranks."""
    folds: tuple[Fold, ...] = ()
    """Cross-validation: positions in `train_*` to learn from and to choose by."""
    dataset: str = ""
    """The digest of the rows, where the caller has one: what lanes keep prepared rows under, see `key`."""
    final: bool = False
    """There is nothing to choose by: the last training, on everything."""
    device: str = "cpu"
    """Where trainers that can use a GPU work: `cuda`, or `cuda:1` for the second that a process sees."""
    labels: tuple[Any, ...] = ()
    """What each code stands for, where answers were words; see `problem_of`."""

    def __post_init__(self) -> None:
        """Refuse what no trainer could learn from.

        Raises:
            DataError: lengths or widths that disagree, or answers from which nothing can be learnt.
            SpecError: an unknown task, or a metric that it does not have.
        """
        higher_is_better(self.metric, self.task)
        train = Rows("training", self.train_x, self.train_y, self.train_w, self.train_groups)
        valid = Rows("validation", self.valid_x, self.valid_y, self.valid_w, self.valid_groups)
        for rows in (train,) if self.folds or self.final else (train, valid):
            check_rows(rows, len(self.names), self.task, classes=self.classes)
        if self.folds:
            check_folds(
                self.folds, Rows("validation", self.train_x, self.train_y, self.valid_w, self.train_groups), self.task
            )
        if self.task in ("binary", "multiclass") and not self.classes:
            highest = max(int(part.max(initial=0)) for part in (self.train_y, self.valid_y))
            object.__setattr__(self, "classes", 2 if self.task == "binary" else highest + 1)

    @cached_property
    def key(self) -> str:
        """What prepared rows are kept under: `dataset`, or a digest of everything a trainer prepares."""
        return self.dataset or _digest(self)

    def parts(self) -> tuple["Problem", ...]:
        """Return one problem without folds for each fold; the problem itself where it has none."""
        return tuple(self.part(number) for number in range(len(self.folds))) or (self,)

    def part(self, number: int) -> "Problem":
        """Return the problem of fold `number`: its rows are copied, so that one fold at a time can be held."""
        learn, choose = self.folds[number]
        return replace(
            self,
            train_x=self.train_x[learn],
            train_y=self.train_y[learn],
            valid_x=self.train_x[choose],
            valid_y=self.train_y[choose],
            train_w=None if self.train_w is None else self.train_w[learn],
            valid_w=None if self.valid_w is None else self.valid_w[choose],
            train_groups=None if self.train_groups is None else self.train_groups[learn],
            valid_groups=None if self.train_groups is None else self.train_groups[choose],
            folds=(),
            dataset=f"{self.key}/{number}",
        )

    def truth(self) -> tuple[Array, Array | None, Array | None]:
        """Return answers, weights and lists of the rows that predictions are about.

        These are the validation rows; with folds those of every fold, one fold after the other.
        """
        if not self.folds:
            return self.valid_y, self.valid_w, self.valid_groups
        rows = np.concatenate([choose for _, choose in self.folds])
        weights = None if self.valid_w is None else self.valid_w[rows]
        return self.train_y[rows], weights, None if self.train_groups is None else self.train_groups[rows]

    def score(self, predictions: Array) -> float:
        """Return `metric` of `predictions` for the validation rows: [n], or [n, classes] for several classes."""
        return point_score(self.metric, self.valid_y, predictions, self.valid_w, self.valid_groups)


def _digest(problem: Problem) -> str:
    """Return a digest of the rows, the question and its folds: equal ones are prepared once."""
    found = blake2b(
        repr((problem.names, problem.categorical, problem.task, problem.classes, problem.device)).encode(),
        digest_size=16,
    )
    parts = (
        *(problem.train_x, problem.train_y, problem.train_w, problem.train_groups),
        *(problem.valid_x, problem.valid_y, problem.valid_w, problem.valid_groups),
        *(positions for fold in problem.folds for positions in fold),
    )
    for part in parts:
        values = None if part is None else np.ascontiguousarray(part)
        found.update(b"none" if values is None else f"{values.dtype}{values.shape}".encode())
        if values is not None:
            found.update(values.data)
    return found.hexdigest()
