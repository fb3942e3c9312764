"""Laws of money: no budget is overspent by what was admitted, parts sum to the whole, repetition counts nothing twice."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mlray.costs import PriceBook, admit, promise, release, reserve, retraining, settle, spends, state, window
from mlray.journal import MemoryJournal
from mlray.records import Budget, Price, Spend
from mlray.spec import BudgetSpec, Costs

LAPTOP = PriceBook.load("laptop")
money = st.decimals(0, 100, places=3)
windows = st.sampled_from(["day", "week", "month", "total"])
moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
works = st.sampled_from([f"work {n}" for n in range(6)])
seconds = st.floats(0, 1e6)


def spend(work: str, amount: Decimal, at: datetime) -> Spend:
    return Spend("default", "flights", work, amount, "USD", at)


class Month(RuleBasedStateMachine):
    """Works ask for money, run, cost at most what was promised, or never run; days pass; the process restarts."""

    @initialize(limit=money, per=windows)
    def begin(self, limit, per):
        self.journal = MemoryJournal()
        self.spec = BudgetSpec(limit=limit, per=per)
        self.now = datetime(2013, 4, 1, tzinfo=UTC)
        self.promised: dict[str, Decimal] = {}
        self.done: set[str] = set()
        self.number = 0

    def budget(self) -> Budget:
        return state(self.spec, "flights", self.journal.entries(), self.now)

    @rule(amount=money)
    def ask(self, amount):
        self.number += 1
        work = f"work {self.number}"
        left = self.budget().left
        answer = reserve(
            self.journal, work, Price(amount, "USD"), spec=self.spec, scope="flights", purpose="p", now=self.now
        )
        assert answer.admitted == (amount <= left)
        if answer.admitted:
            self.promised[work] = amount

    @rule(number=st.integers(0, 99), share=st.decimals(0, 1, places=2))
    def finish(self, number, share):
        if running := sorted(self.promised.keys() - self.done):
            work = running[number % len(running)]
            settle(self.journal, work, spend(work, self.promised[work] * share, self.now))
            self.done.add(work)

    @rule(number=st.integers(0, 99))
    def give_back(self, number):
        if running := sorted(self.promised.keys() - self.done):
            work = running[number % len(running)]
            release(self.journal, work, because="it never ran", at=self.now)
            self.done.add(work)

    @rule(days=st.integers(1, 20))
    def wait(self, days):
        self.now += timedelta(days=days)

    @rule()
    def restart_and_repeat_everything(self):
        before = self.budget()
        for entry in self.journal.entries():
            self.journal.append(entry.kind, entry.subject, entry.data, at=self.now, key=entry.key)
        assert self.budget() == before

    @invariant()
    def never_beyond_the_limit(self):
        budget = self.budget()
        assert budget.spent + budget.promised <= budget.limit
        assert budget.left >= 0

    @invariant()
    def every_promise_is_open_or_accounted_for(self):
        running = self.promised.keys() - self.done
        assert self.budget().promised == sum((self.promised[work] for work in running), Decimal(0))
        self.journal.verify()


Month.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
test_admission_keeps_the_budget = Month.TestCase

operations = st.lists(st.tuples(st.sampled_from(["promise", "settle", "release"]), works, money), max_size=12)


def journal_after(done) -> MemoryJournal:
    """Return a journal in which each work was promised once, and then perhaps settled, released, or both."""
    journal, at = MemoryJournal(), datetime(2013, 4, 17, tzinfo=UTC)
    for step, work, amount in done:
        if journal.find(f"release/{work}") is None:
            promise(journal, work, amount, scope="flights", purpose="p", at=at)
        if step == "settle":
            settle(journal, work, spend(work, amount, at))
        if step == "release":
            release(journal, work, because="it never ran", at=at)
    return journal


@given(operations, st.data())
def test_the_state_depends_on_what_happened_not_on_how_often_or_in_which_order_it_is_read(done, draw):
    entries = journal_after(done).entries()
    again = draw.draw(
        st.permutations(entries + draw.draw(st.lists(st.sampled_from(entries)) if entries else st.just([])))
    )
    spec, now = BudgetSpec(limit=Decimal(60)), datetime(2013, 4, 20, tzinfo=UTC)
    assert state(spec, "flights", again, now) == state(spec, "flights", entries, now)
    assert sorted(s.purpose for s in spends(again)) == sorted(s.purpose for s in spends(entries))


@given(operations)
def test_what_is_spent_is_the_sum_of_the_spends(done):
    entries = journal_after(done).entries()
    budget = state(BudgetSpec(limit=Decimal(60)), "flights", entries, datetime(2013, 4, 20, tzinfo=UTC))
    assert budget.spent == sum((s.amount for s in spends(entries)), Decimal(0))


@given(windows, moments)
def test_every_moment_lies_in_its_window_and_windows_follow_without_a_gap(per, now):
    start, end = window(per, now)
    assert start <= now < end
    assert window(per, start) == (start, end)
    assert window(per, end - timedelta(microseconds=1)) == (start, end)
    if per != "total":
        assert window(per, end)[0] == end
        assert window(per, start - timedelta(microseconds=1))[1] == start


budgets = st.builds(
    Budget,
    st.just("flights"), money, st.just("USD"), st.just(datetime(2013, 4, 1, tzinfo=UTC)),
    st.just(datetime(2013, 5, 1, tzinfo=UTC)), money, money,
)  # fmt: skip


@given(money, budgets)
def test_what_costs_something_is_admitted_exactly_when_it_fits(amount, budget):
    answer = admit(Price(amount, "USD"), budget)
    assert answer.admitted == (amount == 0 or amount <= budget.left)
    assert (answer.until is not None) == (answer.outcome == "defer")


@given(money, budgets)
def test_what_is_deferred_fits_into_a_fresh_window_and_what_is_refused_never_does(amount, budget):
    answer = admit(Price(amount, "USD"), budget)
    fresh = Budget(budget.scope, budget.limit, "USD", budget.end, budget.end + timedelta(days=31))
    if not answer.admitted:
        assert (answer.outcome == "defer") == admit(Price(amount, "USD"), fresh).admitted


@given(money, money, budgets)
def test_the_cheaper_is_never_treated_worse(amount, less, budget):
    rank = {"admit": 0, "defer": 1, "refuse": 2}
    cheap, dear = (admit(Price(a, "USD"), budget) for a in sorted((amount, less)))
    assert rank[cheap.outcome] <= rank[dear.outcome]


@given(st.lists(seconds, max_size=8), seconds, money, st.floats(0.1, 64))
def test_the_parts_of_a_price_sum_to_its_amount(past, default, review, cpus):
    at = datetime(2013, 4, 1, tzinfo=UTC)
    history = [Spend("t", "flights", "retraining", Decimal(1), "USD", at, s, {"CPU": cpus}) for s in past]
    price = retraining(history, Costs(release=review), LAPTOP, default, cpus=cpus)
    assert sum(price.parts.values()) == price.amount >= review
    known = [s for s in past if s > 0][-5:] or [default]
    assert price.parts["compute"] == LAPTOP.compute("laptop", max(known), cpus=cpus)


@given(seconds, seconds, st.floats(0.1, 64))
def test_work_costs_the_same_in_one_piece_or_in_two(one, other, cpus):
    pieces = LAPTOP.compute("laptop", one, cpus=cpus) + LAPTOP.compute("laptop", other, cpus=cpus)
    # Each piece is rounded to a billionth, and adding two floats of seconds may itself round in the 16th digit.
    assert abs(LAPTOP.compute("laptop", one + other, cpus=cpus) - pieces) <= Decimal("2e-9") + pieces * Decimal("1e-15")
