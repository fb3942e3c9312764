"""The shapes at the rim. Whoever has these methods fits, whatever it inherits from."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from mlray.ids import Json

__all__ = ["Model", "Narrator", "Predictor", "Progress"]


class Model(Protocol):
    """A trained model."""

    def predict(self, values: Any) -> Any:  # noqa: ANN401 (numpy is not imported here)
        """Return what it says of `values`, float32 [n, features] with NaN for missing: float64 [n], or [n, classes].

        These are probabilities of a yes, one probability for each of several classes, numbers, or scores to rank by.
        """
        ...


class Predictor(Protocol):
    """One model version as an endpoint sees it: what it checks, and what it answers."""

    def check(self, columns: Mapping[str, Sequence[Json]]) -> Any:  # noqa: ANN401 (a pyarrow.Table)
        """Return the request's rows as a table that keeps the contract; raises RequestError naming row and column."""
        ...

    def predict(self, rows: Any) -> Any:  # noqa: ANN401
        """Return the probabilities of shape [n] for a table that `check` returned."""
        ...

    def describe(self) -> Mapping[str, Json]:
        """Return what clients need: `inputs`, `outputs` and an `example` request.

        Inputs and outputs have name, datatype and shape, as in the Open Inference Protocol.
        """
        ...


class Progress(Protocol):
    """Whoever wants to hear how far a stage has come."""

    def __call__(self, done: float, total: float, note: str = "") -> None:
        """Say that `done` of `total` steps are behind us."""
        ...


class Narrator(Protocol):
    """Whoever tells a person how a run goes on, while it goes on."""

    def stage(self, name: str, weight: float) -> Progress:
        """Say that the stage `name` begins, and so that the one before has ended.

        `weight` is the share of the whole run, 0 to 1, that the stage is expected to take; all stages together make 1.
        """
        ...

    def say(self, text: str) -> None:
        """Say one sentence that stays to be read, such as a verdict or a decision."""
        ...

    def table(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Show rows that have the same columns, such as the decisions of the whole run."""
        ...
