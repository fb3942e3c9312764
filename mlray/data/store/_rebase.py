"""How rows are rebuilt from other versions' files: what is equal there is taken, what differs is kept as a patch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data.store._blobs import POSITION
from mlray.data.store._content import Marks, row_marks
from mlray.data.store._reading import Places, placed
from mlray.data.store._recipe import Piece, read_piece, stack
from mlray.errors import StoreError
from mlray.records import Column, DatasetVersion, Fragment, Patch

if TYPE_CHECKING:
    from mlray.data.store import Store

__all__ = ["Finder", "Move", "Peer", "Swap", "differing", "gone", "match", "physical", "rebase", "taken"]

T = TypeVar("T")


@dataclass(frozen=True)
class Peer:
    """A fragment of a version that keeps its files, from which another version's rows may be rebuilt."""

    version: DatasetVersion
    fragment: Fragment

    @cached_property
    def _types(self) -> Mapping[str, str]:
        return {column.id: column.type for column in self.version.columns if stack(self.fragment, column.id)}

    def has(self, column: Column) -> bool:
        """Tell whether this fragment has values of that column, in that type."""
        return self._types.get(column.id) == column.type


@dataclass(frozen=True, slots=True)
class Swap:
    """Some columns of one fragment taken from elsewhere, so that files are not needed any more."""

    columns: tuple[str, ...]
    donor: Fragment
    """A fragment with the same base file and these columns' values."""
    lost: Mapping[str, int]
    """Column id → rows whose value the donor does not have."""
    without: frozenset[str]
    """The files that are not needed afterwards."""
    cost: int
    """Bytes of the files written for it."""

    def on(self, fragment: Fragment) -> Fragment:
        """Return `fragment` with the columns taken."""
        for column in self.columns:
            fragment = fragment if column in self.lost else taken(fragment, self.donor, column)
        return fragment


@dataclass(frozen=True, slots=True)
class Move:
    """A whole piece rebuilt from files of another shape."""

    piece: Piece
    without: frozenset[str]
    cost: int


def rebase(
    store: "Store",
    version: DatasetVersion,
    fragment: Fragment,
    doomed: frozenset[str],
    peers: Sequence[Peer],
    *,
    keep: str,
) -> Iterator[Swap]:
    """Yield ways to do without some of the `doomed` files of a fragment whose base file lives on in `peers`.

    Columns that share a doomed file go together. With `keep="exact"` nothing is lost.
    """
    for columns, files in _entangled(version, fragment, doomed):
        found = _moved(store, version, fragment, columns, peers, keep=keep)
        if found:
            yield Swap(tuple(column.id for column in columns), found[0], found[1], files, found[2])


def _entangled(
    version: DatasetVersion, fragment: Fragment, doomed: frozenset[str]
) -> list[tuple[tuple[Column, ...], frozenset[str]]]:
    """Return groups of columns that share doomed files, with these files."""
    groups: list[tuple[tuple[Column, ...], frozenset[str]]] = []
    for column in version.columns:
        files = doomed & frozenset(stack(fragment, column.id))
        if not files:
            continue
        joined = [group for group in groups if group[1] & files]
        rest = [group for group in groups if not group[1] & files]
        columns = tuple(one for group in joined for one in group[0])
        groups = [*rest, ((*columns, column), files.union(*(group[1] for group in joined)))]
    return groups


def _moved(
    store: "Store",
    version: DatasetVersion,
    fragment: Fragment,
    columns: Sequence[Column],
    peers: Sequence[Peer],
    *,
    keep: str,
) -> tuple[Fragment, dict[str, int], int] | None:
    result, lost, cost = fragment, dict[str, int](), 0
    back: dict[bytes, tuple[Places, dict[str, pa.ChunkedArray]]] = {}
    for column in columns:
        peer = next((peer for peer in peers if peer.has(column)), None)
        if peer is None:
            if keep == "exact":
                return None
            lost[column.id] = fragment.alive
            continue
        old = physical(store, version, fragment, column)
        places = differing(old, physical(store, peer.version, peer.fragment, column))
        places = places[~np.isin(places, gone(store, fragment))]
        if keep != "exact" and len(places):
            lost[column.id] = len(places)
            continue
        result = taken(result, peer.fragment, column.id)
        if len(places):
            back.setdefault(places.tobytes(), (places, {}))[1][column.id] = old.take(pa.array(places))
    for places, values in back.values():
        written = patch(store, places, values)
        cost += written.bytes
        result = replace(result, patches=(*result.patches, written))
    return result, lost, cost


