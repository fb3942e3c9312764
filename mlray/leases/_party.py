"""Who shares: requests, what they have used, and the tenants and sweeps that they belong to."""

import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mlray.leases._rules import Rules
from mlray.leases._terms import TOP, Resources, Terms

__all__ = ["Account", "Held", "Rank", "Request", "Sharer", "Sweep", "Tenant", "admit"]


@dataclass(frozen=True, slots=True)
class Request:
    """One lane's wish for a lease; granted, it is the lease, under the same id."""

    id: str
    tenant: str
    sweep: str
    node: str
    """Where the lane lives, and so where the resources must be free."""
    need: Resources
    since: float
    """When it was first wished for, in seconds."""
    backed: bool = False
    """Ray itself holds the resources for the lane: the lease counts, but takes no room on the node."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lease."""

    request: Request
    at: float
    """When it was granted."""
    boosted: float = -math.inf
    """Until when it goes before all priorities, because its tenant was starving."""


@dataclass(slots=True)
class Account:
    """What somebody has used: seconds of the whole cluster, fading with a half-life."""

    used: float = 0.0
    rate: float = 0.0
    """The share of the cluster that is held now."""
    at: float = 0.0

    def settle(self, now: float, half_life: float) -> None:
        """Bring `used` up to `now`: what was there fades, what was held since is added, and fades alike."""
        passed = now - self.at
        if passed <= 0:
            return
        fade = 0.5 ** (passed / half_life)
        self.used = self.used * fade + self.rate * (1 - fade) * half_life / math.log(2)
        self.at = now


@dataclass(slots=True)
class Sharer:
    """A tenant, or one of its sweeps."""

    name: str
    account: Account = field(default_factory=Account)
    held: Resources = field(default_factory=Resources)
    leases: int = 0
    left: float = -math.inf
    """When it last let go of its last lease or request."""

    def score(self, horizon: float, holds: float, weight: float = 1.0) -> float:
        """Return how much it has had, in proportion to its weight: who has the least comes next."""
        return (self.account.used + holds * horizon) / weight


Rank = tuple[bool, int, float, float, float, str]
_Key = tuple[str, Resources, bool]


@dataclass(slots=True)
class Sweep(Sharer):
    """One sweep of a tenant: requests that wait, alike ones in one queue."""

    queues: dict[_Key, list[tuple[float, str]]] = field(default_factory=dict)

    @property
    def present(self) -> bool:
        """Whether it holds or wants anything."""
        return bool(self.leases or self.queues)

    def put(self, request: Request) -> None:
        """Queue a request by its age."""
        insort(self.queues.setdefault(_key(request), []), (request.since, request.id))

    def take(self, request: Request) -> None:
        """Take a request out of its queue."""
        queue = self.queues[_key(request)]
        del queue[bisect_left(queue, (request.since, request.id))]
        if not queue:
            del self.queues[_key(request)]

    def heads(self) -> Iterator[str]:
        """Yield the oldest request of each queue, the oldest of all first: behind it none can go before it."""
        yield from (name for _, name in sorted(queue[0] for queue in self.queues.values()))

    def waiting(self) -> Iterator[str]:
        """Yield all requests, the oldest first."""
        yield from (name for _, name in sorted(entry for queue in self.queues.values() for entry in queue))


@dataclass(slots=True)
class Tenant(Sharer):
    """A team, or whoever else has terms of its own."""

    terms: Terms = field(default_factory=Terms)
    sweeps: dict[str, Sweep] = field(default_factory=dict)
    empty: float = -math.inf
    """When its last lease ended."""

    def starves(self, since: float, now: float, rules: Rules) -> bool:
        """Return whether it has held nothing for so long, with a request that waits since then, that it goes first."""
        return not self.leases and now - max(since, self.empty) >= rules.starving

    def rank(self, request: Request, holds: Resources, counts: float, horizon: float, *, first: bool) -> Rank:
        """Return where `request` stands among those of all tenants, the lowest first.

        Args:
            request: The tenant's next.
            holds: What the tenant has already.
            counts: The share of the cluster that this counts for.
            horizon: For how many seconds it counts.
            first: Whether it goes before all priorities.
        """
        own = self.terms.guarantees(holds + request.need)
        weight = self.terms.weight
        priority = TOP + 1 if first else self.terms.priority
        return (not own, -priority, self.score(horizon, counts, weight), counts / weight, request.since, self.name)

    @property
    def present(self) -> bool:
        """Whether it holds or wants anything."""
        return any(sweep.present for sweep in self.sweeps.values())


def _key(request: Request) -> _Key:
    return request.node, request.need, request.backed


def admit(newcomer: Sharer, weight: float, others: Iterable[tuple[Sharer, float]], rules: Rules, now: float) -> None:
    """Bound what `newcomer` is ahead of or behind the `others` (with their weights), if it has been away."""
    if now - newcomer.left < rules.absence:
        return
    scores = [other.score(0, 0, heavy) for other, heavy in others]
    if scores:
        low, high = min(scores) * weight - rules.head_start, max(scores) * weight + rules.head_start
        newcomer.account.used = max(0.0, min(max(newcomer.account.used, low), high))
