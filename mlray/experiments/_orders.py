"""What travels between a sweep and its lanes: orders out, in packs; what they showed back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlray.experiments._space import Configuration

__all__ = ["Look", "Order", "Pack", "Shown"]


@dataclass(frozen=True, slots=True)
class Look:
    """The validation score of a running trial after `rounds` rounds (or with that many hundredths of the rows)."""

    rounds: int
    score: float


@dataclass(frozen=True, slots=True)
class Order:
    """One configuration that is to be trained."""

    number: int
    """Which trial of the sweep it is, counted from 0 in the order of asking."""
    configuration: Configuration
    seed: int


@dataclass(frozen=True, slots=True)
class Pack:
    """What one lane is to do next: one Tune trial."""

    orders: tuple[Order, ...]
    cuts: Mapping[int, float] = field(default_factory=dict)
    """Rung → what must be promised there (see `_halving`), as known when the pack was made."""
    keep: float | None = None
    """A trial that ends with a better score brings its predictions along; None brings them always."""
    keep_model: float | None = None
    """The same for its model."""
    allowance: float | None = None
    """Lane seconds that money and time have left; a lane stops by itself at the next look after them."""
    stream: bool = False
    """Whether each rung is told at once, as at the start of a sweep; else every few seconds."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a lane tells of one order: on the way, and at its end (`done`)."""

    number: int
    looks: tuple[Look, ...] = ()
    """New ones only."""
    seconds: float = 0.0
    """Lane seconds so far, paused ones not counted."""
    cpu_seconds: float = 0.0
    done: bool = False
    cut: bool = False
    """It fell behind at a rung, or the allowance was used up."""
    returned: bool = False
    """The lane gives it back untrained, or trained in vain: somebody else is to do it."""
    error: str = ""
    objectives: Mapping[str, float] = field(default_factory=dict)
    """Further figures of a finished trial, such as `latency` in milliseconds per thousand rows."""
    predictions: bytes = b""
    """Of the validation rows at the best look: float32, row by row; empty where nobody wants them."""
    model: bytes = b""
    """The model's content at the last look; empty where nobody wants it."""
