"""Which rows to learn from and which to choose by: at random, class by class, list by list, or in the order of time."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlray.errors import DataError, SpecError
from mlray.experiments._metrics import Array
from mlray.experiments._problem import Fold

__all__ = ["holdout", "k_folds", "spread", "time_folds", "time_holdout"]

Values = Sequence[Any] | Array


def spread(n: int, seed: int, y: Values | None = None) -> Array:
    """Return `n` positions in an order drawn at random, in which each class of `y` [n] is spread evenly.

    Whoever takes the first half takes about half of every class, and the first of each class come first of all.

    >>> spread(6, 0, y=[1, 1, 1, 0, 0, 0])[:2].tolist()
    [3, 2]
    """
    drawn = np.random.default_rng(seed).permutation(n)
    if y is None:
        return drawn
    answers = np.asarray(y)[drawn]
    place = np.empty(n)
    for code in np.unique(answers):
        mine = answers == code
        place[mine] = np.arange(np.count_nonzero(mine)) / np.count_nonzero(mine)
    return drawn[np.argsort(place, kind="stable")]


def holdout(n: int, share: float, seed: int, *, y: Values | None = None, groups: Values | None = None) -> Fold:
    """Return `n` rows drawn apart: about `share` of them (0 to 1) to choose by, the others to learn from.

    Each class of `y` [n] is shared out alike, and each of `groups` [n] stays whole on one side.

    Raises:
        SpecError: `share` leaves a side empty.
        DataError: there are fewer than two groups.

    >>> [side.tolist() for side in holdout(6, 0.5, 0, y=[0, 0, 0, 0, 1, 1])]
    [[0, 1, 4], [2, 3, 5]]
    """
    count = _count(n, share)
    if groups is not None:
        side = _whole(np.asarray(groups), np.array([share, 1 - share]), seed, y)
    else:
        side = np.ones(n, dtype=int)
        side[spread(n, seed, y)[:count]] = 0
    return np.flatnonzero(side == 1), np.flatnonzero(side == 0)


def k_folds(n: int, k: int, seed: int, *, y: Values | None = None, groups: Values | None = None) -> tuple[Fold, ...]:
    """Return `k` ways to part `n` rows, drawn at random: each row is chosen by once and learnt from otherwise.

    Each class of `y` [n] is shared out alike, and each of `groups` [n] stays whole in one part.

    Raises:
        SpecError: fewer than two folds.
        DataError: fewer rows or groups than folds.
    """
    _enough(n, k, "rows")
    if groups is not None:
        part = _whole(np.asarray(groups), np.full(k, 1 / k), seed, y)
    else:
        drawn = np.random.default_rng(seed).permutation(n)
        # Dealt like cards, class after class: counts differ by one at most, of rows and of each class.
        order = drawn if y is None else drawn[np.argsort(np.asarray(y)[drawn], kind="stable")]
        part = np.empty(n, dtype=int)
        part[order] = np.arange(n) % k
    return tuple((np.flatnonzero(part != fold), np.flatnonzero(part == fold)) for fold in range(k))


def time_holdout(times: Values, share: float, *, gap: Any = 0) -> Fold:  # noqa: ANN401 (a difference of two times)
    """Return the newest rows, about `share` of all (0 to 1), to choose by, and earlier ones to learn from.

    Rows of one moment stay on one side. `gap` is the time before the first row to choose by from which nothing is
    learnt: as long as it takes until an answer is known.

    Raises:
        SpecError: `share` leaves a side empty.
        DataError: a time is missing, or nothing is left to learn from.

    >>> [side.tolist() for side in time_holdout([5, 1, 2, 3, 4], 0.4)]
    [[1, 2, 3], [0, 4]]
    """
    values = _times(times)
    start = np.sort(values)[-_count(len(values), share)]
    return _before(values, start, gap), np.flatnonzero(values >= start)


def time_folds(times: Values, k: int, *, gap: Any = 0) -> tuple[Fold, ...]:  # noqa: ANN401
    """Return `k` ways to part rows in the order of time: each learns from more than the last, none from the future.

    `times` of shape [n] are numbers or moments in any order. They are cut into `k` + 1 spans of about as many rows,
    never within a moment; each fold chooses by one span and learns from everything before it, less `gap`, see
    `time_holdout`.

    Raises:
        SpecError: fewer than two folds.
        DataError: a time is missing, there are fewer moments than spans, or `gap` leaves nothing to learn from.

    >>> [[side.tolist() for side in fold] for fold in time_folds([1, 2, 3, 4, 5, 6], 2)]
    [[[0, 1], [2, 3]], [[0, 1, 2, 3], [4, 5]]]
    """
    values = _times(times)
    moments = np.unique(values)
    _enough(len(moments), k, "moments", spans=k + 1)
    wanted = np.sort(values)[[round(len(values) * span / (k + 1)) for span in range(1, k + 1)]]
    at = np.searchsorted(moments, wanted)
    # Where many rows share a moment, starts may coincide: each moves on behind the one before, as far as there is room.
    for span in range(k):
        at[span] = max(at[span], at[span - 1] + 1 if span else 1)
    for span in reversed(range(k)):
        at[span] = min(at[span], at[span + 1] - 1 if span + 1 < k else len(moments) - 1)
    starts = moments[at]
    folds = []
    for span, start in enumerate(starts):
        inside = values >= start
        if span + 1 < k:
            inside &= values < starts[span + 1]
        folds.append((_before(values, start, gap), np.flatnonzero(inside)))
    return tuple(folds)


def _before(values: Array, start: Any, gap: Any) -> Array:  # noqa: ANN401
    earlier = np.flatnonzero(values < (start - gap if gap else start))
    if not len(earlier):
        raise DataError(
            f"Nothing is left to learn from before {start}{f', with a gap of {gap}' if gap else ''}.",
            remedy="Take a shorter gap, a smaller holdout or fewer folds.",
        )
    return earlier


def _times(times: Values) -> Array:
    values = np.asarray(times)
    missing = int(np.count_nonzero(values != values))  # noqa: PLR0124 (neither NaN nor NaT equals itself)
    if missing or not len(values):
        raise DataError(
            f"{missing} of {len(values)} rows have no time." if missing else "There are no rows to put in order.",
            remedy="Leave out rows without a time, or split at random.",
        )
    return values


def _count(n: int, share: float) -> int:
    count = round(n * share)
    if not 0 < share < 1 or not 0 < count < n:
        raise SpecError(
            [f"A holdout of {share:g} of {n} rows leaves a side empty."], remedy="Take a share such as 0.25."
        )
    return count


def _enough(n: int, k: int, what: str, *, spans: int | None = None) -> None:
    if k < 2:
        raise SpecError([f"There are {k} folds; a cross-validation has 2 at least."], remedy="Take 5, or a holdout.")
    if n < (spans or k):
        raise DataError(f"{n} {what} cannot be cut into {spans or k} parts.", remedy=f"Take fewer folds than {k}.")


def _whole(groups: Array, shares: Array, seed: int, y: Values | None) -> Array:
    """Return the part of each row, 0 and up: groups stay whole, and parts get about their `shares` of each class.

    Large groups go first, each to where it raises the sum of squared counts over shares least; that sum is smallest
    where every part has its share.
    """
    _, number = np.unique(groups, return_inverse=True)
    _, code = np.unique(np.zeros(len(groups)) if y is None else np.asarray(y), return_inverse=True)
    counts = np.zeros((number.max(initial=-1) + 1, code.max(initial=0) + 1))
    np.add.at(counts, (number, code), 1)
    _enough(len(counts), len(shares), "groups")
    counts /= counts.sum(axis=0)
    drawn = np.random.default_rng(seed).permutation(len(counts))
    order = drawn[np.argsort(-counts[drawn].sum(axis=1), kind="stable")]
    have = np.zeros((len(shares), counts.shape[1]))
    part_of = np.zeros(len(counts), dtype=int)
    for group in order:
        rise = (2 * have * counts[group] + counts[group] ** 2).sum(axis=1) / shares
        part_of[group] = rise.argmin()
        have[part_of[group]] += counts[group]
    for part in sorted(set(range(len(shares))) - set(part_of.tolist())):
        # A share smaller than every group gets the smallest that is not alone in its part.
        taken = np.bincount(part_of, minlength=len(shares))
        part_of[next(group for group in order[::-1] if taken[part_of[group]] > 1)] = part
    return part_of[number]
