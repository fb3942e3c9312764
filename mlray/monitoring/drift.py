"""Drift: how far the traffic of a window has moved from the rows that the model learnt from. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import numpy as np
import numpy.typing as npt

from mlray.records import ColumnDrift, DriftReport
from mlray.sketches import Bins, NumberColumn, Profile

__all__ = ["compare", "jensen_shannon", "population_stability", "sampling_allowance"]

Counts = npt.NDArray[np.int64]

# An empty bin would make the logarithm infinite; one in ten thousand is the share usually assumed for it.
EMPTY_BIN = 1e-4
SMOOTHING = 0.5
FALSE_ALARM = 0.001
"""About the chance that a report names any column while nothing has changed, if rows are independent."""
SILENT = 0.1
"""A feed with less than this share of the rows expected is broken, not changed."""
BROKEN = 0.5
"""A share of missing or never-seen values that no real change of the world explains …"""
RARE = 0.1
"""… where less than this share was usual."""
FAR = 5.0
"""Interquartile ranges beyond everything known: a season is warmer, but only another unit is that far off."""
ENOUGH = 50
"""Rows below which nothing is said about a feed's columns."""


def population_stability(reference: Counts, live: Counts, *, smoothing: float = 0.0) -> float:
    """Return the population stability index (PSI) of two histograms over the same bins.

    Below 0.1 the two are alike; above 0.25 they have parted. Empty bins count as one in ten thousand.

    Args:
        reference: Counts of the reference, shape [bins].
        live: Counts of the window, shape [bins].
        smoothing: Rows added to every bin. With none, a bin that thirty rows happen to leave empty adds 0.7.

    >>> round(population_stability(np.array([50, 50]), np.array([90, 10])), 3)
    0.879
    """
    smooth = [counts + smoothing for counts in (reference, live)]
    p, q = (np.maximum(counts / max(counts.sum(), 1), EMPTY_BIN) for counts in smooth)
    return float(np.sum((q - p) * np.log(q / p)))


def jensen_shannon(reference: Counts, live: Counts) -> float:
    """Return the Jensen–Shannon distance of two histograms over the same bins: base 2, 0 (alike) to 1 (nothing shared).

    >>> jensen_shannon(np.array([7, 0]), np.array([0, 9]))
    1.0
    """
    p, q = (counts / max(counts.sum(), 1) for counts in (reference, live))
    middle = (p + q) / 2
    halves = [float(np.sum(side[side > 0] * np.log2(side[side > 0] / middle[side > 0]))) for side in (p, q)]
    return float(np.sqrt(max(sum(halves) / 2, 0.0)))


def sampling_allowance(reference: Counts, live: Counts, chance: float) -> float:
    """Return the PSI that sampling alone exceeds with probability `chance`.

    Of two samples of n and m rows from one distribution over B bins, PSI / (1/n + 1/m) is about chi-squared with B - 1
    degrees of freedom (Yurdakul, "Statistical properties of population stability index", 2018). Half a row more in
    every bin makes that hold down to thirty rows.

    >>> few, many = (sampling_allowance(np.full(10, 10**5), np.full(10, n), 0.001) for n in (10, 1000))
    >>> round(few, 3), round(many, 4)
    (0.279, 0.0028)
    """
    used = int(np.count_nonzero(reference + live))
    rows = min(reference.sum(), live.sum())
    if used < 2 or rows == 0:
        return 0.0
    from scipy.special import chdtri  # takes longer to import than most commands run

    return float(chdtri(used - 1, chance) * (1 / reference.sum() + 1 / live.sum()))


def compare(  # noqa: PLR0913 (the fields of the report)
    reference: Profile,
    live: Profile,
    *,
    endpoint: str,
    version: int,
    start: datetime,
    end: datetime,
    threshold: float,
    now: datetime,
    expected_rows: float | None = None,
) -> DriftReport:
    """Return how the window's rows differ from the reference.

    A column drifts when its PSI exceeds `threshold` by more than sampling alone explains (see `sampling_allowance`), so
    a quiet night with fifty rows raises nothing. Columns of times are left out: time always moves.

    Args:
        reference: Profile of the rows that the model learnt from.
        live: Profile of the window's rows against the same reference.
        endpoint: The endpoint's name.
        version: The live version.
        start: The window's start.
        end: The window's end, not part of it.
        threshold: Population stability index.
        now: When this is looked at.
        expected_rows: How many rows such a window usually has; far fewer mean a broken feed.
    """
    names = [name for name in live.columns if not _is_time(reference, name)]
    columns = tuple(_column(name, reference, live, threshold, FALSE_ALARM / max(len(names), 1)) for name in names)
    return DriftReport(
        endpoint=endpoint,
        version=version,
        start=start,
        end=end,
        rows=live.rows,
        columns=columns,
        score=max((column.psi for column in columns), default=0.0),
        threshold=threshold,
        seen_at=now,
        broken=next(_faults(reference, live, names, expected_rows), ""),
    )


