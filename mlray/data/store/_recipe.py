"""What is kept of a squashed version: from which files its rows are rebuilt, and the digests that prove them right."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from mlray.data.store._blobs import POSITION
from mlray.data.store._content import column_digest
from mlray.records import ColumnFile, DatasetVersion, Deletions, Fragment, Patch
from mlray.records._base import Record

if TYPE_CHECKING:
    from mlray.data.store import Store

__all__ = [
    "SQUASH",
    "Piece",
    "Recipe",
    "blobs_of",
    "contents_of",
    "every_version",
    "joined",
    "needed",
    "piece_of",
    "read_piece",
    "recipe_of",
    "sizes_of",
    "stack",
]

SQUASH = "squash"
"""The key in `DatasetVersion.extra` under which the blob of the recipe stands."""


@dataclass(frozen=True, slots=True)
class Piece(Record):
    """From what the rows of one fragment are rebuilt."""

    fragments: tuple[Fragment, ...]
    """Files that live on, seen as the squashed version saw them: columns by its ids, its deletions."""
    take: str = ""
    """The blob with the places, among all rows of `fragments`, of these rows in their order; empty: those alive."""
    lost: Mapping[str, int] = field(default_factory=dict)
    """Column id → rows whose value nothing kept gives."""


@dataclass(frozen=True, slots=True)
class Recipe(Record):
    """How a squashed version is rebuilt."""

    keep: str
    """`exact`: what the pieces name stays as long as the version is listed; `facts`: only while others need it."""
    pieces: tuple[Piece, ...]
    contents: tuple[Mapping[str, str], ...]
    """For each piece, column id → digest of its values."""
    rows: tuple[int, ...]
    """Rows of each piece."""


def piece_of(fragment: Fragment) -> Piece:
    """Return the piece that is a fragment as it is."""
    return Piece((fragment,))


def stack(fragment: Fragment, column: str) -> tuple[str, ...]:
    """Return the files that the values of a column (by id) come from; empty where the fragment never had it."""
    file = fragment.files.get(column)
    base = (file.blob,) if file else (fragment.blob,) if column in fragment.columns else ()
    return (*base, *(patch.blob for patch in fragment.patches if column in patch.columns))


def blobs_of(pieces: Iterable[Piece]) -> dict[str, int]:
    """Return blob → size of all files that `pieces` name; lists of rows, which are small, count nothing."""
    found: dict[str, int] = {}
    for piece in pieces:
        if piece.take:
            found[piece.take] = 0
        for fragment in piece.fragments:
            found |= sizes_of(fragment)
    return found


def sizes_of(fragment: Fragment) -> dict[str, int]:
    """Return blob → size of the files of a fragment."""
    gone = (fragment.deletions,) if fragment.deletions else ()
    parts: tuple[ColumnFile | Patch | Deletions, ...] = (*fragment.files.values(), *fragment.patches, *gone)
    return {fragment.blob: fragment.bytes} | {part.blob: part.bytes for part in parts}


def recipe_of(store: "Store", version: DatasetVersion) -> Recipe:
    """Return the recipe of a squashed version; StoreError where it is missing or damaged."""
    return Recipe.from_json(store.get_json(version.extra[SQUASH]))


def read_piece(store: "Store", version: DatasetVersion, piece: Piece, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a piece, under the names and in the order of `version`; StoreError where a file is missing."""
    version = replace(version, squashed=False)  # its own files may be gone; those of the piece are not
    if not piece.take:
        return joined([store.read_fragment(version, one, columns) for one in piece.fragments])
    whole = [store.read_fragment(version, replace(one, deletions=None), columns) for one in piece.fragments]
    return joined(whole).take(store.get(piece.take)[POSITION])


def joined(parts: Sequence[pa.Table]) -> pa.Table:
    """Return parts of one version after each other: a column that one requires and another patched is one of both."""
    return pa.concat_tables(parts, promote_options="default")


def contents_of(version: DatasetVersion, rows: pa.Table) -> dict[str, str]:
    """Return column id → digest of its values in `rows`."""
    return {
        column.id: column_digest(rows[column.name]) for column in version.columns if column.name in rows.schema.names
    }


def needed(store: "Store", version: DatasetVersion) -> set[str]:
    """Return the files without which `version` could not be read, or not be rebuilt as its recipe promises."""
    if not version.squashed:
        return {*version.blobs, *version.extra.values()}
    recipe = recipe_of(store, version)
    facts = {version.profile, version.quality.quarantine, *version.extra.values()} - {""}
    if recipe.keep == "exact":
        return facts | set(blobs_of(recipe.pieces))
    # Which rows a version had is a fact; their values are not.
    for piece in recipe.pieces:
        facts |= {piece.take} - {""} | {one.deletions.blob for one in piece.fragments if one.deletions}
    return facts


def every_version(store: "Store") -> Iterator[DatasetVersion]:
    """Return every version of every table: files are named by content, so tables share them."""
    for table in store.tables():
        yield from store.versions(table)
