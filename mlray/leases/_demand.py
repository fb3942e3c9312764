"""What an autoscaler is asked for: the lanes that sweeps could use, as far as terms and money go."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from mlray.leases._terms import Resources, Terms

__all__ = ["WORTHWHILE", "Want", "Wants", "affordable", "bundles", "lanes_within"]

WORTHWHILE = 120.0
"""Seconds for which a lane must be paid at least: a node takes a minute to come, and is to work for as long."""
_WANTED = 30.0
"""Seconds for which a want counts."""


@dataclass(frozen=True, slots=True)
class Want:
    """What one sweep could use."""

    tenant: str
    sweep: str
    lanes: int
    need: Resources
    """Of each lane."""
    at: float
    """When it was said; it is forgotten soon, since who declares and dies would be given nodes for ever."""


def affordable(money_left: float | None, price_per_second: float | None, seconds: float = WORTHWHILE) -> float:
    """Return for how many lanes the money lasts for `seconds`, if a lane costs `price_per_second`; one at least.

    >>> affordable(2.0, 0.001, 120)
    16
    """
    if money_left is None or not price_per_second:
        return math.inf
    return max(1, math.floor(round(money_left / (price_per_second * seconds), 9))) if money_left > 0 else 0


def lanes_within(terms: Terms, need: Resources, lanes: int) -> int:
    """Return how many lanes of `need` a tenant may hold at once, `lanes` at most.

    >>> lanes_within(Terms(maximum=Resources(cpu=5)), Resources(cpu=2), 8)
    2
    """
    if terms.maximum is None:
        return lanes
    pairs = zip(
        (need.cpu, need.gpu, need.memory), (terms.maximum.cpu, terms.maximum.gpu, terms.maximum.memory), strict=True
    )
    most = min((limit / part for part, limit in pairs if part > 0), default=math.inf)
    return min(lanes, math.floor(most)) if most < math.inf else lanes


def bundles(
    wants: Iterable[Want], terms: Mapping[str, Terms], taken: Iterable[Resources] = ()
) -> list[dict[str, float]]:
    """Return what `ray.autoscaler.sdk.request_resources` is to be given: one bundle per lane.

    Ray looks at the sum of its nodes, in use or not: what it holds for others (`taken`, per node) is asked for as well.
    No tenant's lanes pass its maximum together.
    """
    asked: list[dict[str, float]] = []
    had: dict[str, Resources] = {}
    for want in wants:
        allowed = terms.get(want.tenant, Terms())
        for _ in range(want.lanes):
            together = had.get(want.tenant, Resources()) + want.need
            if not allowed.allows(together):
                break
            had[want.tenant] = together
            asked.append(_bundle(want.need))
    return [*asked, *(bundle for amount in taken if (bundle := _bundle(amount)))] if asked else []


class Wants:
    """The wants of all sweeps."""

    def __init__(self) -> None:
        """Begin with none."""
        self._wants: dict[str, Want] = {}

    def __bool__(self) -> bool:
        """Return whether anybody wants anything."""
        return bool(self._wants)

    @property
    def asked(self) -> int:
        """How many lanes are wanted in all, as far as terms and money go."""
        return sum(want.lanes for want in self._wants.values())

    def put(self, want: Want, terms: Terms, money_left: float | None, price_per_second: float | None) -> int:
        """Note how many lanes a sweep could use, and return how many of them its terms and money allow."""
        most = affordable(money_left, price_per_second)
        allowed = int(min(lanes_within(terms, want.need, want.lanes), most))
        self._wants[want.sweep] = replace(want, lanes=allowed)
        if allowed <= 0:
            self.drop(want.sweep)
        return max(0, allowed)

    def drop(self, sweep: str) -> None:
        """Forget what a sweep wanted."""
        self._wants.pop(sweep, None)

    def tidy(self, now: float) -> None:
        """Forget what was not said again."""
        self._wants = {sweep: want for sweep, want in self._wants.items() if now - want.at <= _WANTED}

    def bundles(self, terms: Callable[[str], Terms], taken: Iterable[Resources] = ()) -> list[dict[str, float]]:
        """Return what the autoscaler is to be given, in an order that does not change by itself."""
        wants = [want for _, want in sorted(self._wants.items())]
        return bundles(wants, {want.tenant: terms(want.tenant) for want in wants}, taken)


def _bundle(amount: Resources) -> dict[str, float]:
    named = {"CPU": amount.cpu, "GPU": amount.gpu, "memory": amount.memory}
    return {name: value for name, value in named.items() if value > 0}
