"""A tree of domains as a list: every parameter with the conditions under which it counts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlray.experiments._known import Domain, Value
from mlray.spec import Choice, Range

__all__ = ["Conditions", "Dimension", "contains", "flatten", "nearest", "ordered", "same"]

Conditions = tuple[tuple[str, tuple[Value, ...]], ...]
"""Other parameter and the values it must have; all must be met."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """One parameter at one place of the tree."""

    name: str
    domain: Domain
    when: Conditions = ()
    key: str = ""
    """Its name, unlike any other in the space: `grow_policy=lossguide.max_leaves` within a branch."""
    place: str = ""
    """Where it was written, for messages: `model.trainers.xgboost.grow_policy.choices.lossguide.max_leaves`."""

    @property
    def searched(self) -> bool:
        """Whether it has more than one value."""
        return self.values is None or len(self.values) > 1

    @property
    def all_values(self) -> Sequence[Value] | None:
        """All values that it can have, the whole or stepped numbers of a range too; None where there is no end."""
        domain = self.domain
        if not isinstance(domain, Range):
            return self.values
        step = domain.step or (1 if domain.whole else 0)
        if not step:
            return None
        count = int((domain.high - domain.low) / step + 1e-9) + 1
        return _Steps(domain, step, count)

    @property
    def values(self) -> tuple[Value, ...] | None:
        """All values that it can have; None where they are the numbers of a range."""
        if isinstance(self.domain, Range):
            return None
        return self.domain.values if isinstance(self.domain, Choice) else (self.domain,)

    def counts(self, params: Mapping[str, Value]) -> bool:
        """Return whether it counts where the parameters before it have the values `params`."""
        return all(name in params and any(same(params[name], value) for value in values) for name, values in self.when)


class _Steps(Sequence[Value]):
    """The numbers of a stepped range, made when they are looked at: there may be billions."""

    def __init__(self, domain: Range, step: float, count: int) -> None:
        self._domain, self._step, self._count = domain, step, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 (a position or a slice)
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._count))]
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._domain.nearest(self._domain.low + index * self._step)


def same(one: Value, two: Value) -> bool:
    """Return whether two values are the same; to Python, True is also 1.

    >>> same(1, 1.0), same(True, 1)
    (True, False)
    """
    return one == two and isinstance(one, bool) == isinstance(two, bool)


def flatten(
    domains: Mapping[str, Domain], place: str = "", when: Conditions = (), key: str = ""
) -> Iterator[Dimension]:
    """Yield every parameter of the tree `domains`, branches after the choice that they hang on.

    >>> tree = {"booster": Choice(choices={"gbtree": {}, "dart": {"rate_drop": Range(low=0, high=1)}})}
    >>> [(each.key, each.when) for each in flatten(tree)]
    [('booster', ()), ('booster=dart.rate_drop', (('booster', ('dart',)),))]
    """
    for name, domain in domains.items():
        own = when + tuple(_conditions(domain))
        at = f"{place}.{name}" if place else name
        yield Dimension(name, domain, own, f"{key}{name}", at)
        if isinstance(domain, Choice):
            for label, value, branch in domain.branches:
                yield from flatten(branch, f"{at}.choices.{label}", (*own, (name, (value,))), f"{key}{name}={label}.")


def _conditions(domain: Domain) -> Iterator[tuple[str, tuple[Value, ...]]]:
    if isinstance(domain, Range | Choice):
        for name, values in domain.when.items():
            yield name, values if isinstance(values, tuple) else (values,)


def ordered(found: Sequence[Dimension]) -> tuple[tuple[Dimension, ...], tuple[Dimension, ...]]:
    """Return `found` such that each stands behind all that it depends on, and those that depend on each other."""
    placed: list[Dimension] = []
    left = list(found)
    while left:
        waiting = {dimension.name for dimension in left}
        ready = [each for each in left if not any(name in waiting for name, _ in each.when)]
        if not ready:
            break
        placed += ready
        left = [each for each in left if each not in ready]
    return tuple(placed), tuple(left)


def contains(dimension: Dimension, value: Value) -> bool:
    """Return whether `value` lies in the dimension's domain."""
    if isinstance(dimension.domain, Range):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and dimension.domain.low <= float(value or 0) <= dimension.domain.high
    return any(same(value, each) for each in dimension.values or ())


def nearest(dimension: Dimension, value: Value) -> Value:
    """Return the value of the dimension that is closest to `value`; its middle, or its first, when there is none."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    domain = dimension.domain
    if isinstance(domain, Range):
        if number is None:
            number = (domain.low * domain.high) ** 0.5 if domain.scale == "log" else (domain.low + domain.high) / 2
        return domain.nearest(number)
    values = dimension.values or (None,)
    if contains(dimension, value):
        return value
    numbers = [each for each in values if isinstance(each, int | float) and not isinstance(each, bool)]
    return min(numbers, key=lambda each: abs(each - number)) if number is not None and numbers else values[0]
