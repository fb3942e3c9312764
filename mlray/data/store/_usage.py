"""What versions take up: bytes of their own, bytes they share, and what full copies would have cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from mlray.data.store._recipe import blobs_of, recipe_of, sizes_of
from mlray.errors import NotFoundError
from mlray.records import DatasetVersion, Fragment
from mlray.records._base import Record

if TYPE_CHECKING:
    from mlray.data.store import Store

__all__ = ["Usage", "VersionUsage", "usage"]


@dataclass(frozen=True, slots=True)
class VersionUsage(Record):
    """What one version takes up."""

    version: str
    rows: int
    operation: str
    squashed: bool
    added: int
    """Bytes of files that no earlier version of the table needs."""
    own: int
    """Bytes of files that no other version needs: what squashing it could save at most."""
    shared: int
    """Bytes of files that other versions need too."""
    copy: int
    """Bytes that a full copy would take; see `Usage.how`."""


@dataclass(frozen=True, slots=True)
class Usage(Record):
    """What the versions of a table take up."""

    table: str
    versions: tuple[VersionUsage, ...]
    stored: int
    """Bytes of all files that the versions need, each counted once."""
    manifests: int
    """Bytes of the versions' manifests."""
    copies: int
    """Bytes that a full copy for each version would take."""
    how: str = (
        "copies: for each version the compressed bytes of its columns as they are stored, by the share of rows "
        "that are not deleted; patched values count as much as those they replace"
    )

    @property
    def saved(self) -> float:
        """The share of the copies' bytes that is not needed, from 0 to 1."""
        return 1 - self.stored / self.copies if self.copies else 0.0


def usage(store: "Store", table: str) -> Usage:
    """Return what each version of `table` takes up; metadata only: manifests, and the footers of base files.

    Raises:
        NotFoundError: there is no such table.
    """
    versions = store.versions(table)
    if not versions:
        known = ", ".join(store.tables()) or "none yet, ingest first"
        raise NotFoundError(f"There is no table '{table}'.", remedy=f"Known: {known}.")
    files = [_files(store, version) for version in versions]
    users = Counter(blob for each in files for blob in each)
    widths = _Widths(store)
    found, seen = [], set[str]()
    for version, each in zip(versions, files, strict=True):
        found.append(
            VersionUsage(
                version.name,
                version.rows,
                version.operation,
                version.squashed,
                sum(size for blob, size in each.items() if blob not in seen),
                sum(size for blob, size in each.items() if users[blob] == 1),
                sum(size for blob, size in each.items() if users[blob] > 1),
                sum(widths.copy(version, fragment) for fragment in version.fragments),
            )
        )
        seen |= set(each)
    sizes = {blob: size for each in files for blob, size in each.items()}
    manifests = sum(info.size for info in store.storage.names(f"tables/{table}/versions/"))
    return Usage(table, tuple(found), sum(sizes.values()), manifests, sum(one.copy for one in found))


def _files(store: "Store", version: DatasetVersion) -> dict[str, int]:
    if not version.squashed:
        return {blob: size for fragment in version.fragments for blob, size in sizes_of(fragment).items()}
    recipe = recipe_of(store, version)
    return blobs_of(recipe.pieces) if recipe.keep == "exact" else {}


class _Widths:
    """Compressed bytes of the columns of base files, from their footers, each read once."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._known: dict[str, Mapping[str, int]] = {}

    def copy(self, version: DatasetVersion, fragment: Fragment) -> int:
        """Return the bytes that the rows of a fragment would take in a file of their own."""
        if fragment.blob not in self._known:
            self._known[fragment.blob] = self._footer(fragment)
        inside = self._known[fragment.blob]
        total = 0
        for column in version.columns:
            if file := fragment.files.get(column.id):
                total += file.bytes
            elif column.id in fragment.columns:
                total += inside.get(fragment.columns[column.id], 0)
        return round(total * fragment.alive / fragment.rows) if fragment.rows else 0

    def _footer(self, fragment: Fragment) -> Mapping[str, int]:
        place = self._store.blobs.place(fragment.blob)
        try:
            with self._store.storage.open(place) as file:
                return _columns(pq.read_metadata(file))
        except (OSError, pa.ArrowException):
            # A squashed version's file is gone: its columns are taken to have been equally wide.
            names: Sequence[str] = tuple(fragment.columns.values())
            return dict.fromkeys(names, fragment.bytes // max(1, len(names)))


def _columns(metadata: pq.FileMetaData) -> dict[str, int]:
    found: Counter[str] = Counter()
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(place)
            # A nested column is several chunks under one name; a name may hold dots, so only the whole is looked up.
            found[chunk.path_in_schema] += chunk.total_compressed_size
    for path, size in list(found.items()):
        top = path.split(".")[0]
        if top != path:
            found[top] += size
    return dict(found)
