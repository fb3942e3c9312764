"""The project file as frozen values. Every field has a default that works, or is asked for by name."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic.json_schema import SkipJsonSchema

from mlray.clock import parse_duration
from mlray.spec._crawl import CrawlSpec, NotifySpec, Schedule
from mlray.spec._data import ColumnSpec, Data, LookupSpec, MappingSpec, Target
from mlray.spec._forms import Choice, Day, Duration, Money, Name, Part, Range, Share, Wrong, complain
from mlray.spec._formula import columns_of
from mlray.spec._sharing import Claim, Sharing
from mlray.spec._terms import Modes, QualityRule
from mlray.spec._training import BINARY_METRICS, CLASSES, Model
from mlray.spec._words import closest, did_you_mean

__all__ = [
    "Access",
    "BudgetSpec",
    "Choice",
    "Claim",
    "ColumnSpec",
    "Costs",
    "CrawlSpec",
    "Data",
    "Drift",
    "Gates",
    "Live",
    "LookupSpec",
    "MappingSpec",
    "Model",
    "Modes",
    "NotifySpec",
    "Part",
    "ProjectSpec",
    "QualityRule",
    "Range",
    "Schedule",
    "Serving",
    "Sharing",
    "Target",
    "Workspace",
]

_RAY_WORDS = ("local", "auto")
_STORES = ("s3", "gs", "az", "file")


class Gates(Part):
    """What a model must show before anybody is served by it."""

    baseline: float = 0.0
    """By how much the score must beat the linear baseline."""
    champion: float = 0.0
    """By how much it must beat the live model on the same rows."""
    slices: tuple[str, ...] = ()
    """Columns whose values are judged one by one."""
    slice_tolerance: float = Field(default=0.05, ge=0)
    """How much worse than the champion (or the baseline) any slice may be."""
    slice_rows: int = Field(default=200, ge=1)
    """Slices with fewer rows are shown, but do not decide."""


class Serving(Part):
    """How the endpoint answers and how a candidate goes live."""

    host: str = "127.0.0.1"
    """The address that is listened on; loopback unless somebody says otherwise."""
    port: int = Field(default=0, ge=0, le=65535)
    """0 takes 8000, or a free one where something else has it."""
    replicas: int = Field(default=1, ge=1)
    """Processes that answer."""
    max_rows: int = Field(default=10_000, ge=1)
    """Rows that one request may bring."""
    shadow: Duration = "3 days"
    """How long a candidate answers copies only."""
    canary: tuple[Share, ...] = (0.1, 0.5)
    """Shares of traffic that the candidate answers, step by step."""
    step: Duration = "3 days"
    """How long each canary step lasts."""
    error_rate: float = Field(default=0.05, gt=0, lt=1)
    """Chance that a candidate as good as the live model is rolled back by the sequential test."""

    @model_validator(mode="after")
    def _sensible(self, info: ValidationInfo) -> Self:
        return complain(self, self._wrongs(), info)

    def _wrongs(self) -> Iterator[Wrong]:
        for position, (before, share) in enumerate(pairwise((0.0, *self.canary))):
            if share <= before:
                yield ("canary", position), share, f"each step is larger than the one before, {before:g}"


class Drift(Part):
    """When the traffic counts as changed."""

    every: Duration = "7 days"
    """How often the traffic is compared with what the live model learnt from."""
    threshold: float = Field(default=0.25, gt=0)
    """Population stability index above which a column has drifted."""
    cool_down: Duration = "7 days"
    """No retraining sooner than this after the last one."""


class BudgetSpec(Part):
    """Money for one window."""

    limit: Money
    """What may be spent in one window."""
    per: Literal["day", "week", "month", "total"] = "month"
    """The window: by the calendar, in UTC."""


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
    """Work that would exceed it is deferred or refused, with the reason."""


class Access(Part):
    """Who may call what. Keys are made by `mlray`, kept hashed, and never stand in this file."""

    tenants: tuple[Name, ...] = Field(default=("default",), min_length=1)
    """Each gets a key of its own."""
    requests_per_second: float = Field(default=0, ge=0)
    """Per key; 0 is no limit."""


class Live(Part):
    """The part of the past that a run replays as live traffic."""

    start: Day
    """First day, such as `2013-04-01`; everything before is history."""
    end: Day
    """Last day, replayed as well."""
    requests_per_day: int = Field(default=8, ge=1)
    """Into how many requests one day's rows are packed."""

    @model_validator(mode="after")
    def _sensible(self, info: ValidationInfo) -> Self:
        late = self.end < self.start
        return complain(self, [(("end",), self.end, f"it lies before start, {self.start}")] if late else [], info)


