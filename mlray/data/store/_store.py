"""The dataset store: immutable Parquet files named by their content, and versions that only one writer can create.

    <root>/blobs/<first two digits>/<sha256>    rows (Parquet) and facts (JSON)
    <root>/tables/<table>/…                     versions, branches and tags (see `_refs`)
    <root>/aside/                               what is being written; anything here may be lost

A version's number is claimed by creating a manifest that must not exist yet: of two writers one wins, and the other
starts again from the new head. Whatever a killed process leaves behind, every version is whole.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mlray.data._author import usual_author
from mlray.data.store._blobs import Blobs
from mlray.data.store._reading import chosen, fragment_rows
from mlray.data.store._refs import MAIN, Refs
from mlray.data.store._version import Draft, digest_version, version_of
from mlray.data.store.storage import LocalStorage, open_storage, writing
from mlray.errors import DataError, StoreError
from mlray.ids import Json
from mlray.records import DatasetVersion, Fragment

if TYPE_CHECKING:
    from mlray.data.snapshot import Snapshot, View

__all__ = ["Store"]


class Store:
    """Versions of tables in one place, shared by any number of processes that see it; picklable."""

    def __init__(self, root: Path | str) -> None:
        """Use the folder or URL `root` (see `open_storage`); it is made when something is first written."""
        self.root = root
        self.storage = open_storage(root)
        self.blobs = Blobs(self.storage)
        self.refs = Refs(self.storage)

    def put(self, table: pa.Table, *, source: str = "", time: str = "") -> Fragment:
        """Write `table` as one Parquet file named by its content; the same rows again are the same file.

        `time` names the event-time column, which `read` needs to cut by time; `source` is where the rows came from.

        Raises:
            DataError: Parquet has no such type.
            StoreError: the store cannot be written.
        """
        return self.blobs.write([table], schema=table.schema.remove_metadata(), source=source, time=time)

    def write(
        self,
        parts: Iterable[pa.Table | pa.RecordBatch],
        *,
        schema: pa.Schema | None = None,
        source: str = "",
        time: str = "",
    ) -> Fragment:
        """Write rows that come one part after the other as one file, holding no more than a row group of them.

        The fragment is `put`'s of the same rows, however they are cut. `schema` is needed where there may be no part.

        Raises:
            DataError: Parquet has no such type, or there is neither a part nor a schema.
            StoreError: the store cannot be written.
        """
        return self.blobs.write(parts, schema=schema, source=source, time=time)

    def put_file(self, path: Path) -> tuple[str, int]:
        """Take a finished file, best written in a folder that `aside` lent, as a blob; return its name and size."""
        return self.blobs.put_file(path)

    def get(self, fragment: Fragment | str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a blob, or of a fragment's base file, all columns or those named, as they were put.

        Lists of a fixed size come as lists.

        Raises:
            StoreError: the file is missing or damaged.
        """
        return self.blobs.read(fragment if isinstance(fragment, str) else fragment.blob, columns)

    def put_json(self, content: Mapping[str, Json]) -> str:
        """Write JSON values as a blob and return its name, the SHA-256 of its canonical text."""
        return self.blobs.put_json(content)

    def get_json(self, blob: str) -> Mapping[str, Json]:
        """Return what `put_json` wrote under the name `blob`; StoreError where it is missing or damaged."""
        return self.blobs.get_json(blob)

    def aside(self) -> AbstractContextManager[Path]:
        """Lend a local folder for files that nobody needs afterwards."""
        return self.blobs.aside()

    def path(self, blob: str) -> Path:
        """Return where the blob of that name lies in a local store, whether it exists or not."""
        if not isinstance(self.storage, LocalStorage):
            raise StoreError(f"{self.storage.url} is no folder.", remedy="Read blobs with `get`.")
        return self.storage.path(self.blobs.place(blob))

    def commit(
        self,
        table: str,
        change: Callable[[DatasetVersion | None], Draft | None],
        *,
        branch: str = MAIN,
        once: str = "",
    ) -> DatasetVersion:
        """Make the version after the head of `table`: `change` gets the head, and returns the draft of what follows.

        If another writer commits first, `change` is called again with the new head, so that neither loses anything.
        Returns the head itself where `change` returns None. With `once`, a name for this commit, the version that an
        earlier commit of this name made on the branch is returned instead: repeating what may have happened is
        harmless. A draft without an author is by `MLRAY_AUTHOR`, or by this process's user.

        Raises:
            NotFoundError: there is no such branch.
            StoreError: the store cannot be read or written.
        """
        self.refs.valid(table)
        seen: tuple[DatasetVersion | None, Draft | None] | None = None
        while True:
            newest = self.refs.newest(table)
            if once and (made := self.refs.done(table, branch, once, newest)):
                return made
            head = self.refs.head(table, branch, newest)
            # A number lost to another branch says nothing about this one: the draft is still right.
            draft = seen[1] if seen is not None and seen[0] == head else change(head)
            seen = (head, draft)
            if draft is None:
                if head is None:
                    raise DataError(
                        f"There is nothing to commit to '{table}'.", remedy="Ingest a source that has rows."
                    )
                return head
            number = newest.version.number + 1 if newest else 1
            signed = draft if draft.author else replace(draft, author=usual_author())
            version = version_of(table, number, signed, head, branch=branch, once=once)
            self._whole(version, head)
            if self.refs.claim(version, newest):
                return version

    def made(self, table: str, once: str, branch: str = MAIN) -> DatasetVersion | None:
        """Return the version that the commit named `once` made on a branch; None where there is none."""
        return self.refs.done(table, branch, once, self.refs.newest(table)) if once else None

    def has(self, version: DatasetVersion) -> bool:
        """Tell whether every file of a version is there; none is read."""
        return not self._gone(version.blobs)

    def _whole(self, version: DatasetVersion, head: DatasetVersion | None) -> None:
        """Refuse a version of which a file is gone: whoever wrote for longer than the grace may meet a sweep."""
        fresh = sorted({*version.blobs} - ({*head.blobs} if head else set()))
        with writing(self.storage):
            gone = self._gone(fresh)
        if gone:
            raise StoreError(
                f"{len(gone):,} of the files written for '{version.table}' are gone, first {gone[0][:12]}.",
                remedy="A sweep took them for leftovers: run again; its grace must be longer than any writer needs.",
            )

    def _gone(self, blobs: Sequence[str]) -> list[str]:
        # In a bucket each answer takes its time.
        with ThreadPoolExecutor(8) as pool:
            return [blob for blob, there in zip(blobs, pool.map(self._has, blobs), strict=True) if not there]

    def _has(self, blob: str) -> bool:
        return self.storage.exists(self.blobs.place(blob))

    def amend(self, version: DatasetVersion) -> None:
        """Write the manifest of an existing version anew, for those who squash: its content and digest must stay.

        Raises:
            NotFoundError: there is no such version.
            StoreError: the digest is not the version's, or the store cannot be written.
        """
        if self.version(version.table, version.number).digest != version.digest:
            raise StoreError(f"{version.name} has another digest.", remedy="Commit a new version instead.")
        self.refs.amend(version)

    def tables(self) -> list[str]:
        """Return the names of all tables, in order."""
        return self.refs.tables()

    def head(self, table: str, branch: str = MAIN) -> DatasetVersion | None:
        """Return the newest version of a branch, or None before the first; NotFoundError for an unknown branch."""
        return self.refs.head(table, branch, self.refs.newest(table))

    def versions(self, table: str, branch: str | None = None) -> list[DatasetVersion]:
        """Return all versions of `table`, or those made on one branch, oldest first."""
        found = (self.refs.manifest(table, number).version for number in self.refs.numbers(table))
        return [version for version in found if branch in {None, version.branch}]

    def version(self, table: str, ref: int | str) -> DatasetVersion:
        """Return a version of `table` by number, `v3`, tag or branch.

        Raises:
            NotFoundError: there is no such version; the remedy lists those there are.
            StoreError: its manifest is damaged.
        """
        return self.refs.find(table, ref)

    def resolve(self, ref: str) -> DatasetVersion:
        """Return the version that `table`, `table@v3`, `table@tag` or `table@branch` names, else NotFoundError."""
        table, _, name = ref.partition("@")
        return self.version(table, name or MAIN)

    def tags(self, table: str) -> Mapping[str, int]:
        """Return tag → version number."""
        return self.refs.tags(table)

    def tag(self, table: str, name: str, version: int) -> None:
        """Give a version a name that stays with it; ConflictError where another version or a branch has it."""
        self.refs.tag(table, name, version)

    def untag(self, table: str, name: str) -> None:
        """Take a tag away; NotFoundError where there is none."""
        self.refs.untag(table, name)

    def branches(self, table: str) -> Mapping[str, int]:
        """Return branch → number of its newest version."""
        return self.refs.branches(table)

    def branch(self, table: str, name: str, start: int) -> None:
        """Begin a branch at version `start`; ConflictError where the name is taken."""
        self.refs.branch(table, name, start)

    def read(
        self,
        version: DatasetVersion,
        columns: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pa.Table:
        """Return the rows of `version` with `start` ≤ event time < `end`, in the order of its fragments.

        Raises:
            DataError: a column is unknown, or the version has no fragment, or is squashed.
            StoreError: a file is missing or damaged.
        """
        _refuse_squashed(version)
        wanted = chosen(version, columns)
        parts = [fragment_rows(self.blobs, version, one, wanted, start, end) for one in version.fragments]
        if not parts:
            raise DataError(f"{version.name} has no rows.", remedy="Ingest a source that has rows.")
        return pa.concat_tables(parts)

    def read_fragment(
        self,
        version: DatasetVersion,
        fragment: Fragment,
        columns: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pa.Table:
        """Return the rows of one fragment of `version` as that version has them: the unit of work of a task.

        Columns come in the version's order (or that of `columns`) and under its names, null where the fragment never
        had them; patches, column files and deletions are applied; only the files of these columns are read.

        Raises:
            DataError: a column is unknown, or the version is squashed.
            StoreError: a file is missing or damaged.
        """
        _refuse_squashed(version)
        return fragment_rows(self.blobs, version, fragment, chosen(version, columns), start, end)

    def snapshot(self, ref: str, view: "View | None" = None) -> "Snapshot":
        """Return the version that `ref` names (see `resolve`), to be read as Arrow, pandas, batches or Ray Data.

        With `view`, columns are masked or dropped before anybody sees them.
        """
        from mlray.data.snapshot import Snapshot  # which is built on stores

        return Snapshot.of(self, ref, view)

    def verify(self, version: DatasetVersion) -> int:
        """Read every file of `version`, compare it with its name, and return how many there are.

        Raises:
            StoreError: a file is missing or changed, or the manifest does not match its digest.
        """
        if digest_version(version) != version.digest:
            raise StoreError(
                f"The manifest of {version.name} does not match its digest {version.digest[:12]}.",
                remedy="Somebody changed it: restore it from a backup.",
            )
        for name in version.blobs:
            found = self.blobs.digest(name)
            if found != name:
                raise self.blobs.damaged(name, f"its content is {found[:12]}")
        return len(version.blobs)


def _refuse_squashed(version: DatasetVersion) -> None:
    if version.squashed:
        raise DataError(
            f"{version.name} is squashed: its own files may be gone.",
            remedy=f"`mlray data checkout {version.name} FOLDER`, or `recover` in Python, rebuilds its rows.",
        )
