"""Squashing: a version gives up the bytes that only it needs, and can be rebuilt, or says what is lost.

Rows that later versions still have are rebuilt from those; values that were changed since are kept as a reverse patch
wherever that is smaller than the bytes given up (`keep="exact"`), or not at all (`keep="facts"`). Nothing is deleted
before the recipe was tried and gave the very values, by digest, that the version has.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, cast

from mlray.data.store._rebase import Finder, Move, Peer, Swap, match, rebase
from mlray.data.store._recipe import (
    SQUASH,
    Piece,
    Recipe,
    blobs_of,
    contents_of,
    every_version,
    needed,
    piece_of,
    read_piece,
    recipe_of,
    sizes_of,
    stack,
)
from mlray.data.store._squashed import Squashed
from mlray.data.store._sweep import GRACE, remove
from mlray.errors import DataError, StoreError
from mlray.ids import Json
from mlray.records import DatasetVersion

if TYPE_CHECKING:
    from mlray.data.store import Store

__all__ = ["Keep", "squash"]

Keep = Literal["exact", "facts"]

WORTH = 1.0
"""Bytes that may be written for each byte that they save."""


@dataclass(slots=True)
class _Owner:
    """A version whose recipe is being made: its pieces as they are, and what they may become."""

    version: DatasetVersion
    pieces: list[Piece]
    contents: tuple[Mapping[str, str], ...]
    rows: tuple[int, ...]
    keep: str


@dataclass(frozen=True, slots=True)
class _Option:
    """One way to do without some files: a swap of columns in one fragment of a piece, or a piece made anew."""

    owner: _Owner
    piece: int
    fragment: int
    change: Swap | Move


def squash(
    store: "Store",
    version: DatasetVersion,
    keep: Keep = "exact",
    *,
    now: datetime,
    grace: timedelta = GRACE,
    anyway: bool = False,
) -> Squashed:
    """Drop what only `version` needs, and keep what it takes to rebuild it.

    `keep="exact"` keeps reverse patches, so that `recover` gives the very same rows; what would not become smaller is
    left as it is, and the answer says so. `keep="facts"` keeps manifest, statistics and digests: the version can be
    rebuilt as far, and as long, as other versions have its values. It stays in the log either way.

    Where nothing can be dropped, the version stays as it is. With `anyway` it is squashed all the same: of versions
    that share all their files, the last one to be squashed drops them.

    Raises:
        DataError: the version is squashed already, the newest of a branch, or tagged.
        StoreError: a file of it is missing or damaged; nothing is dropped then.
    """
    version = store.version(version.table, version.number)
    _allowed(store, version)
    doomed = _doomed(store, version)
    if not doomed and not anyway:
        return Squashed(version.name, keep, own=0, closed=False)
    store.verify(version)
    first = _owner(store, version, keep)
    sizes = {blob: size for one in version.fragments for blob, size in sizes_of(one).items() if blob in doomed}
    owners = [first, *_dependents(store, doomed)]
    written = _plan(store, owners, doomed, sizes)
    for owner in owners:
        _prove(store, owner)
    own = sum(sizes.values())
    if not anyway and not doomed - _kept(store, owners):
        return Squashed(version.name, keep, own, kept=own, closed=False)
    for owner in reversed(owners):
        _record(store, owner)
    free = doomed - set().union(*(needed(store, one) for one in every_version(store)))
    deleted = {blob for blob in free if remove(store, blob, now - grace)}
    dropped = sum(sizes[blob] for blob in free)
    waiting = dropped - sum(sizes[blob] for blob in deleted)
    lost = _lost(version, first.pieces)
    return Squashed(version.name, keep, own, dropped, waiting, written, own - dropped, lost)


def _kept(store: "Store", owners: Sequence[_Owner]) -> set[str]:
    """Return the files that would be needed still if the plan were carried out."""
    changed = {(owner.version.table, owner.version.number) for owner in owners}
    others = (one for one in every_version(store) if (one.table, one.number) not in changed)
    exact = (owner for owner in owners if owner.keep == "exact")
    return set().union(*(needed(store, one) for one in others), *(blobs_of(owner.pieces) for owner in exact))


def _allowed(store: "Store", version: DatasetVersion) -> None:
    if version.squashed:
        raise DataError(f"{version.name} is squashed already.", remedy="`mlray data log` shows which are not.")
    heads = [name for name, number in store.branches(version.table).items() if number == version.number]
    if heads:
        raise DataError(
            f"{version.name} is the newest version of the branch '{heads[0]}': its rows are in use.",
            remedy="Squash earlier versions.",
        )
    tags = [name for name, number in store.tags(version.table).items() if number == version.number]
    if tags:
        raise DataError(
            f"{version.name} is tagged '{tags[0]}', which says that its rows are wanted.",
            remedy=f"`mlray data tag {tags[0]} --delete` first, or squash another version.",
        )


def _owner(store: "Store", version: DatasetVersion, keep: Keep) -> _Owner:
    pieces = [piece_of(fragment) for fragment in version.fragments]
    contents, rows = [], []
    for piece in pieces:
        table = read_piece(store, version, piece)
        contents.append(contents_of(version, table))
        rows.append(table.num_rows)
    return _Owner(version, pieces, tuple(contents), tuple(rows), keep)


def _doomed(store: "Store", version: DatasetVersion) -> frozenset[str]:
    """Return the files of the rows of `version` that no version keeps which is not squashed."""
    # Which rows are deleted is a fact, and small; it stays.
    own = {blob for one in version.fragments for blob in replace(one, deletions=None).blobs}
    for other in every_version(store):
        if not other.squashed and (other.table, other.number) != (version.table, version.number):
            own -= set(other.blobs)
    return frozenset(own)


def _dependents(store: "Store", doomed: frozenset[str]) -> list[_Owner]:
    """Return the squashed versions that are to be rebuilt exactly from some of the `doomed` files."""
    found = []
    for other in every_version(store):
        if not other.squashed:
            continue
        recipe = recipe_of(store, other)
        if recipe.keep == "exact" and doomed & set(blobs_of(recipe.pieces)):
            found.append(_Owner(other, list(recipe.pieces), recipe.contents, recipe.rows, recipe.keep))
    return found


def _options(store: "Store", owner: _Owner, doomed: frozenset[str], sizes: Mapping[str, int]) -> Iterable[_Option]:
    """Yield for each piece how it can do without doomed files: on the same base file, or rebuilt from another shape."""
    # Nothing is rebuilt from files that go: those of the version being squashed are no help.
    live = [one for one in _nearest(store, owner.version) if not doomed & set(one.blobs)]
    finder = Finder(store, owner.version, _strangers(owner.version, live))
    for place, piece in enumerate(owner.pieces):
        mine = doomed & set(blobs_of([piece]))
        if not mine:
            continue
        based = not any(one.blob in doomed for one in piece.fragments)
        swaps = list(_swaps(store, owner, place, mine, live)) if based else []
        left = mine.difference(*(one.change.without for one in swaps if _pays(one.change, sizes)))
        # Finding rows again reads all of both versions: not for less than a byte a row.
        if sum(sizes.get(blob, 0) for blob in left) < owner.rows[place]:
            yield from swaps
            continue
        move = match(store, owner.version, piece, mine, finder, keep=owner.keep)
        lost = sum(sum(one.change.lost.values()) for one in swaps if isinstance(one.change, Swap))
        fits = not swaps or (
            move is not None
            and sum(move.piece.lost.values()) <= lost
            and move.cost < sum(sizes.get(blob, 0) for blob in mine)
        )
        yield from [_Option(owner, place, 0, move)] if move is not None and fits else swaps


def _pays(change: Swap | Move, sizes: Mapping[str, int]) -> bool:
    lost = change.lost if isinstance(change, Swap) else change.piece.lost
    return not lost and change.cost < WORTH * sum(sizes.get(blob, 0) for blob in change.without)


def _swaps(
    store: "Store", owner: _Owner, place: int, doomed: frozenset[str], live: Sequence[DatasetVersion]
) -> Iterable[_Option]:
    for where, fragment in enumerate(owner.pieces[place].fragments):
        peers = [Peer(one, other) for one in live for other in one.fragments if other.blob == fragment.blob]
        for swap in rebase(store, owner.version, fragment, doomed, peers, keep=owner.keep):
            yield _Option(owner, place, where, swap)


def _strangers(version: DatasetVersion, live: Sequence[DatasetVersion]) -> list[Peer]:
    """Return the fragments of the nearest version that has some on other base files."""
    bases = {fragment.blob for fragment in version.fragments}
    others = ([Peer(one, fragment) for fragment in one.fragments if fragment.blob not in bases] for one in live)
    return next((peers for peers in others if peers), [])


def _nearest(store: "Store", version: DatasetVersion) -> list[DatasetVersion]:
    """Return the versions of the table that keep their files, the next later ones first."""
    others = [one for one in store.versions(version.table) if not one.squashed and one.number != version.number]
    return sorted(others, key=lambda one: (one.number < version.number, abs(one.number - version.number)))


def _plan(store: "Store", owners: Sequence[_Owner], doomed: frozenset[str], sizes: Mapping[str, int]) -> int:
    """Change the owners' pieces so that they do without doomed files; return the bytes written for it."""
    exact = [owner for owner in owners if owner.keep == "exact"]
    options = [(owner, list(_options(store, owner, doomed, sizes))) for owner in exact]
    written = _choose(exact, [option for _, found in options for option in found], sizes)
    for owner in owners:
        if owner.keep != "exact":
            free = doomed.difference(*(blobs_of(other.pieces) for other in exact))
            for option in list(_options(store, owner, free, sizes)):
                _carry_out(option)
            owner.pieces = [_admitted(owner.version, piece, free) for piece in owner.pieces]
    return written