def patch(store: "Store", places: Places, values: Mapping[str, pa.ChunkedArray]) -> Patch:
    """Write the values of some rows as a patch."""
    blob, size, _ = store.blobs.put_places(pa.table({POSITION: pa.array(places, pa.int32()), **values}))
    return Patch(blob, len(places), size, {id_: id_ for id_ in values})


def taken(fragment: Fragment, peer: Fragment, column: str) -> Fragment:
    """Return `fragment` with a column's values from `peer`, which has the same base file."""
    own = (replace(one, columns=_but(one.columns, column)) for one in fragment.patches)
    theirs = (replace(one, columns={column: one.columns[column]}) for one in peer.patches if column in one.columns)
    columns, files = _but(fragment.columns, column), _but(fragment.files, column)
    if column in peer.columns:
        columns[column] = peer.columns[column]
    if column in peer.files:
        files[column] = peer.files[column]
    patches = (*(one for one in own if one.columns), *theirs)
    return replace(fragment, columns=columns, files=files, patches=patches)


def _but(by_id: Mapping[str, T], column: str) -> dict[str, T]:
    return {id_: value for id_, value in by_id.items() if id_ != column}


def _dressed(
    store: "Store", version: DatasetVersion, rows: pa.Table, there: Places, peer: Peer, *, keep: str
) -> tuple[Fragment, dict[str, int], int]:
    """Return the peer's file with the columns and values that `rows`, which stand at the places `there`, have."""
    wanted = [column for column in version.columns if peer.has(column)]
    result = replace(peer.fragment, columns={}, files={}, patches=(), deletions=None)
    for column in wanted:
        result = taken(result, peer.fragment, column.id)
    lost, cost = dict[str, int](), 0
    order = np.argsort(there, kind="stable")
    for column in version.columns:
        old = rows[column.name].take(pa.array(order))
        if column in wanted:
            new = physical(store, peer.version, peer.fragment, column).take(pa.array(there[order]))
            places = differing(old, new)
        else:
            places = np.flatnonzero(old.is_valid().to_numpy())
        if not len(places):
            continue
        if keep != "exact":
            lost[column.id] = len(places)
            continue
        written = patch(store, there[order][places], {column.id: old.take(pa.array(places))})
        cost += written.bytes
        result = replace(result, patches=(*result.patches, written))
    return result, lost, cost


@dataclass(frozen=True, slots=True)
class Found:
    """Where each row stands in other fragments."""

    peer: Places
    """The number of the peer, -1 for a row that none has."""
    place: Places
    """The place there, deleted rows counted."""


class Finder:
    """Finds rows of a version in the files of peers: by key where there is one, else by all columns they share."""

    def __init__(self, store: "Store", version: DatasetVersion, peers: Sequence[Peer]) -> None:
        """Take the peers; their rows are read when the first are looked for, and kept as one number each."""
        self.peers = peers
        self._store = store
        shared = [column for column in version.columns if all(peer.has(column) for peer in peers)]
        keys = [column for column in shared if column.name in version.key]
        self._by = keys if version.key and len(keys) == len(version.key) else shared

    @cached_property
    def _theirs(self) -> tuple[Marks, Places]:
        """The marks of all their rows in ascending order, and where each of these rows stands."""
        parts = [
            [physical(self._store, one.version, one.fragment, column) for column in self._by] for one in self.peers
        ]
        return _counted(np.concatenate([row_marks(part) for part in parts]))

    def find(self, rows: pa.Table) -> Found:
        """Return where each of `rows` stands; of equal rows, the second is found at the second place."""
        found = Found(np.full(len(rows), -1, dtype=np.int64), np.full(len(rows), -1, dtype=np.int64))
        if not self._by or not self.peers or not len(rows):
            return found
        mine, rising = _counted(row_marks([rows[column.name] for column in self._by]))
        theirs, order = self._theirs
        # In ascending order, one search begins where the last one ended, and finds its memory near.
        at = np.minimum(np.searchsorted(theirs, mine), len(order) - 1)
        same = theirs[at] == mine
        hit, where = rising[same], order[at[same]]
        starts = np.cumsum([0, *(peer.fragment.rows for peer in self.peers)])
        found.peer[hit] = np.searchsorted(starts, where, side="right") - 1
        found.place[hit] = where - starts[found.peer[hit]]
        return found


