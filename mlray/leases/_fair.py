"""The scheduler of leases: pure, told of every event with its time, asked what to do."""

from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from mlray.leases._party import Held, Rank, Request, Tenant
from mlray.leases._plan import Plan, make_plan
from mlray.leases._register import Register
from mlray.leases._terms import Resources

__all__ = ["Decisions", "Fair"]


@dataclass(frozen=True, slots=True)
class Decisions:
    """What is to be done now; both are ids of leases."""

    grants: tuple[str, ...] = ()
    """Requests that are leases from now on, in the order of granting."""
    revokes: tuple[str, ...] = ()
    """Leases that are asked back from now on: at the next rung their lanes pause, and give them back."""


class Fair(Register):
    """Shares nodes among tenants, and a tenant's part among its sweeps.

    Free room goes at once to whoever has had the least in proportion to its weight: dominant shares, those held now and
    those used before. Guarantees and then priorities come first, nobody passes its maximum, and only who waits or holds
    counts, so that nothing idles that somebody could use. What is held unfairly long is asked back (see `make_plan`).

    >>> fair = Fair()
    >>> fair.offer({"n1": Resources(cpu=1)}, now=0)
    >>> for tenant in ("a", "b"):
    ...     fair.wait(Request(f"{tenant}1", tenant, "s", "n1", Resources(cpu=1), since=0), now=0)
    >>> fair.decide(now=0).grants
    ('a1',)
    >>> fair.release("a1", now=1)
    >>> fair.decide(now=1).grants
    ('b1',)
    """

    def decide(self, now: float) -> Decisions:
        """Grant what can be granted, and ask back what others are owed; the same events give the same decisions."""
        self._settle(now)
        before = frozenset(self._revoked)
        if self._looked is None or self._now - self._looked >= self.rules.look_every:
            self._looked = self._now
            self._look()
        return Decisions(tuple(self._grant()), tuple(sorted(self._revoked - before)))

    # Granting.

    def _grant(self) -> list[str]:
        granted: list[str] = []
        heap = [entry for tenant in self._tenants.values() if (entry := self._entry(tenant)) is not None]
        heapify(heap)
        while heap:
            _, name, wished = heappop(heap)
            tenant = self._tenants[name]
            # Looked up again: the room that was free when the entry was made may be taken.
            entry = self._entry(tenant)
            if entry is not None and entry[2] == wished:
                request = self._waiting[wished]
                first = tenant.starves(request.since, self._now, self.rules)
                self.drop(wished, self._now)
                self._take(request, self._now, first=first)
                granted.append(wished)
                entry = self._entry(tenant)
            if entry is not None:
                heappush(heap, entry)
        return granted

    def _entry(self, tenant: Tenant) -> tuple[Rank, str, str] | None:
        """Return what a tenant is to be given next, and where that stands; None if nothing can be given to it."""
        request = self._next(tenant)
        if request is None:
            return None
        first = tenant.starves(request.since, self._now, self.rules)
        rank = tenant.rank(request, tenant.held, tenant.account.rate, self.rules.pack, first=first)
        return rank, tenant.name, request.id

    def _next(self, tenant: Tenant) -> Request | None:
        sweeps = [sweep for sweep in tenant.sweeps.values() if sweep.queues]
        for sweep in sorted(sweeps, key=lambda each: (each.score(self.rules.pack, each.account.rate), each.name)):
            for name in sweep.heads():
                request = self._waiting[name]
                if tenant.terms.allows(tenant.held + request.need) and self._has_room(request):
                    return request
        return None

    def _has_room(self, request: Request) -> bool:
        if request.backed:
            return True
        free = self.free(request.node)
        if not request.need.fits(free):
            return False
        if request.id in self._earmarked or not self._earmarked:
            return True
        # Room that is being made for another must not be taken piece by piece: a large request would never fit.
        for name in self._revoked:
            if self._on(self._held[name].request, request.node):
                free += self._held[name].request.need
        for name in self._earmarked:
            if self._on(self._waiting[name], request.node):
                free -= self._waiting[name].need
        return request.need.fits(free)

    @staticmethod
    def _on(request: Request, node: str) -> bool:
        return request.node == node and not request.backed

    # Asking back.

    def _look(self) -> None:
        """Compare what is held with what ought to be, and ask back what others wait for or nobody may hold."""
        self._earmarked.clear()
        if not self._asks():
            self._revoked.clear()
            return
        plan = make_plan(
            self._tenants, self._waiting, self._held, self._revoked, self._nodes, self._total, self.rules, self._now
        )
        surplus = [lease for name, lease in self._held.items() if name not in plan.chosen]
        # The newest first: the others are nearer to their end. But who was asked already stays asked.
        surplus.sort(key=lambda lease: (lease.request.id not in self._revoked, -lease.at, lease.request.id))
        revoked = {
            lease.request.id
            for lease in surplus
            if not (tenant := self._tenants[lease.request.tenant]).terms.allows(tenant.held)
        }
        for node in sorted(self._free):
            self._clear(node, plan, [lease for lease in surplus if self._on(lease.request, node)], revoked)
        self._revoked = revoked

    def _asks(self) -> bool:
        """Return whether there may be anything to ask back: somebody waits, or holds what is not there or allowed."""
        if self._waiting:
            return True
        over = any(min(free.cpu, free.gpu, free.memory) < 0 for free in self._free.values())
        return over or any(not tenant.terms.allows(tenant.held) for tenant in self._tenants.values())

    def _clear(self, node: str, plan: Plan, surplus: list[Held], revoked: set[str]) -> None:
        """Ask back as much on `node` as is needed for what ought to be there."""
        due = [
            request
            for name, request in self._waiting.items()
            if self._on(request, node)
            and name in plan.chosen
            and (name in plan.owned or self._now - request.since >= self.rules.revoke_after)
        ]
        lacking = Resources() - self.free(node)
        for request in due:
            lacking += request.need
        for lease in surplus:
            if lease.request.id in revoked:
                lacking -= lease.request.need
        asked = False
        for lease in surplus:
            if lease.request.id not in revoked and _helps(lease.request.need, lacking):
                revoked.add(lease.request.id)
                lacking -= lease.request.need
                asked = True
        if asked:
            self._earmarked.update(request.id for request in due)


def _helps(need: Resources, lacking: Resources) -> bool:
    return (
        (lacking.cpu > 0 and need.cpu > 0)
        or (lacking.gpu > 0 and need.gpu > 0)
        or (lacking.memory > 0 and need.memory > 0)
    )
