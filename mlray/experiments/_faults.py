"""What is wrong with a search space, found before anything starts: each fault with its place and its remedy."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import combinations, groupby

from mlray.experiments._dimensions import Conditions, Dimension, flatten, ordered, same
from mlray.experiments._known import Domain, Known, Value, closest
from mlray.spec import Choice, Range

__all__ = ["faults"]


def faults(where: str, domains: Mapping[str, Domain], known: Mapping[str, Known | None] | None) -> Iterator[str]:
    """Yield one sentence per fault of a trainer's `domains`, each beginning with the place of a key below `where`.

    `known` are the parameters that the trainer has, None where anything goes; a parameter that maps to None may have
    any value.
    """
    found = tuple(flatten(domains, where))
    for dimension in found:
        yield from _own(dimension, known)
    names = {dimension.name: None for dimension in found}
    for dimension in found:
        yield from _conditions(dimension, found, names)
    contradictory = {dimension.place for dimension in found if _contradiction(dimension.when)}
    for place in contradictory:
        yield f"{place}: it can never count: its conditions exclude each other."
    yield from _twice([dimension for dimension in found if dimension.place not in contradictory])
    # One that depends on itself has been told; here it would look like a circle of one.
    caught = ordered([each for each in found if each.name not in dict(each.when)])[1]
    if caught:
        circle = ", ".join(dict.fromkeys(dimension.name for dimension in caught))
        yield f"{caught[0].place}: {circle} depend on each other in a circle; let one of them count always."


def _own(dimension: Dimension, known: Mapping[str, Known | None] | None) -> Iterator[str]:
    """Yield what is wrong with the parameter by itself."""
    if known is not None and dimension.name not in known:
        yield f"{dimension.place}: no such parameter{closest(dimension.name, known)}"
        return
    bounds = known[dimension.name] if known is not None else None
    if bounds is not None and (fault := bounds.problem(dimension.domain)):
        yield f"{dimension.place}: {fault}{'' if fault.endswith('?') else '.'}"
    if isinstance(dimension.domain, Choice):
        values = dimension.domain.values
        for earlier, later in combinations(values, 2):
            if same(earlier, later):
                yield f"{dimension.place}: {_shown(later)} is listed twice."


def _conditions(dimension: Dimension, found: Sequence[Dimension], names: Mapping[str, None]) -> Iterator[str]:
    """Yield conditions that name nothing, or that can never be met."""
    for name, values in dimension.when:
        place = f"{dimension.place}.when"
        if name == dimension.name:
            yield f"{place}: {name} cannot depend on itself."
        elif name not in names:
            yield f"{place}: the space has no parameter '{name}'{closest(name, names)}"
        else:
            offered = [other.domain for other in found if other.name == name]
            for value in values:
                if not any(_offers(domain, value) for domain in offered):
                    yield f"{place}: {name} is never {_shown(value)}{_offered(offered, value)}"


def _offers(domain: Domain, value: Value) -> bool:
    if isinstance(domain, Range):
        return isinstance(value, int | float) and domain.low <= value <= domain.high
    return any(same(value, each) for each in (domain.values if isinstance(domain, Choice) else (domain,)))


def _offered(domains: Sequence[Domain], value: Value) -> str:
    texts: list[str] = []
    for domain in domains:
        if isinstance(domain, Range):
            texts.append(f"{domain.low:g} to {domain.high:g}")
        else:
            texts += [str(each) for each in (domain.values if isinstance(domain, Choice) else (domain,))]
    close = get_close_matches(str(value), texts, n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else f"; it is searched over {', '.join(texts)}."


def _contradiction(when: Conditions) -> bool:
    """Return whether two conditions on one parameter have no value in common."""
    return any(
        not any(same(a, b) for a in one for b in two)
        for (name, one), (other, two) in combinations(when, 2)
        if name == other
    )


def _twice(found: Sequence[Dimension]) -> Iterator[str]:
    """Yield parameters that are given in two places which can count at once."""
    by_name = sorted(found, key=lambda dimension: dimension.name)
    for name, group in groupby(by_name, key=lambda dimension: dimension.name):
        for one, two in combinations(group, 2):
            if not _contradiction((*one.when, *two.when)):
                yield f"{two.place}: {name} is given twice: {one.place} can count at the same time."


def _shown(value: Value) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)
