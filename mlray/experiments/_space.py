"""Where a sweep looks: one space per trainer, checked before anything starts; and single configurations of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from random import Random

from mlray.errors import InputError, SpecError
from mlray.experiments._dimensions import Dimension, contains, flatten, nearest, ordered
from mlray.experiments._faults import faults
from mlray.experiments._known import KNOWN, SAFE, SEARCHED, Domain, Known, Value, closest
from mlray.experiments._trainers import trainer
from mlray.spec import Choice, Model, Range

__all__ = [
    "KNOWN",
    "Configuration",
    "Dimension",
    "Domain",
    "Known",
    "Space",
    "Value",
    "check_space",
    "compose",
    "drawn",
    "grid",
    "nearest",
    "placed",
    "sample",
    "size",
    "space_of",
    "spaces",
    "within",
]

COUNTED = 10_000
"""A space of more configurations is as good as endless: nobody waits for its last one."""


@dataclass(frozen=True)
class Configuration:
    """One thing to try."""

    trainer: str
    params: Mapping[str, Value]


@dataclass(frozen=True)
class Space:
    """What a sweep searches for one trainer."""

    trainer: str
    dimensions: tuple[Dimension, ...]
    """Every parameter that is searched or counts only sometimes, each behind those it depends on."""
    fixed: Mapping[str, Value]
    """Parameters that keep one value: those the project fixed, and good defaults of those it left out."""
    ours: bool = False
    """Whether the project named no parameter, and the ranges are mlray's own."""

    @property
    def searched(self) -> Mapping[str, Range | Choice]:
        """Each parameter that has more than one value, with its domain; of several branches the first."""
        found: dict[str, Range | Choice] = {}
        for dimension in self.dimensions:
            if isinstance(dimension.domain, Range | Choice) and dimension.searched:
                found.setdefault(dimension.name, dimension.domain)
        return found


def check_space(model: Model) -> None:
    """Find every fault in `model.trainers` before anything starts.

    Raises:
        SpecError: unknown trainers or parameters, each with the closest known, values that cannot be, conditions that
            name nothing or can never be met, and a trainer without anything to search.
    """
    problems = [problem for name, domains in model.trainers.items() for problem in _problems(name, domains)]
    if problems:
        raise SpecError(problems, remedy="`mlray check` lists all faults of a project at once.")


def _problems(name: str, domains: Mapping[str, Domain]) -> Iterator[str]:
    where = f"model.trainers.{name}"
    known: Mapping[str, Known | None] | None = KNOWN.get(name)
    if known is None:
        try:
            known = getattr(trainer(name), "known", None)
        except SpecError as error:
            told = f" {error.problem}" if ":" in name else f" '{name}' is not a trainer{closest(name, KNOWN)}"
            yield f"model.trainers:{told}"
            return
    if not domains and name not in SEARCHED:
        yield f"{where}: nothing is searched; name a parameter and its range, as in `alpha: [0.01, 100, log]`."
    yield from faults(where, domains, known)


def spaces(model: Model) -> tuple[Space, ...]:
    """Return what `model` asks to be searched, one space per trainer; SpecError as `check_space` raises it.

    A trainer without any parameter is searched over ranges that do well on most tables.
    """
    check_space(model)
    return tuple(_space(name, domains) for name, domains in model.trainers.items())


def space_of(
    trainer: str,
    domains: Mapping[str, Domain],
    *,
    where: str = "space",
    known: Mapping[str, Known | None] | None = None,
) -> Space:
    """Return the space of one trainer, or of a function, whose parameters are not `known` to mlray.

    Raises:
        SpecError: as `check_space` raises it, places beginning with `where`; an empty space.

    >>> space_of("mine", {"rate": Range(low=0.1, high=1.0), "depth": 3}).fixed
    {'depth': 3}
    """
    problems = list(faults(where, domains, known))
    if not domains:
        problems.append(f"{where}: it is empty; name a parameter and its range, as in rate=(0.01, 1.0, 'log').")
    if problems:
        raise SpecError(problems, remedy="Nothing was started.")
    return _space(trainer, domains)


def _space(name: str, domains: Mapping[str, Domain]) -> Space:
    found, _ = ordered(tuple(flatten(domains or SEARCHED.get(name, {}))))
    always = {each.name: each.values[0] for each in found if each.values and not each.when and not each.searched}
    named = {dimension.name for dimension in found}
    safe = {key: value for key, value in SAFE.get(name, {}).items() if key not in named}
    kept = tuple(dimension for dimension in found if dimension.when or dimension.searched)
    return Space(name, kept, {**safe, **always}, ours=not domains)


