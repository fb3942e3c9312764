"""What is in the data: each column's distribution, read off a mergeable profile. Pure; no row is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mlray.records import Bar, ColumnProfile
from mlray.sketches import NumberColumn, Profile, Summary, TextColumn

__all__ = ["describe"]

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

BARS = 24
"""Bars of a distribution; a column with no more different values has one for each."""
WORDS = 12
"""Words with a bar of their own."""
FAR = 3.0
"""Spreads beyond a quartile from which a value counts as an outlier: what Tukey calls far out."""
CELL = 0.008
"""How far a value lies from the border of its cell at most, as a share of its distance from the median."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def describe(profile: Profile, before: Profile | None = None) -> tuple[ColumnProfile, ...]:
    """Return every column of `profile` as figures and bars; `before`, another version's, is counted in the same bars.

    Outliers lie beyond the quartiles by more than three times the spread on their own side, which is twice the distance
    from quartile to median: Tukey's far-out fence where a distribution is even, and for a skewed one a fence that lies
    farther out on the long side (Kimber, "Exploratory data analysis for possibly censored data from skewed
    distributions", 1990). A column whose half on one side is mostly one value has no fence there.
    """
    return tuple(_column(name, profile, before) for name in profile.columns)


def _column(name: str, profile: Profile, before: Profile | None) -> ColumnProfile:
    column = profile.reference.columns[name]
    other = before if before is not None and name in before.columns else None
    if isinstance(column, TextColumn):
        return _words(name, column, profile, other)
    return _numbers(name, column, profile, other)


def _words(name: str, column: TextColumn, profile: Profile, before: Profile | None) -> ColumnProfile:
    found, summary = _by_word(profile, name), profile.summary(name)
    earlier = _by_word(before, name) if before is not None else {}
    ranked = sorted((word for word in found if word is not None), key=lambda word: (-found[word], word))
    shown = ranked[:WORDS]
    bars = [Bar(word, found[word], earlier.get(word, 0)) for word in shown]
    rest = sum(found.values()) - sum(bar.rows for bar in bars)
    rest_before = sum(earlier.values()) - sum(bar.before for bar in bars)
    if rest or rest_before:
        bars.append(Bar("(other)", rest, rest_before))
    complete = column.complete and not profile.bins(name).unseen
    return ColumnProfile(
        name=name,
        kind="text",
        rows=profile.rows,
        missing=summary.nulls,
        distinct=len(ranked) if complete else None,
        bars=tuple(bars),
    )


def _by_word(profile: Profile, name: str) -> dict[str | None, int]:
    """Return the count of each word that occurs; those without a bin of their own stand together under None."""
    bins = profile.bins(name)
    column = profile.reference.columns[name]
    top = len(column.top) if isinstance(column, TextColumn) else 0
    found: dict[str | None, int] = {
        word: int(count) for word, count in zip(bins.labels[:top], bins.counts[:top], strict=True) if count
    }
    rest = int(bins.counts[top:].sum())
    return found | {None: rest} if rest else found


def _numbers(name: str, column: NumberColumn, profile: Profile, before: Profile | None) -> ColumnProfile:
    values, counts = profile.cells(name)
    summary = profile.summary(name)
    if not counts.sum():
        return ColumnProfile(name, column.kind, profile.rows, summary.nulls, 0)
    quartiles = _quantiles(values, counts, (0.25, 0.5, 0.75))
    fence = _fence(quartiles) if column.kind == "number" else None
    outside = (values < fence[0]) | (values > fence[1]) if fence else np.zeros(len(values), dtype=bool)
    inside = values[~outside]
    earlier = before.cells(name) if before is not None else (np.empty(0), np.empty(0, dtype=np.int64))
    frame = _Frame.of(inside if len(inside) else values, column.kind, _ends(summary, fence))
    now, then = frame.counted(values, counts), frame.counted(*earlier)
    bars = (Bar(label, int(n), int(m)) for label, n, m in zip(frame.labels(), now, then, strict=True))
    return ColumnProfile(
        name=name,
        kind=column.kind,
        rows=profile.rows,
        missing=summary.nulls,
        distinct=len(values) if len(values) <= BARS else None,
        low=_finite(summary.low),
        high=_finite(summary.high),
        mean=summary.mean,
        quartiles=quartiles,
        bars=tuple(bars),
        outliers=int(counts[outside].sum()),
        fence=fence,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def _ends(summary: Summary, fence: tuple[float, float] | None) -> tuple[float, float]:
    """Return where the bars begin and end: at the exact extremes, or at the fence where values lie beyond it."""
    low, high = summary.low or 0.0, summary.high or 0.0
    return (max(low, fence[0]), min(high, fence[1])) if fence else (low, high)


def _quantiles(values: Floats, counts: Counts, shares: Sequence[float]) -> tuple[float, float, float]:
    places = np.searchsorted(np.cumsum(counts), np.asarray(shares) * counts.sum())
    low, middle, high = (float(values[min(place, len(values) - 1)]) for place in places)
    return low, middle, high


def _fence(quartiles: tuple[float, float, float]) -> tuple[float, float] | None:
    low, middle, high = quartiles
    if middle in (low, high):
        return None
    return low - FAR * 2 * (middle - low), high + FAR * 2 * (high - middle)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The bars of one number column: one per value where they are few, else equal widths with open ends."""

    kind: str
    edges: Floats
    """One per value, or the borders between bars."""
    single: bool

    @classmethod
    def of(cls, values: Floats, kind: str, ends: tuple[float, float]) -> "_Frame":
        if len(values) <= BARS and kind != "timestamp":
            return cls(kind, _whole(values), single=True)
        return cls(kind, np.linspace(*ends, BARS + 1), single=False)

    def counted(self, values: Floats, counts: Counts) -> Counts:
        """Return how many of the values fall into each bar; those beyond the ends fall into the outermost."""
        inner = (self.edges[1:] + self.edges[:-1]) / 2 if self.single else self.edges[1:-1]
        places = np.searchsorted(inner, values, side="right")
        return np.bincount(places, weights=counts, minlength=len(inner) + 1).astype(np.int64)

    def labels(self) -> list[str]:
        if self.single:
            return [_written(value, self.kind) for value in self.edges]
        written = [_written(edge, self.kind) for edge in self.edges]
        return [f"{low} – {high}" for low, high in pairwise(written)]


def _whole(values: Floats) -> Floats:
    """Return whole numbers where all lie within a cell of one: a cell's border is not quite the value that fell in."""
    whole = np.round(values)
    near = np.abs(values - whole).max() <= CELL * (values[-1] - values[0])
    return whole if near and len(np.unique(whole)) == len(whole) else values


def _written(value: float, kind: str) -> str:
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "timestamp":
        return f"{EPOCH + timedelta(microseconds=value):%Y-%m-%d}"
    return f"{value:.4g}"
