"""From values to pixels: linear scales, round ticks and the months of an axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10

__all__ = ["Scale", "days_between", "decimals", "months_between", "padded", "round_ticks", "seconds"]


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map from `low`…`high` to the pixels `start`…`stop`; a single value falls in the middle.

    >>> Scale(0, 10, 100, 200)(2.5)
    125.0
    """

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        """Return the pixel of `value`, clipped to the ends: a mark outside the frame would lie over the text."""
        if self.high <= self.low:
            return (self.start + self.stop) / 2
        share = min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))
        return self.start + share * (self.stop - self.start)

    def at(self, moment: datetime) -> float:
        """Return the pixel of a moment, on a scale whose ends are `seconds`."""
        return self(seconds(moment))


def seconds(moment: datetime) -> float:
    """Return a moment as seconds since 1970; one without a zone counts as UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def round_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return round numbers within `low`…`high`, about as many as asked.

    >>> round_ticks(0.231, 0.289), round_ticks(0, 60)
    ([0.24, 0.26, 0.28], [0.0, 20.0, 40.0, 60.0])
    """
    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.7)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    # One rounding of a whole multiple: adding the step again and again would print 0.30000000000000004.
    return [round(index * step, 12) for index in range(first, last + 1)]


def decimals(ticks: Sequence[float]) -> int:
    """Return how many digits after the point tell the ticks apart.

    >>> decimals([0.25, 0.26]), decimals([0.0, 20.0]), decimals([0.3])
    (2, 0, 1)
    """
    return next((digits for digits in range(9) if all(abs(round(tick, digits) - tick) < 1e-9 for tick in ticks)), 9)


def padded(low: float, high: float, share: float = 0.08) -> tuple[float, float]:
    """Return the ends moved apart by a share of their distance, so that no mark touches the frame.

    >>> padded(0, 10, 0.1), padded(3.0, 3.0)
    ((-1.0, 11.0), (2.5, 3.5))
    """
    room = (high - low) * share if high > low else 0.5
    return low - room, high + room


def months_between(start: datetime, end: datetime) -> list[datetime]:
    """Return the first days of the months after `start` and up to `end`, with the zone of `start`.

    >>> [f"{m:%b %Y}" for m in months_between(datetime(2013, 11, 5), datetime(2014, 1, 2))]
    ['Dec 2013', 'Jan 2014']
    """
    first = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    months = (end.year - first.year) * 12 + end.month - first.month
    every = [
        first.replace(year=first.year + (first.month - 1 + i) // 12, month=(first.month - 1 + i) % 12 + 1)
        for i in range(months + 1)
    ]
    return [month for month in every if start <= month <= end]


def days_between(start: datetime, end: datetime) -> list[datetime]:
    """Return the midnights after `start` and up to `end`, with the zone of `start`.

    >>> [f"{d:%d %b}" for d in days_between(datetime(2013, 4, 29, 8), datetime(2013, 5, 1))]
    ['30 Apr', '01 May']
    """
    first = start.replace(hour=0, minute=0, second=0, microsecond=0)
    every = (first + timedelta(days=number) for number in range((end - first).days + 1))
    return [midnight for midnight in every if start <= midnight <= end]
