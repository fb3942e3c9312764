"""Figures as people read them: money, shares, dates and lists."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from mlray.records import Interval

__all__ = ["comma", "count", "day", "duration", "figure", "metric_name", "money", "number", "percent", "points", "span"]

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_CENT = Decimal("0.01")
_MINUS = "\N{MINUS SIGN}"


def money(amount: Decimal, currency: str = "USD") -> str:
    """Return an amount to the cent; what is less than a cent says so instead of passing for nothing.

    >>> money(Decimal("1234.5")), money(Decimal("0.0004")), money(Decimal(3), "CHF")
    ('$1,234.50', 'under $0.01', '3.00 CHF')
    """
    if 0 < abs(amount) < _CENT:
        return f"under {money(_CENT, currency)}"
    sign = _MINUS if amount < 0 else ""
    symbol = _SYMBOLS.get(currency)
    return f"{sign}{symbol}{abs(amount):,.2f}" if symbol else f"{sign}{abs(amount):,.2f} {currency}"


def percent(share: float, digits: int = 1) -> str:
    """Return a share of one as a percentage.

    >>> percent(0.2516), percent(0.1, 0)
    ('25.2%', '10%')
    """
    return f"{_MINUS if round(share * 100, digits) < 0 else ''}{abs(share) * 100:.{digits}f}%"


def points(share: float) -> str:
    """Return a difference of two shares in percentage points, with its sign.

    >>> points(0.0123)
    '+1.23'
    """
    return f"{_MINUS if round(share * 100, 2) < 0 else '+'}{abs(share) * 100:.2f}"


def figure(value: float) -> str:
    """Return a score to three digits after the point.

    >>> figure(0.70249)
    '0.702'
    """
    return f"{value:.3f}"


def metric_name(metric: str) -> str:
    """Return what people call a metric.

    >>> metric_name("auc"), metric_name("log_loss"), metric_name("error")
    ('AUC', 'log loss', 'error')
    """
    return "AUC" if metric == "auc" else metric.replace("_", " ")


def span(interval: Interval, digits: int = 3) -> str:
    """Return an interval's two ends.

    >>> span(Interval(0.5, 0.4, 0.6), 2)
    '0.40–0.60'
    """
    return f"{interval.low:.{digits}f}–{interval.high:.{digits}f}"


def number(value: int) -> str:
    """Return a small whole number as a word and a large one in digits.

    >>> number(3), number(13), number(98_765)
    ('three', '13', '98,765')
    """
    return _SMALL[value] if 0 <= value < len(_SMALL) else f"{value:,}"


def count(value: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    >>> count(1, "retraining"), count(0, "reply", "replies")
    ('one retraining', 'no replies')
    """
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def day(at: datetime, *, year: bool = False) -> str:
    """Return a date as it is spoken.

    >>> day(datetime(2013, 4, 1)), day(datetime(2013, 4, 1), year=True)
    ('1 Apr', '1 April 2013')
    """
    return f"{at.day} {at:%B} {at.year}" if year else f"{at.day} {at:%b}"


def duration(seconds: float) -> str:
    """Return seconds, or minutes and seconds, or hours and minutes.

    >>> duration(4.21), duration(187), duration(7500), duration(0.02)
    ('4.2 s', '3 min 7 s', '2 h 5 min', '0.02 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def comma(words: Sequence[str]) -> str:
    """Return a list as a sentence would.

    >>> comma(["v1", "v2", "v4"]), comma(["v1"])
    ('v1, v2 and v4', 'v1')
    """
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
