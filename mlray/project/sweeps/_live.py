"""One line in the terminal that says how far a sweep is, while it runs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from mlray.clock import SystemClock
from mlray.ports import Progress

__all__ = ["Line", "live"]

PAUSE = 0.2
"""Seconds between two drawings: more often nobody can read."""


class Line:
    """A line that is drawn over itself."""

    def __init__(self, stream: TextIO, width: int) -> None:
        """Draw on `stream`, a terminal of `width` columns."""
        self._stream, self._width, self._clock = stream, width, SystemClock()
        self._text, self._drawn_at = "", -PAUSE

    def __call__(self, done: float, total: float, note: str = "") -> None:
        """Draw how far it is."""
        self._text = note or f"{done:g} of {total:g}"
        if self._clock.ticks() - self._drawn_at >= PAUSE:
            self._draw()

    def end(self) -> None:
        """Draw the last word, and leave it there."""
        if self._text:
            self._draw()
            self._stream.write("\n")
            self._stream.flush()

    def _draw(self) -> None:
        self._drawn_at = self._clock.ticks()
        self._stream.write(f"\r{self._text[: self._width - 1]}\x1b[K")
        self._stream.flush()


def _nothing(done: float, total: float, note: str = "") -> None:
    """Say nothing."""


@contextmanager
def live(progress: Progress | None, stream: TextIO | None = None) -> Iterator[Progress]:
    """Yield `progress`; without one, a line on `stream` (standard error) where that is a terminal, else silence."""
    if progress is not None:
        yield progress
        return
    stream = stream or sys.stderr
    if not stream.isatty():
        yield _nothing
        return
    from shutil import get_terminal_size

    line = Line(stream, get_terminal_size().columns)
    try:
        yield line
    finally:
        line.end()
