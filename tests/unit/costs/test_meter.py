"""The meter: a restart counts nothing twice, and two who ask at once do not both get the last money."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from mlray.costs import promise, release, reserve, settle, spends, state
from mlray.errors import InputError, NotFoundError
from mlray.journal import open_journal
from mlray.records import Price, Spend
from mlray.spec import BudgetSpec

NOW = datetime(2013, 4, 17, tzinfo=UTC)
SIXTY = BudgetSpec(limit=Decimal(60), per="month")


@pytest.fixture
def journal():
    return open_journal("memory://")


def spend(amount: str, **fields) -> Spend:
    facts = {"tenant": "default", "project": "flights", "purpose": "retraining", "currency": "USD", "at": NOW}
    return Spend(amount=Decimal(amount), **facts | fields)


def budget(journal):
    return state(SIXTY, "flights", journal.entries(), NOW)


def promise_42(journal):
    return promise(journal, "retrain 1", Decimal(42), scope="flights", purpose="retraining", at=NOW)


def reserve_42(journal):
    price = Price(Decimal(42), "USD")
    return reserve(journal, "retrain 1", price, spec=SIXTY, scope="flights", purpose="retraining", now=NOW)


def test_promise_and_settlement_move_money_from_promised_to_spent(journal):
    promise_42(journal)
    assert (budget(journal).spent, budget(journal).promised) == (0, 42)
    settle(journal, "retrain 1", spend("40.5", seconds=60, resources={"CPU": 2}))
    assert (budget(journal).spent, budget(journal).promised) == (Decimal("40.5"), 0)
    assert spends(journal.entries()) == [spend("40.5", seconds=60, resources={"CPU": 2})]


def test_a_restart_that_repeats_every_step_counts_nothing_twice(journal):
    for _ in range(3):
        promise_42(journal)
    for _ in range(3):
        settle(journal, "retrain 1", spend("40"))
    promise_42(journal)
    assert (budget(journal).spent, budget(journal).promised, len(journal.entries())) == (40, 0, 2)


def test_work_that_never_ran_gives_its_money_back(journal):
    promise_42(journal)
    for _ in range(2):
        release(journal, "retrain 1", because="the data was broken", at=NOW)
    assert budget(journal).left == 60
    assert len(journal.entries()) == 2


def test_what_was_settled_stays_settled(journal):
    promise_42(journal)
    settled = settle(journal, "retrain 1", spend("40"))
    assert release(journal, "retrain 1", because="late", at=NOW) == settled
    assert budget(journal).spent == 40


def test_a_spend_after_a_release_is_a_fact_all_the_same(journal):
    promise_42(journal)
    release(journal, "retrain 1", because="it looked dead", at=NOW)
    settle(journal, "retrain 1", spend("40"))
    assert (budget(journal).spent, budget(journal).promised) == (40, 0)


def test_a_spend_goes_to_the_scope_that_promised_it(journal):
    promise(journal, "retrain 1", Decimal(42), scope="team", purpose="retraining", at=NOW)
    assert settle(journal, "retrain 1", spend("40")).subject == "team"
    assert settle(journal, "serving", spend("1")).subject == "flights"
    assert [s.amount for s in spends(journal.entries(), scope="team")] == [40]
    assert [s.amount for s in spends(journal.entries())] == [40, 1]


@pytest.mark.parametrize("again", [promise_42, reserve_42])
def test_a_key_whose_money_was_given_back_cannot_be_used_again(journal, again):
    promise_42(journal)
    release(journal, "retrain 1", because="the data was broken", at=NOW)
    with pytest.raises(InputError, match="given back on 2013-04-17: the data was broken") as caught:
        again(journal)
    assert "new key" in caught.value.remedy


def test_releasing_what_was_never_promised_is_an_error(journal):
    with pytest.raises(NotFoundError, match="Nothing was promised for 'x'") as caught:
        release(journal, "x", because="", at=NOW)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("amount", "currency"), [("-1", "USD"), ("NaN", "USD"), ("1", "EUR")], ids=["negative", "no number", "currency"]
)
def test_only_money_that_the_budget_knows_is_written(journal, amount, currency):
    with pytest.raises(InputError):
        promise(journal, "x", Decimal(amount), scope="flights", purpose="p", at=NOW, currency=currency)
    with pytest.raises(InputError):
        settle(journal, "x", spend(amount, currency=currency))
    assert journal.entries() == []


def ask(journal, key: str, amount: str, spec: BudgetSpec | None = SIXTY):
    price = Price(Decimal(amount), "USD")
    return reserve(journal, key, price, spec=spec, scope="flights", purpose="retraining", now=NOW)


def test_reserving_promises_only_what_is_admitted(journal):
    assert ask(journal, "one", "40").admitted
    refused = ask(journal, "two", "40")
    assert (refused.outcome, refused.until) == ("defer", datetime(2013, 5, 1, tzinfo=UTC))
    assert budget(journal).promised == 40
    assert len(journal.entries()) == 1


def test_reserving_again_after_a_restart_is_admitted_without_another_promise(journal):
    ask(journal, "one", "40")
    again = ask(journal, "one", "40")
    assert (again.admitted, again.because) == (True, "The money for one was promised before.")
    assert budget(journal).promised == 40


def test_without_a_budget_the_promise_is_written_all_the_same(journal):
    assert ask(journal, "one", "1000", None).admitted
    assert journal.entries()[0].data["amount"] == "1000.000000000"


def test_money_that_another_takes_in_between_is_not_given_twice(journal):
    class Interrupted:
        """The same journal, but somebody else is served between the reading and the writing, once."""

        def __init__(self) -> None:
            self.other = iter(["40"])

        def __getattr__(self, name):
            return getattr(journal, name)

        def append_after(self, *arguments, **named):
            for amount in self.other:
                promise(journal, "other", Decimal(amount), scope="flights", purpose="p", at=NOW)
            return journal.append_after(*arguments, **named)

    assert not ask(Interrupted(), "mine", "40").admitted
    assert budget(journal).promised == 40


GREEDY = """
import sys
from datetime import UTC, datetime
from decimal import Decimal
from mlray.costs import reserve
from mlray.journal import open_journal
from mlray.records import Price
from mlray.spec import BudgetSpec
journal, spec = open_journal(sys.argv[1]), BudgetSpec(limit=Decimal(10), per="total")
sys.stdin.readline()
for number in range(8):
    reserve(journal, f"{sys.argv[2]} {number}", Price(Decimal(1), "USD"), spec=spec, scope="flights", purpose="p",
            now=datetime(2013, 4, 17, tzinfo=UTC))
"""


@pytest.mark.slow
def test_processes_that_ask_at_once_never_promise_more_than_there_is(tmp_path):
    url = f"sqlite:///{tmp_path}/journal.db"
    children = [
        subprocess.Popen([sys.executable, "-c", GREEDY, url, name], stdin=subprocess.PIPE, text=True) for name in "abc"
    ]
    for child in children:
        child.communicate("go\n")
    assert [child.returncode for child in children] == [0, 0, 0]
    with open_journal(url) as journal:
        assert len(journal.entries(kind="promise")) == 10
        assert journal.verify() == 10
