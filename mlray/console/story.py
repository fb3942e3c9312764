"""What a run has to tell: the facts behind the report, as records, so that a program can read them as well."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Self

from mlray.records import (
    Budget,
    DatasetVersion,
    Decision,
    DriftReport,
    Experiment,
    Feasibility,
    Interval,
    ModelVersion,
    Performance,
    Record,
    Scorecard,
)

__all__ = ["Decided", "Episode", "Fault", "Judged", "MoneyEvent", "Month", "Phase", "StageTime", "Story"]


class Phase(StrEnum):
    """What a model version was at some time of its life."""

    TRAINED = "trained"
    SHADOW = "shadow"
    CANARY = "canary"
    LIVE = "live"
    RETIRED = "retired"
    ROLLED_BACK = "rolled back"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class StageTime(Record):
    """How long one stage of the run took on the wall clock."""

    name: str
    seconds: float
    note: str = ""
    """What it did, in a few words, such as `80,790 rows from 3 files`."""


@dataclass(frozen=True, slots=True)
class Month(Record):
    """One stretch of live traffic whose truth is known: what was served, beside version 1 on the very same rows."""

    start: datetime
    end: datetime
    rows: int
    """Rows with a label; both sides are measured on all of them."""
    served: Mapping[str, Interval]
    """`error` (a share, 0 to 1) and, where it could be computed, `auc`: the versions that answered, with retraining."""
    kept: Mapping[str, Interval]
    """The same figures of version 1 kept for ever, without retraining."""
    saved: Interval | None = None
    """Error of `kept` minus error of `served`, paired on the rows; None where nobody computed it."""
    versions: tuple[str, ...] = ()
    """The versions that answered, such as `v2`."""


@dataclass(frozen=True, slots=True)
class MoneyEvent(Record):
    """Money that was promised to work, spent by it, or given back."""

    at: datetime
    kind: Literal["promise", "spend", "release"]
    amount: Decimal
    purpose: str = ""
    decision: str = ""
    """The decision that asked for it; a spend or a release ends the promise of the same decision."""


@dataclass(frozen=True, slots=True)
class Episode(Record):
    """One version in one phase; `trained`, `retired`, `rolled back` and `rejected` are moments and need no end."""

    version: str
    """What the timeline calls it, such as `v3`; a candidate that was never registered may have any other name."""
    phase: Phase
    start: datetime
    end: datetime | None = None
    """None while it lasts."""
    share: float = 0.0
    """Share of the requests that it answered, 0 to 1."""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Decided(Record):
    """One decision with what came of it."""

    decision: Decision
    result: str = ""
    """What happened, in one sentence; empty when nothing was to be done or nothing is known yet."""
    spent: Decimal | None = None
    """What it really cost, where `decision.cost` is the price that was asked; None while it is not settled."""


@dataclass(frozen=True, slots=True)
class Judged(Record):
    """One candidate and its scorecard, registered or not."""

    version: str
    """The same name that its episodes carry."""
    at: datetime
    scorecard: Scorecard
    dataset: str = ""
    experiment: str = ""
    digest: str = ""
    """Digest of the artifact that the signature covers."""
    caused_by: str = ""

    @classmethod
    def of(cls, model: ModelVersion) -> Self:
        """Return what the report tells of a registered model."""
        return cls(
            version=f"v{model.number}",
            at=model.created_at,
            scorecard=model.scorecard,
            dataset=model.dataset,
            experiment=model.experiment,
            digest=model.artifact_digest,
            caused_by=model.caused_by,
        )


@dataclass(frozen=True, slots=True)
class Fault(Record):
    """Something that was broken on purpose; the report never lets it pass for nature."""

    what: str
    """One plain sentence."""
    version: str = ""
    """The version that was broken, as its episodes call it."""
    decisions: tuple[str, ...] = ()
    """Ids of the decisions that dealt with it."""


@dataclass(frozen=True, slots=True)
class Story(Record):
    """Everything that the report of one project shows. What is left out is shown as not known, never as zero."""

    project: str
    start: datetime
    """First moment of live traffic, on the run's own (simulated) clock."""
    end: datetime
    question: str = ""
    feasibility: Feasibility | None = None
    stages: tuple[StageTime, ...] = ()
    requests: int = 0
    """Requests that the endpoint answered."""
    months: tuple[Month, ...] = ()
    budgets: tuple[Budget, ...] = ()
    """One per window of one scope, in order; `spent` is read from `money` where that is given."""
    money: tuple[MoneyEvent, ...] = ()
    versions: tuple[Episode, ...] = ()
    drift: tuple[DriftReport, ...] = ()
    performance: tuple[Performance, ...] = ()
    decisions: tuple[Decided, ...] = ()
    datasets: tuple[DatasetVersion, ...] = ()
    experiments: tuple[Experiment, ...] = ()
    models: tuple[Judged, ...] = ()
    faults: tuple[Fault, ...] = ()
    error_price: Decimal = Decimal(0)
    """What one wrong answer costs; 0 where nobody said."""
    currency: str = "USD"
    journal_entries: int = 0
    journal_head: str = ""
    """Digest of the newest journal entry: who keeps it can prove later that the journal was not rewritten."""
    notes: tuple[str, ...] = field(default=())
    """Sentences that a reader must know, such as that the run was stopped before its end."""

    @property
    def injected(self) -> frozenset[str]:
        """Ids of the decisions that dealt with a fault put in on purpose."""
        return frozenset(key for fault in self.faults for key in fault.decisions)

    @property
    def broken_versions(self) -> frozenset[str]:
        """Versions that were broken on purpose."""
        return frozenset(fault.version for fault in self.faults if fault.version)
