"""What every trainer offers, and how one is found by its name."""

import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Protocol, cast

from mlray.errors import SpecError
from mlray.experiments._problem import Array, Problem
from mlray.plugins import load
from mlray.ports import Model

__all__ = ["BUILT_IN", "Params", "Run", "Trainer", "fit", "load_model", "threads_for", "trainer"]

Params = Mapping[str, float | int | str | bool | None]

BUILT_IN = {
    "xgboost": "mlray.experiments.on_xgboost:XGBoost",
    "hist_gradient_boosting": "mlray.experiments.on_sklearn:HistGradientBoosting",
}
"""Each trainer and where it is: imported when it is first asked for, since both bring a library with them."""


class Run(Protocol):
    """One configuration while it is being trained."""

    def advance(self, marks: Sequence[int]) -> Iterator[tuple[int, Array]]:
        """Train on, and yield the probabilities of the validation rows, shape [n], after each of `marks` rounds in all.

        `marks` rise and lie beyond what was trained before. Who stops asking stops the training.
        """
        ...


class Trainer(Protocol):
    """One way to learn a boosted model, round by round."""

    def prepare(self, problem: Problem, threads: int) -> Any:  # noqa: ANN401 (whatever the trainer wants to keep)
        """Return the problem's rows in the trainer's own form; made once per process and shared by its runs."""
        ...

    def start(self, prepared: Any, params: Params, seed: int, threads: int) -> Run:  # noqa: ANN401
        """Begin a configuration on what `prepare` returned."""
        ...

    def fit(
        self, x: Array, y: Array, categorical: Sequence[int], params: Params, rounds: int, seed: int, threads: int
    ) -> bytes:
        """Train a model of `rounds` rounds and return its content."""
        ...

    def load(self, content: bytes) -> Model:
        """Return the model that `fit` wrote."""
        ...


def trainer(name: str) -> Trainer:
    """Return the trainer called `name`.

    Raises:
        SpecError: there is none; the remedy names the closest.
    """
    if name in BUILT_IN:
        return cast("type[Trainer]", load("trainers", BUILT_IN[name]))()
    close = get_close_matches(name, BUILT_IN, n=1, cutoff=0.3)
    closest = f"Did you mean '{close[0]}'? " if close else ""
    raise SpecError([f"'{name}' is not a trainer."], remedy=f"{closest}Known: {', '.join(BUILT_IN)}.")


CELLS_PER_THREAD = 2_000_000
"""With fewer rows times columns a second thread waits more than it works, above all on a busy machine."""


def threads_for(x: Array) -> int:
    """Return how many threads to train with on `x`: all cores that this process may use, where there is work."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, x.size // CELLS_PER_THREAD))


def fit(name: str, x: Array, y: Array, categorical: Sequence[int], params: Params, rounds: int, seed: int) -> bytes:
    """Train the final model, on all cores where that pays, and return its content, which `load_model` reads.

    `x` is float32 of shape [n, f] with NaN for missing, `y` is 0 or 1 of shape [n].
    """
    return trainer(name).fit(x, y, categorical, params, rounds, seed, threads_for(x))


def load_model(name: str, content: bytes) -> Model:
    """Return the model that `fit` of the trainer `name` wrote.

    Some trainers' content is a pickle, which can run code when it is read: verify its signature first.
    """
    return trainer(name).load(content)
