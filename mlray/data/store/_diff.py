"""What differs between two versions: from their manifests and the places in patches, without reading the rows.

Fragments with the same base file are compared by what lies on top of it; only columns and fragments that were written
anew are read, since nothing else tells how much of them is different.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mlray.data.store._blobs import POSITION
from mlray.data.store._reading import Places
from mlray.data.store._rebase import Finder, Peer, differing, gone, physical
from mlray.data.store._recipe import joined, stack
from mlray.errors import DataError
from mlray.records import Column, DatasetVersion, Fragment
from mlray.records._base import Record

if TYPE_CHECKING:
    from mlray.data.store import Store

__all__ = ["Diff", "changes", "diff"]

PLACE = "_row"
"""The column of `changes` that says in which row of the new version a value stands."""


@dataclass(frozen=True, slots=True)
class Diff(Record):
    """What changed from `old` to `new`."""

    old: str
    new: str
    rows_before: int
    rows_after: int
    added: int = 0
    """Rows of the new version that the old one does not have."""
    removed: int = 0
    """Rows of the old version that the new one does not have."""
    changed: Mapping[str, int] = field(default_factory=dict)
    """Column (by its new name) → rows in both versions in which its value was written again."""
    columns_added: Mapping[str, str] = field(default_factory=dict)
    columns_dropped: Mapping[str, str] = field(default_factory=dict)
    columns_renamed: Mapping[str, str] = field(default_factory=dict)
    """Old name → new name."""
    columns_retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    reordered: bool = False
    contract: tuple[str, str] | None = None
    """The digests of both contracts, where they differ."""
    fragments_shared: int = 0
    fragments_added: int = 0
    fragments_removed: int = 0
    fragments_changed: int = 0

    @property
    def same(self) -> bool:
        """Whether both versions have the same columns and rows."""
        columns = (self.columns_added, self.columns_dropped, self.columns_renamed, self.columns_retyped)
        return not (self.added or self.removed or any(self.changed.values()) or any(columns) or self.reordered)

    def __str__(self) -> str:
        """Return it in words, on one line."""
        told = [f"{self.added:,} rows added" if self.added else "", f"{self.removed:,} removed" if self.removed else ""]
        told += [f"'{name}' changed in {rows:,}" for name, rows in self.changed.items() if rows]
        told += [f"'{name}' added" for name in self.columns_added]
        told += [f"'{name}' dropped" for name in self.columns_dropped]
        told += [f"'{old}' renamed to '{new}'" for old, new in self.columns_renamed.items()]
        told += [f"'{name}' was {old}, is {new}" for name, (old, new) in self.columns_retyped.items()]
        told += ["columns reordered"] if self.reordered else []
        told += ["another contract"] if self.contract else []
        return f"{self.old} → {self.new}: {', '.join(filter(None, told)) or 'the same rows'}"


@dataclass(frozen=True, slots=True)
class _Pair:
    """What became of one fragment: rows gone and come by place, and for each column the places written again."""

    old: Fragment
    new: Fragment
    removed: Places
    added: Places
    changed: Mapping[str, Places]


def diff(store: "Store", old: DatasetVersion, new: DatasetVersion) -> Diff:
    """Return what changed from `old` to `new`, two versions of one table.

    Raises:
        DataError: they are of different tables, or rows are to be compared and one of them is squashed.
    """
    _comparable(old, new)
    before, after = {one.id: one for one in old.columns}, {one.id: one for one in new.columns}
    both = [one for one in new.columns if one.id in before]
    pairs, lone_old, lone_new = _paired(store, old, new, both)
    loose = _loose(store, old, new, lone_old, lone_new, both)
    counts = {one.name: loose[2].get(one.id, 0) + sum(len(pair.changed[one.id]) for pair in pairs) for one in both}
    return Diff(
        old.name,
        new.name,
        old.rows,
        new.rows,
        added=loose[0] + sum(len(pair.added) for pair in pairs),
        removed=loose[1] + sum(len(pair.removed) for pair in pairs),
        changed={name: count for name, count in counts.items() if count},
        columns_added={one.name: one.type for one in new.columns if one.id not in before},
        columns_dropped={one.name: one.type for one in old.columns if one.id not in after},
        columns_renamed={before[one.id].name: one.name for one in both if before[one.id].name != one.name},
        columns_retyped={one.name: (before[one.id].type, one.type) for one in both if before[one.id].type != one.type},
        reordered=[one.id for one in old.columns if one.id in after] != [one.id for one in both],
        contract=(old.contract, new.contract) if old.contract != new.contract else None,
        fragments_shared=sum(pair.old == pair.new for pair in pairs),
        fragments_added=len(lone_new),
        fragments_removed=len(lone_old),
        fragments_changed=sum(pair.old != pair.new for pair in pairs),
    )


def changes(store: "Store", old: DatasetVersion, new: DatasetVersion, limit: int = 20) -> pa.Table:
    """Return up to `limit` changed values, one to a row: `_row` in the new version, key, column, before and after.

    Values are shown as text, since one table holds those of all columns. Rows that were added or removed whole are
    counted by `diff`, not listed here.
    """
    _comparable(old, new)
    before = {one.id for one in old.columns}
    both = [one for one in new.columns if one.id in before]
    keys = [one for one in both if one.name in new.key]
    found: list[dict[str, object]] = []
    for start, pair in _placed(store, old, new, both):
        for column in both:
            if len(found) >= limit:
                break
            found += _values(store, (old, new), pair, column, keys, start, limit - len(found))
    text = [(one.name, pa.string()) for one in keys] + [("column", pa.string())]
    kinds = pa.schema([(PLACE, pa.int64()), *text, ("before", pa.string()), ("after", pa.string())])
    return pa.Table.from_pylist(found, kinds)


def _comparable(old: DatasetVersion, new: DatasetVersion) -> None:
    if old.table != new.table:
        raise DataError(
            f"{old.name} and {new.name} are of different tables.", remedy="Compare two versions of the same table."
        )


def _paired(
    store: "Store", old: DatasetVersion, new: DatasetVersion, columns: Sequence[Column]
) -> tuple[list[_Pair], list[Fragment], list[Fragment]]:
    """Return the fragments that lie on the same base file, and those of either version that do not."""
    waiting: dict[str, list[Fragment]] = {}
    for fragment in old.fragments:
        waiting.setdefault(fragment.blob, []).append(fragment)
    pairs, lone = [], []
    for fragment in new.fragments:
        if waiting.get(fragment.blob):
            pairs.append(_pair(store, (old, waiting[fragment.blob].pop(0)), (new, fragment), columns))
        else:
            lone.append(fragment)
    return pairs, [one for rest in waiting.values() for one in rest], lone


def _pair(
    store: "Store",
    before: tuple[DatasetVersion, Fragment],
    after: tuple[DatasetVersion, Fragment],
    columns: Sequence[Column],
) -> _Pair:
    old, new = before[1], after[1]
    if old == new:
        nothing = np.zeros(0, dtype=np.int64)
        return _Pair(old, new, nothing, nothing, {column.id: nothing for column in columns})
    same = old.deletions == new.deletions
    gone_old = np.zeros(0, dtype=np.int64) if same else gone(store, old)
    gone_new = np.zeros(0, dtype=np.int64) if same else gone(store, new)
    hidden = gone(store, new)
    written = {column.id: _written(store, before, after, column) for column in columns}
    return _Pair(
        old,
        new,
        np.setdiff1d(gone_new, gone_old),
        np.setdiff1d(gone_old, gone_new),
        {id_: places[~np.isin(places, hidden)] for id_, places in written.items()},
    )


def _written(
    store: "Store", before: tuple[DatasetVersion, Fragment], after: tuple[DatasetVersion, Fragment], column: Column
) -> Places:
    """Return the places of a fragment in which a column was written again."""
    old, new = stack(before[1], column.id), stack(after[1], column.id)
    if old == new:
        return np.zeros(0, dtype=np.int64)
    if old[:1] != new[:1] or len({old, new}) == 1:
        # The column was written anew, by a dump or by compaction: only its values tell what is different.
        return differing(physical(store, *before, column), physical(store, *after, column))
    shared = next(
        (n for n, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new))
    )
    places = [store.get(blob, [POSITION])[POSITION].to_numpy() for blob in (*old[shared:], *new[shared:])]
    return reduce(np.union1d, places)


def _loose(
    store: "Store",
    old: DatasetVersion,
    new: DatasetVersion,
    lone_old: Sequence[Fragment],
    lone_new: Sequence[Fragment],
    columns: Sequence[Column],
) -> tuple[int, int, Mapping[str, int]]:
    """Return rows added, removed and changed by column among fragments that share no base file."""
    rows_old, rows_new = sum(one.alive for one in lone_old), sum(one.alive for one in lone_new)
    if not lone_old or not lone_new:
        return rows_new, rows_old, {}
    peers = [Peer(new, fragment) for fragment in lone_new]
    both, changed = 0, dict.fromkeys((column.id for column in columns), 0)
    rows = joined([store.read_fragment(old, fragment) for fragment in lone_old])
    found = Finder(store, old, peers).find(rows)
    for number, peer in enumerate(peers):
        mine = np.flatnonzero(found.peer == number)
        there = found.place[mine]
        alive = ~np.isin(there, gone(store, peer.fragment))
        mine, there = mine[alive], there[alive]
        both += len(mine)
        names = {column.id: column.name for column in old.columns}
        for column in columns:
            values = rows[names[column.id]].take(pa.array(mine))
            theirs = physical(store, new, peer.fragment, column).take(pa.array(there))
            changed[column.id] += len(differing(values, theirs))
    return rows_new - both, rows_old - both, changed


def _placed(
    store: "Store", old: DatasetVersion, new: DatasetVersion, columns: Sequence[Column]
) -> Iterator[tuple[int, _Pair]]:
    """Yield the pairs with the row of the new version at which each begins."""
    pairs, _, _ = _paired(store, old, new, columns)
    waiting, start = list(pairs), 0
    for fragment in new.fragments:
        if waiting and waiting[0].new is fragment:
            yield start, waiting.pop(0)
        start += fragment.alive


def _values(
    store: "Store",
    versions: tuple[DatasetVersion, DatasetVersion],
    pair: _Pair,
    column: Column,
    keys: Sequence[Column],
    start: int,
    limit: int,
) -> list[dict[str, object]]:
    places = pair.changed[column.id]
    if not len(places):
        return []
    at = pa.array(places)
    before = physical(store, versions[0], pair.old, column).take(at)
    after = physical(store, versions[1], pair.new, column).take(at)
    really = differing(before, after)[:limit]
    hidden = gone(store, pair.new)
    named = {key.name: physical(store, versions[1], pair.new, key).take(at) for key in keys}
    return [
        {
            PLACE: start + int(places[n]) - int(np.searchsorted(hidden, places[n])),
            **{name: _text(values[n].as_py()) for name, values in named.items()},
            "column": column.name,
            "before": _text(before[n].as_py()),
            "after": _text(after[n].as_py()),
        }
        for n in map(int, really)
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
