"""Who is there, who waits for what, who holds what, and what everybody has used."""

from collections.abc import Mapping

from mlray.leases._party import Account, Held, Request, Sharer, Sweep, Tenant, admit
from mlray.leases._rules import Rules
from mlray.leases._terms import Resources, Terms

__all__ = ["Register"]


class Register:
    """The state of the scheduler: told of every event with its time, it decides nothing."""

    def __init__(self, rules: Rules | None = None) -> None:
        """Begin with no nodes and nobody."""
        self.rules = rules or Rules()
        self._tenants: dict[str, Tenant] = {}
        self._waiting: dict[str, Request] = {}
        self._held: dict[str, Held] = {}
        self._revoked: set[str] = set()
        self._earmarked: set[str] = set()
        self._nodes: dict[str, Resources] = {}
        self._free: dict[str, Resources] = {}
        self._total = Resources()
        self._now = 0.0
        self._looked: float | None = None

    @property
    def nodes(self) -> Mapping[str, Resources]:
        """What may be leased on each node."""
        return self._nodes

    @property
    def total(self) -> Resources:
        """What may be leased in all, and what Ray holds for leases that are backed by it."""
        return self._total

    @property
    def tenants(self) -> Mapping[str, Tenant]:
        """All that are known, with what they hold and have used. To be read only."""
        return self._tenants

    @property
    def waiting(self) -> Mapping[str, Request]:
        """Requests that have not been granted."""
        return self._waiting

    @property
    def held(self) -> Mapping[str, Held]:
        """All leases, asked back or not."""
        return self._held

    @property
    def revoked(self) -> frozenset[str]:
        """Leases that are asked back."""
        return frozenset(self._revoked)

    def free(self, node: str) -> Resources:
        """Return what nobody holds on a node; negative where Ray took for others what was leased."""
        return self._free.get(node, Resources())

    def agree(self, tenant: str, terms: Terms, now: float) -> None:
        """Put `terms` in force for a tenant; a lowered maximum asks back what is beyond it."""
        self._settle(now)
        self._tenant(tenant).terms = terms

    def remember(self, tenant: str, used: float, now: float) -> None:
        """Say what a tenant had used before this scheduler began."""
        self._settle(now)
        self._tenant(tenant).account.used = used

    def used(self, now: float) -> dict[str, float]:
        """Return what every tenant has used: seconds of the whole cluster, old ones faded."""
        self._settle(now)
        return {name: tenant.account.used for name, tenant in self._tenants.items()}

    def offer(self, nodes: Mapping[str, Resources], now: float) -> None:
        """Say what may be leased on each node from now on; nodes that are not named have nothing."""
        self._settle(now)
        self._nodes = dict(nodes)
        free = dict(nodes)
        for lease in self._held.values():
            if not lease.request.backed:
                node = lease.request.node
                free[node] = free.get(node, Resources()) - lease.request.need
        self._free = free
        self._weigh()
        self._forget()

    def wait(self, request: Request, now: float) -> None:
        """Queue a request; one of the same id that waits already is replaced, one that is a lease is left alone."""
        self._settle(now)
        if request.id in self._held:
            return
        self.drop(request.id, now)
        sweep = self._arrive(request)
        self._waiting[request.id] = request
        sweep.put(request)

    def drop(self, request: str, now: float) -> None:
        """Forget a request that waits; one that does not is none."""
        self._settle(now)
        found = self._waiting.pop(request, None)
        if found is None:
            return
        self._earmarked.discard(request)
        tenant = self._tenants[found.tenant]
        sweep = tenant.sweeps[found.sweep]
        sweep.take(found)
        self._leave(tenant, sweep)

    def hold(self, request: Request, now: float) -> None:
        """Enter a lease that is held already, room or not: after a restart, holders announce themselves."""
        self._settle(now)
        self.drop(request.id, now)
        if request.id not in self._held:
            self._arrive(request)
            self._take(request, now, first=False)

    def release(self, lease: str, now: float) -> None:
        """Take a lease back, because its work is done, paused or lost; one that is not held is none."""
        self._settle(now)
        found = self._held.pop(lease, None)
        if found is None:
            return
        self._revoked.discard(lease)
        request = found.request
        tenant = self._tenants[request.tenant]
        sweep = tenant.sweeps[request.sweep]
        self._count(tenant, sweep, request, -1)
        if not tenant.leases:
            tenant.empty = self._now
        self._leave(tenant, sweep)

    def _settle(self, now: float) -> None:
        if now <= self._now:
            return
        self._now = now
        for tenant in self._tenants.values():
            tenant.account.settle(now, self.rules.half_life)
            for sweep in tenant.sweeps.values():
                sweep.account.settle(now, self.rules.half_life)

    def _tenant(self, name: str) -> Tenant:
        if name not in self._tenants:
            self._tenants[name] = Tenant(name, Account(at=self._now))
        return self._tenants[name]

    def _arrive(self, request: Request) -> Sweep:
        tenant = self._tenant(request.tenant)
        if not tenant.present:
            there = [(other, other.terms.weight) for other in self._tenants.values() if other.present]
            admit(tenant, tenant.terms.weight, there, self.rules, self._now)
        if request.sweep not in tenant.sweeps:
            tenant.sweeps[request.sweep] = Sweep(request.sweep, Account(at=self._now))
        sweep = tenant.sweeps[request.sweep]
        if not sweep.present:
            siblings = [(other, 1.0) for other in tenant.sweeps.values() if other.present]
            admit(sweep, 1.0, siblings, self.rules, self._now)
        return sweep

    def _leave(self, tenant: Tenant, sweep: Sweep) -> None:
        for sharer in (sweep, tenant):
            if not sharer.present:
                sharer.left = self._now

    def _forget(self) -> None:
        """Let go of sweeps that are over; of tenants only what they used is kept, which fades by itself."""
        for tenant in self._tenants.values():
            over = [
                name
                for name, sweep in tenant.sweeps.items()
                if not sweep.present and self._now - sweep.left >= self.rules.absence
            ]
            for name in over:
                del tenant.sweeps[name]

    def _weigh(self) -> None:
        """Bring the sum and all shares up to date."""
        total = Resources()
        for capacity in self._nodes.values():
            total += capacity
        for lease in self._held.values():
            if lease.request.backed:
                total += lease.request.need
        self._total = total
        for tenant in self._tenants.values():
            self._rate(tenant)
            for sweep in tenant.sweeps.values():
                self._rate(sweep)

    def _rate(self, sharer: Sharer) -> None:
        sharer.account.rate = sharer.held.share(self._total)

    def _count(self, tenant: Tenant, sweep: Sweep, request: Request, sign: int) -> None:
        need = request.need if sign > 0 else Resources() - request.need
        for sharer in (tenant, sweep):
            sharer.held += need
            sharer.leases += sign
            self._rate(sharer)
        if request.backed:
            self._weigh()
        else:
            self._free[request.node] = self.free(request.node) - need

    def _take(self, request: Request, now: float, *, first: bool) -> None:
        tenant = self._tenants[request.tenant]
        boosted = now + self.rules.turn if first else now
        self._held[request.id] = Held(request, now, boosted)
        self._count(tenant, tenant.sweeps[request.sweep], request, 1)
