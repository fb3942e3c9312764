"""Facts about sources: what a look at one found, and what a look at the store's own files found."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mlray.records._base import Record

__all__ = ["Checkup", "SourceState", "Verdict"]


class SourceState(StrEnum):
    """What a source looks like, compared with the look before and with the contract."""

    UNCHANGED = "unchanged"
    NEW = "new"
    """There are rows that no earlier look has seen."""
    CHANGED = "changed"
    """What was there before is different or gone, the new part is unlike what came before, or there are not as many
    rows as the contract's rules ask for."""
    STALE = "stale"
    """The newest row is older than the contract promises."""
    BREAKING = "breaking"
    """It no longer fits the contract: it is paused until a person has looked."""
    UNREACHABLE = "unreachable"
    """It does not answer, or cannot be read."""


@dataclass(frozen=True, slots=True)
class Verdict(Record):
    """What one look at one source found, in a word and a sentence."""

    source: str
    """The table's name, or a lookup's."""
    state: SourceState
    because: str
    at: datetime
    remedy: str = ""
    """What to do about it; empty where nothing is to be done."""
    files: int = 0
    """How many files, tables or partitions there are."""
    fresh: int = 0
    """How many of them no earlier look had seen like this."""
    newest: datetime | None = None
    """The latest event time in the source, UTC; None where nothing tells."""
    rows: int = 0
    """Rows that are new, as far as that was seen."""
    read: str = "nothing"
    """How much was read to know: `nothing`, `footers`, `sample` or `everything`."""
    listing: str = ""
    """Digest of the listing: an equal one needs no second look."""
    notes: tuple[str, ...] = ()
    """What else was noticed, such as a column that the contract does not know."""

    @property
    def readable(self) -> bool:
        """Whether an ingestion has a chance."""
        return self.state not in (SourceState.BREAKING, SourceState.UNREACHABLE)

    def __str__(self) -> str:
        """Return one line for a person."""
        return f"{self.source}: {self.state}: {self.because}"


@dataclass(frozen=True, slots=True)
class Checkup(Record):
    """What hashing some of the store's files again has found."""

    at: datetime
    checked: int
    """Files hashed again."""
    of: int
    """Files that the table's versions need."""
    damaged: tuple[str, ...] = ()
    """Files that are missing or no longer what their name says, each with the versions that need it."""

    def __str__(self) -> str:
        """Return one line for a person."""
        if self.damaged:
            return f"{len(self.damaged)} of {self.checked} stored files are damaged: {'; '.join(self.damaged[:3])}"
        return f"{self.checked} of {self.of} stored files were hashed again: all sound"
