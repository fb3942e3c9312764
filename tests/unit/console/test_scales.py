from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlray.console.scales import Scale, decimals, months_between, padded, round_ticks, seconds

amounts = st.floats(-1e9, 1e9)


def test_a_value_beyond_the_scale_stays_inside_the_frame():
    scale = Scale(0, 10, 200, 100)
    assert [scale(v) for v in (-5, 0, 10, 99)] == [200, 200, 100, 100]


def test_a_scale_of_one_value_puts_it_in_the_middle():
    assert Scale(3, 3, 0, 10)(3) == 5


def test_a_moment_without_a_zone_counts_as_utc():
    assert seconds(datetime(2013, 4, 1)) == seconds(datetime(2013, 4, 1, tzinfo=UTC))  # noqa: DTZ001


@given(low=amounts, size=st.floats(1e-6, 1e9))
def test_ticks_lie_within_their_ends_and_are_few(low, size):
    ticks = round_ticks(low, low + size)
    slack = size * 1e-3 + abs(low) * 1e-9
    assert 1 <= len(ticks) <= 8
    assert all(low - slack <= tick <= low + size + slack for tick in ticks)
    assert ticks == sorted(ticks)


@pytest.mark.parametrize(("ticks", "digits"), [([0, 5], 0), ([0.02, 0.04], 2), ([0.125], 3), ([], 0)])
def test_labels_have_the_digits_that_tell_ticks_apart(ticks, digits):
    assert decimals(ticks) == digits


def test_ticks_of_an_empty_range_are_its_value():
    assert round_ticks(2.0, 2.0) == [2.0]


def test_padding_moves_both_ends():
    assert padded(0, 100, 0.05) == (-5, 105)


def test_months_cross_the_turn_of_the_year_and_begin_with_a_whole_one():
    months = months_between(datetime(2013, 11, 1, tzinfo=UTC), datetime(2014, 2, 1, tzinfo=UTC))
    assert [f"{m:%Y-%m-%d}" for m in months] == ["2013-11-01", "2013-12-01", "2014-01-01", "2014-02-01"]
    assert all(m.tzinfo is UTC for m in months)
