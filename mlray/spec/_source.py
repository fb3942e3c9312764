"""Where rows come from: a path or a URL as a text, or a section that says more."""

import codecs
from collections.abc import Iterator
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl

from pydantic import AfterValidator, Discriminator, Field, Tag, ValidationError, ValidationInfo, model_validator

from mlray.spec._forms import Duration, Part, Wrong, complain

__all__ = ["CursorSpec", "Origin", "SourceSpec", "source_of"]

Kind = Literal["files", "sql", "kafka", "iceberg"]
_KINDS: tuple[Kind, ...] = ("files", "sql", "kafka", "iceberg")
_OF_FILES = ("", "file", "http", "https", "s3", "s3a", "gs", "az", "abfs", "abfss", "azure", "adl", "memory")


class CursorSpec(Part):
    """A column that only grows, by which the rows that are new are found without reading the others."""

    column: str
    """The source's own name for it, such as `updated_at` or `id`."""
    lag: Duration = "0 days"
    """How late a row may come: the last stretch is read again, and what is known already is dropped by its key."""


class SourceSpec(Part):
    """Where rows come from. Exactly one of `files`, `sql`, `kafka` and `iceberg` says what it is."""

    files: str | None = None
    """Path or pattern, relative to the project, or a URL such as `s3://bucket/day-*.parquet`, `https://host/day.csv`."""
    sql: str | None = None
    """A database's URL as SQLAlchemy writes it; `${NAME}` is taken from the environment: no secret stands here."""
    table: str | None = None
    """The table of `sql`, or `namespace.table` of `iceberg`."""
    query: str | None = None
    """A SELECT in place of the table."""
    kafka: str | None = None
    """Brokers, such as `host:9092,other:9092`."""
    topic: str | None = None
    """The topic of `kafka`; each message is one JSON object."""
    iceberg: str | None = None
    """The catalog's name or URL."""
    format: Literal["parquet", "csv", "json"] | None = None
    """What files are, where their names do not tell; `json` has one object a line."""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """What stands between the values of a CSV file."""
    encoding: str = "utf-8"
    """The character set of CSV and JSON files, such as `latin-1`."""
    headers: dict[str, str] = Field(default_factory=dict)
    """HTTP headers, such as `Authorization: Bearer ${TOKEN}`."""
    options: dict[str, str] = Field(default_factory=dict)
    """What the object store, the catalog or the broker asks for besides, such as `endpoint` and `region`."""
    most_bytes: int = Field(default=8_000_000_000, ge=1)
    """No download is larger than this."""
    cursor: CursorSpec | None = None
    """By what new rows of `sql` are found; the event time if nothing is said."""

    @property
    def kind(self) -> Kind:
        """What it is read through."""
        return next(kind for kind in _KINDS if getattr(self, kind) is not None)

    @property
    def scheme(self) -> str:
        """The scheme of the address; empty for a path."""
        return _scheme(getattr(self, self.kind))

    @property
    def here(self) -> bool:
        """Whether it is a path or a pattern on this machine."""
        return self.kind == "files" and self.scheme in ("", "file")

    @property
    def path(self) -> str:
        """The path or pattern of files on this machine."""
        return (self.files or "").removeprefix("file://")

    def __str__(self) -> str:
        """Return the address for a message; passwords and query strings, where secrets stand, are left out."""
        address: str = getattr(self, self.kind)
        within = f"#{self.table or self.topic or 'query'}" if self.kind != "files" else ""
        return f"{_shown(address)}{within}"

    def __repr__(self) -> str:
        """Return the address as a message shows it: what is printed by chance holds no secret."""
        return f"SourceSpec({str(self)!r})"

    @model_validator(mode="after")
    def _sensible(self, info: ValidationInfo) -> Self:
        return complain(self, self._wrongs(), info)

    def _wrongs(self) -> Iterator[Wrong]:
        named = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(named) != 1:
            seen = " and ".join(named) or "nothing"
            yield (), seen, f"a source has exactly one of {', '.join(_KINDS)}"
            return
        if self.sql is not None and (self.table is None) == (self.query is None):
            yield ("sql",), _shown(self.sql), "it needs either `table` or `query`"
        if self.iceberg is not None and self.table is None:
            yield ("iceberg",), self.iceberg, "it needs `table: namespace.name`"
        if self.kafka is not None and self.topic is None:
            yield ("kafka",), self.kafka, "it needs `topic`"
        if self.cursor is not None and self.sql is None:
            yield (
                ("cursor",),
                self.cursor.column,
                "only `sql` has a cursor column; files have their names",
            )
        yield from self._wrong_words()

    def _wrong_words(self) -> Iterator[Wrong]:
        if self.files is not None and _scheme(self.files) not in _OF_FILES:
            yield ("files",), _shown(self.files), f"no files are read from '{_scheme(self.files)}://'"
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            yield ("encoding",), self.encoding, "no character set has that name; latin-1, cp1252 and utf-16 are usual"


def source_of(text: str) -> SourceSpec:
    """Return the source that a text names: a path, or a URL whose scheme tells what it is.

    >>> source_of("data/day-*.parquet").kind
    'files'
    >>> str(source_of("postgresql+psycopg://ann:s3cret@db/shop#orders"))
    'postgresql+psycopg://ann@db/shop#orders'
    >>> source_of("kafka://host:9092/orders").topic
    'orders'

    Raises:
        ValueError: a table, topic or name is missing.
    """
    scheme = _scheme(text)
    if scheme in _OF_FILES:
        return SourceSpec(files=text)
    address, _, within = text.partition("#")
    if scheme in ("kafka", "iceberg"):
        place, _, within = text.removeprefix(f"{scheme}://").partition("?")[0].partition("/")
        options = dict(parse_qsl(text.partition("?")[2]))
        if scheme == "kafka":
            return SourceSpec(kafka=place, topic=within or None, options=options)
        return SourceSpec(iceberg=place, table=within or None, options=options)
    return SourceSpec(sql=address, table=within or None)


def _scheme(address: str) -> str:
    scheme, found, _ = address.partition("://")
    return scheme.lower() if found else ""


def _shown(address: str) -> str:
    scheme, found, rest = address.partition("://")
    if not found:
        return address
    host, slash, path = rest.partition("?")[0].partition("#")[0].partition("/")
    user, at, host = host.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}{at}{host}{slash}{path}"


def _branch(value: object) -> str:
    return "section" if isinstance(value, dict | SourceSpec) else "text"


def _readable(text: str) -> str:
    try:
        source_of(text)
    except ValidationError as error:
        message = f"{_shown(text)} is no source: {error.errors()[0]['msg']}"
        raise ValueError(message) from error
    return text


Origin = Annotated[
    Annotated[str, AfterValidator(_readable), Tag("text")] | Annotated[SourceSpec, Tag("section")],
    Discriminator(_branch),
]
"""A source as the project file has it: a text, or a section."""
