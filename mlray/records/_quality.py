"""Facts about the quality of one dataset version: what is in it, and what a person should look at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mlray.records._base import Interval, Record
from mlray.records._live import DriftReport

__all__ = [
    "Balance",
    "Bar",
    "ColumnProfile",
    "DataProfile",
    "Finding",
    "LabelQuality",
    "LabelSuspect",
    "LeakageSuspect",
    "PeriodShare",
    "Repetition",
    "RuleCount",
]


@dataclass(frozen=True, slots=True)
class Bar(Record):
    """One bar of a column's distribution."""

    label: str
    rows: int
    before: int = 0
    """Rows of the version compared with, in the same bar."""


@dataclass(frozen=True, slots=True)
class ColumnProfile(Record):
    """One column in figures; from counted cells, so that quantiles and outliers hold to within 0.8 % of the spread."""

    name: str
    kind: str
    """`number`, `boolean`, `timestamp` or `text`."""
    rows: int
    missing: int
    distinct: int | None
    """Different values, where there are few enough to have been told apart."""
    low: float | None = None
    """The smallest value, exact. Times are microseconds since 1970, UTC."""
    high: float | None = None
    mean: float | None = None
    quartiles: tuple[float, float, float] | None = None
    bars: tuple[Bar, ...] = ()
    outliers: int = 0
    """Values outside `fence`."""
    fence: tuple[float, float] | None = None
    unit: str = ""
    known: str = "before"
    """`later` where a request does not bring it."""

    @property
    def constant(self) -> bool:
        """Whether every value that is there is the same."""
        return self.rows > self.missing and (self.distinct == 1 or (self.low is not None and self.low == self.high))


@dataclass(frozen=True, slots=True)
class PeriodShare(Record):
    """How many rows of one period were true."""

    start: datetime
    end: datetime
    rows: int
    share: Interval


@dataclass(frozen=True, slots=True)
class Balance(Record):
    """How often the answer is true."""

    rows: int
    positives: int
    share: Interval
    periods: tuple[PeriodShare, ...] = ()


@dataclass(frozen=True, slots=True)
class LeakageSuspect(Record):
    """One column by how well it tells the answer alone."""

    column: str
    auc: Interval
    """Of a table of the column's values, learnt on one half of the rows and judged on the other."""
    verdict: str
    """`certain`, `suspect` or `fine`."""
    because: str = ""


@dataclass(frozen=True, slots=True)
class LabelSuspect(Record):
    """One row whose answer is probably wrong."""

    given: bool
    probability: float
    """What a model that has not seen the row gives to true, 0 to 1."""
    row: Mapping[str, str] = field(default_factory=dict)
    """The columns that name the row, and the truth, as text."""


@dataclass(frozen=True, slots=True)
class LabelQuality(Record):
    """What confident learning says of the answers."""

    judged: int
    """Rows that were judged; a sample where there are many."""
    auc: Interval
    """Of the model that judged, out of fold: how far its word can be trusted."""
    wrongly_true: int
    """Rows named that are labelled true and look false."""
    wrongly_false: int
    noise: float
    """The estimated share of wrong answers, 0 to 1."""
    trusted: bool
    """Whether the model separates the answers well enough for what it names to be mistakes rather than surprises."""
    worst: tuple[LabelSuspect, ...] = ()

    @property
    def named(self) -> int:
        """All rows named."""
        return self.wrongly_true + self.wrongly_false


@dataclass(frozen=True, slots=True)
class Repetition(Record):
    """Rows that are there more than once, and rows to judge by that were learnt from."""

    rows: int
    repeated: int
    """Rows that equal one above them in every column."""
    contradicting: int
    """Rows whose inputs, the event time aside, equal another row's that has the other answer."""
    learnt: int = 0
    """Rows of the holdout whose inputs and answer, the event time aside, equal a row before the holdout."""
    held: int = 0
    """Rows of the holdout."""
    usual: float = 0.0
    """The share of such rows where an earlier part of the same size is compared with those before it."""
    suspicious: bool = False
    """Whether the holdout repeats more than is usual."""

    @property
    def judged(self) -> bool:
        """Whether there were rows of the holdout and rows before it, so that they could be compared."""
        return 0 < self.held < self.rows


@dataclass(frozen=True, slots=True)
class RuleCount(Record):
    """One rule of the contract, and how many rows broke it."""

    rule: str
    checked: int
    failed: int
    examples: tuple[str, ...] = ()
    passed: bool = True
    """Whether no row broke the rule; of one on the whole table, whether the table keeps it."""
    severity: str = "error"
    """`error`, or `warning` where breaking the rule is only to be told."""
    aside: bool = False
    """Whether each row was held to it while it was read: those that broke it were set aside, or the value left out."""


@dataclass(frozen=True, slots=True)
class Finding(Record):
    """One thing that a person should know, in a sentence."""

    level: str
    """`bad`, `warn`, `note` (neither good nor bad) or `good`."""
    about: str
    """The part of the profile: `columns`, `answers`, `leakage`, `labels`, `repetition`, `drift` or `rules`."""
    sentence: str


@dataclass(frozen=True, slots=True)
class DataProfile(Record):
    """Everything that is known of one dataset version's quality."""

    project: str
    dataset: str
    """The dataset version, `table@vN`."""
    digest: str
    rows: int
    as_of: datetime
    target: str
    looked: int
    """Rows that leakage, labels and repetition were judged on: all, or a sample drawn with a fixed seed."""
    columns: tuple[ColumnProfile, ...]
    balance: Balance | None = None
    leakage: tuple[LeakageSuspect, ...] = ()
    labels: LabelQuality | None = None
    repetition: Repetition | None = None
    against: str = ""
    """The version that it is compared with; empty when with none."""
    drift: DriftReport | None = None
    rules: tuple[RuleCount, ...] = ()
    findings: tuple[Finding, ...] = ()
    """The gravest first."""
    notes: tuple[str, ...] = ()
    """What could not be judged, and why."""

    def __str__(self) -> str:
        """Return one line for a person."""
        grave = [finding for finding in self.findings if finding.level in ("bad", "warn")]
        told = "; ".join(finding.sentence.rstrip(".") for finding in grave[:3]) or "nothing stands out"
        return f"{self.dataset}: {self.rows:,} rows, {len(self.columns)} columns; {told}"
