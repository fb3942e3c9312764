"""What to try next: one Protocol, and the searches that need no library."""

from collections.abc import Sequence
from random import Random as Chance
from typing import Protocol

from mlray.experiments._space import Configuration, Space, sample, size
from mlray.records import Trial

__all__ = ["First", "Listed", "Random", "Search"]

_REDRAWS = 64
"""In a space of few configurations most draws are repeats: so often is it drawn again before it counts as used up."""


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
    """Draws every configuration anew, evenly over the trainers and within the ranges; learns nothing."""

    def __init__(self, spaces: Sequence[Space], seed: int) -> None:
        """Draw from `spaces`; the number of a trial and `seed` alone decide what it tries."""
        self._spaces, self._seed = tuple(spaces), seed
        sizes = [size(space) for space in self._spaces]
        self._size = None if None in sizes else sum(each or 0 for each in sizes)
        self._seen: set[tuple[str, str]] = set()

    def ask(self, number: int) -> Configuration | None:
        """Return a random configuration; None where the spaces are finite and were tried from end to end."""
        if self._size is not None and len(self._seen) >= self._size:
            return None
        chance = Chance(f"{self._seed}/{number}")  # noqa: S311 (a search, not a secret)
        for _ in range(_REDRAWS if self._size is not None else 1):
            drawn = sample(chance.choice(self._spaces), chance)
            if self._size is None:
                return drawn
            known = (drawn.trainer, repr(sorted(drawn.params.items())))
            if known not in self._seen:
                self._seen.add(known)
                return drawn
        return None

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
