"""What the next retraining will cost."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from mlray.costs import PriceBook, retraining
from mlray.errors import NotFoundError
from mlray.records import Spend
from mlray.spec import Costs

BOOK = PriceBook.load("laptop")
COSTS = Costs(release=Decimal(40))


def spend(seconds: float, **resources: float) -> Spend:
    at = datetime(2013, 4, 1, tzinfo=UTC)
    return Spend("default", "flights", "retraining", Decimal(40), "USD", at, seconds, resources)


def test_without_history_the_expected_time_is_priced():
    price = retraining([], COSTS, BOOK, 72, cpus=2)
    assert price.parts == {"compute": Decimal("0.002"), "release": Decimal(40)}
    assert price.amount == Decimal("40.002")
    assert price.currency == "USD"
    assert price.basis == "72 s expected, as nothing was retrained so far, on laptop of the price book laptop"


@pytest.mark.parametrize(
    ("history", "compute"),
    [
        ([spend(36), spend(72)], "0.001"),
        ([spend(72), spend(36)], "0.001"),
        ([spend(36, CPU=2)], "0.001"),
        ([spend(3600)] + [spend(36)] * 5, "0.0005"),
        ([spend(36), spend(0)], "0.0005"),
    ],
    ids=["dearest", "whatever the order", "by CPUs", "long ago", "no computing"],
)
def test_history_is_priced_anew(history, compute):
    price = retraining(history, COSTS, BOOK, 999)
    assert price.parts["compute"] == Decimal(compute)
    assert "last" in price.basis


def test_a_single_retraining_is_told_as_one():
    assert retraining([spend(36)], COSTS, BOOK, 999).basis.startswith("as much as the last retraining, ")


def test_an_unknown_node_is_named():
    with pytest.raises(NotFoundError, match="'lapdog'"):
        retraining([], Costs(node="lapdog"), BOOK, 60)