def _is_time(reference: Profile, name: str) -> bool:
    column = reference.reference.columns[name]
    return isinstance(column, NumberColumn) and column.kind == "timestamp"


def _with_missing(bins: Bins) -> Counts:
    """Return the counts with the missing values as one more bin: values that stop coming are drift, too."""
    return np.append(bins.counts, bins.missing)


def _column(name: str, reference: Profile, live: Profile, threshold: float, chance: float) -> ColumnDrift:
    before, after = (_with_missing(part.bins(name)) for part in (reference, live))
    psi = population_stability(before, after, smoothing=SMOOTHING) if live.rows else 0.0
    allowance = sampling_allowance(before, after, chance)
    rows = max(live.rows, 1)
    return ColumnDrift(
        column=name,
        psi=psi,
        js=jensen_shannon(before, after) if live.rows else 0.0,
        missing=live.bins(name).missing / rows,
        unseen=live.bins(name).unseen / rows,
        drifting=psi > threshold + allowance,
    )


def _faults(reference: Profile, live: Profile, names: Iterable[str], expected: float | None) -> Iterator[str]:
    """Yield what looks broken rather than changed, the gravest first."""
    if live.rows == 0:
        yield "no rows at all"
    if expected is not None and live.rows < SILENT * expected:
        yield f"only {live.rows:,} rows where about {expected:,.0f} are usual"
    if live.rows < ENOUGH:
        return
    for name in names:
        fault = _missing(reference, live, name) or _unheard_of(reference, live, name) or _stuck(reference, live, name)
        if fault:
            yield f"{name} {fault}"


def _missing(reference: Profile, live: Profile, name: str) -> str:
    share = live.bins(name).missing / live.rows
    usual = reference.bins(name).missing / max(reference.rows, 1)
    if share == 1 > usual:
        return "is always missing"
    return f"is missing in {share:.0%} of the rows, {usual:.0%} are usual" if share > BROKEN > RARE > usual else ""


def _unheard_of(reference: Profile, live: Profile, name: str) -> str:
    """Return what is said of words that are mostly new, or numbers that lie so far off that only a unit explains it."""
    column = reference.reference.columns[name]
    if isinstance(column, NumberColumn):
        known, seen = reference.summary(name), live.summary(name)
        if known.low is None or known.high is None or not seen.count:
            return ""
        values, counts = live.cells(name)
        middle = float(values[np.searchsorted(np.cumsum(counts), counts.sum() / 2)]) if len(values) else known.low
        away = max(known.low - middle, middle - known.high) * column.scale
        return f"lies around {middle:.3g}, far from the usual {known.low:.4g} to {known.high:.4g}" if away > FAR else ""
    share = live.bins(name).unseen / live.rows
    usual = reference.bins(name).unseen / max(reference.rows, 1)
    return f"has values never seen before in {share:.0%} of the rows" if share > BROKEN > RARE > usual else ""


def _stuck(reference: Profile, live: Profile, name: str) -> str:
    """Return what is said of a column that used to vary and has only one value left."""
    if isinstance(reference.reference.columns[name], NumberColumn):
        before, after, now = reference.cells(name)[1], live.cells(name)[1], live.summary(name)
        stuck = now.low is not None and now.low == now.high
    else:
        before, after = reference.bins(name).counts, live.bins(name).counts
        stuck = np.count_nonzero(after) == 1
    # A clear day has one visibility and no rain: only a column that mostly took other values can be called stuck.
    common = before.max(initial=0) > BROKEN * before.sum()
    return "always has the same value" if stuck and not common and after.sum() >= ENOUGH else ""
