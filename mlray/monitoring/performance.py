"""How well a model does: estimated from its scores alone, and measured once labels arrive.

The estimate is confidence-based (CBPE): calibrated probabilities say how often their own decisions are wrong. It is
blind to concept drift: when the same rows begin to turn out differently, no score shows it. So it stands beside the
measured figure. Formulas are written out here since no stage imports another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from math import sqrt

import numpy as np
import numpy.typing as npt

from mlray.records import Interval, Performance, Record

__all__ = ["Calibration", "calibration", "estimate", "excess", "measure"]

Floats = npt.NDArray[np.float64]
LEVEL = 0.95
BINS = 50
THRESHOLD = 0.5


@cache
def _z() -> float:
    """Return how many standard errors lie between a figure and the ends of its interval."""
    from scipy.special import ndtri  # takes longer to import than most commands run

    return float(-ndtri((1 - LEVEL) / 2))


@dataclass(frozen=True, slots=True)
class Calibration(Record):
    """How often rows with a score up to each edge really turned out true: a rising step function of the score."""

    edges: tuple[float, ...]
    """The largest score of each bin but the last; the last bin is open."""
    rates: tuple[float, ...]
    """The share of true rows in each bin, never falling."""
    rows: tuple[int, ...]
    """Labelled rows behind each rate."""

    def apply(self, p: npt.ArrayLike) -> Floats:
        """Return the calibrated probabilities for scores `p` of shape [n]."""
        return np.asarray(self.rates)[self.places(p)]

    def places(self, p: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the bin of each score."""
        return np.searchsorted(np.asarray(self.edges), np.asarray(p, float), side="left")


def calibration(y: npt.ArrayLike, p: npt.ArrayLike) -> Calibration:
    """Return the isotonic fit of outcomes `y` (0/1, shape [n]) on scores `p`, over at most 50 bins of equal mass.

    Bins whose rate falls are pooled until none does (pool adjacent violators): the least-squares monotone fit.

    >>> calibration([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]).apply([0.15, 0.85]).tolist()
    [0.0, 1.0]
    """
    truth, scores = np.asarray(y, float), np.asarray(p, float)
    kept = np.isfinite(scores) & np.isfinite(truth)
    truth, scores = truth[kept], scores[kept]
    if not len(scores):
        return Calibration((), (0.5,), (0,))
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))
    edges = edges[edges < scores.max()]
    places = np.searchsorted(edges, scores, side="left")
    rows = np.bincount(places, minlength=len(edges) + 1)
    hits = np.bincount(places, weights=truth, minlength=len(edges) + 1)
    pools = _pooled(rows.tolist(), hits.tolist())
    return Calibration(
        edges=tuple(float(edges[last]) for _, _, last in pools[:-1]),
        rates=tuple(true / count for count, true, _ in pools),
        rows=tuple(count for count, _, _ in pools),
    )


def _pooled(rows: Sequence[int], hits: Sequence[float]) -> list[tuple[int, float, int]]:
    """Return pools (rows, hits, last bin) whose rates rise."""
    pools: list[tuple[int, float, int]] = []
    for place, (count, hit) in enumerate(zip(rows, hits, strict=True)):
        n, h = count, hit
        while pools and pools[-1][1] * n >= h * pools[-1][0]:
            last = pools.pop()
            n, h = n + last[0], h + last[1]
        pools.append((n, h, place))
    return pools


def estimate(p: npt.ArrayLike, calibration: Calibration) -> Interval:
    """Return the error rate to expect for scores `p` of shape [n], decided at 0.5, without any label.

    With 95 % the interval holds the error rate that the rows will really show, as long as the calibration still holds
    and rows turn out independently: it adds the chance in the outcomes to the chance in the calibration's own rows.
    """
    scores = np.asarray(p, float)
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        return Interval(0.5, 0.0, 1.0)
    places, rates = calibration.places(scores), np.asarray(calibration.rates)
    yes = scores >= THRESHOLD
    wrong = np.where(yes, 1 - rates[places], rates[places])
    outcomes = float(np.sum(wrong * (1 - wrong))) / len(scores) ** 2
    # A bin's rate moves all its rows at once, and the two sides of the threshold in opposite directions.
    weight = np.bincount(places, weights=np.where(yes, -1.0, 1.0), minlength=len(rates)) / len(scores)
    spread = rates * (1 - rates) / np.maximum(np.asarray(calibration.rows), 1)
    return _around(float(wrong.mean()), sqrt(outcomes + float(np.sum(weight**2 * spread))))


