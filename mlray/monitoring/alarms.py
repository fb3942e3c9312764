"""When a figure that is looked at again and again becomes an alarm, and when the alarm is over. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

__all__ = ["Alarm", "State", "advance"]

CALM = 0.8
"""An alarm ends only below this share of the threshold, so that a figure that hovers there does not ring all day."""
LOUD = 2.0
"""A figure this many times above the threshold needs no second look."""


class State(StrEnum):
    """How one watched figure stands."""

    OK = "ok"
    WARNING = "warning"
    ALARM = "alarm"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Alarm:
    """The state of one watched figure.

    >>> from datetime import UTC, datetime
    >>> monday = datetime(2013, 4, 1, tzinfo=UTC)
    >>> advance(advance(Alarm(), 0.3, 0.25, monday), 0.3, 0.25, monday).state
    <State.ALARM: 'alarm'>
    """

    state: State = State.OK
    since: datetime | None = None
    """When the present state began; None before anything was seen."""
    streak: int = 0
    """Looks in a row that pointed away from the present state."""


def advance(alarm: Alarm, score: float, threshold: float, now: datetime, *, confirm: int = 2, clear: int = 2) -> Alarm:
    """Return the state after one more look at the figure.

    ok → warning at the first score above `threshold`; warning → alarm once `confirm` scores in a row lie above it, or
    at once from twice the threshold; alarm → resolved once `clear` scores in a row lie below 0.8 of it; resolved → ok
    at the next look that is still below the threshold, and back to alarm at one above.
    """
    above, far, calm = score > threshold, score >= LOUD * threshold, score < CALM * threshold
    match alarm.state:
        case State.OK | State.WARNING:
            if not above:
                return _to(alarm, State.OK, now)
            streak = alarm.streak + 1
            return _to(alarm, State.ALARM if far or streak >= confirm else State.WARNING, now, streak)
        case State.ALARM:
            streak = alarm.streak + 1 if calm else 0
            return _to(alarm, State.RESOLVED if streak >= clear else State.ALARM, now, streak)
        case State.RESOLVED:
            return _to(alarm, State.ALARM if above else State.OK, now)
        case _:
            assert_never(alarm.state)


def _to(alarm: Alarm, state: State, now: datetime, streak: int = 0) -> Alarm:
    changed = state is not alarm.state
    # A warning's streak leads to the alarm; every other change starts counting anew.
    kept = streak if state is State.WARNING or not changed else 0
    return Alarm(state, now if changed or alarm.since is None else alarm.since, kept)
