"""The journal: every decision and every cent, append-only and in a chain, in memory or in SQL."""

from mlray.journal._base import Journal
from mlray.journal._chain import GENESIS, Entry
from mlray.journal._memory import MemoryJournal
from mlray.journal._open import open_journal

__all__ = ["GENESIS", "Entry", "Journal", "MemoryJournal", "open_journal"]
