"""What holds of every schedule."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mlray.data import due, next_look
from mlray.spec import Schedule

moments = st.datetimes(datetime(1975, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
seeds = st.text(max_size=5)
schedules = st.one_of(
    st.builds(
        lambda number, unit, jitter: Schedule(every=f"{number} {unit}", jitter=jitter),
        st.integers(1, 90),
        st.sampled_from(["hour", "day", "week"]),
        st.sampled_from([None, "0 seconds", "59 minutes"]),
    ),
    st.builds(
        lambda cron, zone: Schedule(cron=cron, timezone=zone),
        st.sampled_from(["0 3 * * *", "*/20 * * * *", "30 2 * * 1-5", "0 0 1 * *"]),
        st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
    ),
)


@given(schedules, seeds, moments)
def test_the_next_look_lies_ahead_and_is_due_from_then_on(schedule, seed, last):
    at = next_look(schedule, seed, last)
    assert at > last
    assert due(schedule, seed, last, at)
    assert not due(schedule, seed, last, at - timedelta(microseconds=1))


@given(schedules, seeds, moments, moments)
def test_whoever_looked_later_looks_again_no_earlier(schedule, seed, one, other):
    first, second = sorted((one, other))
    assert next_look(schedule, seed, first) <= next_look(schedule, seed, second)


@given(schedules, seeds, moments)
def test_two_looks_are_never_farther_apart_than_the_period_and_the_jitter(schedule, seed, last):
    first = next_look(schedule, seed, last)
    second = next_look(schedule, seed, first)
    longest = schedule.period if schedule.cron is None else timedelta(days=32)
    assert second - first <= longest + schedule.spread
