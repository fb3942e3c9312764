"""Edits: each turns a head into the draft that follows, and says whether what it read still holds on a newer head."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeAlias, TypeVar

import pyarrow as pa

from mlray.data.store._blobs import row_groups
from mlray.data.store._store import Store
from mlray.data.store._types import fit, plain, text_of
from mlray.data.store._version import Draft, new_column
from mlray.errors import ConflictError, DataError
from mlray.records import Column, DatasetVersion, Fragment, Quality

__all__ = ["Edit", "Rollback", "Said", "added", "changed_since", "evolved", "follow", "in_order", "make"]

T = TypeVar("T")
U = TypeVar("U")

Rows: TypeAlias = pa.Table | pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Said:
    """What a writer says about an edit, and when."""

    now: datetime
    author: str = ""
    note: str = ""
    once: str = ""


class Edit(Protocol):
    """One change of a table."""

    def check(self, base: DatasetVersion | None, head: DatasetVersion) -> None:
        """Raise ConflictError where what this edit read at `base` is another at `head`, and it would undo that."""
        ...

    def draft(self, head: DatasetVersion | None) -> Draft | None:
        """Return what follows `head`; None where nothing changes."""
        ...


def make(
    store: Store, table: str, branch: str, edit: Edit, said: Said, base: DatasetVersion | None = None
) -> DatasetVersion:
    """Commit `edit`, which was computed from `base` (the head of now for None), and return the version it made.

    Raises:
        ConflictError: somebody else changed since what the edit would change.
    """
    bases: list[DatasetVersion | None] = [] if base is None else [base]

    def change(head: DatasetVersion | None) -> Draft | None:
        bases.append(head)
        if head is not None and head != bases[0]:
            edit.check(bases[0], head)
        draft = edit.draft(head)
        return draft and replace(draft, author=said.author, note=said.note, created_at=said.now)

    return store.commit(table, change, branch=branch, once=said.once)


def follow(
    head: DatasetVersion | None,
    now: datetime,
    operation: str,
    columns: Sequence[Column],
    fragments: Sequence[Fragment],
) -> Draft:
    """Return the draft of an edit after `head`: what the edit does not say stays as it was."""
    schema = {column.name: column.type for column in columns}
    if head is None:
        rows = sum(fragment.alive for fragment in fragments)
        return Draft(
            schema, "", tuple(fragments), "", Quality(rows, rows), "", now, now, operation, columns=tuple(columns)
        )
    same = tuple(columns) == head.columns
    kept = all(column in columns for column in head.columns)
    return Draft(
        schema,
        # What a contract asked for is there as long as columns only join; without one of them, the next ingestion must
        # not go on as if its own held.
        contract=head.contract if kept else "",
        fragments=tuple(fragments),
        profile=head.profile if same and tuple(fragments) == head.fragments else "",
        quality=head.quality,
        cursor=head.cursor,
        as_of=head.as_of,
        created_at=now,
        operation=operation,
        columns=tuple(columns),
        key=head.key if {column.name for column in columns}.issuperset(head.key) else (),
    )


def evolved(columns: Sequence[Column], rows: pa.Schema) -> tuple[Column, ...]:
    """Return `columns` and, behind them, those that only the rows have."""
    known = {column.name for column in columns}
    return (*columns, *(new_column(one.name, text_of(one.type)) for one in rows if one.name not in known))


def changed_since(base: DatasetVersion | None, head: DatasetVersion, names: Iterable[str]) -> None:
    """Raise ConflictError where one of the columns `names` is another at `head` than at `base`."""
    for name in names:
        before = base.column(name) if base else None
        if before is not None and head.column(name) != before:
            raise ConflictError(
                f"Column '{name}' of {base and base.name} was dropped or renamed by {head.name}.",
                remedy="Read the table again, and edit the columns it has now.",
            )


def in_order(work: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """Yield `work(item)` for each item in their order, computed by a few threads; few items are held at once."""
    # Ray and others tell a process how many cores are its own through Arrow's number.
    workers = max(1, min(4, pa.cpu_count(), os.cpu_count() or 1))
    if workers == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        running: deque[Future[U]] = deque()
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) > workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def added(
    store: Store, parts: Iterable[Rows], columns: Sequence[Column], table: str, *, source: str = "", time: str = ""
) -> list[Fragment]:
    """Write rows as new fragments of at most one row group each."""
    fitted = (fit(plain(part), columns, table) for part in parts)
    groups = (group for group in row_groups(fitted, None) if group.num_rows)
    return list(in_order(lambda group: store.write([group], source=source, time=time), groups))


@dataclass(slots=True)
class Rollback:
    """The content of an earlier version again."""

    to: DatasetVersion
    said: Said

    def check(self, base: DatasetVersion | None, head: DatasetVersion) -> None:
        """Refuse: whatever was committed since would be undone without having been seen."""
        refuse_unseen(base, head)

    def draft(self, head: DatasetVersion | None) -> Draft | None:
        """Return the earlier version's content."""
        to = self.to
        if to.squashed:
            raise DataError(f"{to.name} was squashed.", remedy="Recover it first.")
        if head is not None and head.columns == to.columns and head.fragments == to.fragments:
            return None
        return Draft(
            schema=to.schema,
            contract=to.contract,
            fragments=to.fragments,
            profile=to.profile,
            quality=to.quality,
            cursor=to.cursor,
            as_of=to.as_of,
            created_at=self.said.now,
            operation=f"rollback to v{to.number}",
            columns=to.columns,
            key=to.key,
            time=to.time,
            statistics=to.statistics,
        )


def refuse_unseen(base: DatasetVersion | None, head: DatasetVersion) -> None:
    """Raise ConflictError where `head` has other content than `base`, for edits of the whole table."""
    if base is not None and (base.columns, base.fragments) == (head.columns, head.fragments):
        return
    raise ConflictError(
        f"{head.name} ({head.operation}{f' by {head.author}' if head.author else ''}) was committed since "
        f"{base.name if base else 'the table was empty'}, and this edit replaces all rows.",
        remedy="Look at what it changed, then edit again from there.",
    )
