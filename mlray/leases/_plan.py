"""Who ought to hold what: the cluster dealt out anew, as if nobody had anything yet.

Progressive filling by weighted dominant shares (Ghodsi et al., "Dominant Resource Fairness", NSDI 2011), whole leases
at a time: whoever has had the least in proportion to its weight is given its next one. What was used counts as well,
and what is held already has an advantage of one turn, so that the plan follows the state until somebody is owed that.
"""

from collections import deque
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from mlray.leases._party import Held, Rank, Request, Sweep, Tenant
from mlray.leases._rules import Rules
from mlray.leases._terms import Resources

__all__ = ["Plan", "make_plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """The leases and requests that ought to be held."""

    chosen: AbstractSet[str]
    owned: AbstractSet[str]
    """Those that their tenant's guarantee covers: nobody waits for them."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    request: Request
    share: float
    kept: bool
    """Held, and not asked back."""
    first: bool


@dataclass(slots=True)
class _Queue:
    sweep: Sweep
    candidates: deque[_Candidate]
    planned: float = 0.0

    def score(self, turn: float) -> tuple[float, float, float, str]:
        candidate = self.candidates[0]
        counts = self.planned - (candidate.share if candidate.kept else 0.0)
        return self.sweep.score(turn, counts), self.planned, candidate.request.since, self.sweep.name


@dataclass(slots=True)
class _Side:
    tenant: Tenant
    queues: list[_Queue]
    planned: Resources = field(default_factory=Resources)
    share: float = 0.0

    def rank(self, queue: _Queue, turn: float) -> Rank:
        candidate = queue.candidates[0]
        counts = self.share - (candidate.share if candidate.kept else 0.0)
        first = candidate.first and (candidate.kept or self.share == 0.0)
        return self.tenant.rank(candidate.request, self.planned, counts, turn, first=first)


@dataclass(slots=True)
class _Dealing:
    room: dict[str, Resources]
    total: Resources
    turn: float
    chosen: set[str] = field(default_factory=set)
    owned: set[str] = field(default_factory=set)

    def fits(self, side: _Side, request: Request) -> bool:
        within = side.tenant.terms.allows(side.planned + request.need)
        return within and (request.backed or request.need.fits(self.room.get(request.node, Resources())))

    def next(self, side: _Side) -> _Queue | None:
        """Return the queue whose turn it is; what does not fit now never will, and is left out."""
        for queue in side.queues:
            while queue.candidates and not self.fits(side, queue.candidates[0].request):
                queue.candidates.popleft()
        side.queues = [queue for queue in side.queues if queue.candidates]
        return min(side.queues, key=lambda queue: queue.score(self.turn), default=None)

    def give(self, side: _Side, queue: _Queue) -> None:
        candidate = queue.candidates.popleft()
        request = candidate.request
        self.chosen.add(request.id)
        if side.tenant.terms.guarantees(side.planned + request.need):
            self.owned.add(request.id)
        side.planned += request.need
        side.share = side.planned.share(self.total)
        queue.planned += candidate.share
        if not request.backed:
            self.room[request.node] -= request.need


def make_plan(
    tenants: Mapping[str, Tenant],
    waiting: Mapping[str, Request],
    held: Mapping[str, Held],
    revoked: AbstractSet[str],
    nodes: Mapping[str, Resources],
    total: Resources,
    rules: Rules,
    now: float,
) -> Plan:
    """Return who ought to hold what of `nodes` (capacities by node), whose sum is `total`; accounts are settled."""
    dealing = _Dealing(dict(nodes), total, rules.turn)
    kept: dict[str, dict[str, list[Held]]] = {}
    for lease in held.values():
        kept.setdefault(lease.request.tenant, {}).setdefault(lease.request.sweep, []).append(lease)
    sides = [_side(tenant, kept.get(name, {}), waiting, revoked, total, rules, now) for name, tenant in tenants.items()]
    heap = []
    for number, side in enumerate(sides):
        queue = dealing.next(side)
        if queue is not None:
            heap.append((side.rank(queue, rules.turn), number, queue.candidates[0].request.id))
    heapify(heap)
    while heap:
        _, number, name = heappop(heap)
        side = sides[number]
        queue = dealing.next(side)
        # Others may have taken the room meanwhile: then another request is next, and may stand elsewhere.
        if queue is not None and queue.candidates[0].request.id == name:
            dealing.give(side, queue)
            queue = dealing.next(side)
        if queue is not None:
            heappush(heap, (side.rank(queue, rules.turn), number, queue.candidates[0].request.id))
    return Plan(dealing.chosen, dealing.owned)


def _side(
    tenant: Tenant,
    kept: Mapping[str, list[Held]],
    waiting: Mapping[str, Request],
    revoked: AbstractSet[str],
    total: Resources,
    rules: Rules,
    now: float,
) -> _Side:
    queues = []
    for name, sweep in tenant.sweeps.items():
        leases = sorted(kept.get(name, ()), key=lambda lease: (lease.request.id in revoked, lease.at, lease.request.id))
        candidates = [
            _Candidate(
                lease.request,
                lease.request.need.share(total),
                kept=lease.request.id not in revoked,
                first=now < lease.boosted,
            )
            for lease in leases
        ]
        for request in (waiting[each] for each in sweep.waiting()):
            first = tenant.starves(request.since, now, rules)
            candidates.append(_Candidate(request, request.need.share(total), kept=False, first=first))
        if candidates:
            queues.append(_Queue(sweep, deque(candidates)))
    return _Side(tenant, queues)
