"""A whole new dump of a table: what is equal to the head is shared, and only what differs is written."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from mlray.data.store._edit import Said, added, follow, in_order, refuse_unseen
from mlray.data.store._edit_rows import key_columns, located, rewritten
from mlray.data.store._match import Bits, Indices, Keys
from mlray.data.store._reading import Places, alive, placed
from mlray.data.store._revise import WHOLE, Revised, changed_columns, forget, ranged, revise, without
from mlray.data.store._store import Store
from mlray.data.store._types import fit, plain, text_of
from mlray.data.store._version import Draft, new_column
from mlray.errors import ConflictError, DataError
from mlray.records import Column, DatasetVersion, Fragment

__all__ = ["Replace"]

Rows: TypeAlias = pa.Table | pa.RecordBatch


@dataclass(frozen=True, slots=True)
class _Match:
    """What a dump says about one fragment."""

    fragment: Fragment
    places: Places
    """Places whose rows the dump has, ascending."""
    gone: Places
    """Places whose rows it does not have."""
    rows: pa.Table
    """The dump's rows for `places`."""


class Replace:
    """A dump that becomes the table."""

    def __init__(self, store: Store, table: str, parts: Iterable[Rows], key: Sequence[str], said: Said) -> None:
        """Take a dump in parts; with a key it is held in memory whole, without one fragment at a time."""
        self._store, self._table, self._key, self._said = store, table, tuple(key), said
        self._parts = iter(parts)
        self._drafted = False

    def check(self, base: DatasetVersion | None, head: DatasetVersion) -> None:
        """Refuse where anything was committed since: the dump replaces rows that its writer has not seen."""
        refuse_unseen(base, head)

    def draft(self, head: DatasetVersion | None) -> Draft | None:
        """Return the head with what the dump changes."""
        if self._drafted:
            # A stream cannot be read twice: rare, as `check` lets only versions of the same content pass.
            raise ConflictError(f"{head and head.name} was committed meanwhile.", remedy="Give the dump again.")
        first = next(self._parts, None)
        if first is None:
            raise DataError("The dump has no part to read.", remedy="Give at least an empty table with its columns.")
        self._drafted = True
        first = plain(first)
        columns = _columns(head, first)
        rest = (fit(plain(part), columns, self._table) for part in self._parts)
        stream = _Stream(_chain(fit(first, columns, self._table), rest))
        if self._key:
            return self._keyed(head, columns, stream)
        return self._aligned(head, columns, stream)

    def _keyed(self, head: DatasetVersion | None, columns: tuple[Column, ...], stream: "_Stream") -> Draft | None:
        rows = stream.everything()
        missing = [name for name in self._key if name not in rows.column_names]
        if missing:
            raise DataError(f"The dump has no column '{missing[0]}' for a key.", remedy="Name columns that it has.")
        keys = Keys(rows, self._key)
        keys.refuse_repeats(rows)
        known = np.zeros(rows.num_rows, dtype=bool)
        revised: list[Revised] = []
        if head is not None and head.fragments:
            key_columns(head, self._key)
            if any(column != head.column(column.name) for column in columns if column.name in self._key):
                raise DataError(
                    f"The key of the dump has another type than in {head.name}.", remedy="Convert the key's columns."
                )
            matches = (
                _found(fragment, which, rows, known)
                for fragment, which in located(self._store, head, head.fragments, keys)
            )
            values = [column for column in columns if column.name not in self._key]
            revised = list(in_order(lambda match: self._revised(head, match, values), matches))
        fresh = rows.filter(pa.array(~known))
        new = added(self._store, [fresh], columns, self._table) if fresh.num_rows else []
        return self._draft(head, columns, revised, new)

    def _aligned(self, head: DatasetVersion | None, columns: tuple[Column, ...], stream: "_Stream") -> Draft | None:
        def matches(head: DatasetVersion) -> Iterator[_Match]:
            for fragment in head.fragments:
                kept = alive(self._store.blobs, fragment)
                places = np.arange(fragment.rows) if kept is None else np.flatnonzero(kept)
                rows = stream.take(len(places))
                yield _Match(fragment, places[: rows.num_rows], places[rows.num_rows :], rows)

        revised = list(in_order(lambda m: self._revised(head, m, columns), matches(head))) if head else []
        new = added(self._store, stream.rest(), columns, self._table)
        return self._draft(head, columns, revised, new)

    def _revised(self, head: DatasetVersion | None, match: _Match, columns: Sequence[Column]) -> Revised:
        blobs = self._store.blobs
        if not len(match.places):
            return Revised(None)
        old = placed(blobs, match.fragment, columns)
        changed = changed_columns(old, match.places, match.rows, columns)
        if len(changed) == len(columns) and all(mask.mean() > WHOLE for _, mask in changed):
            # Nothing of the fragment would be read any more: one new file is read faster than a file for each column.
            return Revised(self._store.write([match.rows]))
        one = revise(blobs, match.fragment, old, match.places, match.rows, columns)
        time = head.column(head.time) if head and head.time else None
        first = head.column(head.key[0]) if head and head.key else None
        one = ranged(one, first, time)
        return replace(one, fragment=one.fragment and without(blobs, one.fragment, match.gone))

    def _draft(
        self,
        head: DatasetVersion | None,
        columns: tuple[Column, ...],
        revised: Sequence[Revised],
        new: Sequence[Fragment],
    ) -> Draft | None:
        kept = [one.fragment for one in revised if one.fragment]
        for gone in [column for column in head.columns if column not in columns] if head else []:
            kept = [forget(fragment, gone.id) for fragment in kept]
        fragments = (*kept, *new)
        if head is not None and columns == head.columns and fragments == head.fragments:
            return None
        draft = follow(head, self._said.now, "replace", columns, fragments)
        statistics = rewritten(head, columns, revised)
        return replace(draft, key=self._key or draft.key, statistics=statistics)


