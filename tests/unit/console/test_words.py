from datetime import UTC, datetime
from decimal import Decimal

import pytest

from mlray.console.words import comma, count, day, duration, money, percent, points

MINUS = "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("0", "USD", "$0.00"),
        ("0.01", "USD", "$0.01"),
        ("-0.002", "USD", "under $0.01"),
        ("-1234.567", "EUR", f"{MINUS}€1,234.57"),
        ("12", "SEK", "12.00 SEK"),
    ],
)
def test_money_is_shown_to_the_cent(amount, currency, shown):
    assert money(Decimal(amount), currency) == shown


@pytest.mark.parametrize(("share", "shown"), [(-0.0123, f"{MINUS}1.2%"), (-0.00001, "0.0%"), (0.0, "0.0%")])
def test_a_share_that_rounds_to_zero_has_no_sign(share, shown):
    assert percent(share) == shown


@pytest.mark.parametrize(("share", "shown"), [(-0.004, f"{MINUS}0.40"), (-0.00001, "+0.00")])
def test_points_carry_their_sign(share, shown):
    assert points(share) == shown


def test_nouns_follow_their_number():
    assert [count(n, "retraining") for n in (0, 1, 2)] == ["no retrainings", "one retraining", "two retrainings"]


def test_lists_read_as_sentences():
    assert [comma(words) for words in ([], ["v1"], ["v1", "v2"])] == ["", "v1", "v1 and v2"]


def test_durations_keep_the_figures_that_matter():
    assert [duration(s) for s in (0.004, 59.94, 60, 3599.6)] == ["0.00 s", "59.9 s", "1 min 0 s", "1 h 0 min"]


def test_a_day_can_be_spelt_out():
    assert day(datetime(2013, 12, 31, tzinfo=UTC), year=True) == "31 December 2013"
