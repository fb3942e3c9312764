"""What tenants and sweeps have had so far."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

from mlray.ids import Json

__all__ = ["Tallies", "Tally"]

_SWEEPS = 200
"""Finished sweeps of which is kept what they had."""


@dataclass(slots=True)
class Tally:
    """What somebody has had so far."""

    leases: int = 0
    seconds: float = 0.0
    """Lane seconds."""
    waited: float = 0.0
    """Seconds from asking to being granted, of all leases together."""


class Tallies:
    """Counts per tenant, and per sweep."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.tenants: dict[str, Tally] = {}
        self._sweeps: dict[str, Tally] = {}

    def tenant(self, name: str) -> Tally:
        """Return what a tenant has had."""
        return self.tenants.setdefault(name, Tally())

    def sweep(self, name: str) -> Tally:
        """Return what a sweep has had."""
        return self._sweeps.setdefault(name, Tally())

    def granted(self, tenant: str, sweep: str, waited: float) -> None:
        """Count a lease that was waited for."""
        for tally in (self.tenant(tenant), self.sweep(sweep)):
            tally.leases += 1
            tally.waited += waited

    def had(self, tenant: str, sweep: str, seconds: float) -> None:
        """Count lane seconds."""
        for tally in (self.tenant(tenant), self.sweep(sweep)):
            tally.seconds += seconds

    def tidy(self, active: Collection[str]) -> None:
        """Forget the oldest sweeps that are not `active`."""
        over = [name for name in self._sweeps if name not in active]
        for name in over[: max(0, len(over) - _SWEEPS)]:
            del self._sweeps[name]

    def kept(self) -> dict[str, Json]:
        """Return all counts of tenants as JSON."""
        return {name: asdict(tally) for name, tally in self.tenants.items()}

    def restore(self, kept: Mapping[str, Mapping[str, float]]) -> None:
        """Take up counts that were kept."""
        for name, tally in kept.items():
            self.tenants[name] = Tally(int(tally["leases"]), tally["seconds"], tally["waited"])
