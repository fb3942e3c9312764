"""What is shared, and on which terms: amounts of CPU, GPU and memory, and what a tenant is entitled to."""

from dataclasses import dataclass

__all__ = ["Resources", "Terms"]

_DIGITS = 4
"""Decimal places that Ray itself keeps of a resource; sums are rounded to them, so that equal amounts are equal."""


@dataclass(frozen=True, slots=True)
class Resources:
    """An amount of everything that is leased.

    >>> Resources(cpu=1, gpu=0.5) + Resources(cpu=0.5)
    Resources(cpu=1.5, gpu=0.5, memory=0)
    """

    cpu: float = 0.0
    """Cores."""
    gpu: float = 0.0
    """Devices, or fractions of one."""
    memory: float = 0.0
    """Bytes of main memory; 0 where nobody counts them."""

    def __add__(self, other: "Resources") -> "Resources":
        """Return both together."""
        return Resources(
            round(self.cpu + other.cpu, _DIGITS), round(self.gpu + other.gpu, _DIGITS), self.memory + other.memory
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """What a tenant may expect of a shared cluster."""

    guarantee: Resources = Resources()
    """Its own at any time; lent to others only while it is not wanted."""
    weight: float = 1.0
    """Its part of what is beyond the guarantees, in proportion to the others' weights."""
    maximum: Resources | None = None
    """Never more than this at once; None for no such limit, and an infinite amount of what one does not limit."""
    priority: int = 50
    """Beyond the guarantees higher goes first, 0 to 100."""
