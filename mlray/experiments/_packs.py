"""How many configurations a lane takes at once: guided self-scheduling.

Polychronopoulos and Kuck, Guided Self-Scheduling, IEEE Transactions on Computers C-36 (1987).
"""

__all__ = ["Cost", "pack_size"]

MEMORY = 0.8
"""The weight of what was known before in the moving average of costs."""


def pack_size(left: int, lanes: int, cost: float | None, target_seconds: float = 2.0, most: int = 16) -> int:
    """Return how many of the `left` configurations a lane should take, of which one takes `cost` seconds.

    One while nobody knows the cost; then as many as fill `target_seconds`, but no more than half of an even share, so
    that packs shrink to one near the end and no lane is left with a tail.

    >>> [pack_size(left, 2, 0.1) for left in (1000, 40, 20, 8, 3, 1)]
    [16, 10, 5, 2, 1, 1]
    >>> pack_size(1000, 2, None), pack_size(1000, 2, 0.5), pack_size(1000, 2, 5.0)
    (1, 4, 1)
    """
    if cost is None:
        return 1
    fitting = most if cost * most <= target_seconds else int(target_seconds / cost)
    return max(1, min(most, fitting, left // (2 * max(1, lanes)), left))


class Cost:
    """What one configuration has cost of late, in seconds."""

    def __init__(self) -> None:
        """Know nothing."""
        self.seconds: float | None = None
        """The moving average; None before the first."""

    def add(self, seconds: float) -> None:
        """Take note of what one more has cost."""
        self.seconds = seconds if self.seconds is None else MEMORY * self.seconds + (1 - MEMORY) * seconds
