"""The project file as frozen values. Every field has a default that works, or is asked for by name."""

from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic.json_schema import SkipJsonSchema

from mlray.clock import parse_duration

__all__ = [
    "Access",
    "BudgetSpec",
    "Choice",
    "ColumnSpec",
    "Costs",
    "Data",
    "Drift",
    "Gates",
    "Live",
    "LookupSpec",
    "MappingSpec",
    "Model",
    "Part",
    "ProjectSpec",
    "Range",
    "Serving",
    "Target",
    "Workspace",
]


def _duration(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        parse_duration(text)
    except OverflowError as error:
        message = f"'{text}' is longer than time itself"
        raise ValueError(message) from error
    return text


def _money(amount: object) -> object:
    """Accept `40 USD`, `40` or 40; the currency is the project's."""
    if isinstance(amount, bool) or not isinstance(amount, str | int | float):
        return amount
    number, _, currency = str(amount).strip().partition(" ")
    if currency.strip() not in ("", "USD"):
        message = f"'{amount}': only USD is known so far"
        raise ValueError(message)
    try:
        return Decimal(number)
    except InvalidOperation as error:
        message = f"'{amount}' is not an amount of money; write `40 USD`"
        raise ValueError(message) from error


def _day(value: object) -> object:
    """Accept a day as text: YAML's own dates are left as they were written."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def _column(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


def _range(value: object) -> object:
    if not isinstance(value, list | tuple):
        return value
    if len(value) not in (2, 3) or any(isinstance(end, str | bool) or end is None for end in value[:2]):
        message = "a range is written [low, high] or [low, high, log]; values to choose from as {choices: [a, b]}"
        raise ValueError(message)
    return dict(zip(("low", "high", "scale"), value, strict=False))


def _kind(value: object) -> str:
    """Tell which form of a parameter's domain was meant, so that one mistake gives one message."""
    if isinstance(value, Choice) or (isinstance(value, dict) and "choices" in value):
        return "choice"
    if isinstance(value, Range | dict | list | tuple):
        return "range"
    return "value"


ColumnType = Literal["integer", "number", "string", "boolean", "timestamp"]
Scale = Literal["linear", "log"]
_DurationText = Annotated[str, Field(pattern=r"^[0-9]+ (second|minute|hour|day|week)s?$")]
_MoneyText = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?( USD)?$")]
_Amount = Annotated[float, Field(ge=0)]

Duration = Annotated[str, BeforeValidator(_duration, json_schema_input_type=_DurationText), Field(examples=["14 days"])]
Money = Annotated[
    Decimal,
    Field(ge=0, allow_inf_nan=False, examples=["40 USD"]),
    BeforeValidator(_money, json_schema_input_type=_Amount | _MoneyText),
]
Day = Annotated[date, BeforeValidator(_day)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A section of the project file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class ColumnSpec(Part):
    """One column of the contract: its type, unit and the values it may hold."""

    type: ColumnType
    unit: str | None = None
    nullable: bool = False
    allowed: tuple[str | int, ...] | None = None
    min: float | None = None
    max: float | None = None
    known: Literal["before", "later"] = "before"
    """`later`: not known when a prediction is asked for, so never part of a request."""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            message = f"min {self.min} lies above max {self.max}"
            raise ValueError(message)
        if (self.min is not None or self.max is not None) and self.type not in ("integer", "number"):
            message = f"min and max need a number, not {self.type}"
            raise ValueError(message)
        return self


Column = Annotated[ColumnSpec, BeforeValidator(_column, json_schema_input_type=ColumnSpec | ColumnType)]


class MappingSpec(Part):
    """How one source says the same thing differently, and what it means in the contract's words."""

    files: str
    """File name pattern that the mapping applies to, such as `flights-2013-02.*`."""
    rename: dict[str, str] = Field(default_factory=dict)
    """The source's name for a column → the contract's."""
    units: dict[str, str] = Field(default_factory=dict)
    """Contract column → the unit in the source, such as `kilometre`."""
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Contract column → the source's value → the contract's."""


class LookupSpec(Part):
    """A second source whose columns are added by key; a row without a match gets nulls."""

    source: str
    on: tuple[str, ...] = Field(min_length=1)
    columns: dict[str, Column]


class Target(Part):
    """What is predicted: true where `column` exceeds `above`, or where it is missing and `or_missing` says so."""

    name: Name
    column: str
    above: float
    or_missing: bool = False
    known_after: Duration = "0 days"
    """How long after the event the truth is known."""


class Data(Part):
    """Where rows come from, and the contract they must keep."""

    source: str
    """Path or pattern, relative to the project; Parquet or CSV."""
    table: Name = "rows"
    time: str
    """The column with the event time."""
    key: tuple[str, ...] = ()
    """Columns that together name a row; a repeated key is set aside."""
    columns: dict[str, Column] = Field(min_length=1)
    lookups: dict[Name, LookupSpec] = Field(default_factory=dict)
    mappings: tuple[MappingSpec, ...] = ()
    target: Target

    @property
    def all_columns(self) -> dict[str, ColumnSpec]:
        """Every column of the table in order: the source's, then each lookup's."""
        joined = dict(self.columns)
        for lookup in self.lookups.values():
            joined |= lookup.columns
        return joined

    @property
    def request_columns(self) -> dict[str, ColumnSpec]:
        """The columns that a request must bring: all that are known before."""
        return {name: column for name, column in self.all_columns.items() if column.known == "before"}

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        known = self.all_columns
        for what, names in (("time", (self.time,)), ("key", self.key), ("target.column", (self.target.column,))):
            for name in names:
                if name not in known:
                    message = f"{what}: '{name}' is not a column; known: {', '.join(known)}"
                    raise ValueError(message)
        if known[self.time].type != "timestamp":
            message = f"time: '{self.time}' is a {known[self.time].type}, not a timestamp"
            raise ValueError(message)
        for name, lookup in self.lookups.items():
            lost = [key for key in lookup.on if key not in self.columns]
            if lost:
                message = f"lookups.{name}.on: '{lost[0]}' is not a column of the source"
                raise ValueError(message)
        return self


class Range(Part):
    """Numbers between two ends, evenly or on a logarithmic scale; whole numbers when both ends are."""

    low: float | int
    high: float | int
    scale: Scale = "linear"

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.low >= self.high:
            message = f"the low end {self.low} must lie below the high end {self.high}"
            raise ValueError(message)
        if self.scale == "log" and self.low <= 0:
            message = f"a logarithmic range starts above 0, not at {self.low}"
            raise ValueError(message)
        return self


class Choice(Part):
    """One of several values."""

    choices: tuple[str | int | float | bool, ...] = Field(min_length=1)


_RangeList = tuple[float, float] | tuple[float, float, Scale]
Domain = Annotated[
    Annotated[Range, BeforeValidator(_range, json_schema_input_type=Range | _RangeList), Tag("range")]
    | Annotated[Choice, Tag("choice")]
    | Annotated[str | int | float | bool, Tag("value")],
    Discriminator(_kind),
]
Metric = Literal["auc", "accuracy", "log_loss", "brier"]


class Model(Part):
    """What is trained, on how much, and what would be good enough."""

    metric: Metric = "auc"
    goal: float | None = None
    """The score that would make the project worth while."""
    trainers: dict[str, dict[str, Domain]] = Field(default={"xgboost": {}}, min_length=1)
    """Trainer → parameter → range; parameters left out keep good defaults."""
    trials: int = Field(default=12, ge=1, le=100_000)
    retrain_trials: int = Field(default=4, ge=1, le=100_000)
    """Trials of a later sweep, which starts from the best configurations known."""
    rounds: int = Field(default=120, ge=1, le=100_000)
    window: Duration = "90 days"
    """How far back training looks."""
    holdout: Duration = "14 days"
    """The newest rows: they judge, and are learnt from only after the gates."""
    seed: int = 0


class Gates(Part):
    """What a model must show before anybody is served by it."""

    baseline: float = 0.0
    """By how much the score must beat the linear baseline."""
    champion: float = 0.0
    """By how much it must beat the live model on the same rows."""
    slices: tuple[str, ...] = ()
    slice_tolerance: float = Field(default=0.05, ge=0)
    """How much worse than the champion (or the baseline) any slice may be."""
    slice_rows: int = Field(default=200, ge=1)


class Serving(Part):
    """How the endpoint answers and how a candidate goes live."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    """0 takes a free one."""
    replicas: int = Field(default=1, ge=1)
    max_rows: int = Field(default=10_000, ge=1)
    shadow: Duration = "3 days"
    """How long a candidate answers copies only."""
    canary: tuple[Share, ...] = (0.1, 0.5)
    """Shares of traffic that the candidate answers, step by step."""
    step: Duration = "3 days"
    """How long each canary step lasts."""
    error_rate: float = Field(default=0.05, gt=0, lt=1)
    """Chance that a candidate as good as the live model is rolled back by the sequential test."""


class Drift(Part):
    """When the traffic counts as changed."""

    every: Duration = "7 days"
    threshold: float = Field(default=0.25, gt=0)
    """Population stability index."""
    cool_down: Duration = "7 days"
    """No retraining sooner than this after the last one."""


class BudgetSpec(Part):
    """Money for one window."""

    limit: Money
    per: Literal["day", "week", "month", "total"] = "month"


class Costs(Part):
    """What things cost and how much may be spent."""

    prices: str = "laptop"
    """A price book: a name that comes with mlray, or a file."""
    node: str = "laptop"
    """The node type of the price book that the work runs on."""
    release: Money = Decimal(0)
    """What it costs to review and release one model, people included."""
    error: Money = Decimal(0)
    """What one wrong answer costs."""
    horizon: Duration = "28 days"
    """How far ahead the gain of a retraining is counted."""
    budget: BudgetSpec | None = None


class Access(Part):
    """Who may call what. Keys are made by `mlray`, kept hashed, and never stand in this file."""

    tenants: tuple[Name, ...] = ("default",)
    requests_per_second: float = Field(default=0, ge=0)
    """Per key; 0 is no limit."""


class Live(Part):
    """The part of the past that a run replays as live traffic."""

    start: Day
    """First day, such as `2013-04-01`; everything before is history."""
    end: Day
    requests_per_day: int = Field(default=8, ge=1)


class Workspace(Part):
    """Where state lives. The embedded defaults need no server."""

    root: str = ".mlray"
    ray: str = "local"
    """`local` starts one; else an address such as `10.0.0.5:6379` or `auto`."""
    cpus: int | None = Field(default=None, ge=1)
    """CPUs of a Ray that is started here; all by default."""
    journal: str | None = None
    """SQLAlchemy URL; SQLite in the root by default."""
    tracking: str | None = None
    """MLflow tracking URI; SQLite in the root by default."""


class ProjectSpec(Part):
    """A whole project, as its file says it. Made by `mlray.spec.read_spec`."""

    project: Name
    question: str = ""
    mode: Literal["suggest", "auto"] = "auto"
    data: Data
    features: str | None = None
    """A Python file with a function `features(rows)`; without it every column known before is used as it is."""
    model: Model = Model()
    gates: Gates = Gates()
    serving: Serving = Serving()
    drift: Drift = Drift()
    costs: Costs = Costs()
    access: Access = Access()
    live: Live | None = None
    workspace: Workspace = Workspace()
    folder: SkipJsonSchema[Path] = Field(default=Path(), exclude=True)
    """Where the file lies; set by the reader, not by the file."""

    @property
    def root(self) -> Path:
        """The workspace's folder."""
        return (self.folder / self.workspace.root).resolve()
