"""What one trial of a user's function needs, and how many of them fit on a cluster side by side."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from mlray.errors import InputError

__all__ = ["Needs", "fewest", "needs_of", "slots"]

_NAMES = {"cpu": "CPU", "gpu": "GPU", "memory": "memory"}


@dataclass(frozen=True, slots=True)
class Needs:
    """The resources of one trial: one bundle on one node, or several that may lie on several nodes.

    A bundle is resource → amount in Ray's words: `CPU`, `GPU` (fractions too), `memory` in bytes, and custom ones.
    """

    bundles: tuple[Mapping[str, float], ...] = ({"CPU": 1.0},)
    strategy: str = "PACK"
    """How Ray lays several bundles: PACK, SPREAD, STRICT_PACK or STRICT_SPREAD."""

    @property
    def claimed(self) -> bool:
        """Whether Ray itself must hold them, since it alone can: GPUs, memory, custom resources, several bundles.

        CPUs alone are claimed by the lease and not from Ray: else whoever waits for a lease would keep CPUs idle.
        """
        return len(self.bundles) > 1 or any(name != "CPU" for name in self.bundles[0])

    def total(self, name: str) -> float:
        """Return how much of the resource `name` all bundles together need."""
        return math.fsum(bundle.get(name, 0.0) for bundle in self.bundles)


def needs_of(resources: object) -> Needs:
    """Return what `resources` say: None for one CPU, a mapping for one bundle, a list of mappings for several.

    Raises:
        InputError: an amount that is none, or a fraction of more than one GPU.

    >>> needs_of({"cpu": 2, "gpu": 0.5}).bundles
    ({'CPU': 2.0, 'GPU': 0.5},)
    """
    if resources is None:
        return Needs()
    several = [resources] if isinstance(resources, Mapping) else resources
    if not isinstance(several, list | tuple) or not several or not all(isinstance(one, Mapping) for one in several):
        raise InputError(
            f"resources={resources!r} does not say what a trial needs.",
            remedy='Write {"cpu": 2, "gpu": 0.5}, or a list of such bundles for a trial on several nodes.',
        )
    return Needs(tuple(_bundle(one) for one in several))


def _bundle(given: Mapping[object, object]) -> Mapping[str, float]:
    bundle = {}
    for key, amount in given.items():
        name = _NAMES.get(str(key).lower(), str(key))
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount < math.inf:
            raise InputError(f"resources: {key} is {amount!r}, not an amount.", remedy="Write a number from 0 up.")
        if name == "GPU" and amount > 1 and amount != int(amount):
            raise InputError(
                f"resources: {key} is {amount:g}; a fraction is of one GPU.", remedy="Write at most 1, or whole GPUs."
            )
        if amount:
            bundle[name] = float(amount)
    if not bundle:
        raise InputError("resources: a trial that needs nothing cannot be shared fairly.", remedy='Say {"cpu": 1}.')
    return bundle


def slots(needs: Needs, nodes: Iterable[Mapping[str, float]]) -> int:
    """Return how many trials fit side by side on `nodes` (resource → amount of each) at most.

    Raises:
        InputError: a resource that no node has, with the closest that one has, or more than there is.
    """
    rooms = list(nodes)
    known = {name for room in rooms for name in room}
    for bundle in needs.bundles:
        for name, amount in bundle.items():
            _refuse(name, amount, known, rooms)
    if len(needs.bundles) == 1:
        return max(1, sum(_fit(needs.bundles[0], room) for room in rooms))
    names = {name for bundle in needs.bundles for name in bundle}
    whole = {name: math.fsum(room.get(name, 0.0) for room in rooms) for name in names}
    for name in names:
        if needs.total(name) > whole[name]:
            raise InputError(
                f"A trial's {len(needs.bundles)} bundles need {needs.total(name):g} {name}; the cluster has"
                f" {whole[name]:g}.",
                remedy="Ask for less, or add nodes first.",
            )
    return max(1, _fit({name: needs.total(name) for name in names}, whole))


def _refuse(name: str, amount: float, known: Iterable[str], rooms: list[Mapping[str, float]]) -> None:
    most = max((room.get(name, 0.0) for room in rooms), default=0.0)
    if most >= amount:
        return
    if most:
        raise InputError(
            f"A trial needs {amount:g} {name}; the largest node has {most:g}.",
            remedy="Ask for less, or split the need into bundles: resources=[{...}, {...}].",
        )
    named = {other.lower(): other for other in known if not other.startswith("node:")}
    near = get_close_matches(name.lower(), named, n=1, cutoff=0.6)
    hint = f"Did you mean '{named[near[0]]}'?" if near else f"There is: {', '.join(sorted(named.values()))}."
    raise InputError(f"A trial needs {amount:g} {name}; no node has any.", remedy=hint)


def _fit(bundle: Mapping[str, float], room: Mapping[str, float]) -> int:
    return min(int(room.get(name, 0.0) / amount + 1e-9) for name, amount in bundle.items())


def fewest(needs: Needs, nodes: Mapping[str, Mapping[str, float]], taken: Mapping[str, int]) -> str:
    """Return the node (name → resources) with the most room left beside what is `taken` (name → trials there).

    >>> fewest(Needs(), {"a": {"CPU": 2}, "b": {"CPU": 4}}, {"a": 0, "b": 3})
    'a'
    """
    return max(sorted(nodes), key=lambda name: _fit(needs.bundles[0], nodes[name]) - taken.get(name, 0))
