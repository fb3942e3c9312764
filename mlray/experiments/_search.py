"""What to try next: one Protocol, and the searches that need no library."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from random import Random as Chance
from typing import Protocol

from mlray.experiments._space import Configuration, Space, compose, drawn, grid, placed, sample, size, within
from mlray.records import Trial

__all__ = ["First", "Fresh", "Grid", "Listed", "Random", "Search"]

REDRAWS = 16
"""In a space of few configurations most draws are repeats: so often is it drawn again before the next free is taken."""


class Search(Protocol):
    """Proposes configurations, and is told of every single result.

    The same asks and tells in the same order give the same configurations: a sweep replays from its journal.
    """

    def ask(self, number: int) -> Configuration | None:
        """Return what trial `number` of the sweep is to try; None when nothing is left, now and for good.

        Each number is asked for once, in whatever order; many may be asked for before the first is told.
        """
        ...

    def tell(self, trial: Trial) -> None:
        """Take note of a finished trial, whoever asked for it; one that failed has no score."""
        ...


class Listed:
    """Gives the configurations of a list, one after the other, and learns nothing."""

    def __init__(self, configurations: Sequence[Configuration]) -> None:
        """Give `configurations` in their order."""
        self._left = list(reversed(configurations))

    def ask(self, number: int) -> Configuration | None:  # noqa: ARG002 (the order of asking decides)
        """Return the next of the list; None after the last."""
        return self._left.pop() if self._left else None

    def tell(self, trial: Trial) -> None:
        """Learn nothing."""


class Random:
    """Draws every configuration anew, evenly over the trainers and within the ranges; learns nothing.

    A space of few configurations is tried from end to end, each once.
    """

    def __init__(self, spaces: Sequence[Space], seed: int) -> None:
        """Draw from `spaces`; `seed` and the number of a trial decide what it tries."""
        self._spaces, self._seed = tuple(spaces), seed
        self._fresh = Fresh(self._spaces)

    def ask(self, number: int) -> Configuration | None:
        """Return a random configuration; None where the spaces are finite and were tried from end to end."""
        if self._fresh.used_up:
            return None
        chance = Chance(f"{self._seed}/{number}")  # noqa: S311 (a search, not a secret)
        for _ in range(self._fresh.redraws):
            drawn = sample(chance.choice(self._spaces), chance)
            if self._fresh.take(drawn):
                return drawn
        return self._fresh.any()

    def tell(self, trial: Trial) -> None:
        """Take note that it was tried."""
        self._fresh.take(Configuration(trial.trainer, trial.params))


class Grid:
    """Tries every combination of the values of some parameters, once each; the others are drawn at random."""

    def __init__(self, space: Space, names: Sequence[str], seed: int) -> None:
        """Combine the values of the parameters `names` of `space`, which must have an end of values each."""
        crossed = tuple(dimension for dimension in space.dimensions if dimension.name in names)
        self._combinations = grid(replace(space, dimensions=crossed))
        self._space, self._names, self._seed = space, frozenset(names), seed

    def ask(self, number: int) -> Configuration | None:
        """Return the next combination; None after the last."""
        combination = next(self._combinations, None)
        if combination is None:
            return None
        chance = Chance(f"{self._seed}/{number}")  # noqa: S311 (a search, not a secret)
        return compose(
            self._space,
            lambda each: combination.params[each.name] if each.name in self._names else drawn(each, chance),
        )

    def tell(self, trial: Trial) -> None:
        """Learn nothing."""


class First:
    """Gives some configurations first, then asks another search, which is told of all results."""

    def __init__(self, configurations: Sequence[Configuration], then: Search) -> None:
        """Give `configurations` in their order, then what `then` proposes."""
        self._listed, self._then = Listed(configurations), then

    def ask(self, number: int) -> Configuration | None:
        """Return the next of the list, and after it the next of the other search."""
        return self._listed.ask(number) or self._then.ask(number)

    def tell(self, trial: Trial) -> None:
        """Pass the result on: what was planned teaches as well."""
        self._then.tell(trial)


class Fresh:
    """Keeps account of what was tried in spaces of few configurations; in others everything is taken for new."""

    def __init__(self, spaces: Sequence[Space]) -> None:
        """Begin with nothing tried of `spaces`."""
        sizes = [size(space) for space in spaces]
        self._few = None not in sizes
        self._spaces = {space.trainer: space for space in spaces}
        self._left = chain.from_iterable(grid(space) for space in spaces) if self._few else iter(())
        self._size = sum(each or 0 for each in sizes)
        self._taken: set[tuple[str, str]] = set()

    @property
    def used_up(self) -> bool:
        """Whether nothing is left to try."""
        return self._few and len(self._taken) >= self._size

    @property
    def redraws(self) -> int:
        """How often drawing makes sense before `any` is asked."""
        return REDRAWS if self._few else 1

    def take(self, configuration: Configuration) -> bool:
        """Return whether `configuration` is new, and count it as tried from now on; what lies outside is always new."""
        space = self._spaces.get(configuration.trainer)
        if not self._few or space is None or not within(space, configuration.params):
            return True
        # Brought into the space, so that 2.0 is 2 and parameters that do not count make no difference.
        name = (space.trainer, repr(sorted(placed(space, configuration.params).params.items())))
        new = name not in self._taken
        self._taken.add(name)
        return new

    def any(self) -> Configuration | None:
        """Return the first configuration of the spaces that was not tried, and take it; None when there is none."""
        return next((configuration for configuration in self._left if self.take(configuration)), None)
