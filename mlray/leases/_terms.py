"""What is shared, and on which terms: amounts of CPU, GPU and memory, and what a tenant is entitled to."""

import math
from dataclasses import dataclass

from mlray.errors import InputError

__all__ = ["LOWEST", "TOP", "Resources", "Terms", "at_most"]

_DIGITS = 4
"""Decimal places that Ray keeps of a resource. Every sum is rounded to them: else ten tenths are not one."""
LOWEST, TOP = 0, 100
"""The range of priorities."""


@dataclass(frozen=True, slots=True)
class Resources:
    """An amount of everything that is leased.

    >>> Resources(cpu=1, gpu=0.5) + Resources(cpu=0.5)
    Resources(cpu=1.5, gpu=0.5, memory=0.0)
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
            round(self.cpu + other.cpu, _DIGITS),
            round(self.gpu + other.gpu, _DIGITS),
            round(self.memory + other.memory, _DIGITS),
        )

    def __sub__(self, other: "Resources") -> "Resources":
        """Return what is left without `other`; negative where that is more."""
        return Resources(
            round(self.cpu - other.cpu, _DIGITS),
            round(self.gpu - other.gpu, _DIGITS),
            round(self.memory - other.memory, _DIGITS),
        )

    def fits(self, room: "Resources") -> bool:
        """Return whether there is room for all of it. What is not needed does not matter, even where room is negative.

        >>> Resources(cpu=1).fits(Resources(cpu=2)), Resources(cpu=1, gpu=1).fits(Resources(cpu=2))
        (True, False)
        """
        return (
            (self.cpu <= room.cpu or self.cpu <= 0)
            and (self.gpu <= room.gpu or self.gpu <= 0)
            and (self.memory <= room.memory or self.memory <= 0)
        )

    def share(self, total: "Resources") -> float:
        """Return the largest part that it is of any resource of `total` (the dominant share), 0 of nothing.

        >>> Resources(cpu=1, gpu=1).share(Resources(cpu=8, gpu=2))
        0.5
        """
        return max(
            self.cpu / total.cpu if total.cpu > 0 else 0.0,
            self.gpu / total.gpu if total.gpu > 0 else 0.0,
            self.memory / total.memory if total.memory > 0 else 0.0,
        )

    def __str__(self) -> str:
        """Return it as people say it: `4 CPUs, 0.5 GPUs`."""
        named = ((self.cpu, "CPU"), (self.gpu, "GPU"), (round(self.memory / 2**30, 2), "GiB"))
        said = [f"{amount:g} {name}{'' if amount == 1 or name == 'GiB' else 's'}" for amount, name in named if amount]
        return ", ".join(said) or "nothing"


def at_most(cpu: float = math.inf, gpu: float = math.inf, memory: float = math.inf) -> Resources:
    """Return an upper limit: whatever is not named is not limited.

    >>> Resources(cpu=4, gpu=2).fits(at_most(cpu=4))
    True
    """
    return Resources(cpu, gpu, memory)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a tenant may expect of a shared cluster.

    Raises:
        InputError: a weight that is not positive, a priority out of range, or a guarantee above the maximum.
    """

    guarantee: Resources = Resources()
    """Its own at any time; lent to others only while it is not wanted."""
    weight: float = 1.0
    """Beyond its guarantee a tenant's share is to the others' as its weight is to theirs."""
    maximum: Resources | None = None
    """Never more than this at once; None for no limit (see `at_most`)."""
    priority: int = 50
    """Beyond the guarantees the higher goes first, 0 to 100; who waits for a minute with nothing gets a turn anyway."""

    def __post_init__(self) -> None:
        """Refuse what could not be kept."""
        if not 0 < self.weight < math.inf:
            raise InputError(
                f"A tenant's weight must be positive, not {self.weight:g}.", remedy="1 is usual, 2 is twice as much."
            )
        if not LOWEST <= self.priority <= TOP:
            raise InputError(f"A priority lies between {LOWEST} and {TOP}, not at {self.priority}.", remedy="Say 50.")
        for amount in (self.guarantee, self.maximum or Resources()):
            if min(amount.cpu, amount.gpu, amount.memory) < 0:
                raise InputError(f"Nobody can hold less than nothing: {amount}.", remedy="Give 0 or more.")
        if self.maximum is not None and not self.guarantee.fits(self.maximum):
            raise InputError(
                f"The guarantee of {self.guarantee} exceeds the maximum of {self.maximum}.",
                remedy="Raise the maximum or lower the guarantee.",
            )

    def allows(self, held: Resources) -> bool:
        """Return whether a tenant may hold that much."""
        return self.maximum is None or held.fits(self.maximum)

    def guarantees(self, held: Resources) -> bool:
        """Return whether that much is the tenant's own."""
        return held.fits(self.guarantee)