class _Stream:
    """Rows in parts, taken in pieces of any size."""

    def __init__(self, parts: Iterator[pa.Table]) -> None:
        self._parts = parts
        self._held: pa.Table | None = None

    def take(self, rows: int) -> pa.Table:
        """Return the next `rows` rows, fewer at the end."""
        taken: list[pa.Table] = []
        while True:
            if self._held is None:
                self._held = next(self._parts, None)
                if self._held is None:
                    return self._joined(taken)
            if not taken:
                self._schema = self._held.schema
            piece = self._held.slice(0, rows)
            taken.append(piece)
            rows -= piece.num_rows
            self._held = self._held.slice(piece.num_rows) if piece.num_rows < self._held.num_rows else None
            if rows == 0 and self._held is not None:
                return self._joined(taken)

    def rest(self) -> Iterator[pa.Table]:
        """Yield what was not taken."""
        if self._held is not None:
            yield self._held
        yield from self._parts

    def everything(self) -> pa.Table:
        """Return all that was not taken as one table."""
        return pa.concat_tables(self.rest())

    def _joined(self, taken: Sequence[pa.Table]) -> pa.Table:
        return pa.concat_tables(taken) if taken else self._schema.empty_table()


def _chain(first: pa.Table, rest: Iterator[pa.Table]) -> Iterator[pa.Table]:
    yield first
    yield from rest


def _columns(head: DatasetVersion | None, rows: pa.Table) -> tuple[Column, ...]:
    """Return the dump's columns: those of the head that it has with a type its values fit, the others as new ones."""
    columns = []
    for field in rows.schema:
        known = head.column(field.name) if head else None
        if known is not None and head is not None:
            try:
                fit(rows.select([field.name]), [known], head.table)
            except DataError:
                known = None
        columns.append(known or new_column(field.name, text_of(field.type)))
    return tuple(columns)


def _found(fragment: Fragment, which: Indices, rows: pa.Table, known: Bits) -> _Match:
    """Return what the dump says about a fragment; a row whose key an earlier row has is one too many."""
    places = np.flatnonzero(which >= 0)
    _, first = np.unique(which[places], return_index=True)
    places = places[np.sort(first)]
    places = places[~known[which[places]]]
    known[which[places]] = True
    kept = np.zeros(fragment.rows, dtype=bool)
    kept[places] = True
    return _Match(fragment, places, np.flatnonzero(~kept), rows.take(pa.array(which[places])))
