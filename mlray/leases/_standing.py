"""How the cluster is shared, for people."""

from collections.abc import Callable, Container, Mapping
from dataclasses import asdict, dataclass

from mlray.leases._fair import Fair
from mlray.leases._tallies import Tallies
from mlray.leases._terms import Resources, Terms

__all__ = ["NodeStanding", "Standing", "SweepStanding", "TenantStanding", "standing"]


@dataclass(frozen=True, slots=True)
class NodeStanding:
    """One node."""

    name: str
    capacity: Resources
    """What may be leased there: what Ray does not hold for others."""
    free: Resources


@dataclass(frozen=True, slots=True)
class SweepStanding:
    """One sweep that holds or wants something."""

    name: str
    lanes: int
    """Leases held now."""
    waiting: int
    longest_wait: float
    """Seconds that its oldest request has waited."""
    leases: int
    seconds: float
    stopped: bool


@dataclass(frozen=True, slots=True)
class TenantStanding:
    """One tenant."""

    name: str
    terms: Terms
    held: Resources
    share: float
    """Of the cluster, in its scarcest resource."""
    leases: int
    """Granted so far."""
    seconds: float
    """Lane seconds so far."""
    waited: float
    """Mean seconds from asking to being granted."""
    sweeps: tuple[SweepStanding, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Who holds what, who waits, and on which terms."""

    nodes: tuple[NodeStanding, ...]
    tenants: tuple[TenantStanding, ...]
    asked: int = 0
    """Lanes that an autoscaler was asked for."""
    fault: str = ""
    """What is wrong with the operator's file, where something is."""

    def to_json(self) -> Mapping[str, object]:
        """Return it as JSON values; an amount without limit is None."""
        return {key: _plain(value) for key, value in asdict(self).items()}

    def lines(self) -> list[str]:
        """Return it as a table in text.

        >>> Standing((), ()).lines()
        ['No tenant holds or wants anything; nodes: 0.']
        """
        if not self.tenants:
            return [f"No tenant holds or wants anything; nodes: {len(self.nodes)}."]
        said = [f"{'tenant / sweep':<28} {'share':>6} {'lanes':>6} {'waiting':>8} {'wait s':>7} {'lane s':>9}"]
        for tenant in self.tenants:
            lanes, waiting = sum(s.lanes for s in tenant.sweeps), sum(s.waiting for s in tenant.sweeps)
            longest = max((s.longest_wait for s in tenant.sweeps), default=0.0)
            said.append(_row(tenant.name, f"{tenant.share:.0%}", lanes, waiting, longest, tenant.seconds))
            for sweep in tenant.sweeps:
                name = f"  {sweep.name}{' (stopping)' if sweep.stopped else ''}"
                said.append(_row(name, "", sweep.lanes, sweep.waiting, sweep.longest_wait, sweep.seconds))
        return said + ([self.fault] if self.fault else [])


def standing(
    fair: Fair,
    terms: Callable[[str], Terms],
    tallies: Tallies,
    running: Mapping[tuple[str, str], float],
    stopped: Container[str],
    now: float,
    asked: int = 0,
    fault: str = "",
) -> Standing:
    """Return how the cluster is shared; `running` are lane seconds, by tenant and sweep, that no tally has yet."""
    by_tenant: dict[str, list[SweepStanding]] = {name: [] for name in tallies.tenants}
    for tenant, sweep in sorted(running):
        waits = [now - request.since for request in fair.waiting.values() if request.sweep == sweep]
        lanes = sum(lease.request.sweep == sweep for lease in fair.held.values())
        tally = tallies.sweep(sweep)
        seconds = tally.seconds + running[tenant, sweep]
        longest = max(waits, default=0.0)
        told = SweepStanding(sweep, lanes, len(waits), longest, tally.leases, seconds, sweep in stopped)
        by_tenant.setdefault(tenant, []).append(told)
    tenants = []
    for name, sweeps in sorted(by_tenant.items()):
        tally = tallies.tenant(name)
        held = fair.tenants[name].held if name in fair.tenants else Resources()
        seconds = tally.seconds + sum(had for key, had in running.items() if key[0] == name)
        waited = tally.waited / tally.leases if tally.leases else 0.0
        tenants.append(
            TenantStanding(
                name, terms(name), held, held.share(fair.total), tally.leases, seconds, waited, tuple(sweeps)
            )
        )
    nodes = tuple(NodeStanding(name, room, fair.free(name)) for name, room in sorted(fair.nodes.items()))
    return Standing(nodes, tuple(tenants), asked, fault)


def _row(name: str, share: str, lanes: int, waiting: int, longest: float, seconds: float) -> str:
    return f"{name:<28} {share:>6} {lanes:>6} {waiting:>8} {longest:>7.1f} {seconds:>9.1f}"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return None if value == float("inf") else value
