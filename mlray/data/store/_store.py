"""The dataset store: immutable Parquet files named by their content, and versions that only one writer can create.

    <root>/blobs/<first two digits>/<sha256>    rows (Parquet) and facts (JSON)
    <root>/tables/<table>/<number>.json         the manifest of one version
    <root>/aside/                               what is being written; anything here may be lost

A version's number is claimed by linking its finished manifest to a name that must not exist yet: of two writers one
wins, and the other starts again from the new head. Whatever a killed process leaves behind, every version is whole.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlray.data._convert import ARROW
from mlray.data._files import claim, lent_folder, place, write_aside
from mlray.errors import DataError, NotFoundError, StoreError
from mlray.ids import Json, canonical, digest, digest_of
from mlray.data.store.storage import LocalStorage, open_storage
from mlray.records import Column, DatasetVersion, Fragment, Quality, Statistics

__all__ = ["Draft", "Store"]

ROW_GROUP = 1_000_000
"""Rows that are compressed together; a quarter of it costs a sixth more bytes."""

TIME = b"mlray.time"
"""The Parquet metadata key under which a fragment names its event-time column."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A version before it has a number."""

    schema: Mapping[str, str]
    contract: str
    fragments: tuple[Fragment, ...]
    profile: str
    quality: Quality
    cursor: str
    as_of: datetime
    created_at: datetime
    operation: str = "ingest"
    columns: tuple[Column, ...] = ()
    """Empty where columns are known by their names in `schema`: those of the head stay, others are new."""
    author: str = ""
    note: str = ""
    key: tuple[str, ...] = ()
    time: str = ""
    """Empty for the head's, or what the fragments' writer stated."""
    statistics: Mapping[str, Statistics] = field(default_factory=dict)
    """Of the rows in fragments that have an id; those of new fragments are added."""
    squashed: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)


