"""When a look is due."""

from datetime import UTC, datetime, timedelta

import pytest

from mlray.data import due, next_look
from mlray.spec import Schedule

NIGHT = datetime(2024, 3, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_the_first_look_is_due_at_once():
    assert due(Schedule(), "a", None, NIGHT)


@pytest.mark.parametrize("schedule", [Schedule(every="1 day"), Schedule(cron="0 0 * * *"), Schedule()])
def test_a_tick_at_each_midnight_looks_once_a_day_whatever_the_jitter(schedule):
    last, looks = NIGHT + 13 * HOUR, []
    for day in range(1, 20):
        now = NIGHT + day * DAY
        if due(schedule, "a", last, now):
            looks.append(day)
            last = now
    # The look of a midnight comes some minutes later, so at the next tick.
    assert looks == list(range(2, 20))


def test_without_jitter_a_look_comes_at_its_moment_and_not_before():
    schedule = Schedule(every="6 hours", jitter="0 seconds")
    assert next_look(schedule, "a", NIGHT + HOUR) == NIGHT + 6 * HOUR
    assert not due(schedule, "a", NIGHT, NIGHT + 6 * HOUR - timedelta(seconds=1))
    assert due(schedule, "a", NIGHT, NIGHT + 6 * HOUR)


def test_missed_looks_are_made_up_for_once():
    schedule = Schedule(every="1 hour", jitter="0 seconds")
    back = NIGHT + 30 * HOUR + timedelta(minutes=5)
    assert due(schedule, "a", NIGHT, back)
    assert not due(schedule, "a", back, back + timedelta(minutes=50))


def test_a_cron_line_is_read_where_its_clock_hangs_also_when_the_clock_is_changed():
    berlin = Schedule(cron="0 6 * * *", timezone="Europe/Berlin", jitter="0 seconds")
    looks = [next_look(berlin, "a", NIGHT + n * DAY).isoformat() for n in range(3)]
    assert looks == ["2024-03-30T05:00:00+00:00", "2024-03-31T04:00:00+00:00", "2024-04-01T04:00:00+00:00"]


def test_jitter_is_the_same_for_the_same_source_and_differs_between_sources():
    schedule = Schedule(every="1 day", jitter="1 hour")
    looks = {seed: next_look(schedule, seed, NIGHT + HOUR) for seed in ("a", "b", "c")}
    assert looks == {seed: next_look(schedule, seed, NIGHT + HOUR) for seed in ("a", "b", "c")}
    assert len(set(looks.values())) == 3
    assert all(DAY <= look - NIGHT < DAY + HOUR for look in looks.values())


def test_a_short_period_has_a_short_jitter():
    assert Schedule(every="1 minute").spread == timedelta(seconds=6)
    assert Schedule(every="2 days").spread == timedelta(minutes=5)
