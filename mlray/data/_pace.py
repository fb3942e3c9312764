"""How fast rows go, and how long the rest will take, as a person reads it."""

from time import perf_counter

from mlray.ports import Progress

__all__ = ["Pace", "pace_note", "rate"]


class Pace:
    """Tells a listener how far a run is, how fast, and how long it will take."""

    def __init__(self, progress: Progress | None, total: int, before: int) -> None:
        """Begin at `before` of `total` rows."""
        self._progress = progress
        self._total, self._done, self._before = total, before, before
        self._began = perf_counter()
        self.add(0)

    def add(self, rows: int) -> None:
        """Hear that `rows` more are done."""
        self._done += rows
        if self._progress is not None:
            self._progress(
                self._done, max(self._total, 1), pace_note(self._done - self._before, self._left, self._spent)
            )

    @property
    def _left(self) -> int:
        return self._total - self._done

    @property
    def _spent(self) -> float:
        return perf_counter() - self._began


def pace_note(done: int, left: int, seconds: float) -> str:
    """Return rows per second and the time left, as a person reads them; nothing before there is a pace.

    >>> pace_note(3_000_000, 6_000_000, 2.0)
    '1.5M rows/s, 4 s left'
    """
    if not done or seconds <= 0:
        return ""
    return f"{rate(done, seconds)}, {left * seconds / done:.0f} s left"


def rate(rows: int, seconds: float) -> str:
    """Return rows per second.

    >>> rate(30_000, 2.0)
    '15k rows/s'
    """
    pace = rows / max(seconds, 1e-9)
    shown = f"{pace / 1e6:.1f}M" if pace >= 1e6 else f"{pace / 1e3:.0f}k" if pace >= 1e3 else f"{pace:.0f}"
    return f"{shown} rows/s"
