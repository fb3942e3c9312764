"""From an address to a journal."""

from mlray.errors import SpecError
from mlray.journal._base import Journal
from mlray.journal._memory import MemoryJournal

__all__ = ["open_journal"]

_KNOWN = ("memory://", "sqlite:///path/journal.db", "postgresql+psycopg://user@host/database")


def open_journal(url: str, *, patience: float = 30.0) -> Journal:
    """Return the journal at `url`; a new one is made where there is none.

    `memory://`, `sqlite:///path/journal.db` or `postgresql+psycopg://user@host/database`. Other writers are waited for
    up to `patience` seconds.

    Raises:
        SpecError: the address is of another kind.
        JournalError: the store cannot be reached or made.
    """
    system, separator, _ = url.partition("://")
    if url == "memory://":
        return MemoryJournal()
    if separator and system.partition("+")[0] in ("sqlite", "postgresql"):
        from mlray.journal.on_sql import SqlJournal  # SQLAlchemy takes 0.2 s to import

        return SqlJournal(url, patience=patience)
    # Only the scheme is shown: the rest of an address may hold a password.
    raise SpecError(
        [f"'{system}{separator}…' is not an address of a journal."], remedy=f"Write one of: {', '.join(_KNOWN)}."
    )