class Workspace(Part):
    """Where state lives. The embedded defaults need no server."""

    root: str = ".mlray"
    """The folder of everything that mlray writes, relative to the project."""
    store: str | None = None
    """Where dataset versions lie: a folder all nodes see, or `s3://bucket/prefix`, `gs://…`, `az://…`; in the root if
    nothing is said. Projects that name the same store share its tables, contracts and mappings."""
    ray: str = "local"
    """`local` starts one; else an address such as `10.0.0.5:6379` or `auto`."""
    cpus: int | None = Field(default=None, ge=1)
    """CPUs of a Ray that is started here; all by default."""
    journal: str | None = None
    """SQLAlchemy URL; SQLite in the root by default."""
    tracking: str | None = None
    """MLflow tracking URI; SQLite in the root by default."""
    lineage: str | None = None
    """Where OpenLineage events go, such as `http://marquez:5000`, besides `lineage/events.ndjson` in the root."""

    @model_validator(mode="after")
    def _sensible(self, info: ValidationInfo) -> Self:
        return complain(self, self._wrongs(), info)

    def _wrongs(self) -> Iterator[Wrong]:
        if self.ray not in _RAY_WORDS and ":" not in self.ray:
            near = closest(self.ray, _RAY_WORDS)
            hint = f"did you mean '{near}'?" if near else "write local, auto or an address such as 10.0.0.5:6379"
            yield ("ray",), self.ray, f"not the address of a Ray; {hint}"
        scheme, found, _ = (self.store or "").partition("://")
        if found and scheme not in _STORES:
            near = closest(scheme, _STORES)
            hint = f"did you mean '{near}://'?" if near else f"write a folder, or {', '.join(_STORES)}://…"
            yield ("store",), self.store, f"no versions are kept at '{scheme}://'; {hint}"
        if self.journal is not None and "://" not in self.journal:
            yield ("journal",), self.journal, "not a URL such as postgresql+psycopg://host/database"
        if self.lineage is not None and not self.lineage.startswith(("http://", "https://")):
            yield ("lineage",), self.lineage, "not a URL such as http://marquez:5000"


class ProjectSpec(Part):
    """A whole project, as its file says it. Made by `mlray.spec.read_spec`."""

    project: Name
    """The name of the project and of its endpoint."""
    question: str = ""
    """What is asked, in a sentence; it heads the report."""
    mode: Literal["suggest", "auto"] = "auto"
    """`suggest` writes decisions down and leaves it to a person to act."""
    data: Data
    features: str | dict[Name, str] | None = None
    """A Python file with a function `features(rows)`, or feature → formula such as `speed: distance / air_time`.

    Without it every column known before is used as it is."""
    model: Model = Model()
    gates: Gates = Gates()
    serving: Serving = Serving()
    drift: Drift = Drift()
    crawl: CrawlSpec | None = None
    """Looks at the sources by schedule; without it only `mlray crawl` looks."""
    costs: Costs = Costs()
    sharing: Sharing = Sharing()
    access: Access = Access()
    live: Live | None = None
    """The part of the past that `mlray run` replays; without it all data is history."""
    workspace: Workspace = Workspace()
    folder: SkipJsonSchema[Path] = Field(default=Path(), exclude=True)
    """Where the file lies; set by the reader, not by the file."""

    @model_validator(mode="after")
    def _sensible(self, info: ValidationInfo) -> Self:
        return complain(self, self._wrongs(), info)

    def _wrongs(self) -> Iterator[Wrong]:
        known = self.data.all_columns
        for position, name in enumerate(self.gates.slices):
            if name not in known:
                yield ("gates", "slices", position), name, f"no column has that name; {did_you_mean(name, known)}"
        if self.model.metric not in BINARY_METRICS:
            judged = f"the answer is true or false, which is judged by {', '.join(BINARY_METRICS)}"
            yield ("model", "metric"), self.model.metric, judged
        weights = self.model.class_weights
        for name in weights if isinstance(weights, Mapping) else ():
            if name not in CLASSES:
                yield ("model", "class_weights", name), name, "the answer is true or false; classes: false, true"
        every, window = self.drift.every, self.model.window
        if parse_duration(every) >= parse_duration(window):
            path, value = (
                (("drift", "every"), every) if "every" in self.drift.model_fields_set else (("model", "window"), window)
            )
            yield (
                path,
                value,
                f"with drift.every {every} and model.window {window}, a fresh challenger has nothing to learn from",
            )
        yield from self._formulas()
        sources = (self.data.table, *self.data.lookups)
        for name in self.crawl.sources if self.crawl else ():
            if name not in sources:
                yield ("crawl", "sources", name), name, f"no source has that name; {did_you_mean(name, sources)}"

    def _formulas(self) -> Iterator[Wrong]:
        known = self.data.request_columns
        for feature, text in self.features.items() if isinstance(self.features, Mapping) else ():
            try:
                named = columns_of(text)
            except ValueError as error:
                yield ("features", feature), text, str(error)
                continue
            for name in named:
                if name in known:
                    continue
                late = name in self.data.all_columns
                why = "is known only afterwards" if late else f"is no column; {did_you_mean(name, known)}"
                yield ("features", feature), text, f"'{name}' {why}"

    @property
    def root(self) -> Path:
        """The workspace's folder."""
        return (self.folder / self.workspace.root).resolve()
