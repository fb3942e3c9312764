"""Budgets: which window a moment falls into, and what of it is spent and promised. Pure.

Money lives in three kinds of journal entry. A `promise` reserves what work is expected to cost, before it starts. A
`spend` says what it did cost and takes the promise's place; a `release` gives back the promise of work that never ran.
All three carry the key of the work in `data["work"]` and the scope as subject: however often and in whichever order
they are read, each piece of work counts once.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, Protocol

from mlray.errors import InputError
from mlray.ids import Json
from mlray.records import Budget
from mlray.spec import BudgetSpec

__all__ = ["CURRENCY", "FOREVER", "PROMISE", "RELEASE", "SPEND", "Event", "Per", "state", "window"]

PROMISE = "promise"
SPEND = "spend"
RELEASE = "release"
CURRENCY = "USD"
"""The one currency that budgets know so far, as the project file does."""

FOREVER = datetime.max.replace(tzinfo=UTC)
"""Where a window ends that no other follows."""

Per = Literal["day", "week", "month", "total"]


class Event(Protocol):
    """What a fold reads of a journal entry."""

    @property
    def at(self) -> datetime:
        """When it happened."""
        ...

    @property
    def kind(self) -> str:
        """`promise`, `spend`, `release`, or something that is not about money."""
        ...

    @property
    def subject(self) -> str:
        """The scope: whose money it is."""
        ...

    @property
    def data(self) -> Mapping[str, Json]:
        """`work`, and for promises and spends `amount` and `currency`."""
        ...


def window(per: Per, now: datetime) -> tuple[datetime, datetime]:
    """Return the window around `now` in UTC, from its start up to but without its end.

    Weeks begin on Monday (ISO 8601); `total` is all of time.

    >>> start, end = window("month", datetime(2013, 12, 24, tzinfo=UTC))
    >>> print(start.date(), end.date())
    2013-12-01 2014-01-01
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "day":
        return midnight, midnight + timedelta(days=1)
    if per == "week":
        monday = midnight - timedelta(days=midnight.weekday())
        return monday, monday + timedelta(days=7)
    if per == "month":
        first = midnight.replace(day=1)
        # The 1st plus 32 days always lies in the next month.
        return first, (first + timedelta(days=32)).replace(day=1)
    return datetime.min.replace(tzinfo=UTC), FOREVER


def state(spec: BudgetSpec | None, scope: str, entries: Iterable[Event], now: datetime) -> Budget | None:
    """Return what is spent and promised in `scope` in the window around `now`; None where no budget is set.

    A spend counts in the window in which it was used. An open promise counts now, whenever it was made: its money is
    gone as soon as the work ends, and that may be in this window.

    Raises:
        InputError: an amount is in another currency.
    """
    if spec is None:
        return None
    start, end = window(spec.per, now)
    promised: dict[str, Decimal] = {}
    spent: dict[str, Decimal] = {}
    closed: set[str] = set()
    for entry in entries:
        if entry.subject != scope or entry.kind not in (PROMISE, SPEND, RELEASE):
            continue
        work = str(entry.data["work"])
        if entry.kind == PROMISE:
            promised[work] = _amount(entry.data)
            continue
        closed.add(work)
        if entry.kind == SPEND and start <= entry.at < end:
            spent[work] = _amount(entry.data)
    still = (amount for work, amount in promised.items() if work not in closed)
    return Budget(scope, spec.limit, CURRENCY, start, end, sum(spent.values(), Decimal(0)), sum(still, Decimal(0)))


def _amount(data: Mapping[str, Json]) -> Decimal:
    if data["currency"] != CURRENCY:
        raise InputError(
            f"{data['work']} is counted in {data['currency']} and the budget in {CURRENCY}.",
            remedy=f"Use a price book in {CURRENCY}.",
        )
    return Decimal(str(data["amount"]))
