"""What every journal can do, wherever it keeps its entries."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Self

from mlray.ids import Json
from mlray.journal._chain import GENESIS, Draft, End, Entry, Row, check, draft, entry_of

__all__ = ["Journal"]


class Journal(ABC):
    """An append-only list of entries in a chain; several threads and processes may use one store at once.

    A back end keeps rows and gives out places; what a row means is decided here.
    """

    def append(
        self, kind: str, subject: str, data: Mapping[str, Json], *, at: datetime, key: str | None = None
    ) -> Entry:
        """Write one entry and return it once it is safe from a crash; a used key returns its first entry unchanged.

        Raises:
            InputError: the data is not JSON, or the moment has no time zone.
            JournalError: it cannot be written. Whether it was is unknown then; asking again with the same key is safe.

        >>> from datetime import UTC
        >>> from mlray.journal import open_journal
        >>> journal = open_journal("memory://")
        >>> noon = datetime(2013, 4, 1, 12, tzinfo=UTC)
        >>> first = journal.append("decision", "flights", {"act": "hold"}, at=noon, key="week-14")
        >>> journal.append("decision", "flights", {"act": "retrain"}, at=noon, key="week-14") == first
        True
        >>> print(first, "·", journal.verify(), "checked")
        1 2013-04-01 12:00 decision flights · 1 checked
        """
        row = self._add(draft(kind, subject, data, at, key), None)
        assert row is not None  # only a condition can turn an entry away
        return entry_of(row)

    def append_after(
        self, last: int, kind: str, subject: str, data: Mapping[str, Json], *, at: datetime, key: str | None = None
    ) -> Entry | None:
        """Append only while entry `last` (0: none) is still the newest; None when another came first.

        Whoever decides from what it read (is there money left?) can so be sure that nothing changed in between. A key
        that was used returns its first entry, as in `append`.
        """
        row = self._add(draft(kind, subject, data, at, key), last)
        return None if row is None else entry_of(row)

    def entries(self, *, after: int = 0, kind: str | None = None, subject: str | None = None) -> list[Entry]:
        """Return the entries behind place `after`, oldest first; of one kind or subject where given."""
        return [entry_of(row) for row in self._rows(after, kind, subject)]

    def find(self, key: str) -> Entry | None:
        """Return the entry that was written with `key`, or None."""
        row = self._keyed(key)
        return None if row is None else entry_of(row)

    def head(self) -> Entry | None:
        """Return the newest entry, or None while there is none."""
        row = self._newest()
        return None if row is None else entry_of(row)

    def verify(self, *, holds: str = GENESIS) -> int:
        """Check the whole chain and return the number of entries.

        Whoever can rewrite the whole store can write a whole new chain. To notice that too, keep the digest of an entry
        elsewhere (in a report, in a mail) and pass it as `holds`.

        Raises:
            JournalError: names the first entry that was changed, removed, moved or added.
        """
        with self._snapshot() as (rows, end):
            return check(rows, end, holds)

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections; closing twice does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def _add(self, new: Draft, last: int | None) -> Row | None:
        """Write `new` behind the newest row as one step that cannot be interleaved; see `append` and `append_after`."""

    @abstractmethod
    def _rows(self, after: int, kind: str | None, subject: str | None) -> Iterable[Row]: ...

    @abstractmethod
    def _keyed(self, key: str) -> Row | None: ...

    @abstractmethod
    def _newest(self) -> Row | None: ...

    @abstractmethod
    def _snapshot(self) -> AbstractContextManager[tuple[Iterable[Row], End]]:
        """Give all rows, and the end that was noted apart from them so that a lost tail shows, as of one moment."""