class Store:
    """Versions of tables in one place, shared by any number of processes that see it; picklable."""

    def __init__(self, root: Path | str) -> None:
        """Use the folder or URL `root` (see `open_storage`); it is made when something is first written."""
        self.storage = open_storage(root)
        self.root = Path(self.storage.url) if isinstance(self.storage, LocalStorage) else root

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
        """
        raise NotImplementedError

    def put_file(self, path: Path) -> tuple[str, int]:
        """Take a finished file as a blob; return its name and size."""
        raise NotImplementedError

    def resolve(self, ref: str) -> DatasetVersion:
        """Return the version that `table`, `table@v3`, `table@tag` or `table@branch` names."""
        raise NotImplementedError

    def tables(self) -> list[str]:
        """Return the names of all tables, in order."""
        raise NotImplementedError

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
        """
        raise NotImplementedError

    def tags(self, table: str) -> Mapping[str, int]:
        """Return tag → version number."""
        raise NotImplementedError

    def tag(self, table: str, name: str, version: int) -> None:
        """Give a version a name that stays with it; ConflictError where the name is taken by another."""
        raise NotImplementedError

    def untag(self, table: str, name: str) -> None:
        """Take a tag away; NotFoundError where there is none."""
        raise NotImplementedError

    def branches(self, table: str) -> Mapping[str, int]:
        """Return branch → number of its newest version; `main` is always there."""
        raise NotImplementedError

    def branch(self, table: str, name: str, start: int) -> None:
        """Begin a branch at version `start`; ConflictError where the name is taken."""
        raise NotImplementedError

    def put(self, table: pa.Table, *, source: str = "", time: str = "") -> Fragment:
        """Write `table` as one Parquet file named by its content; the same rows again are the same file.

        `time` names the event-time column, which `read` needs to cut by time; `source` is where the rows came from.

        Raises:
            StoreError: the folder cannot be written.
        """
        metadata = {TIME: time.encode()} if time else None
        rows = table.replace_schema_metadata(metadata).combine_chunks()
        try:
            with self.aside() as folder:
                aside = folder / "rows"
                # Layout is stated, so that equal rows give equal bytes whatever the library's defaults become.
                pq.write_table(rows, aside, compression="zstd", row_group_size=ROW_GROUP, version="2.6")
                with aside.open("rb+") as file:
                    name = file_digest(file, "sha256").hexdigest()
                    size = file.tell()
                    os.fsync(file.fileno())
                place(aside, self.path(name))
        except OSError as error:
            raise _unwritable(self.root, error) from error
        return Fragment(name, table.num_rows, size, source)

    def get(self, fragment: Fragment | str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a fragment or blob, all columns or those named.

        Raises:
            StoreError: the file is missing or damaged.
        """
        name = fragment if isinstance(fragment, str) else fragment.blob
        try:
            return pq.read_table(self.path(name), columns=columns, use_threads=False, partitioning=None)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(name, error) from error

    def put_json(self, content: Mapping[str, Json]) -> str:
        """Write JSON values as a blob and return its name, the SHA-256 of its canonical text."""
        text = canonical(content)
        name = digest(text)
        try:
            place(write_aside(self._aside, text), self.path(name))
        except OSError as error:
            raise _unwritable(self.root, error) from error
        return name

    def get_json(self, blob: str) -> Mapping[str, Json]:
        """Return what `put_json` wrote under the name `blob`; StoreError where it is missing or damaged."""
        try:
            return cast("Mapping[str, Json]", json.loads(self.path(blob).read_bytes()))
        except (OSError, ValueError) as error:
            raise self._damaged(blob, error) from error

    def aside(self) -> AbstractContextManager[Path]:
        """Lend a folder for files that nobody needs afterwards."""
        return lent_folder(self._aside)

    @property
    def _aside(self) -> Path:
        return self.root / "aside"

    def path(self, blob: str) -> Path:
        """Return where the blob of that name lies, whether it exists or not."""
        return self.root / "blobs" / blob[:2] / blob

    def commit(self, table: str, change: Callable[[DatasetVersion | None], Draft | None]) -> DatasetVersion:
        """Make the version after the head of `table`: `change` gets the head, and returns the draft of what follows.

        If another writer commits first, `change` is called again with the new head, so that neither loses anything.
        Returns the head itself where `change` returns None.

        Raises:
            StoreError: the folder cannot be written.
        """
        while True:
            head = self.head(table)
            draft = change(head)
            if draft is None:
                if head is None:
                    raise DataError(
                        f"There is nothing to commit to '{table}'.", remedy="Ingest a source that has rows."
                    )
                return head
            version = _version(table, draft, head)
            if self._claim(version):
                return version

    def head(self, table: str, branch: str = "main") -> DatasetVersion | None:
        """Return the newest version of `table`, or None before the first."""
        numbers = self._numbers(table)
        return self.version(table, numbers[-1]) if numbers else None

    def versions(self, table: str) -> list[DatasetVersion]:
        """Return all versions of `table`, oldest first."""
        return [self.version(table, number) for number in self._numbers(table)]

    def version(self, table: str, number: int) -> DatasetVersion:
        """Return version `number` of `table`.

        Raises:
            NotFoundError: there is no such version; the remedy lists those there are.
            StoreError: its manifest is damaged.
        """
        path = self._manifest(table, number)
        try:
            return DatasetVersion.from_json(json.loads(path.read_bytes()))
        except FileNotFoundError as error:
            raise NotFoundError(
                f"There is no dataset version '{table}@v{number}'.", remedy=self._listed(table)
            ) from error
        except (OSError, ValueError) as error:
            raise StoreError(
                f"The manifest of '{table}@v{number}' cannot be read: {error}.", remedy=f"Restore {path} from a backup."
            ) from error

    def read(
        self,
        version: DatasetVersion,
        columns: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pa.Table:
        """Return the rows of `version` with `start` ≤ event time < `end`, in the order in which they were ingested.

        Raises:
            DataError: a column is unknown.
            StoreError: a file is missing or damaged.
        """
        for name in columns or ():
            if name not in version.schema:
                raise DataError(
                    f"{version.name} has no column '{name}'.", remedy=f"It has {', '.join(version.schema)}."
                )
        parts = [self._part(fragment, columns, start, end) for fragment in version.fragments]
        if not parts:
            raise DataError(f"{version.name} has no rows.", remedy="Ingest a source that has rows.")
        return pa.concat_tables(parts)

    def verify(self, version: DatasetVersion) -> int:
        """Read every file of `version`, compare it with its name, and return how many there are.

        Raises:
            StoreError: a file is missing or changed, or the manifest does not match its digest.
        """
        if _digest(version) != version.digest:
            raise StoreError(
                f"The manifest of {version.name} does not match its digest {version.digest[:12]}.",
                remedy="Somebody changed it: restore it from a backup.",
            )
        extra = [version.profile, version.quality.quarantine]
        names = [fragment.blob for fragment in version.fragments] + [name for name in extra if name]
        for name in names:
            try:
                with self.path(name).open("rb") as file:
                    found = file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise self._damaged(name, error) from error
            if found != name:
                raise self._damaged(name, f"its content is {found[:12]}")
        return len(names)

    def _part(
        self, fragment: Fragment, columns: Sequence[str] | None, start: datetime | None, end: datetime | None
    ) -> pa.Table:
        if start is None and end is None:
            return self.get(fragment, columns)
        time = self._time(fragment)
        wanted = None if columns is None else list(dict.fromkeys([*columns, time]))
        rows = self.get(fragment, wanted)
        kept = pa.scalar(True)
        if start is not None:
            kept = pc.and_(kept, pc.greater_equal(rows[time], pa.scalar(start, ARROW["timestamp"])))
        if end is not None:
            kept = pc.and_(kept, pc.less(rows[time], pa.scalar(end, ARROW["timestamp"])))
        rows = rows.filter(kept)
        return rows if columns is None else rows.select(columns)

    def _time(self, fragment: Fragment) -> str:
        try:
            metadata = pq.read_schema(self.path(fragment.blob)).metadata or {}
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(fragment.blob, error) from error
        if TIME not in metadata:
            raise DataError(
                f"The rows from '{fragment.source}' have no event time.", remedy="Read them without start and end."
            )
        return cast("bytes", metadata[TIME]).decode()

    def _numbers(self, table: str) -> list[int]:
        folder = self._manifest(table, 1).parent
        if not folder.is_dir():
            return []
        return sorted(int(path.stem) for path in folder.iterdir() if path.stem.isdecimal())

    def _listed(self, table: str) -> str:
        numbers = self._numbers(table)
        if numbers:
            return f"There are v{numbers[0]} to v{numbers[-1]}."
        folder = self.root / "tables"
        tables = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        return f"There is no table '{table}'; known: {', '.join(tables) or 'none yet, ingest first'}."

    def _manifest(self, table: str, number: int) -> Path:
        return self.root / "tables" / table / f"{number}.json"

    def _claim(self, version: DatasetVersion) -> bool:
        content = json.dumps(version.to_json(), indent=1).encode()
        try:
            return claim(write_aside(self._aside, content), self._manifest(version.table, version.number))
        except OSError as error:
            raise _unwritable(self.root, error) from error

    def _damaged(self, blob: str, error: object) -> StoreError:
        return StoreError(
            f"The file {self.path(blob)} is missing or damaged: {error}.",
            remedy="Restore it from a backup, or delete the workspace's store and ingest again.",
        )


def _version(table: str, draft: Draft, head: DatasetVersion | None) -> DatasetVersion:
    version = DatasetVersion(
        table=table,
        number=head.number + 1 if head else 1,
        digest="",
        parents=(head.digest,) if head else (),
        schema=draft.schema,
        contract=draft.contract,
        fragments=draft.fragments,
        rows=sum(fragment.rows for fragment in draft.fragments),
        profile=draft.profile,
        quality=draft.quality,
        cursor=draft.cursor,
        as_of=draft.as_of,
        created_at=draft.created_at,
        operation=draft.operation,
    )
    return replace(version, digest=_digest(version))


def _digest(version: DatasetVersion) -> str:
    return digest_of(
        {
            "parents": list(version.parents),
            "schema": dict(version.schema),
            "contract": version.contract,
            "fragments": [fragment.blob for fragment in version.fragments],
            "cursor": version.cursor,
        }
    )


def _unwritable(root: Path, error: OSError) -> StoreError:
    return StoreError(
        f"The dataset store {root} cannot be written: {error}.", remedy="Check the disk and its permissions."
    )
