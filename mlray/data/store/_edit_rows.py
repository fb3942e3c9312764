"""Edits of some rows: found by key or by expression, changed where they differ, or deleted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data.store._blobs import POSITION
from mlray.data.store._edit import Said, added, changed_since, evolved, follow, in_order
from mlray.data.store._match import Bits, Indices, Keys, differs, refuse_nulls
from mlray.data.store._reading import alive, placed
from mlray.data.store._revise import Revised, ranged, revise, widened, without
from mlray.data.store._store import Store
from mlray.data.store._types import fit
from mlray.data.store._version import Draft, is_new
from mlray.errors import ConflictError, DataError
from mlray.records import Column, DatasetVersion, Fragment, Statistics

__all__ = ["Delete", "DeleteWhere", "Upsert", "key_columns", "located", "may_hold", "rewritten"]

BATCH = 1_000_000
"""Rows whose keys are looked up in one go, at least: looking up builds a table of the known keys anew each time."""


def key_columns(version: DatasetVersion, key: Sequence[str]) -> list[Column]:
    """Return the columns of a key, or DataError where one is unknown or none is named."""
    if not key:
        raise DataError(f"'{version.table}' has no key.", remedy="Name the columns that tell its rows apart: key=[…].")
    found = []
    for name in key:
        column = version.column(name)
        if column is None:
            raise DataError(
                f"{version.name} has no column '{name}' for a key.", remedy=f"It has {', '.join(version.schema)}."
            )
        found.append(column)
    return found


def located(
    store: Store, version: DatasetVersion, fragments: Sequence[Fragment], keys: Keys
) -> Iterator[tuple[Fragment, Indices]]:
    """Yield each fragment and, for each of its places, which known key its row has: -1 for none and for no row."""
    columns = key_columns(version, keys.key)
    for batch in _batches(fragments, max(BATCH, keys.count)):
        parts = [placed(store.blobs, fragment, columns) for fragment in batch]
        found = keys.find(pa.concat_tables(parts))
        begin = 0
        for fragment in batch:
            one = found[begin : begin + fragment.rows]
            begin += fragment.rows
            kept = alive(store.blobs, fragment)
            yield fragment, one if kept is None else np.where(kept, one, -1)


def _batches(fragments: Sequence[Fragment], rows: int) -> Iterator[list[Fragment]]:
    batch: list[Fragment] = []
    count = 0
    for fragment in fragments:
        if batch and count + fragment.rows > rows:
            yield batch
            batch, count = [], 0
        batch.append(fragment)
        count += fragment.rows
    if batch:
        yield batch


def may_hold(fragment: Fragment, version: DatasetVersion, rows: pa.Table, key: Sequence[str]) -> bool:
    """Tell whether a fragment may have one of the keys of `rows`: the range of its first key column often says no."""
    if not version.key or version.key[0] != key[0] or fragment.low is None or fragment.high is None:
        return True
    column = rows[key[0]]
    if column.null_count:
        return True
    ends = pc.min_max(column)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    if low is None or type(low) is not type(fragment.low):
        return low is not None
    return bool(low <= cast("Any", fragment.high) and high >= cast("Any", fragment.low))


def _unseen(base: DatasetVersion | None, head: DatasetVersion) -> tuple[list[Fragment], list[Fragment]]:
    """Return the fragments of each version that the other does not have like this."""
    before = {fragment.id: fragment for fragment in base.fragments} if base else {}
    after = {fragment.id: fragment for fragment in head.fragments}
    return (
        [fragment for name, fragment in before.items() if after.get(name) != fragment],
        [fragment for name, fragment in after.items() if before.get(name) != fragment],
    )


def same_rows(
    store: Store, base: DatasetVersion | None, head: DatasetVersion, keys: Keys, rows: pa.Table, names: Sequence[str]
) -> None:
    """Raise ConflictError where a row with one of the keys is another at `head` than at `base`.

    Only fragments that changed in between are read; rows that moved unchanged into other files are the same rows.
    """
    before, after = _unseen(base, head)
    old_places, old = _values(store, base, before, keys, names) if base else (np.full(keys.count, -1), None)
    new_places, new = _values(store, head, after, keys, names)
    changed = (old_places >= 0) != (new_places >= 0)
    both = np.flatnonzero((old_places >= 0) & (new_places >= 0))
    if old is not None and new is not None and len(both):
        for name in new.column_names:
            other = new[name].take(pa.array(new_places[both]))
            # A column that somebody else brought meanwhile had no values before.
            absent = pa.nulls(len(both), other.type)
            one = old[name].take(pa.array(old_places[both])) if name in old.column_names else absent
            changed[both] |= differs(one, other)
    touched = np.flatnonzero(changed)
    if not len(touched):
        return
    row = rows.select(list(keys.key)).slice(int(touched[0]), 1).to_pylist()[0]
    shown = ", ".join(f"{name}={value!r}" for name, value in row.items())
    raise ConflictError(
        f"{len(touched):,} of the rows were changed between {base.name if base else 'the empty table'} and "
        f"{head.name}; the first is {shown}.",
        remedy="Read these rows again, and edit what is there now.",
    )


def _values(
    store: Store, version: DatasetVersion, fragments: Sequence[Fragment], keys: Keys, names: Sequence[str]
) -> tuple[Indices, pa.Table | None]:
    """Return for each key the row it has in the table returned, -1 for none: its values in some fragments."""
    columns = [column for column in version.columns if column.name in names]
    places = np.full(keys.count, -1, dtype=np.int64)
    parts: list[pa.Table] = []
    count = 0
    for fragment, found in located(store, version, fragments, keys):
        hit = np.flatnonzero(found >= 0)
        if len(hit):
            places[found[hit]] = count + np.arange(len(hit))
            parts.append(placed(store.blobs, fragment, columns).take(pa.array(hit)))
            count += len(hit)
    return places, pa.concat_tables(parts) if parts else None


@dataclass(slots=True)
class Upsert:
    """Rows with these keys have these values; those of unknown keys are new."""

    store: Store
    table: str
    rows: pa.Table
    key: Sequence[str]
    said: Said
    _done: dict[str, tuple[Fragment, tuple[Column, ...], Revised, Indices]] = field(default_factory=dict)
    _new: tuple[bytes, list[Fragment]] | None = None

    def check(self, base: DatasetVersion | None, head: DatasetVersion) -> None:
        """Refuse where somebody else changed one of these rows in one of these columns."""
        changed_since(base, head, self.rows.column_names)
        rows = fit(self.rows, head.columns, self.table)
        same_rows(self.store, base, head, Keys(rows, self.key), rows, rows.column_names)

    def draft(self, head: DatasetVersion | None) -> Draft | None:
        """Return the head with patches for the rows that differ, and a fragment of those that are new."""
        columns = evolved(head.columns if head else (), self.rows.schema)
        rows = fit(self.rows, columns, self.table)
        refuse_nulls(rows.select(list(self.key)))
        keys = Keys(rows, self.key)
        keys.refuse_repeats(rows)
        known = np.zeros(rows.num_rows, dtype=bool)
        revised: list[Revised] = []
        if head is not None and head.fragments:
            key_columns(head, self.key)
            revised = self._revised(head, columns, rows, keys)
            for fragment in head.fragments:
                if fragment.id in self._done:
                    known[self._done[fragment.id][3]] = True
        new = self._added(rows, columns, known)
        fragments = [one.fragment for one in revised if one.fragment]
        if head is not None and not new and tuple(fragments) == head.fragments:
            return None
        draft = follow(head, self.said.now, "upsert", columns, [*fragments, *new])
        return replace(draft, key=tuple(self.key), statistics=rewritten(head, columns, revised))

    def _revised(self, head: DatasetVersion, columns: tuple[Column, ...], rows: pa.Table, keys: Keys) -> list[Revised]:
        self._done = {
            fragment.id: done
            for fragment in head.fragments
            if (done := self._done.get(fragment.id)) and done[:2] == (fragment, columns)
        }
        asked = [f for f in head.fragments if f.id not in self._done and may_hold(f, head, rows, self.key)]
        values = [column for column in columns if column.name in rows.column_names and column.name not in self.key]
        time = head.column(head.time) if head.time else None
        first = head.column(head.key[0]) if head.key else None

        def change(found: tuple[Fragment, Indices]) -> tuple[Fragment, Revised, Indices]:
            fragment, which = found
            places = np.flatnonzero(which >= 0)
            if not len(places) or not values:
                return fragment, Revised(fragment), which[places]
            old = placed(self.store.blobs, fragment, values)
            one = revise(self.store.blobs, fragment, old, places, rows.take(pa.array(which[places])), values)
            return fragment, ranged(one, first, time), which[places]

        for fragment, one, hit in in_order(change, located(self.store, head, asked, keys)):
            self._done[fragment.id] = (fragment, columns, one, hit)
        return [self._done[f.id][2] if f.id in self._done else Revised(f) for f in head.fragments]

    def _added(self, rows: pa.Table, columns: Sequence[Column], known: Bits) -> list[Fragment]:
        mark = np.packbits(known).tobytes()
        if self._new is None or self._new[0] != mark:
            fresh = rows.filter(pa.array(~known))
            self._new = (mark, added(self.store, [fresh], columns, self.table) if fresh.num_rows else [])
        return self._new[1]


@dataclass(slots=True)
class Delete:
    """Rows with these keys are gone."""

    store: Store
    rows: pa.Table
    """The key columns."""
    said: Said

    def check(self, base: DatasetVersion | None, head: DatasetVersion) -> None:
        """Refuse where somebody else changed one of these rows."""
        changed_since(base, head, self.rows.column_names)
        rows = fit(self.rows, head.columns, head.table)
        same_rows(self.store, base, head, Keys(rows, rows.column_names), rows, list(head.schema))

    def draft(self, head: DatasetVersion | None) -> Draft | None:
        """Return the head with these rows deleted."""
        if head is None:
            return None
        rows = fit(self.rows, head.columns, head.table)
        keys = Keys(rows, rows.column_names)
        asked = [f for f in head.fragments if may_hold(f, head, rows, rows.column_names)]
        gone = {f.id: np.flatnonzero(which >= 0) for f, which in located(self.store, head, asked, keys)}
        return _less(self.store, head, gone, self.said)


@dataclass(slots=True)
class DeleteWhere:
    """Rows of which an expression is true are gone."""

    store: Store
    where: pc.Expression
    said: Said

    def check(self, base: DatasetVersion | None, head: DatasetVersion) -> None:
        """Allow: the expression is asked of the rows as they are now."""

    def draft(self, head: DatasetVersion | None) -> Draft | None:
        """Return the head with these rows deleted."""
        if head is None:
            return None
        text = str(self.where)
        # An expression tells its columns by its text alone; a name too many costs a read and changes nothing.
        columns = [column for column in head.columns if column.name in text] or list(head.columns)
        # A column told by its place is told by that among all of them.
        columns = list(head.columns) if "FieldPath(" in text else columns
        gone = {f.id: self._places(f, columns) for f in head.fragments}
        return _less(self.store, head, gone, self.said)

    def _places(self, fragment: Fragment, columns: Sequence[Column]) -> npt.NDArray[np.int64]:
        rows = placed(self.store.blobs, fragment, columns)
        mark = "".join(rows.column_names) + POSITION  # longer than any name that is there
        marked = rows.append_column(mark, pa.array(np.arange(fragment.rows)))
        try:
            hit = cast("npt.NDArray[np.int64]", marked.filter(self.where)[mark].to_numpy())
        except (pa.ArrowException, KeyError) as error:
            raise DataError(
                f"{self.where} cannot be asked of the rows: {error}.", remedy="Correct the expression."
            ) from error
        kept = alive(self.store.blobs, fragment)
        return hit if kept is None else hit[kept[hit]]


def _less(store: Store, head: DatasetVersion, gone: dict[str, Indices], said: Said) -> Draft | None:
    none = np.zeros(0, dtype=np.int64)
    left = [without(store.blobs, fragment, gone.get(fragment.id, none)) for fragment in head.fragments]
    fragments = tuple(fragment for fragment in left if fragment is not None)
    if fragments == head.fragments:
        return None
    return follow(head, said.now, "delete", head.columns, fragments)


def rewritten(
    head: DatasetVersion | None, columns: Sequence[Column], revised: Sequence[Revised]
) -> dict[str, Statistics] | None:
    """Return the statistics of the head's rows after values were written over some of them."""
    if head is None:
        return None
    rows = sum(fragment.rows for fragment in head.fragments)
    known = dict(head.statistics)
    for column in columns:
        if is_new(column.id):
            known[column.name] = Statistics(nulls=rows)
    return widened(known, columns, revised)
