"""Facts about what is live: endpoints, drift, performance."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mlray.records._base import Interval, Record

__all__ = ["ColumnDrift", "DriftReport", "Endpoint", "Performance", "Stage"]


class Stage(StrEnum):
    """How far a candidate has come."""

    NONE = "none"
    SHADOW = "shadow"
    CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Endpoint(Record):
    """Which version answers, and which one is on trial."""

    name: str
    url: str
    live: int | None
    """The version that the address without a version follows."""
    candidate: int | None = None
    stage: Stage = Stage.NONE
    share: float = 0.0
    """The share of requests that the candidate answers, 0 to 1."""
    versions: tuple[int, ...] = ()
    """All versions that are loaded and have an address of their own."""
    generation: int = 0
    """Rises with every change; a replica never goes back."""
    contract: str = ""

    def __str__(self) -> str:
        """Return one line for a person."""
        trial = f", v{self.candidate} in {self.stage} at {self.share:.0%}" if self.candidate is not None else ""
        return f"{self.name}: v{self.live} live{trial} at {self.url}"


@dataclass(frozen=True, slots=True)
class ColumnDrift(Record):
    """How far one column moved from the reference."""

    column: str
    psi: float
    """Population stability index over reference deciles or folded categories."""
    js: float
    """Jensen–Shannon distance, base 2, 0 to 1."""
    missing: float
    """Share of missing values in the window."""
    unseen: float
    """Share of categories that the reference did not have, or of values outside its range."""
    drifting: bool


@dataclass(frozen=True, slots=True)
class DriftReport(Record):
    """How the traffic of one window differs from what the live model learnt from."""

    endpoint: str
    version: int
    start: datetime
    end: datetime
    rows: int
    columns: tuple[ColumnDrift, ...]
    score: float
    """The largest psi of any column."""
    threshold: float
    seen_at: datetime
    broken: str = ""
    """Why the feed looks broken rather than changed; empty when it does not."""

    @property
    def drifting(self) -> tuple[str, ...]:
        """The columns that moved by more than the threshold, the farthest first."""
        moved = sorted((c for c in self.columns if c.drifting), key=lambda c: -c.psi)
        return tuple(c.column for c in moved)

    def __str__(self) -> str:
        """Return one line for a person."""
        if self.broken:
            return f"broken feed: {self.broken}"
        named = ", ".join(self.drifting[:3]) or "no column"
        return f"{named} drifted (largest PSI {self.score:.2f}, threshold {self.threshold:.2f})"


@dataclass(frozen=True, slots=True)
class Performance(Record):
    """How well one version did on one window, estimated without labels and measured with those that arrived."""

    endpoint: str
    version: int
    start: datetime
    end: datetime
    rows: int
    labelled: int
    estimated: Interval | None
    """Error rate (0 to 1) expected from the calibrated scores alone; blind to concept drift."""
    measured: Mapping[str, Interval] = field(default_factory=dict)
    """`error`, `auc`, `brier` on the labelled rows; empty before any label arrived."""
    excess: Interval | None = None
    """Error rate above that of a fresh challenger on the same rows; None when none was trained."""
