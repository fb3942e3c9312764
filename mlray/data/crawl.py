"""The crawler's first look: whether a source is there, still has its columns, and holds anything new."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import pyarrow.compute as pc

from mlray.data import sources
from mlray.data.contract import Contract
from mlray.errors import InputError
from mlray.records import DatasetVersion
from mlray.spec import Data

__all__ = ["SourceState", "Verdict", "look"]


class SourceState(StrEnum):
    """What a source looks like against the head."""

    UNCHANGED = "unchanged"
    NEW = "new"
    BREAKING = "breaking"
    """A column of the contract is gone."""
    UNREACHABLE = "unreachable"
    """No file, or one that cannot be read."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, in a word and a sentence."""

    state: SourceState
    because: str
    files: int = 0
    newest: datetime | None = None
    """The latest event time in the source, UTC."""

    @property
    def readable(self) -> bool:
        """Whether an ingestion has a chance."""
        return self.state in (SourceState.UNCHANGED, SourceState.NEW)


def look(data: Data, folder: Path, head: DatasetVersion | None) -> Verdict:
    """Return what the source of `data` looks like now, compared with the dataset version `head`.

    Rows are read only where a file's footer does not tell its latest event time (CSV).
    """
    try:
        contract = Contract.compile(data)
        found = sources.files(folder, data.source)
        for path in found:
            gone = _gone(contract, path, sources.name_of(path, folder))
            if gone:
                return Verdict(SourceState.BREAKING, f"{path.name} has no column '{gone}' any more", len(found))
        newest = max((time for path in found if (time := _newest(contract, path, folder)) is not None), default=None)
        for lookup in data.lookups.values():
            sources.files(folder, lookup.source)
    except InputError as error:
        return Verdict(SourceState.UNREACHABLE, error.problem)
    if newest is None:
        return Verdict(SourceState.UNCHANGED, f"{len(found)} files without an event time", len(found))
    if head is None or newest > datetime.fromisoformat(head.cursor):
        known = f"; {head.name} ends {head.cursor}" if head else ""
        return Verdict(SourceState.NEW, f"rows up to {newest.isoformat()}{known}", len(found), newest)
    return Verdict(
        SourceState.UNCHANGED, f"nothing after {newest.isoformat()}, which {head.name} has", len(found), newest
    )


def _gone(contract: Contract, path: Path, source: str) -> str:
    columns = sources.columns_of(path)
    return next((name for name in contract.data.columns if not contract.their_name(source, name, columns)), "")


def _newest(contract: Contract, path: Path, folder: Path) -> datetime | None:
    source = sources.name_of(path, folder)
    ends = sources.span(path, contract.footer_time(source, sources.columns_of(path)))
    if ends is not None:
        return ends[1]
    table = sources.read(path, contract.source_columns(source)).table
    newest: datetime | None = pc.max(contract.times(table, source)).as_py()
    return newest
