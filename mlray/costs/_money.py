"""Money as exact numbers: to a billionth when it is kept, honestly rounded when it is shown."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation

from mlray.errors import InputError

__all__ = ["BILLIONTH", "exact", "shown"]

BILLIONTH = Decimal("0.000000001")
"""The grain of every amount. A CPU second costs about 0.000014 USD: a grain of cents would lose it all."""


def exact(amount: Decimal) -> Decimal:
    """Return `amount` on the grid of billionths, half to even; sums of such amounts are exact.

    Raises:
        InputError: the amount is negative, not a number, or too large to be held to a billionth.

    >>> exact(Decimal(1) / 3)
    Decimal('0.333333333')
    """
    try:
        kept = amount.quantize(BILLIONTH, rounding=ROUND_HALF_EVEN)
        if kept >= 0:
            return kept
    except InvalidOperation as error:
        raise InputError(f"{amount} is not an amount of money.", remedy="Pass a finite amount below 10^18.") from error
    raise InputError(f"{amount} is negative.", remedy="Money that is used is counted up; there are no refunds.")


def shown(amount: Decimal, *, up: bool = False) -> str:
    """Return `amount` to a hundredth, or to two digits where it is less than one.

    Rounded down, or `up`: a price rounded up never looks as if it fitted into what is left, rounded down.

    >>> shown(Decimal("4.999")), shown(Decimal("4.991"), up=True), shown(Decimal("0.000123"))
    ('4.99', '5.00', '0.00012')
    """
    digits = 2
    if amount and abs(amount) < Decimal("0.01"):
        digits = 1 - amount.adjusted()
    step = Decimal(1).scaleb(-digits)
    return f"{amount.quantize(step, rounding=ROUND_CEILING if up else ROUND_FLOOR):f}"
