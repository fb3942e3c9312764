"""A trainer that costs nothing: what is left of a sweep is the driver, its lanes, and what travels between them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["Trivial", "rows"]

COUNT = 8
"""Rows of the problem, half of them true."""


class Trivial:
    """Predicts with one number, `x`, which is also what the score depends on."""

    def prepare(self, problem: Any, threads: int) -> np.ndarray:  # noqa: ARG002 (the Protocol's)
        """Return the answers."""
        return np.asarray(problem.valid_y, dtype=np.float64)

    def start(self, prepared: np.ndarray, params: Mapping[str, Any], seed: int, threads: int) -> "Run":  # noqa: ARG002
        """Begin."""
        return Run(prepared, float(params["x"]))

    def load(self, content: bytes) -> Any:
        """Nobody serves it."""
        raise NotImplementedError


class Run:
    """One configuration."""

    def __init__(self, answers: np.ndarray, x: float) -> None:
        self._answers, self._x = answers, x

    def advance(self, marks: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Yield probabilities that are the better the closer `x` is to 1."""
        for mark in marks:
            yield mark, 0.5 + (self._answers - 0.5) * self._x

    def content(self) -> bytes:
        """Return a model of a few bytes."""
        return repr(self._x).encode()


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Return rows that a problem can be made of."""
    return np.zeros((COUNT, 1), "float32"), np.arange(COUNT, dtype="float32") % 2
