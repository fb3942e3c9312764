"""Time is an argument. A clock is asked at the rim only, and a test moves it by hand."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "ManualClock", "SystemClock", "parse_duration"]

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}


class Clock(Protocol):
    """Something that knows what time it is."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(UTC)

    def ticks(self) -> float:
        """Return seconds from an arbitrary origin; only differences mean anything, and they never run backwards."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved, for tests and for replaying the past.

    >>> clock = ManualClock(datetime(2013, 4, 1, tzinfo=UTC))
    >>> clock.advance(timedelta(days=1))
    >>> clock.now().isoformat()
    '2013-04-02T00:00:00+00:00'
    """

    def __init__(self, start: datetime) -> None:
        """Start at `start`, which must carry a time zone."""
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        """Return the moment that was set last."""
        return self._now

    def advance(self, by: timedelta) -> None:
        """Move forward; a negative step raises ValueError, since decisions assume that time never runs backwards."""
        if by < timedelta(0):
            message = f"a clock moves forward only, not by {by}"
            raise ValueError(message)
        self._now += by


def parse_duration(text: str) -> timedelta:
    """Return the duration that `text` names: a whole number and second, minute, hour, day or week, plural or not.

    >>> parse_duration("14 days")
    datetime.timedelta(days=14)
    """
    number, _, unit = text.strip().partition(" ")
    seconds = _UNITS.get(unit.strip().removesuffix("s"))
    if seconds is None or not number.isdecimal():
        message = f"'{text}' is not a duration; write a number and a unit, such as '14 days'"
        raise ValueError(message)
    return timedelta(seconds=int(number) * seconds)