def match(
    store: "Store",
    version: DatasetVersion,
    piece: Piece,
    doomed: frozenset[str],
    finder: Finder,
    *,
    keep: str,
) -> Move | None:
    """Return the piece rebuilt from rows found again in files of another shape, or None where there are none.

    Rows are found by the version's key, else by all columns that both have; those not found are kept whole.
    """
    try:
        rows = read_piece(store, version, piece)
    except StoreError:
        return None
    found, peers = finder.find(rows), finder.peers
    used = sorted(set(found.peer[found.peer >= 0].tolist()))
    if not used or (keep != "exact" and (found.peer < 0).any()):
        return None
    fragments, places, cost = list[Fragment](), np.full(len(rows), -1, dtype=np.int64), 0
    lost: dict[str, int] = {}
    start = 0
    for number in used:
        mine = np.flatnonzero(found.peer == number)
        there = found.place[mine]
        moved = _dressed(store, version, rows.take(pa.array(mine)), there, peers[number], keep=keep)
        fragments.append(moved[0])
        lost = {id_: lost.get(id_, 0) + moved[1].get(id_, 0) for id_ in {*lost, *moved[1]}}
        cost += moved[2]
        places[mine] = there + start
        start += peers[number].fragment.rows
    alone = np.flatnonzero(places < 0)
    if len(alone):
        kept = store.put(rows.take(pa.array(alone)))
        fragments.append(replace(kept, columns={column.id: column.name for column in version.columns}))
        places[alone] = np.arange(len(alone)) + start
        cost += kept.bytes
    blob, size, _ = store.blobs.put_places(pa.table({POSITION: pa.array(places, pa.int64())}))
    return Move(Piece(tuple(fragments), blob, lost), doomed, cost + size)


def _counted(marks: Marks) -> tuple[Marks, Places]:
    """Return marks in ascending order, no two of them equal, and where each stood.

    Equal marks become different by how often each came before, so that the second of equal rows finds the second.
    """
    order = np.argsort(marks)
    rising = marks[order]
    if (rising[1:] != rising[:-1]).all():
        return rising, order
    # Which of equal rows came first is told by a stable sort alone, which takes several times as long.
    order = np.argsort(marks, kind="stable")
    first = np.r_[True, rising[1:] != rising[:-1]]
    begin = np.maximum.accumulate(np.where(first, np.arange(len(marks)), 0))
    told = rising + (np.arange(len(marks)) - begin).astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)
    again = np.argsort(told)
    return told[again], order[again]


def physical(store: "Store", version: DatasetVersion, fragment: Fragment, column: Column) -> pa.ChunkedArray:
    """Return a column's values in all rows of a fragment of `version`, those deleted among them; found by its id."""
    own = next(one for one in version.columns if one.id == column.id)
    return placed(store.blobs, fragment, [own])[own.name]


def gone(store: "Store", fragment: Fragment) -> Places:
    """Return the places of the rows that are deleted."""
    if fragment.deletions is None:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(store.get(fragment.deletions.blob)[POSITION].to_numpy(), dtype=np.int64)


def differing(old: pa.ChunkedArray, new: pa.ChunkedArray) -> Places:
    """Return the places at which two columns differ, to the bit: a sign of zero and a NaN's payload count."""
    if pa.types.is_floating(old.type) or pa.types.is_nested(old.type):
        return np.flatnonzero(row_marks([old]) != row_marks([new]))
    unequal = pc.fill_null(pc.not_equal(old, new), pa.scalar(False))
    return np.flatnonzero(pc.or_(unequal, pc.xor(old.is_null(), new.is_null())).to_numpy())