def compose(space: Space, pick: Callable[[Dimension], Value]) -> Configuration:
    """Return the configuration that takes `pick`'s value for every parameter that counts, asked in their order."""
    params = dict(space.fixed)
    for dimension in space.dimensions:
        if dimension.counts(params):
            params[dimension.name] = pick(dimension)
    return Configuration(space.trainer, params)


def placed(space: Space, params: Mapping[str, Value]) -> Configuration:
    """Return the configuration of the space that is closest to `params`; parameters without a value take the middle."""
    return compose(space, lambda dimension: nearest(dimension, params.get(dimension.name)))


def within(space: Space, params: Mapping[str, Value]) -> bool:
    """Return whether `params` has a possible value for every parameter that counts, others left aside."""
    return all(
        dimension.name in params and contains(dimension, params[dimension.name])
        for dimension in space.dimensions
        if dimension.counts({**space.fixed, **params})
    )


def sample(space: Space, chance: Random) -> Configuration:
    """Return a random configuration, even within each range on its scale.

    >>> space = space_of("mine", {"depth": Range(low=2, high=9), "kind": Choice(choices=("a", "b"))})
    >>> sample(space, Random(0))
    Configuration(trainer='mine', params={'depth': 8, 'kind': 'b'})
    """
    return compose(space, lambda dimension: drawn(dimension, chance))


def drawn(dimension: Dimension, chance: Random) -> Value:
    """Return a random value of one parameter."""
    domain = dimension.domain
    if not isinstance(domain, Range):
        return chance.choice(dimension.values or (None,))
    # Half a step beyond both ends, so that the ends of a stepped range are drawn as often as what lies between.
    step = domain.step or (1 if domain.whole else 0)
    low, high = domain.low - step / 2, domain.high + step / 2
    if domain.scale == "log":
        low = max(low, domain.low / 2)
        return domain.nearest(exp(chance.uniform(log(low), log(high))))
    return domain.nearest(chance.uniform(low, high))


def grid(space: Space) -> Iterator[Configuration]:
    """Yield every configuration of a finite space, the last parameter changing fastest.

    Raises:
        InputError: a range has no end of values; the remedy says what has.

    >>> space = space_of("mine", {"depth": Range(low=2, high=3), "kind": Choice(choices=("a", "b"))})
    >>> [tuple(each.params.values()) for each in grid(space)]
    [(2, 'a'), (2, 'b'), (3, 'a'), (3, 'b')]
    """
    for dimension in space.dimensions:
        if dimension.all_values is None:
            raise InputError(
                f"The range of '{dimension.name}' has no end of values: it cannot be tried from end to end.",
                remedy="Give it a step, or choices; or search it at random.",
            )
    yield from _from(space, 0, dict(space.fixed))


def _from(space: Space, position: int, params: dict[str, Value]) -> Iterator[Configuration]:
    if position == len(space.dimensions):
        yield Configuration(space.trainer, params)
        return
    dimension = space.dimensions[position]
    if not dimension.counts(params):
        yield from _from(space, position + 1, params)
        return
    for value in dimension.all_values or ():
        yield from _from(space, position + 1, {**params, dimension.name: value})


def size(space: Space) -> int | None:
    """Return how many configurations the space has; None where they are more than anybody tries.

    >>> size(space_of("mine", {"depth": Range(low=2, high=9), "kind": Choice(choices=("a", "b"))}))
    16
    """
    if any(dimension.all_values is None for dimension in space.dimensions):
        return None
    asked = frozenset(name for dimension in space.dimensions for name, _ in dimension.when)
    count = _count(space.dimensions, dict(space.fixed), asked)
    return count if count <= COUNTED else None


def _count(dimensions: Sequence[Dimension], params: Mapping[str, Value], asked: frozenset[str]) -> int:
    """Return how many configurations `dimensions` have; only values that others ask about are gone through."""
    count = 1
    for position, dimension in enumerate(dimensions):
        values = dimension.all_values or ()
        if not dimension.counts(params):
            continue
        if dimension.name not in asked:
            count *= len(values)
            continue
        within = 0
        for value in values:
            within += _count(dimensions[position + 1 :], {**params, dimension.name: value}, asked)
            if within > COUNTED:
                break
        return count * within
    return count
