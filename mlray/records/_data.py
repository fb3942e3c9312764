"""Facts about data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mlray.records._base import Record

__all__ = ["DatasetVersion", "Fragment", "Quality"]


@dataclass(frozen=True, slots=True)
class Fragment(Record):
    """One immutable Parquet file of a dataset version, named by the SHA-256 of its bytes."""

    blob: str
    rows: int
    bytes: int
    source: str = ""
    """The file that the rows were read from."""


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
    digest: str
    """SHA-256 over parents, schema, contract, fragments, cursor and target: equal content gives an equal digest."""
    parents: tuple[str, ...]
    """Digests of the versions this one was made from."""
    schema: Mapping[str, str]
    contract: str
    """Digest of the contract that every row passed."""
    fragments: tuple[Fragment, ...]
    rows: int
    profile: str
    """The blob with the merged profile of all rows (see `mlray.sketches`)."""
    quality: Quality
    cursor: str
    """Where the next ingestion goes on: the largest event time that was read, in ISO 8601."""
    as_of: datetime
    """The moment up to which the source was known."""
    created_at: datetime
    operation: str = "ingest"

    @property
    def name(self) -> str:
        """The name people and lineage use, `table@vN`."""
        return f"{self.table}@v{self.number}"

    def __str__(self) -> str:
        """Return one line for a person."""
        return f"{self.name}: {self.rows:,} rows as of {self.as_of:%Y-%m-%d}, {self.quality.rejected:,} set aside"
