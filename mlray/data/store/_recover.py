"""Recovering a squashed version: its very rows, proven by digest, or a refusal that names what is lost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from mlray.data.store._content import column_digest
from mlray.data.store._reading import empty
from mlray.data.store._rebase import taken
from mlray.data.store._recipe import Piece, joined, read_piece, recipe_of
from mlray.errors import RecoveryRefused, StoreError
from mlray.records import Column, DatasetVersion

if TYPE_CHECKING:
    from mlray.data.store import Store

__all__ = ["Lost", "lost_of", "recover", "rows_of"]


@dataclass(frozen=True, slots=True)
class Lost:
    """Values of a column that nothing kept gives: so many, among the rows from `start` up to but not `stop`."""

    column: str
    rows: int
    start: int
    stop: int

    def __str__(self) -> str:
        """Return it in words."""
        if self.rows == self.stop - self.start:
            return f"'{self.column}' in rows {self.start:,} to {self.stop - 1:,}"
        return f"'{self.column}' in {self.rows:,} of rows {self.start:,} to {self.stop - 1:,}"


def recover(store: "Store", version: DatasetVersion) -> pa.Table:
    """Return the rows of a version, squashed or not, exactly as they were.

    Raises:
        RecoveryRefused: values were changed since and not kept; the message names columns and rows, `lost` lists them.
        StoreError: a file that was to be kept is missing or damaged.
    """
    parts = list(rows_of(store, version))
    return joined(parts) if parts else empty(version.columns)


def lost_of(store: "Store", version: DatasetVersion) -> tuple[Lost, ...]:
    """Return what is lost of a version, nothing where it can be recovered; this reads and checks its rows."""
    version = store.version(version.table, version.number)
    if not version.squashed:
        return ()
    return tuple(lost for _, found in _pieces(store, version) for lost in found)


def rows_of(store: "Store", version: DatasetVersion) -> Iterator[pa.Table]:
    """Yield the rows of a version, squashed or not, fragment by fragment; raises as `recover`, never gives wrong rows.

    A refusal may come after some parts were given: these are right, but not the whole.
    """
    # Read anew: whoever holds the record may have got it before the version was squashed.
    version = store.version(version.table, version.number)
    if not version.squashed:
        yield from (store.read_fragment(version, fragment) for fragment in version.fragments)
        return
    lost: list[Lost] = []
    for rows, found in _pieces(store, version):
        lost += found
        if rows is not None and not lost:
            yield rows
    if lost:
        raise _refused(version, lost)


def _pieces(store: "Store", version: DatasetVersion) -> Iterator[tuple[pa.Table | None, list[Lost]]]:
    recipe, start = recipe_of(store, version), 0
    for piece, contents, rows in zip(recipe.pieces, recipe.contents, recipe.rows, strict=True):
        values = {
            column.name: _column(store, version, piece, column, contents[column.id], rows) for column in version.columns
        }
        lost = [
            Lost(column.name, min(rows, piece.lost.get(column.id, rows)), start, start + rows)
            for column in version.columns
            if rows and values[column.name] is None
        ]
        if lost and recipe.keep == "exact":
            raise _damaged(version, lost)
        yield (None if lost or not rows else pa.table(values)), lost
        start += rows


def _column(
    store: "Store", version: DatasetVersion, piece: Piece, column: Column, wanted: str, rows: int
) -> pa.ChunkedArray | None:
    """Return a column of a piece whose values have the digest `wanted`, or None where none do."""
    for one in _ways(store, version, piece, column):
        try:
            found = read_piece(store, version, one, [column.name])[column.name]
        except StoreError:
            continue  # a file that was not kept, or that another version gave up since
        if len(found) == rows and column_digest(found) == wanted:
            return found
    return None


def _ways(store: "Store", version: DatasetVersion, piece: Piece, column: Column) -> Iterator[Piece]:
    """Yield the piece as the recipe has it, then with the column as other versions of the same rows have it."""
    yield piece
    if piece.take or len(piece.fragments) != 1:
        return
    own = piece.fragments[0]
    for other in reversed(store.versions(version.table)):
        known = {one.id for one in other.columns if one.type == column.type}
        if other.squashed or column.id not in known:
            continue
        for fragment in other.fragments:
            if fragment.blob == own.blob:
                yield replace(piece, fragments=(taken(own, fragment, column.id),))


def _refused(version: DatasetVersion, lost: Sequence[Lost]) -> RecoveryRefused:
    shown = "; ".join(map(str, lost[:6])) + (f"; and {len(lost) - 6} more" if len(lost) > 6 else "")
    return RecoveryRefused(
        f"{version.name} cannot be rebuilt exactly: it was squashed with keep='facts', and later versions changed "
        f"{shown}.",
        remedy="Its manifest, statistics and profile are still there; recover another version.",
        lost=tuple(map(str, lost)),
    )


def _damaged(version: DatasetVersion, lost: Sequence[Lost]) -> StoreError:
    return StoreError(
        f"{version.name} cannot be rebuilt: files that were kept for it are missing or damaged, for {lost[0]}.",
        remedy="Restore the store from a backup; `mlray data verify` names the files.",
    )
