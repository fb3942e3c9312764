"""Windows and the fold over journal entries, as tables."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from mlray.costs import state, window
from mlray.costs.budget import FOREVER
from mlray.errors import InputError
from mlray.journal import GENESIS, Entry
from mlray.spec import BudgetSpec

APRIL = datetime(2013, 4, 1, tzinfo=UTC)
NOW = datetime(2013, 4, 17, 15, 30, tzinfo=UTC)
MARCH = datetime(2013, 3, 20, tzinfo=UTC)
SIXTY = BudgetSpec(limit=Decimal(60), per="month")


def entry(
    kind: str, work: str = "w", amount: str = "10", *, at: datetime = NOW, scope: str = "flights", **more
) -> Entry:
    data = {"work": work, "amount": amount, "currency": "USD", **more}
    return Entry(1, at, kind, scope, None, data, GENESIS, GENESIS)


@pytest.mark.parametrize(
    ("per", "now", "start", "end"),
    [
        ("day", "2013-04-17T15:30", "2013-04-17", "2013-04-18"),
        ("day", "2013-04-17T00:00", "2013-04-17", "2013-04-18"),
        ("week", "2013-04-17T15:30", "2013-04-15", "2013-04-22"),
        ("week", "2013-04-15T00:00", "2013-04-15", "2013-04-22"),
        ("week", "2013-04-21T23:59", "2013-04-15", "2013-04-22"),
        ("week", "2012-12-31T12:00", "2012-12-31", "2013-01-07"),
        ("month", "2013-02-28T23:59", "2013-02-01", "2013-03-01"),
        ("month", "2012-02-29T00:00", "2012-02-01", "2012-03-01"),
        ("month", "2013-12-31T23:59", "2013-12-01", "2014-01-01"),
    ],
)
def test_windows_begin_at_midnight_on_mondays_and_on_the_first(per, now, start, end):
    found = window(per, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == tuple(datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (start, end))


def test_windows_are_counted_in_utc_wherever_one_is():
    tokyo = timezone(timedelta(hours=9))
    assert window("day", datetime(2013, 4, 2, 8, tzinfo=tokyo))[0] == APRIL


def test_a_total_has_one_window():
    start, end = window("total", NOW)
    assert start < NOW < end == FOREVER


@pytest.mark.parametrize(
    ("entries", "spent", "promised"),
    [
        ([], 0, 0),
        ([entry("promise")], 0, 10),
        ([entry("promise"), entry("spend", amount="7")], 7, 0),
        ([entry("promise"), entry("spend", amount="12")], 12, 0),
        ([entry("promise"), entry("release")], 0, 0),
        ([entry("spend", amount="7")], 7, 0),
        ([entry("promise", "a"), entry("promise", "b"), entry("spend", "a", "3")], 3, 10),
        ([entry("promise")] * 3 + [entry("spend", amount="7")] * 2, 7, 0),
        ([entry("spend", amount="7"), entry("promise")], 7, 0),
        ([entry("spend", at=MARCH)], 0, 0),
        ([entry("spend", at=APRIL)], 10, 0),
        ([entry("spend", at=APRIL - timedelta(microseconds=1))], 0, 0),
        ([entry("spend", at=datetime(2013, 5, 1, tzinfo=UTC))], 0, 0),
        ([entry("promise", at=MARCH)], 0, 10),
        ([entry("promise", at=MARCH), entry("spend", at=MARCH)], 0, 0),
        ([entry("promise", scope="trains"), entry("spend", scope="trains")], 0, 0),
        ([entry("decision"), entry("alarm")], 0, 0),
        ([entry("release", "never promised")], 0, 0),
    ],
    ids=[
        "nothing", "open promise", "settled", "dearer than promised", "released", "not promised", "two works", "repeated",
        "out of order", "last month", "first moment", "just before", "next month", "promised last month",
        "settled last month", "another scope", "no money", "release alone",
    ],
)  # fmt: skip
def test_each_work_counts_once_where_it_belongs(entries, spent, promised):
    budget = state(SIXTY, "flights", entries, NOW)
    assert (budget.spent, budget.promised, budget.left) == (spent, promised, 60 - spent - promised)


def test_without_a_budget_there_is_no_state():
    assert state(None, "flights", [entry("spend")], NOW) is None


def test_another_currency_is_not_added_up():
    with pytest.raises(InputError, match="counted in EUR") as caught:
        state(SIXTY, "flights", [entry("spend", currency="EUR")], NOW)
    assert "USD" in caught.value.remedy


def test_a_window_without_end_counts_everything():
    budget = state(BudgetSpec(limit=Decimal(60), per="total"), "flights", [entry("spend", at=MARCH)], NOW)
    assert budget.spent == 10
