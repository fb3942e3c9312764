"""Facts about what was decided, and work that was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from mlray.ids import Json
from mlray.records._base import Interval, Record

__all__ = ["Act", "Decision", "JobRequest"]


class Act(StrEnum):
    """Everything that the coordinator can decide."""

    HOLD = "hold"
    RETRAIN = "retrain"
    DEFER = "defer"
    REFUSE = "refuse"
    ALARM = "alarm"
    SHADOW = "shadow"
    CANARY = "canary"
    PROMOTE = "promote"
    ROLL_BACK = "roll_back"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Decision(Record):
    """One decision, written to the journal before anything is done about it."""

    id: str
    """The idempotency key: the same question at the same moment has the same id."""
    at: datetime
    act: Act
    subject: str
    """The endpoint, or endpoint and version."""
    because: str
    """One plain sentence."""
    evidence: Mapping[str, Json] = field(default_factory=dict)
    cost: Decimal = Decimal(0)
    currency: str = "USD"
    gain: Interval | None = None
    """Expected gain in money over the horizon; None where nothing was weighed."""
    caused_by: str = ""
    """The decision that led to this one."""

    def __str__(self) -> str:
        """Return one line for a person."""
        return f"{self.at:%Y-%m-%d} {self.act}: {self.because}"


@dataclass(frozen=True, slots=True)
class JobRequest(Record):
    """Work that somebody wants to run on a cluster."""

    name: str
    entrypoint: str
    tenant: str
    project: str
    resources: Mapping[str, float] = field(default_factory=dict)
    hours: float = 0.0
    priority: int = 0
    submitted_at: datetime | None = None
    id: str = ""
