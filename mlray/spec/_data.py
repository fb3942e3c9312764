"""The section `data`: where rows come from, and the contract that every one of them must keep."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator
from pydantic.config import JsonDict

from mlray.spec._forms import Duration, Name, Part, Wrong, complain
from mlray.spec._source import Origin, SourceSpec, source_of
from mlray.spec._terms import Modes, QualityRule, Treatment, unknown_encoding, unknown_zone
from mlray.spec._words import did_you_mean

__all__ = ["ColumnSpec", "Data", "LookupSpec", "MappingSpec", "Target"]

ColumnType = Literal["integer", "number", "string", "boolean", "timestamp"]
_NUMBERS = ("integer", "number")


def _column(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


class ColumnSpec(Part):
    """One column of the contract: its type, unit and the values it may hold. Short: only the type, as a word."""

    type: ColumnType
    """What every value is, after the source's text has been read."""
    unit: str | None = None
    """The unit that every row has after ingestion, such as `mile`; a mapping says where a source differs."""
    nullable: bool = False
    """Whether a value may be missing; otherwise such a row is set aside."""
    allowed: Annotated[tuple[str | int, ...], Field(min_length=1)] | None = None
    """The only values that the column may hold."""
    min: float | None = None
    """The least value that is possible; a row below it is set aside."""
    max: float | None = None
    """The greatest value that is possible."""
    known: Literal["before", "later"] = "before"
    """`later`: not known when a prediction is asked for, so never part of a request."""
    classification: str | None = None
    """How confidential it is, such as `restricted`; `views` say who sees what."""
    description: str = ""
    """What it means, for people."""
    synonyms: tuple[str, ...] = ()
    """What others call it; a mapping for a new source is proposed by them."""

    @model_validator(mode="after")
    def _sensible(self, info: ValidationInfo) -> Self:
        return complain(self, self._wrongs(), info)

    def _wrongs(self) -> Iterator[Wrong]:
        if self.min is not None and self.max is not None and self.min > self.max:
            yield ("min",), self.min, f"it lies above max, {self.max:g}"
        for name, limit in (("min", self.min), ("max", self.max)):
            if limit is not None and self.type not in _NUMBERS:
                yield (name,), limit, f"only an integer or a number has a limit, not a {self.type}"
        if self.unit is not None and self.type not in _NUMBERS:
            yield ("unit",), self.unit, f"only an integer or a number has a unit, not a {self.type}"
        kind = {"string": str, "integer": int}.get(self.type)
        if self.allowed is not None and kind is None:
            yield ("allowed",), self.allowed, f"only a string or an integer has allowed values, not a {self.type}"
        elif self.allowed is not None:
            for position, value in enumerate(self.allowed):
                if not isinstance(value, kind or object):
                    hint = "quotes make it a text" if self.type == "string" else "the column is an integer"
                    yield ("allowed", position), value, f"not a value of a {self.type} column; {hint}"


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
    encoding: str | None = None
    """The character set of the source's text, such as `cp1252`; UTF-8 where nothing is said."""
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """What stands between the values of the source's CSV files, such as `;`; what the source says otherwise."""
    decimal: Literal[".", ","] | None = None
    """The decimal sign of numbers in text, a point where nothing is said; with a comma, dots are thousands."""
    zone: str | None = None
    """The time zone of times without one, such as `America/New_York`; UTC where nothing is said."""
    formats: dict[str, str] = Field(default_factory=dict)
    """Contract column → how the source writes a time, such as `%d.%m.%Y %H:%M`; ISO 8601 where nothing is said."""


def _only_source(schema: JsonDict) -> None:
    """Ask for the source alone: a contract file may bring the rest."""
    schema["required"] = ["source"]


class LookupSpec(Part):
    """A second source whose columns are added by key; a row without a match gets nulls."""

    model_config = ConfigDict(json_schema_extra=_only_source)

    source: Origin
    """Path or pattern, relative to the project, or a URL; Parquet, CSV or JSON lines."""
    on: tuple[str, ...] = Field(min_length=1)
    """Columns that both sources have, and that together find the row."""
    columns: dict[str, Column]
    """What is added; the columns of `on` are not repeated here."""

    @property
    def origin(self) -> SourceSpec:
        """The source, whichever way it is written."""
        return source_of(self.source) if isinstance(self.source, str) else self.source


class Target(Part):
    """What is predicted: true where `column` exceeds `above`, or where it is missing and `or_missing` says so."""

    name: Name
    """What the answer is called, such as `late`."""
    column: str
    """The column with the truth; it is `known: later`."""
    above: float = 0.5
    """The answer is true above this value; true and 1 are above 0.5."""
    or_missing: bool = False
    """Whether a missing value counts as true, as for a flight that was cancelled and never arrived."""
    known_after: Duration = "0 days"
    """How long after the event the truth is known."""


def _short_with_contract(schema: JsonDict) -> None:
    """Ask for columns and time only where no contract file brings them."""
    needed = schema["required"]
    own = ["time", "columns"]
    schema["required"] = [name for name in needed if name not in own] if isinstance(needed, list) else needed
    schema["if"] = {"required": ["contract"]}
    schema["else"] = {"required": [*own]}


