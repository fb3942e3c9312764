"""The token bucket keeps its rate, whatever the rhythm of the requests."""

from hypothesis import given
from hypothesis import strategies as st

from mlray.security._bucket import take


@given(st.floats(0.1, 50), st.lists(st.floats(0, 3), max_size=60))
def test_no_stretch_of_time_lets_more_pass_than_its_rate_and_one_second_s_worth(rate, pauses):
    bucket, now, passed = None, 0.0, []
    for pause in pauses:
        now += pause
        bucket, wait = take(bucket, rate, now)
        if not wait:
            passed.append(now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            assert last - first + 1 <= max(1.0, rate) + (passed[last] - passed[first]) * rate + 1e-6


@given(st.floats(0.1, 50), st.integers(1, 100))
def test_who_keeps_to_the_rate_is_never_refused(rate, count):
    bucket = None
    for number in range(count):
        bucket, wait = take(bucket, rate, number / rate)
        assert wait == 0


@given(st.floats(0.1, 50))
def test_who_waits_as_told_passes(rate):
    bucket, wait = None, 0.0
    while not wait:
        bucket, wait = take(bucket, rate, 0.0)
    assert take(bucket, rate, wait)[1] == 0


def test_a_clock_that_runs_backwards_gives_nothing_away():
    bucket, _ = take(None, 1, 10.0)
    assert take(bucket, 1, 5.0)[1] == 1.0
