"""Facts about data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mlray.records._base import Record

__all__ = ["Column", "ColumnFile", "DatasetVersion", "Deletions", "Fragment", "Patch", "Quality", "Statistics"]

Value = str | int | float | bool | None
"""A value as JSON has it; a moment or a date is text in ISO 8601."""


@dataclass(frozen=True, slots=True)
class Column(Record):
    """One column of a table, known by its id: a rename keeps it, and a name that is dropped and added again is new."""

    id: str
    """Its first name and the version in which it appeared, `amount@3`: never used twice in a table."""
    name: str
    type: str
    """The Arrow type as text (`int64`, `timestamp[us, tz=UTC]`); one that text cannot carry is `arrow:` and base64."""


@dataclass(frozen=True, slots=True)
class Statistics(Record):
    """What is known of a column's values without reading them."""

    min: Value = None
    """No value is smaller; None where it is unknown. After updates and deletions a bound, not always a value."""
    max: Value = None
    nulls: int = 0
    """Missing values; after updates and deletions at most this many."""
    unbounded: bool = False
    """Whether there are values whose bounds are unknown; without them, no bounds mean no values."""


@dataclass(frozen=True, slots=True)
class ColumnFile(Record):
    """The values of one column for all rows of a fragment: a Parquet file with this column alone."""

    blob: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Patch(Record):
    """Changed values of some rows: a Parquet file of `_pos` (places in the fragment, ascending) and changed columns."""

    blob: str
    rows: int
    bytes: int
    columns: Mapping[str, str]
    """Column id → name in the file, of the columns it still decides: a later column file takes its column out."""


@dataclass(frozen=True, slots=True)
class Deletions(Record):
    """The rows of a fragment that are gone: a Parquet file of `_pos`, ascending, all of them."""

    blob: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Fragment(Record):
    """Rows of a dataset version: an immutable Parquet file named by the SHA-256 of its bytes, and what was changed.

    A column's values are those of its column file, else of the base file, else null; then the patches in order; last
    the deletions.
    """

    blob: str
    rows: int
    """Rows of the base file, those deleted among them: places count these."""
    bytes: int
    """Size of the base file."""
    source: str = ""
    """The file that the rows were read from."""
    id: str = ""
    """The version in which it appeared and its place there, `3-0`; empty until a version names it."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Column id → name in the base file; name → name until a version names the fragment."""
    files: Mapping[str, ColumnFile] = field(default_factory=dict)
    """Column id → file whose values replace those of the base file."""
    patches: tuple[Patch, ...] = ()
    deletions: Deletions | None = None
    low: int | str | None = None
    """No value of the version's first key column is smaller; None where it is unknown."""
    high: int | str | None = None
    first: datetime | None = None
    """No event time is earlier; None where it is unknown."""
    last: datetime | None = None
    time: str = ""
    """The event-time column by its name in the base file, as the writer stated it."""
    statistics: Mapping[str, Statistics] = field(default_factory=dict)
    """Of a new fragment, by name in the file; a version keeps their sum instead."""

    @property
    def alive(self) -> int:
        """Rows that are not deleted."""
        return self.rows - (self.deletions.rows if self.deletions else 0)

    @property
    def blobs(self) -> tuple[str, ...]:
        """Every file that reading this fragment may need, the base file first."""
        gone = (self.deletions.blob,) if self.deletions else ()
        files = (file.blob for file in self.files.values())
        return (self.blob, *files, *(patch.blob for patch in self.patches), *gone)


@dataclass(frozen=True, slots=True)
class Quality(Record):
    """What the contract found while rows were read: nothing is dropped without a count and a reason."""

    seen: int
    kept: int
    set_aside: Mapping[str, int] = field(default_factory=dict)
    """Rows set aside, by reason."""
    mapped: Mapping[str, int] = field(default_factory=dict)
    """Rows changed by a mapping, by what the mapping did."""
    quarantine: str = ""
    """The blob with the rows set aside: source, position, reason and the row itself; empty when there are none."""

    @property
    def rejected(self) -> int:
        """Rows that were set aside."""
        return self.seen - self.kept


@dataclass(frozen=True, slots=True)
class DatasetVersion(Record):
    """One immutable state of a table."""

    table: str
    number: int
    """Counted over all branches of the table, from 1."""
    digest: str
    """SHA-256 over parents, columns, contract, fragments and cursor: equal content gives an equal digest."""
    parents: tuple[str, ...]
    """Digests of the versions this one was made from."""
    schema: Mapping[str, str]
    """Column → type, in the order of `columns`."""
    contract: str
    """Digest of the contract that every row passed; empty after an edit that a contract did not ask for."""
    fragments: tuple[Fragment, ...]
    rows: int
    profile: str
    """The blob with the merged profile of all rows (see `mlray.sketches`); empty where an edit made it stale."""
    quality: Quality
    cursor: str
    """Where the next ingestion goes on: the largest event time that was read, in ISO 8601."""
    as_of: datetime
    """The moment up to which the source was known."""
    created_at: datetime
    operation: str = "ingest"
    columns: tuple[Column, ...] = ()
    branch: str = "main"
    author: str = ""
    """Who made it: what a person or a flow said, else user and machine."""
    note: str = ""
    """Why it was made, in the author's words."""
    key: tuple[str, ...] = ()
    """Columns whose values name a row; empty where none do."""
    time: str = ""
    """The event-time column; empty where there is none."""
    statistics: Mapping[str, Statistics] = field(default_factory=dict)
    """Column → what is known of its values."""
    once: str = ""
    """The name of the commit, chosen by the writer, under which repeating it is harmless."""
    squashed: bool = False
    """Whether bytes that only this version needed were dropped; `recover` rebuilds it or says what is lost."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Facts of those who keep versions, such as the blob with what a squashed version is rebuilt from."""

    @property
    def name(self) -> str:
        """The name people and lineage use, `table@vN`."""
        return f"{self.table}@v{self.number}"

    @property
    def blobs(self) -> tuple[str, ...]:
        """Every file that this version names, each once."""
        extra = (self.profile, self.quality.quarantine)
        return tuple(
            dict.fromkeys(blob for group in (*(f.blobs for f in self.fragments), extra) for blob in group if blob)
        )

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def __str__(self) -> str:
        """Return one line for a person."""
        return f"{self.name}: {self.rows:,} rows as of {self.as_of:%Y-%m-%d}, {self.quality.rejected:,} set aside"
