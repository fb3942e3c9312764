"""Amounts: exact when kept, honest when shown."""

from decimal import Decimal

import pytest

from mlray.costs._money import exact, shown
from mlray.errors import InputError


@pytest.mark.parametrize(
    ("amount", "down", "up"),
    [
        ("0", "0.00", "0.00"),
        ("40", "40.00", "40.00"),
        ("4.996", "4.99", "5.00"),
        ("0.01", "0.01", "0.01"),
        ("0.0017", "0.0017", "0.0017"),
        ("0.000013889", "0.000013", "0.000014"),
        ("-3.001", "-3.01", "-3.00"),
        ("1E+3", "1000.00", "1000.00"),
    ],
)
def test_rounding_goes_the_way_that_never_flatters(amount, down, up):
    assert (shown(Decimal(amount)), shown(Decimal(amount), up=True)) == (down, up)


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "sNaN", "Infinity", "1e30"])
def test_what_is_not_an_amount_is_refused(amount):
    with pytest.raises(InputError) as caught:
        exact(Decimal(amount))
    assert caught.value.remedy
