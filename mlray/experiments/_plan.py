"""What a sweep is asked to do, and what it answers: plans, waits, ends, progress."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from mlray.experiments._metrics import higher_is_better
from mlray.records import Record, Trial

__all__ = ["Done", "Kept", "Plan", "SweepProgress", "Wait"]


@dataclass(frozen=True, slots=True)
class Plan(Record):
    """What one sweep is to do, and what it may cost."""

    name: str
    """The sweep's id, and the name of its journal."""
    metric: str
    rounds: int
    """The most rounds of one trial; 100 where it is cut by hundredths of the rows."""
    trials: int
    seed: int = 0
    """Every trial is trained with it: scores differ by the parameters only, and a refit gives the same model."""
    lanes: int = 1
    """How many lanes are expected; fewer may come, and more."""
    seconds: float | None = None
    """When the sweep ends at the latest, counted from its beginning."""
    budget: Decimal | None = None
    """USD, spent at `price_per_lane_second`."""
    price_per_lane_second: Decimal = Decimal(0)
    plateau: float | None = None
    """The sweep ends when less improvement of the best score than this is expected."""
    objectives: tuple[str, ...] = ("score",)
    """What counts besides the score, such as `latency` and `cost`: less of it is better."""
    halving: bool = True
    """Whether a trial that falls behind at a rung is stopped there."""
    keep_predictions: int = 25
    """Of so many of the best trials the validation predictions are kept."""
    keep_models: int = 1
    """Of so many of the best trials the models are kept."""
    target_seconds: float = 2.0
    """How long a pack should keep a lane busy."""
    most: int = 16
    """The most configurations of a pack; 1 where every configuration is to be a trial of its own."""
    dataset: str = ""
    """The dataset version, `table@vN`."""
    contract: str = ""
    """Digest of the data's contract."""
    space: str = ""
    """Digest of what is searched."""
    mode: Literal["", "max", "min"] = ""
    """Which way is better, for a metric of a user's own; empty where mlray knows the metric."""
    question: str = ""
    """The problem's `key`; empty for a user's function, and in journals of before it was written down."""

    @property
    def higher(self) -> bool:
        """Whether a higher score is the better one."""
        return self.mode == "max" if self.mode else higher_is_better(self.metric)

    def differs(self, *, question: str, metric: str, rounds: int, halving: bool) -> str:
        """Say what else is asked than here, so that scores would not compare; an empty text where it is the same.

        >>> Plan("sweep-1", "auc", 100, 8).differs(question="", metric="auc", rounds=50, halving=True)
        'rounds: 100, now 50'
        """
        known = (("metric", self.metric, metric), ("rounds", self.rounds, rounds), ("halving", self.halving, halving))
        found = [f"{name}: {was}, now {now}" for name, was, now in known if was != now]
        if self.question and question != self.question:
            found.insert(0, "the rows are others")
        return ", ".join(found)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do right now; what other lanes are training may still come back."""

    seconds: float
    """When to ask again."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing to do any more, for any lane."""

    because: str


class Kept(NamedTuple):
    """One of the best trials, with what it left behind."""

    trial: Trial
    predictions: bytes
    """Of the validation rows: float32, row by row."""
    model: bytes
    """The model's content; empty beyond the best few."""


@dataclass(frozen=True, slots=True)
class SweepProgress:
    """How far a sweep has come."""

    metric: str
    done: int
    failed: int
    running: int
    trials: int
    lanes: int
    """How many lanes have work."""
    best: Trial | None
    spent: Decimal
    money_left: Decimal | None
    now: float
    """Seconds since the sweep began, like `expected_end`."""
    seconds_left: float | None
    expected_end: float | None
    """None while no trial has ended."""
    stopped_because: str

    def __str__(self) -> str:
        """Return one line for a person."""
        best = f"best {self.metric} {self.best.score:.4f} by {self.best.trainer}" if self.best else "no score yet"
        parts = [f"{self.done} of {self.trials} configurations", best]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.spent:
            left = "" if self.money_left is None else f", {self.money_left:.4f} left"
            parts.append(f"{self.spent:.4f} USD spent{left}")
        if self.stopped_because:
            parts.append(self.stopped_because)
        elif self.expected_end is not None:
            parts.append(f"about {max(0.0, self.expected_end - self.now):.0f} s to go")
        return ", ".join(parts)
