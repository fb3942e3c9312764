"""The chain: what a journal keeps, how one entry is tied to the one before, and how a break is found and named."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, cast

from mlray.errors import InputError, JournalError
from mlray.ids import Json, canonical, digest_of
from mlray.records import Record

__all__ = ["GENESIS", "Draft", "End", "Entry", "Row", "check", "draft", "entry_of", "link"]

GENESIS = "0" * 64
"""The digest that the first entry follows."""

_RESTORE = "Restore the journal from a backup; nothing in it from this entry on can be trusted."


@dataclass(frozen=True, slots=True)
class Entry(Record):
    """One line of the journal: what happened, to what, when, and the digests that hold it in its place."""

    seq: int
    """Its place, from 1, without gaps."""
    at: datetime
    """When it happened by the caller's clock, in UTC."""
    kind: str
    subject: str
    key: str | None
    """The idempotency key; None where repeating does no harm."""
    data: Mapping[str, Json]
    previous: str
    """The digest of the entry before; 64 zeros for the first."""
    digest: str
    """SHA-256 over all other fields."""

    def __str__(self) -> str:
        """Return one line for a person."""
        return f"{self.seq} {self.at:%Y-%m-%d %H:%M} {self.kind} {self.subject}"


class Row(NamedTuple):
    """An entry as it is stored: numbers and text only, `data` as canonical JSON, so every byte is under the digest."""

    seq: int
    at: str
    kind: str
    subject: str
    key: str | None
    data: str
    previous: str
    digest: str


class End(NamedTuple):
    """Place and digest of the entry written last."""

    seq: int = 0
    digest: str = GENESIS


class Draft(NamedTuple):
    """An entry that has no place yet."""

    at: str
    kind: str
    subject: str
    key: str | None
    data: str


def draft(kind: str, subject: str, data: Mapping[str, Json], at: datetime, key: str | None) -> Draft:
    """Return what `link` needs, checked: a name for the kind, plain one-line text, a moment with a zone, JSON data.

    Raises:
        InputError: any of these is not so; names what was seen.
    """
    for name, text in (("kind", kind), ("subject", subject), ("key", key)):
        # PostgreSQL cannot store NUL in text, and a lone surrogate has no bytes: one rule for every back end.
        if text is not None and not text.isprintable():
            raise InputError(
                f"{name} {text!r} is not one line of printable text.", remedy=f"Give the {name} a plain name."
            )
    if not kind or key == "":
        raise InputError(
            f"An entry needs a kind, and a key that is not empty; got {kind!r} and {key!r}.",
            remedy="Name them, or leave the key out.",
        )
    if at.tzinfo is None:
        raise InputError(f"{at.isoformat()} has no time zone.", remedy="Pass a moment in UTC, such as clock.now().")
    try:
        text = canonical(data).decode()
        # Read back once: integer keys turn into text, and two that turn into the same text are then one.
        text = canonical(json.loads(text)).decode()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The data of '{kind}' is not JSON: {error}.",
            remedy="Pass text, finite numbers, lists and mappings; a record has to_json().",
        ) from error
    return Draft(at.astimezone(UTC).isoformat(timespec="microseconds"), kind, subject, key, text)


def link(end: End, new: Draft) -> Row:
    """Return `new` as the entry that follows `end`."""
    row = Row(end.seq + 1, *new, previous=end.digest, digest="")
    return row._replace(digest=_digest(row))


def entry_of(row: Row) -> Entry:
    """Return the entry that `row` stores.

    Raises:
        JournalError: the row cannot be read, so somebody changed it.
    """
    try:
        data = cast("dict[str, Json]", json.loads(row.data))
        at = datetime.fromisoformat(row.at)
    except (TypeError, ValueError) as error:
        raise JournalError(f"Journal entry {row.seq} cannot be read: {error}.", remedy=_RESTORE) from error
    return Entry(row.seq, at, row.kind, row.subject, row.key, data, row.previous, row.digest)


def check(rows: Iterable[Row], end: End, holds: str = GENESIS) -> int:
    """Return how many entries were checked, given what was noted as the `end` apart from the rows.

    Raises:
        JournalError: names the first entry missing, changed, moved or added; or no entry has the digest `holds`.
    """
    seq, digest, held = 0, GENESIS, holds == GENESIS
    for row in rows:
        seq += 1
        if row.seq != seq:
            raise _broken(seq, f"is missing: after entry {seq - 1} comes entry {row.seq}")
        if _digest(row) != row.digest:
            raise _broken(seq, _how(row, end.seq))
        if row.previous != digest:
            raise _broken(
                seq, f"({row.kind} {row.subject}) does not follow entry {seq - 1}: its place was taken by another"
            )
        digest = row.digest
        held = held or digest == holds
    if seq < end.seq:
        raise _broken(seq + 1, f"is missing: {end.seq} were written and {seq} are left")
    if (seq, digest) != end:
        raise _broken(seq, f"is not the one written last, which was entry {end.seq} with digest {end.digest[:12]}…")
    if not held:
        problem = f"The journal was rewritten: none of its {seq} entries has the digest {holds[:12]}…"
        raise JournalError(problem, remedy="Restore it from a backup; what is there now is another history.")
    return seq


def _digest(row: Row) -> str:
    try:
        return digest_of(row._asdict() | {"digest": None})
    except (TypeError, ValueError):
        # SQLite lets anything into any column; what has no JSON was never written here and has no digest.
        return ""


def _how(row: Row, last: int) -> str:
    """Say whether an entry whose digest is wrong was moved whole or changed."""
    for seq in range(1, last + 1):
        if _digest(row._replace(seq=seq)) == row.digest:
            return f"({row.kind} {row.subject}) was written as entry {seq}: the order was changed"
    return f"({row.kind} {row.subject}) was changed after it was written"


def _broken(seq: int, how: str) -> JournalError:
    return JournalError(f"The journal is broken: entry {seq} {how}.", remedy=_RESTORE)
