"""Local times and UTC: which moment a clock on the wall meant, and which it cannot have meant.

Where clocks go forward an hour does not exist, where they go back one happens twice. Neither is guessed at.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlray.data._convert import ARROW

__all__ = ["AMBIGUOUS", "SKIPPED", "Local", "from_local"]

Int64s = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

SKIPPED = "was skipped when clocks went forward"
AMBIGUOUS = "happened twice when clocks went back"

_FIRST, _LAST = 1800, 2200
"""Years in which zones are looked up; outside, the nearest known offset holds."""
_BLOCK = 1 << 15
_MICRO = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Local:
    """The offsets of one zone over some years: pieces of local time, each regular, skipped or ambiguous."""

    def __init__(self, zone: str, first: int, last: int) -> None:
        """Look up the changes of `zone` in the years from `first` to `last`."""
        # A local New Year's day may be another year in UTC.
        changes = [change for year in range(first - 1, last + 2) for change in _changes(zone, year)]
        start = _offset(ZoneInfo(zone), datetime(first - 1, 1, 1, tzinfo=UTC))
        edges: list[int] = []
        shifts, kinds = [start], [0]
        for moment, before, after in changes:
            edges += [moment + min(before, after), moment + max(before, after)]
            shifts += [before, after]
            kinds += [1 if after > before else 2, 0]
        self.edges: Int64s = np.maximum.accumulate(np.array(edges, dtype=np.int64)) if edges else np.zeros(0, np.int64)
        self.shifts: Int64s = np.array(shifts, dtype=np.int64)
        self.kinds: npt.NDArray[np.int8] = np.array(kinds, dtype=np.int8)

    def to_utc(self, local: Int64s) -> tuple[Int64s, Mask | None, Mask | None]:
        """Return microseconds in UTC for local ones, and which were skipped and which are ambiguous (None: none)."""
        made = np.empty_like(local)
        skipped = ambiguous = None
        for start in range(0, len(local), _BLOCK):
            block = local[start : start + _BLOCK]
            # Most blocks lie between two changes: then one subtraction does for all.
            low, high = np.searchsorted(self.edges, (block.min(), block.max()), "right")
            if low == high and self.kinds[low] == 0:
                np.subtract(block, self.shifts[low], out=made[start : start + _BLOCK])
                continue
            pieces = np.searchsorted(self.edges, block, "right")
            np.subtract(block, self.shifts[pieces], out=made[start : start + _BLOCK])
            odd = self.kinds[pieces]
            if odd.any():
                skipped = np.zeros(len(local), dtype=np.bool_) if skipped is None else skipped
                ambiguous = np.zeros(len(local), dtype=np.bool_) if ambiguous is None else ambiguous
                skipped[start : start + _BLOCK] = odd == 1
                ambiguous[start : start + _BLOCK] = odd == 2
        return made, skipped, ambiguous


def from_local(times: pa.Array, zone: str) -> tuple[pa.Array, list[tuple[str, pa.Array]]]:
    """Return local `times` (timestamp in microseconds without a zone) as UTC.

    Times that cannot be told are null, and are returned as (what happened, boolean mask) besides.
    """
    valid = np.asarray(times.is_valid())
    local = np.frombuffer(times.buffers()[1], np.int64)[times.offset : times.offset + len(times)]
    whole = times.null_count == 0
    if not len(local) or not valid.any():
        return times.cast(pa.timestamp("us", "UTC")), []
    # What lies under a missing value is no time; the first real one stands in.
    local = local if whole else np.where(valid, local, local[int(valid.argmax())])
    years = np.array([local.min(), local.max()]).astype("datetime64[us]").astype("datetime64[Y]").astype(int) + 1970
    first, last = (int(min(max(year, _FIRST), _LAST)) for year in years)
    made, skipped, ambiguous = _local(zone, first, last).to_utc(local)
    odd = [(SKIPPED, skipped), (AMBIGUOUS, ambiguous)]
    faults = [(what, mask & valid) for what, mask in odd if mask is not None and (mask & valid).any()]
    lost = ~valid
    for _, mask in faults:
        lost |= mask
    values = pa.array(made, mask=lost if lost.any() else None).view(ARROW["timestamp"])
    return values, [(what, pa.array(mask)) for what, mask in faults]


@cache
def _local(zone: str, first: int, last: int) -> Local:
    return Local(zone, first, last)


@cache
def _changes(zone: str, year: int) -> tuple[tuple[int, int, int], ...]:
    """Return the changes of a year: moment in UTC, offset before and after, all in microseconds."""
    info = ZoneInfo(zone)
    found = []
    step = timedelta(hours=12)
    at = datetime(year, 1, 1, tzinfo=UTC)
    end = datetime(year + 1, 1, 1, tzinfo=UTC)
    while at < end:
        before, after = _offset(info, at), _offset(info, at + step)
        if before != after:
            moment = _moment(info, at, at + step, before)
            found.append(((moment - _EPOCH) // _MICRO, before, after))
        at += step
    return tuple(found)


def _moment(info: ZoneInfo, low: datetime, high: datetime, before: int) -> datetime:
    """Return the first second with another offset than `before`, which lies after `low` and not after `high`."""
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        low, high = (middle, high) if _offset(info, middle) == before else (low, middle)
    return high


def _offset(info: ZoneInfo, moment: datetime) -> int:
    return (moment.astimezone(info).utcoffset() or timedelta()) // _MICRO