def _choose(owners: Sequence[_Owner], options: Sequence[_Option], sizes: Mapping[str, int]) -> int:
    """Carry out the options that save more bytes than they cost; return the bytes written for them.

    A file goes only if all who need it can do without, so options that share a file stand or fall together.
    """
    written = 0
    for files, group in _groups(options):
        before = [list(owner.pieces) for owner in owners]
        for option in group:
            _carry_out(option)
        spare = files.difference(*(blobs_of(owner.pieces) for owner in owners))
        cost = sum(option.change.cost for option in group)
        if cost < WORTH * sum(sizes.get(blob, 0) for blob in spare):
            written += cost
            continue
        for owner, pieces in zip(owners, before, strict=True):
            owner.pieces = pieces
    return written


def _admitted(version: DatasetVersion, piece: Piece, free: frozenset[str]) -> Piece:
    """Return the piece of a version of which facts are kept, with what the files lost that it still names."""
    lost = dict(piece.lost)
    for fragment in piece.fragments:
        for column in version.columns:
            if free & set(stack(fragment, column.id)):
                lost.setdefault(column.id, fragment.alive)
        if fragment.blob in free:
            # Even a column that was null throughout is lost: how many rows there were is read from the base file.
            lost |= {column.id: fragment.alive for column in version.columns}
    return replace(piece, lost=lost)


