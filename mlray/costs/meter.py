"""The meter: promises, spends and releases as journal entries, each piece of work counted once."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from mlray.costs import budget as budgets
from mlray.costs._money import exact
from mlray.costs.admission import Admission, Outcome, admit
from mlray.costs.budget import CURRENCY, PROMISE, RELEASE, SPEND
from mlray.errors import InputError, NotFoundError
from mlray.journal import Entry, Journal
from mlray.records import Price, Spend
from mlray.spec import BudgetSpec

__all__ = ["promise", "release", "reserve", "settle", "spends"]


def promise(
    journal: Journal, key: str, amount: Decimal, *, scope: str, purpose: str, at: datetime, currency: str = CURRENCY
) -> Entry:
    """Reserve `amount` of the scope's money for the work `key`; asked again with the same key, nothing is added.

    Raises:
        InputError: the amount is not money, the currency is unknown, or the promise was given back already.
    """
    data = _promised(key, amount, purpose, currency)
    entry = journal.append(PROMISE, scope, data, at=at, key=_key(PROMISE, key))
    _refuse_released(journal, key)
    return entry


def reserve(
    journal: Journal, key: str, price: Price, *, spec: BudgetSpec | None, scope: str, purpose: str, now: datetime
) -> Admission:
    """Ask for admission and promise the price in one step, so that two who ask at once cannot both take the last money.

    A key that holds a promise already is admitted again without another look: after a restart the work goes on.

    Raises:
        InputError: as `promise`.
    """
    data = _promised(key, price.amount, purpose, price.currency)
    while True:
        newest = journal.head()
        _refuse_released(journal, key)
        if journal.find(_key(PROMISE, key)) is not None:
            return Admission(Outcome.ADMIT, f"The money for {key} was promised before.")
        # Read after the head: whatever others write in between is seen here, or makes the append below fail.
        answer = admit(price, budgets.state(spec, scope, journal.entries(subject=scope), now))
        if not answer.admitted:
            return answer
        last = 0 if newest is None else newest.seq
        if journal.append_after(last, PROMISE, scope, data, at=now, key=_key(PROMISE, key)) is not None:
            return answer


def settle(journal: Journal, key: str, spend: Spend) -> Entry:
    """Record what the work `key` cost in place of its promise, if it had one; the same key counts once.

    The spend goes to the scope that promised it, else to its project.

    Raises:
        InputError: the amount is not money, or the currency is unknown.
    """
    _known(spend.currency)
    data = {**spend.to_json(), "work": key, "amount": str(exact(spend.amount))}
    promised = journal.find(_key(PROMISE, key))
    scope = spend.project if promised is None else promised.subject
    return journal.append(SPEND, scope, data, at=spend.at, key=_key(SPEND, key))


def release(journal: Journal, key: str, *, because: str, at: datetime) -> Entry:
    """Give back the promise of work that never ran; work that was settled stays settled, and its spend is returned.

    Raises:
        NotFoundError: nothing was promised under this key.
    """
    if (settled := journal.find(_key(SPEND, key))) is not None:
        return settled
    promised = journal.find(_key(PROMISE, key))
    if promised is None:
        raise NotFoundError(
            f"Nothing was promised for '{key}'.", remedy="Release with the key that `promise` was given."
        )
    data = {"work": key, "because": because}
    return journal.append(RELEASE, promised.subject, data, at=at, key=_key(RELEASE, key))


def spends(entries: Iterable[Entry], *, scope: str | None = None) -> list[Spend]:
    """Return the money that was used, each piece of work once, in the journal's order; of one scope if given."""
    found = {
        str(entry.data["work"]): Spend.from_json({name: value for name, value in entry.data.items() if name != "work"})
        for entry in entries
        if entry.kind == SPEND and scope in (None, entry.subject)
    }
    return list(found.values())


def _promised(key: str, amount: Decimal, purpose: str, currency: str) -> dict[str, str]:
    _known(currency)
    return {"work": key, "amount": str(exact(amount)), "currency": currency, "purpose": purpose}


def _known(currency: str) -> None:
    if currency != CURRENCY:
        raise InputError(
            f"Money is counted in {CURRENCY} so far, not in {currency}.", remedy="Use a price book in USD."
        )


def _refuse_released(journal: Journal, key: str) -> None:
    released = journal.find(_key(RELEASE, key))
    if released is not None and journal.find(_key(SPEND, key)) is None:
        raise InputError(
            f"The promise for '{key}' was given back on {released.at:%Y-%m-%d}: {released.data['because']}.",
            remedy="Ask for new work under a new key.",
        )


def _key(kind: str, key: str) -> str:
    return f"{kind}/{key}"