class Data(Part):
    """Where rows come from, and the contract they must keep."""

    model_config = ConfigDict(json_schema_extra=_short_with_contract)

    source: Origin
    """Path or pattern, relative to the project, or a URL; Parquet, CSV or JSON lines."""
    table: Name = "rows"
    """What the dataset is called; its versions are `table@v1`, `table@v2` and so on."""
    time: str
    """The column with the event time."""
    key: tuple[str, ...] = ()
    """Columns that together name a row; a repeated key is set aside."""
    contract: str = ""
    """A contract in the Open Data Contract Standard (ODCS 3), relative to the project; what is said here is added."""
    columns: dict[str, Column] = Field(min_length=1)
    """The contract: column → type, or type and limits."""
    lookups: dict[Name, LookupSpec] = Field(default_factory=dict)
    """Further sources, such as the weather at the hour."""
    mappings: tuple[MappingSpec, ...] = ()
    """Where a file differs from the contract in names, units or values."""
    modes: Modes = Modes()
    """What becomes of what the contract does not foresee."""
    quality: tuple[QualityRule, ...] = ()
    """Rules on the whole table; they are reported."""
    freshness: Duration | None = None
    """How old the newest row may be."""
    owner: str = ""
    """The team that answers for the data."""
    views: dict[Name, dict[str, Treatment]] = Field(default_factory=dict)
    """Tenant → classification → what that tenant sees of it, all where nothing is said. Others then see nothing."""
    cpus: int | None = Field(default=None, ge=1)
    """CPUs of a cluster that reading the source takes at most; all that are free where nothing is said."""
    target: Target

    @property
    def origin(self) -> SourceSpec:
        """The source, whichever way it is written."""
        return source_of(self.source) if isinstance(self.source, str) else self.source

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
    def _sensible(self, info: ValidationInfo) -> Self:
        return complain(
            self, [*_time_and_key(self), *_target(self), *_lookups(self), *_mappings(self), *_rules(self)], info
        )


def _time_and_key(data: Data) -> Iterator[Wrong]:
    time = data.columns.get(data.time)
    if time is None:
        yield ("time",), data.time, _no_column(data.time, data.columns)
    elif time.type != "timestamp" or time.nullable or time.known != "before":
        seen = "known later" if time.known != "before" else "nullable" if time.nullable else f"a {time.type}"
        yield ("time",), data.time, f"that column is {seen}; the event time is a timestamp that every row has"
    for position, name in enumerate(data.key):
        if name not in data.columns:
            yield ("key", position), name, _no_column(name, data.columns)


def _target(data: Data) -> Iterator[Wrong]:
    path, name = ("target", "column"), data.target.column
    column = data.all_columns.get(name)
    if column is None:
        yield path, name, _no_column(name, data.all_columns)
    elif column.known == "before":
        yield (
            path,
            name,
            f"a request would bring the answer with it; write `{name}: {{type: {column.type}, known: later}}`",
        )
    elif column.type in ("string", "timestamp"):
        yield path, name, f"that column is a {column.type}; the truth is an integer, a number or a boolean"


def _lookups(data: Data) -> Iterator[Wrong]:
    owners = dict.fromkeys(data.columns, "the source")
    for name, lookup in data.lookups.items():
        for position, key in enumerate(lookup.on):
            if key not in data.columns:
                yield ("lookups", name, "on", position), key, _no_column(key, data.columns)
        for column in lookup.columns:
            if column in owners:
                yield (
                    ("lookups", name, "columns", column),
                    column,
                    f"{owners[column]} has a column of that name already",
                )
        owners |= dict.fromkeys(lookup.columns, f"lookup '{name}'")


def _mappings(data: Data) -> Iterator[Wrong]:
    known = data.all_columns
    for position, mapping in enumerate(data.mappings):
        at = ("mappings", position)
        for theirs, ours in mapping.rename.items():
            if ours not in known:
                yield (*at, "rename", theirs), ours, _no_column(ours, known)
        for name, unit in mapping.units.items():
            if name not in known:
                yield (*at, "units", name), unit, f"for '{name}' {_no_column(name, known)}"
            elif known[name].unit is None:
                yield (*at, "units", name), unit, f"the contract gives '{name}' no unit to convert to"
        for name, values in mapping.values.items():
            yield from _values((*at, "values", name), name, values, known)
        yield from _reading(at, mapping, known)


def _reading(at: tuple[str | int, ...], mapping: MappingSpec, known: Mapping[str, ColumnSpec]) -> Iterator[Wrong]:
    if mapping.zone is not None and (what := unknown_zone(mapping.zone)):
        yield (*at, "zone"), mapping.zone, what
    if mapping.encoding is not None and (what := unknown_encoding(mapping.encoding)):
        yield (*at, "encoding"), mapping.encoding, what
    for name, form in mapping.formats.items():
        if name not in known:
            yield (*at, "formats", name), form, f"for '{name}' {_no_column(name, known)}"
        elif known[name].type != "timestamp":
            yield (*at, "formats", name), form, f"'{name}' is a {known[name].type}; only a timestamp has a format"


def _rules(data: Data) -> Iterator[Wrong]:
    known = data.all_columns
    for position, rule in enumerate(data.quality):
        for place, name in enumerate(rule.columns):
            if name not in known:
                yield ("quality", position, "columns", place), name, _no_column(name, known)
    classes = {column.classification for column in known.values() if column.classification is not None}
    for tenant, treatments in data.views.items():
        for name in treatments:
            if name not in classes:
                hint = did_you_mean(name, sorted(classes)) if classes else "no column has a classification"
                yield ("views", tenant, name), name, f"no column is classified so; {hint}"


def _values(
    at: tuple[str | int, ...], name: str, values: Mapping[str, str], known: Mapping[str, ColumnSpec]
) -> Iterator[Wrong]:
    if name not in known:
        yield at, dict(values), f"for '{name}' {_no_column(name, known)}"
        return
    allowed = known[name].allowed
    for theirs, ours in values.items():
        if allowed is not None and ours not in map(str, allowed):
            yield (*at, theirs), ours, f"'{name}' does not allow it; {did_you_mean(ours, map(str, allowed))}"


def _no_column(name: str, columns: Mapping[str, ColumnSpec]) -> str:
    return f"no column has that name; {did_you_mean(name, columns)}"
