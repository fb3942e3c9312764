"""Facts about money. Decimal throughout: a tenth of a cent that is lost a million times is a thousand dollars."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from mlray.records._base import Record

__all__ = ["Budget", "Price", "Spend"]


@dataclass(frozen=True, slots=True)
class Price(Record):
    """What a piece of work is expected to cost before it starts."""

    amount: Decimal
    currency: str
    parts: Mapping[str, Decimal] = field(default_factory=dict)
    """The amount by purpose, such as `compute` and `release`; the parts sum to the amount."""
    basis: str = ""
    """Where the figure comes from, in words."""

    def __str__(self) -> str:
        """Return the amount to a hundredth, or to the first digit that is not zero."""
        digits = 2 if self.amount >= Decimal("0.01") or not self.amount else 6
        return f"{self.amount:.{digits}f} {self.currency}"


@dataclass(frozen=True, slots=True)
class Spend(Record):
    """Money that was used, by whom and for what."""

    tenant: str
    project: str
    purpose: str
    amount: Decimal
    currency: str
    at: datetime
    seconds: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict)
    """CPUs, GPUs and so on that were held for `seconds`."""


@dataclass(frozen=True, slots=True)
class Budget(Record):
    """Money that a scope may spend in one window."""

    scope: str
    limit: Decimal
    currency: str
    start: datetime
    end: datetime
    spent: Decimal = Decimal(0)
    promised: Decimal = Decimal(0)
    """Reserved for work that has started and is not settled yet."""

    @property
    def left(self) -> Decimal:
        """What remains once running work has taken its promised share; negative after overspending."""
        return self.limit - self.spent - self.promised

    def __str__(self) -> str:
        """Return one line for a person."""
        left = f"{self.left:.2f} left until {self.end:%Y-%m-%d}"
        return f"{self.spent:.2f} of {self.limit:.2f} {self.currency} spent, {left}"
