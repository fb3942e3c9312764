"""When a source is due. Pure: the same source, schedule and moments give the same answer on every machine."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mlray.clock import parse_duration
from mlray.ids import digest
from mlray.spec import Schedule

__all__ = ["due", "next_look"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEPS = 2**48


def due(schedule: Schedule, seed: str, last: datetime | None, now: datetime) -> bool:
    """Return whether a look is due at `now` that had none at `last`; the first one is due at once.

    However late it comes, a missed look is made up for once, not as often as it was missed. `seed` names the source: it
    chooses the jitter, so that two sources with one schedule do not start together.
    """
    return last is None or next_look(schedule, seed, last) <= now


def next_look(schedule: Schedule, seed: str, last: datetime) -> datetime:
    """Return the first moment after `last` at which the schedule, with its jitter, asks for a look."""
    spread = schedule.spread
    # A look that belongs to a moment before `last` may come after it.
    for moment in _moments(schedule, last - spread):
        at = moment + _jitter(spread, seed, moment)
        if at > last:
            return at
    return datetime.max.replace(tzinfo=UTC)  # a cron line may name years, and be over


def _moments(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """Return the schedule's moments from `after` on, without jitter.

    They are those of the clock, not of the last look: they do not drift, and whoever comes back finds the same ones.
    """
    if schedule.cron is not None:
        from cronsim import CronSim

        for moment in CronSim(schedule.cron, after.astimezone(ZoneInfo(schedule.timezone))):
            yield moment.astimezone(UTC)
        return
    every = parse_duration(schedule.every or "1 day")
    moment = _EPOCH + (after.astimezone(UTC) - _EPOCH) // every * every
    while True:
        yield moment
        moment += every


def _jitter(spread: timedelta, seed: str, moment: datetime) -> timedelta:
    return spread * (int(digest(f"{seed}@{moment.isoformat()}".encode())[:12], 16) / _STEPS)