def _groups(options: Sequence[_Option]) -> list[tuple[frozenset[str], list[_Option]]]:
    groups: list[tuple[frozenset[str], list[_Option]]] = []
    for option in options:
        joined = [group for group in groups if group[0] & option.change.without]
        rest = [group for group in groups if not group[0] & option.change.without]
        files = option.change.without.union(*(group[0] for group in joined))
        groups = [*rest, (files, [*(one for group in joined for one in group[1]), option])]
    return groups


def _carry_out(option: _Option) -> None:
    owner, piece = option.owner, option.owner.pieces[option.piece]
    if isinstance(option.change, Move):
        owner.pieces[option.piece] = option.change.piece
        return
    fragments = list(piece.fragments)
    fragments[option.fragment] = option.change.on(fragments[option.fragment])
    lost = {**piece.lost, **option.change.lost}
    owner.pieces[option.piece] = replace(piece, fragments=tuple(fragments), lost=lost)


def _prove(store: "Store", owner: _Owner) -> None:
    """Rebuild each piece, and compare it with the digests of what it must be; what fails here was planned wrongly."""
    for piece, contents, rows in zip(owner.pieces, owner.contents, owner.rows, strict=True):
        names = [column.name for column in owner.version.columns if column.id not in piece.lost]
        if not names:
            continue
        table = read_piece(store, owner.version, piece, names)
        found = contents_of(owner.version, table)
        if table.num_rows != rows or any(contents[id_] != found[id_] for id_ in found):
            raise StoreError(
                f"{owner.version.name} would not have been rebuilt exactly, so it was not squashed.",
                remedy="This is a fault of mlray: please report it. Nothing was changed.",
            )


def _record(store: "Store", owner: _Owner) -> None:
    recipe = Recipe(owner.keep, tuple(owner.pieces), owner.contents, owner.rows)
    blob = store.put_json(cast("Mapping[str, Json]", recipe.to_json()))
    extra = {**owner.version.extra, SQUASH: blob}
    store.amend(replace(owner.version, squashed=True, extra=extra))


def _lost(version: DatasetVersion, pieces: Iterable[Piece]) -> dict[str, int]:
    lost: dict[str, int] = {}
    for piece in pieces:
        for column in version.columns:
            if column.id in piece.lost:
                lost[column.name] = lost.get(column.name, 0) + piece.lost[column.id]
    return lost
