"""Facts about models: what was tried, how good it is, what was registered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from mlray.records._base import Interval, Record

__all__ = [
    "CurvePoint",
    "Experiment",
    "Feasibility",
    "GateResult",
    "ModelVersion",
    "Scorecard",
    "SliceScore",
    "Trial",
    "is_loss",
]

_LOSSES = frozenset({"log_loss", "brier", "rmse", "mae", "error"})


def is_loss(metric: str) -> bool:
    """Return whether less of `metric` is better.

    >>> is_loss("brier"), is_loss("auc")
    (True, False)
    """
    return metric in _LOSSES


@dataclass(frozen=True, slots=True)
class CurvePoint(Record):
    """The score that a quick model reached when trained on `rows` rows."""

    rows: int
    score: Interval


@dataclass(frozen=True, slots=True)
class Feasibility(Record):
    """What can be expected of this data before any money is spent on a sweep."""

    metric: str
    goal: float | None
    trivial: Interval
    """Always the most frequent answer."""
    linear: Interval
    """A regularised linear model."""
    curve: tuple[CurvePoint, ...]
    expected: Interval
    """What a tuned model on all the data will probably reach."""
    verdict: str
    """`reachable`, `uncertain`, `out of reach` or `no goal`."""
    sentence: str

    def __str__(self) -> str:
        """Return the sentence for the person who asked."""
        return self.sentence


@dataclass(frozen=True, slots=True)
class Trial(Record):
    """One configuration that a sweep tried."""

    number: int
    trainer: str
    params: Mapping[str, float | int | str | bool | None]
    score: float | None
    rounds: int
    seconds: float
    state: str
    """`finished`, `stopped early` or `failed`."""
    error: str = ""
    seed: int = 0
    asked_after: int = 0
    """How many results the search knew when it asked for this one: with it a journal can be replayed exactly."""
    curve: tuple[tuple[int, float], ...] = ()
    """Rounds and score at each look."""
    cpu_seconds: float = 0.0
    cost: Decimal = Decimal(0)
    lane: str = ""
    """Where it was trained."""
    objectives: Mapping[str, float] = field(default_factory=dict)
    """Further figures besides the score, such as `latency` in milliseconds per thousand rows."""


@dataclass(frozen=True, slots=True)
class Experiment(Record):
    """One sweep over one dataset version."""

    id: str
    dataset: str
    metric: str
    trials: tuple[Trial, ...]
    best: Trial
    spend: Decimal
    seconds: float
    stopped_because: str
    seed: int
    tracking: str = ""
    """The run in the tracking system (MLflow run id)."""
    contract: str = ""
    """Digest of the data's contract: sweeps over the same contract learn from each other."""
    journal: str = ""
    """The file with one line per configuration."""
    front: tuple[int, ...] = ()
    """Trials that no other beats in every objective, where there are several objectives."""
    importance: Mapping[str, float] = field(default_factory=dict)
    """Share of the score's variation that each parameter explains."""
    ensemble: tuple[tuple[int, float], ...] = ()
    """Trials and weights of the greedy ensemble; empty where none was built or a single trial is as good."""
    ensemble_score: float | None = None

    def __str__(self) -> str:
        """Return one line for a person."""
        return (
            f"{len(self.trials)} trials in {self.seconds:.0f} s, best {self.metric} {self.best.score:.4f}"
            f" by {self.best.trainer} ({self.stopped_because})"
        )


@dataclass(frozen=True, slots=True)
class SliceScore(Record):
    """The score on the rows where `column` equals `value`."""

    column: str
    value: str
    rows: int
    score: Interval


@dataclass(frozen=True, slots=True)
class GateResult(Record):
    """What one gate asked, what it saw, and whether the model may pass."""

    gate: str
    passed: bool
    because: str


@dataclass(frozen=True, slots=True)
class Scorecard(Record):
    """How good a model is on rows later in time than all it learnt from."""

    metrics: Mapping[str, Interval]
    baseline: Mapping[str, Interval]
    champion: Mapping[str, Interval] | None
    slices: tuple[SliceScore, ...]
    gates: tuple[GateResult, ...]
    rows: int
    start: datetime
    end: datetime

    @property
    def passed(self) -> bool:
        """Whether every gate let the model through."""
        return all(gate.passed for gate in self.gates)

    def __str__(self) -> str:
        """Return the verdict and the first gate that failed."""
        failed = [gate for gate in self.gates if not gate.passed]
        if failed:
            return f"refused: {failed[0].because}"
        return f"passed {len(self.gates)} gates on {self.rows:,} later rows"


@dataclass(frozen=True, slots=True)
class ModelVersion(Record):
    """One registered model, with everything needed to say where it came from."""

    name: str
    number: int
    dataset: str
    """The dataset version, `table@vN`."""
    dataset_digest: str
    features: str
    """Digest of the feature code and what was fitted."""
    experiment: str
    scorecard: Scorecard
    artifact: str
    """Where the files lie."""
    artifact_digest: str
    """Digest that the signature covers."""
    created_at: datetime
    caused_by: str = ""
    """The decision that asked for it; empty when a person did."""
    aliases: tuple[str, ...] = ()
    traits: Mapping[str, float] = field(default_factory=dict)
    """Figures that later decisions need, such as the seconds that training took."""

    def __str__(self) -> str:
        """Return one line for a person."""
        alias = f" ({', '.join(self.aliases)})" if self.aliases else ""
        return f"{self.name} v{self.number}{alias} from {self.dataset}: {self.scorecard}"