def measure(  # noqa: PLR0913 (the fields of the record)
    *,
    endpoint: str,
    version: int,
    start: datetime,
    end: datetime,
    scores: npt.ArrayLike,
    labelled_scores: npt.ArrayLike = (),
    labels: npt.ArrayLike = (),
    calibration: Calibration | None = None,
    excess: Interval | None = None,
) -> Performance:
    """Return how one version did on one window.

    Args:
        endpoint: The endpoint's name.
        version: The version that gave the scores.
        start: The window's start.
        end: The window's end, not part of it.
        scores: Its scores on the window's rows, shape [n].
        labelled_scores: Its scores on the rows whose outcome is known, shape [m]; often rows of some days before.
        labels: Those outcomes, shape [m].
        calibration: Made when the version was trained; without it nothing is estimated.
        excess: The error above a fresh challenger's, see `excess`.
    """
    p, y = np.asarray(labelled_scores, float), np.asarray(labels, float)
    kept = np.isfinite(p) & np.isfinite(y)
    p, y = p[kept], y[kept]
    shown = np.asarray(scores, float)
    estimated = estimate(shown, calibration) if calibration is not None and len(shown) else None
    return Performance(endpoint, version, start, end, len(shown), len(y), estimated, _measured(y, p), excess)


def _measured(y: Floats, p: Floats) -> Mapping[str, Interval]:
    if not len(y):
        return {}
    wrong = int(np.sum((p >= THRESHOLD) != (y > 0)))
    losses = (p - y) ** 2
    found = {"error": _wilson(wrong, len(y)), "brier": _mean(losses)}
    if 0 < y.sum() < len(y):
        found["auc"] = _auc(y > 0, p)
    return found


def excess(
    y: npt.ArrayLike, live: npt.ArrayLike, challenger: npt.ArrayLike, days: Sequence[object] | None = None
) -> Interval:
    """Return the error rate of the live scores above that of the challenger's on the same rows, with a paired interval.

    Args:
        y: Outcomes, shape [n].
        live: Scores of the live version, shape [n].
        challenger: Scores of the challenger, shape [n].
        days: The day of each row. Rows of one day share weather and the like, so the interval is then computed from the
            days' sums (cluster-robust, Liang and Zeger 1986, with the small-sample factor G/(G-1)).
    """
    truth = np.asarray(y, float) > 0
    difference = ((np.asarray(live, float) >= THRESHOLD) != truth).astype(float)
    difference -= (np.asarray(challenger, float) >= THRESHOLD) != truth
    if len(difference) < 2:
        return Interval(float(difference.mean()) if len(difference) else 0.0, -1.0, 1.0)
    if days is None:
        return _mean(difference)
    _, group = np.unique(np.asarray(days), return_inverse=True)
    mean, groups = float(difference.mean()), int(group.max()) + 1
    if groups < 2:
        return _mean(difference)
    sums = np.bincount(group, weights=difference - mean)
    return _around(mean, sqrt(float(sums @ sums) * groups / (groups - 1)) / len(difference), low=-1.0)


def _around(value: float, error: float, low: float = 0.0) -> Interval:
    reach = _z() * error
    return Interval(value, max(low, value - reach), min(1.0, value + reach), LEVEL)


def _mean(values: Floats) -> Interval:
    error = float(values.std(ddof=1)) / sqrt(len(values)) if len(values) > 1 else 1.0
    return _around(float(values.mean()), error, low=-1.0 if values.min() < 0 else 0.0)


def _wilson(wrong: int, rows: int) -> Interval:
    """Return a share with Wilson's interval (1927), which keeps its promise for shares near 0 and few rows."""
    share, z = wrong / rows, _z()
    z2 = z**2
    centre = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = z / (1 + z2 / rows) * sqrt(share * (1 - share) / rows + z2 / (4 * rows**2))
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half), LEVEL)


def _auc(true: npt.NDArray[np.bool_], p: Floats) -> Interval:
    """Return the area under the ROC curve with DeLong's interval (1988), by ranks as in Sun and Xu (2014)."""
    hits, misses = p[true], p[~true]
    m, n = len(hits), len(misses)
    from scipy.stats import rankdata  # half a second of imports, which most commands do without

    ranks = rankdata(p)
    area = float((ranks[true].sum() - m * (m + 1) / 2) / (m * n))
    by_hit = (ranks[true] - rankdata(hits)) / n
    by_miss = 1 - (ranks[~true] - rankdata(misses)) / m
    spread = (by_hit.var(ddof=1) / m if m > 1 else 0.25) + (by_miss.var(ddof=1) / n if n > 1 else 0.25)
    return _around(area, sqrt(float(spread)))
