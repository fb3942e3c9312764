"""Admission: may this work start, given its price and what is left? Pure: the first rule that applies decides."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mlray.costs._money import shown
from mlray.costs.budget import FOREVER
from mlray.records import Budget, Price, Record

__all__ = ["Admission", "Outcome", "admit"]


class Outcome(StrEnum):
    """What becomes of work that was asked for."""

    ADMIT = "admit"
    DEFER = "defer"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Admission(Record):
    """Whether work may start, why, and when it may if not now."""

    outcome: Outcome
    because: str
    """One plain sentence with the figures."""
    until: datetime | None = None
    """When the next window opens and the work may be asked for again; None unless deferred."""

    @property
    def admitted(self) -> bool:
        """Whether the work may start now."""
        return self.outcome is Outcome.ADMIT


def admit(price: Price, budget: Budget | None) -> Admission:
    """Say whether work of this price may start: now, in a later window, or never.

    >>> from datetime import UTC
    >>> from decimal import Decimal
    >>> first, end = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 5, 1, tzinfo=UTC)
    >>> april = Budget("flights", Decimal(60), "USD", first, end, spent=Decimal("40.04"))
    >>> print(admit(Price(Decimal("40.02"), "USD"), april).because)
    It costs 40.02 USD, and of 60.00 USD only 19.96 are left until 2013-05-01; a window that opens then has room for it.
    """
    if budget is None:
        return Admission(Outcome.ADMIT, f"It costs {_price(price)}, and no budget is set.")
    if price.currency != budget.currency:
        return Admission(Outcome.REFUSE, f"It costs {_price(price)}, and the budget is in {budget.currency}.")
    if not price.amount:
        return Admission(Outcome.ADMIT, "It costs nothing.")
    costs = f"It costs {_price(price)}"
    if price.amount <= budget.left:
        return Admission(
            Outcome.ADMIT, f"{costs}, and {shown(budget.left)} of {_limit(budget)} are left{_end(budget)}."
        )
    if price.amount > budget.limit:
        why = f"more than the whole budget of {_limit(budget)}; at most {_room(budget)} would fit now"
        return Admission(Outcome.REFUSE, f"{costs}, {why}.")
    if budget.end == FOREVER:
        return Admission(Outcome.REFUSE, f"{costs}, and of {_limit(budget)} for good only {_room(budget)} are left.")
    why = f"of {_limit(budget)} only {_room(budget)} are left{_end(budget)}; a window that opens then has room for it"
    return Admission(Outcome.DEFER, f"{costs}, and {why}.", until=budget.end)


def _price(price: Price) -> str:
    return f"{shown(price.amount, up=True)} {price.currency}"


def _limit(budget: Budget) -> str:
    return f"{shown(budget.limit)} {budget.currency}"


def _room(budget: Budget) -> str:
    """Return what would fit now; nothing does once more was spent than there was."""
    return shown(max(budget.left, budget.limit * 0))


def _end(budget: Budget) -> str:
    return "" if budget.end == FOREVER else f" until {budget.end:%Y-%m-%d}"
