"""A journal that lives as long as its process: for tests, notebooks and simulations."""

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mlray.journal._base import Journal
from mlray.journal._chain import Draft, End, Row, link

__all__ = ["MemoryJournal"]


class MemoryJournal(Journal):
    """Keeps its rows in a list; safe for threads, gone with the process."""

    def __init__(self) -> None:
        """Start empty."""
        self._kept: list[Row] = []
        self._keys: dict[str, int] = {}
        self._end = End()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def _add(self, new: Draft, last: int | None) -> Row | None:
        with self._lock:
            if new.key is not None and new.key in self._keys:
                return self._kept[self._keys[new.key]]
            if last is not None and last != self._end.seq:
                return None
            row = link(self._end, new)
            if new.key is not None:
                self._keys[new.key] = len(self._kept)
            self._kept.append(row)
            self._end = End(row.seq, row.digest)
            return row

    def _rows(self, after: int, kind: str | None, subject: str | None) -> list[Row]:
        with self._lock:
            return [r for r in self._kept[after:] if kind in (None, r.kind) and subject in (None, r.subject)]

    def _keyed(self, key: str) -> Row | None:
        with self._lock:
            place = self._keys.get(key)
            return None if place is None else self._kept[place]

    def _newest(self) -> Row | None:
        with self._lock:
            return self._kept[-1] if self._kept else None

    @contextmanager
    def _snapshot(self) -> Iterator[tuple[Iterable[Row], End]]:
        with self._lock:
            kept, end = list(self._kept), self._end
        yield kept, end
