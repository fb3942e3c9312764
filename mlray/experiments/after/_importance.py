"""Which parameters mattered, told from where the best trials lie. Pure.

PED-ANOVA: Watanabe, Bansal and Hutter, Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces, IJCAI
2023 (arXiv 2304.10255): a parameter matters as far as the density of the best trials along it departs from that of all
trials. It takes milliseconds for thousands of trials, does not mind that most were stopped early (they are among the
rest either way) nor that a search looked longer where it was good, and copes with parameters of some trials only.
"""

from collections.abc import Mapping, Sequence
from math import ceil, isfinite

import numpy as np
import numpy.typing as npt

from mlray.records import Trial

__all__ = ["FEWEST", "importance"]

FEWEST = 20
"""With fewer trials every parameter seems to matter about as much."""
TOP, SHARE = 5, 0.1
"""The best tenth, but never fewer trials than say something about where they lie."""
CELLS = 50
"""Places along a parameter at which the two densities are compared."""
DECADE = 10.0
"""A parameter whose values span so much was searched by orders of magnitude, and is looked at the same way."""

Value = float | int | str | bool | None
Floats = npt.NDArray[np.float64]


def importance(trials: Sequence[Trial], *, higher: bool) -> dict[str, float]:
    """Return how much of what tells the best tenth of `trials` from all lies in each parameter, as shares of one.

    The most important comes first; a parameter that had one value only is left out. It carries its trainer's name where
    several trainers were tried (`xgboost.max_depth`), and `trainer` is then one more. Empty with fewer than `FEWEST`
    scored trials, and where nothing varied.

    Args:
        trials: Those of one sweep, in any order.
        higher: Whether a higher score is better.

    >>> params = [{"depth": number % 5, "luck": number * 7 % 11} for number in range(55)]
    >>> tried = [Trial(n, "xgboost", one, float(one["depth"]), 9, 1.0, "finished") for n, one in enumerate(params)]
    >>> {name: round(share, 2) for name, share in importance(tried, higher=True).items()}
    {'depth': 0.99, 'luck': 0.01}
    """
    sign = 1.0 if higher else -1.0
    ranked = sorted(
        ((sign * trial.score, trial) for trial in trials if trial.score is not None and isfinite(trial.score)),
        key=lambda pair: (-pair[0], pair[1].number),
    )
    if len(ranked) < FEWEST or ranked[0][0] == ranked[-1][0]:
        return {}
    rows = _rows([trial for _, trial in ranked])
    top = max(TOP, ceil(SHARE * len(rows)))
    names = dict.fromkeys(name for row in rows for name in row)
    raw = {name: _departure(name, rows, top) for name in names if len({_plain(row.get(name)) for row in rows}) > 1}
    total = sum(raw.values())
    if not total > 0:
        return {}
    return {name: value / total for name, value in sorted(raw.items(), key=lambda item: (-item[1], item[0]))}


def _rows(trials: Sequence[Trial]) -> list[Mapping[str, Value]]:
    """Return each trial's parameters by the names that a reader of several trainers needs."""
    if len({trial.trainer for trial in trials}) == 1:
        return [trial.params for trial in trials]
    return [
        {"trainer": trial.trainer, **{f"{trial.trainer}.{name}": value for name, value in trial.params.items()}}
        for trial in trials
    ]


def _departure(name: str, rows: Sequence[Mapping[str, Value]], top: int) -> float:
    """Return how far the first `top` rows lie elsewhere than all rows along `name` (Pearson's divergence).

    Where only some rows have the parameter they are compared with each other, and count by how many of the best and of
    all they are (Conditional PED-ANOVA, arXiv 2601.20800).
    """
    having = [place for place, row in enumerate(rows) if name in row]
    best = sum(place < top for place in having)
    if not best:
        return 0.0
    cells, count, smooth = _cells([rows[place][name] for place in having])
    if count < 2:
        return 0.0
    density = _smoothed if smooth else _counted
    here, everywhere = density(cells[:best], count), density(cells, count)
    departure = float(everywhere @ (here / everywhere - 1) ** 2)
    return (best / top) ** 2 / (len(having) / len(rows)) * departure


def _cells(values: Sequence[Value]) -> tuple[npt.NDArray[np.int64], int, bool]:
    """Return the cell that each value lies in, how many cells there are, and whether neighbours are alike."""
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values) or not all(map(isfinite, numbers)):
        words = [_plain(value) for value in values]
        known = sorted(set(words))
        return np.array([known.index(word) for word in words]), len(known), False
    at = np.array(numbers)
    low, high = at.min(), at.max()
    if low > 0 and high / low >= DECADE:
        at, low, high = np.log(at), np.log(low), np.log(high)
    if high <= low:
        return np.zeros(len(at), dtype=np.int64), 1, True
    count = min(CELLS, len(np.unique(at)))
    return np.rint((at - low) / (high - low) * (count - 1)).astype(np.int64), count, True


def _counted(cells: npt.NDArray[np.int64], count: int) -> Floats:
    """Return the share of each cell, a uniform prior counting as one trial."""
    return (np.bincount(cells, minlength=count) + 1 / count) / (len(cells) + 1)


def _smoothed(cells: npt.NDArray[np.int64], count: int) -> Floats:
    """Return a Parzen estimate at the cells: Gaussian kernels of Scott's width, the prior counting as one trial."""
    spread = min(float(cells.std()), float(np.subtract(*np.percentile(cells, [75, 25]))) / 1.34 or float("inf"))
    width = max(1.06 * spread * len(cells) ** -0.2, 0.5)
    at = np.arange(count)
    kernels = np.exp(-(((at[:, None] - at[None, :]) / width) ** 2) / 2)
    kernels /= kernels.sum(axis=0)  # what would lie beyond the ends lies within
    shares: Floats = (kernels @ np.bincount(cells, minlength=count) + 1 / count) / (len(cells) + 1)
    return shares


def _plain(value: Value) -> str:
    """Return `value` as a word: True and 1 stay apart."""
    return repr(value)
