"""Admission as a table: the rule that applies first, and what the sentence tells."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from mlray.costs import Admission, Outcome, admit
from mlray.costs.budget import FOREVER
from mlray.records import Budget, Price

APRIL, MAY = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 5, 1, tzinfo=UTC)


def price(amount: str, currency: str = "USD") -> Price:
    return Price(Decimal(amount), currency)


def budget(spent: str = "0", promised: str = "0", *, limit: str = "60", end: datetime = MAY) -> Budget:
    return Budget("flights", Decimal(limit), "USD", APRIL, end, Decimal(spent), Decimal(promised))


@pytest.mark.parametrize(
    ("asked", "left", "outcome", "because"),
    [
        (price("40.04"), None, "admit", "It costs 40.04 USD, and no budget is set."),
        (price("40.04"), budget(), "admit", "It costs 40.04 USD, and 60.00 of 60.00 USD are left until 2013-05-01."),
        (price("60"), budget(), "admit", "It costs 60.00 USD, and 60.00 of 60.00 USD are left until 2013-05-01."),
        (
            price("40.04"),
            budget("20", "0.01"),
            "defer",
            "It costs 40.04 USD, and of 60.00 USD only 39.99 are left until 2013-05-01; "
            "a window that opens then has room for it.",
        ),
        (
            price("39.991"),
            budget("20", "0.01"),
            "defer",
            "It costs 40.00 USD, and of 60.00 USD only 39.99 are left until 2013-05-01; "
            "a window that opens then has room for it.",
        ),
        (
            price("60.01"),
            budget("20"),
            "refuse",
            "It costs 60.01 USD, more than the whole budget of 60.00 USD; at most 40.00 would fit now.",
        ),
        (
            price("61"),
            budget("70"),
            "refuse",
            "It costs 61.00 USD, more than the whole budget of 60.00 USD; at most 0.00 would fit now.",
        ),
        (
            price("40"),
            budget("30", end=FOREVER),
            "refuse",
            "It costs 40.00 USD, and of 60.00 USD for good only 30.00 are left.",
        ),
        (price("30"), budget("30", end=FOREVER), "admit", "It costs 30.00 USD, and 30.00 of 60.00 USD are left."),
        (price("0"), budget("70"), "admit", "It costs nothing."),
        (price("0"), budget(limit="0"), "admit", "It costs nothing."),
        (
            price("0.000014"),
            budget(limit="0"),
            "refuse",
            "It costs 0.000014 USD, more than the whole budget of 0.00 USD; at most 0.00 would fit now.",
        ),
        (price("1", "EUR"), budget(), "refuse", "It costs 1.00 EUR, and the budget is in USD."),
    ],
    ids=[
        "no budget", "fits", "fits exactly", "does not fit", "misses by less than a cent", "never fits",
        "never fits, overspent", "no later window", "total fits", "free, overspent", "free, no money", "no money",
        "currency",
    ],
)  # fmt: skip
def test_admission(asked, left, outcome, because):
    answer = admit(asked, left)
    assert (answer.outcome, answer.because) == (outcome, because)
    assert answer.admitted == (outcome == "admit")
    assert answer.until == (MAY if outcome == "defer" else None)


def test_an_answer_goes_to_json_and_back():
    answer = admit(price("50"), budget("20"))
    assert Admission.from_json(answer.to_json()) == answer
    assert answer.to_json()["outcome"] == Outcome.DEFER == "defer"
