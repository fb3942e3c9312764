"""What no other beats in every respect: the Pareto front."""

from collections.abc import Sequence

__all__ = ["Front", "dominates", "front"]


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Return whether `one` is nowhere smaller than `other`, and somewhere greater.

    >>> dominates([2, 3], [2, 1]), dominates([2, 3], [2, 3]), dominates([2, 3], [3, 1])
    (True, False, False)
    """
    return all(a >= b for a, b in zip(one, other, strict=True)) and any(a > b for a, b in zip(one, other, strict=True))


class Front:
    """The front so far of points that come one by one; more is better in every coordinate.

    Of equal points all are kept. Only the front is in memory.
    """

    def __init__(self) -> None:
        """Begin without a point."""
        self._points: dict[int, tuple[float, ...]] = {}

    def add(self, number: int, point: Sequence[float]) -> bool:
        """Take in a point under its number, and return whether it belongs to the front as it is now."""
        if any(dominates(other, point) for other in self._points.values()):
            return False
        self._points = {key: other for key, other in self._points.items() if not dominates(point, other)}
        self._points[number] = tuple(point)
        return True

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers on the front, in ascending order."""
        return tuple(sorted(self._points))


def front(points: Sequence[Sequence[float]]) -> tuple[int, ...]:
    """Return the places of the points that no other dominates, in ascending order; more is better in every coordinate.

    >>> front([(0.9, -5.0), (0.8, -1.0), (0.7, -2.0), (0.9, -5.0)])
    (0, 1, 3)
    """
    found = Front()
    for number, point in enumerate(points):
        found.add(number, point)
    return found.numbers
