"""Label problems: which rows probably carry the wrong answer, by confident learning. Pure.

The method is that of Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels"
(Journal of Artificial Intelligence Research 70, 2021): rows that a model, which has not seen them, takes for another
class with at least the confidence that is usual for that class are counted; the counts say how many labels of each
class are wrong, and the rows with the widest margin against their own label are named.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlray.errors import DataError

__all__ = ["LabelProblems", "label_problems"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

FEWEST = 5
"""Rows of a class below which nothing is said about its labels."""
TIE = 1e-9
"""Every row of a class may have the same probability, which is then its mean but for the rounding of the sum."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelProblems:
    """Which labels are probably wrong, and how many of each kind."""

    joint: Floats
    """Estimated rows, shape [k, k]: labelled as the row's class, and meant to be the column's. Sums to n."""
    rows: Places
    """The rows named, the most suspicious first."""
    meant: Places
    """The class that each of `rows` seems to belong to."""
    quality: Floats
    """For every row the probability of its own label less that of the likeliest other one, -1 to 1; shape [n]."""

    @property
    def noise(self) -> float:
        """The estimated share of wrong labels, 0 to 1."""
        return float(1 - np.trace(self.joint) / max(self.joint.sum(), 1.0))


def label_problems(labels: npt.NDArray[np.integer], probabilities: Floats) -> LabelProblems:
    """Return the rows whose label is probably wrong.

    Args:
        labels: The class of each row as given, 0 to k - 1, shape [n].
        probabilities: What a model that has not seen the row gives each class, shape [n, k].

    Raises:
        DataError: the shapes do not fit, or a label is none of the classes.

    >>> given = np.array([0] * 8 + [1] * 8)
    >>> p = np.where(given == 1, 0.9, 0.1)
    >>> p[3] = 0.95  # labelled 0, and the model is sure that it is a 1
    >>> found = label_problems(given, np.column_stack([1 - p, p]))
    >>> found.rows.tolist(), found.meant.tolist()
    ([3], [1])
    """
    given, p = _checked(labels, probabilities)
    own = p[np.arange(len(given)), given]
    others = p.copy()
    others[np.arange(len(given)), given] = -np.inf
    quality = own - others.max(axis=1)
    joint = _joint(given, p)
    chosen = np.zeros(len(given), dtype=bool)
    for label, other in np.argwhere(joint > 0):
        if label != other:
            chosen[_widest(given, p, int(label), int(other), round(float(joint[label, other])))] = True
    # Whom the model takes for what its label says is no suspect, however many are expected to be wrong.
    chosen &= quality < 0
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(quality[rows], kind="stable")]
    return LabelProblems(joint, rows, others[rows].argmax(axis=1), quality)


def _checked(labels: npt.NDArray[np.integer], probabilities: Floats) -> tuple[Places, Floats]:
    given, p = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if given.ndim != 1 or p.ndim != 2 or len(given) != len(p) or p.shape[1] < 2 or not len(p):
        raise DataError(f"There are labels of shape {given.shape} and probabilities of shape {p.shape}.")
    if given.min() < 0 or given.max() >= p.shape[1] or not np.equal(given, given.astype(np.int64)).all():
        raise DataError(f"Labels are 0 to {p.shape[1] - 1}; there are {given.min()} to {given.max()}.")
    if not np.isfinite(p).all():
        raise DataError("A probability is missing or infinite.", remedy="Predict every row out of fold.")
    return given.astype(np.int64), p


def _joint(given: Places, p: Floats) -> Floats:
    """Return the confident joint, each row scaled to the number of labels of that class."""
    classes = p.shape[1]
    sizes = np.bincount(given, minlength=classes)
    usual = np.array([p[given == k, k].mean() if sizes[k] else np.inf for k in range(classes)])
    sure = p >= usual - TIE
    meant = np.where(sure, p, -np.inf).argmax(axis=1)
    counted = sure.any(axis=1)
    counts = np.zeros((classes, classes))
    np.add.at(counts, (given[counted], meant[counted]), 1)
    for k in np.flatnonzero((sizes < FEWEST) | (counts.sum(axis=1) == 0)):
        counts[k] = 0
        counts[k, k] = 1
    scaled: Floats = counts * (sizes / counts.sum(axis=1))[:, None]
    return scaled


def _widest(given: Places, p: Floats, label: int, other: int, count: int) -> Places:
    """Return the `count` rows labelled `label` whose probability of `other` exceeds that of their label the most."""
    rows = np.flatnonzero(given == label)
    margin = p[rows, label] - p[rows, other]
    return rows[np.argsort(margin, kind="stable")[:count]]
