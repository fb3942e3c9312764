"""A table as people edit it: every edit is a version, and every version stays as it was."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from mlray.clock import Clock, SystemClock
from mlray.data._frames import rows_of, streamed
from mlray.data.store import (
    Diff,
    Limits,
    Squashed,
    Store,
    Usage,
    changes,
    compact,
    diff,
    export_version,
    recover,
    squash,
    usage,
    verify,
)
from mlray.data.store._edit import Edit, Rollback, Said, make
from mlray.data.store._edit_append import Append
from mlray.data.store._edit_columns import AddColumn, DropColumn, RenameColumn, Reorder
from mlray.data.store._edit_dump import Replace
from mlray.data.store._edit_rows import Delete, DeleteWhere, Upsert, key_columns
from mlray.data.store._reading import chosen, empty
from mlray.data.store._squash import Keep
from mlray.data.store._sweep import GRACE
from mlray.data.store._types import plain, type_of
from mlray.errors import DataError, NotFoundError
from mlray.records import Checkup, DatasetVersion

if TYPE_CHECKING:
    import pandas as pd

    from mlray.data.snapshot import Snapshot, View

__all__ = ["Table"]

Rows: TypeAlias = "pa.Table | pa.RecordBatch | pd.DataFrame"
"""What edits take; of a pandas frame all but its index."""

Ref = int | str | DatasetVersion
"""A version: its number, `v3`, a tag, a branch, or itself."""


class Table:
    """One branch of a table in a store; picklable.

    Every edit takes `author` and `note`, which the version keeps, `once`, a name under which the same edit may be
    repeated without happening twice, and returns the new version, or the head where nothing changes. Edits of rows take
    `base`, the version that they were computed from (the head by default). Two edits of different rows or columns both
    happen; one of rows that somebody else changed since its base is refused as a ConflictError.
    """

    def __init__(self, store: Store, name: str, branch: str = "main", *, clock: Clock | None = None) -> None:
        """Edit the branch `branch` of table `name`; neither needs to exist yet but a branch other than main."""
        self.store = store
        self.name = name
        self.branch_name = branch
        self.clock = clock or SystemClock()

    def __repr__(self) -> str:
        """Return one line for a person; nothing is read for it."""
        branch = "" if self.branch_name == "main" else f"@{self.branch_name}"
        return f"Table({self.name}{branch} in {self.store.storage.url.partition('?')[0]})"

    @property
    def head(self) -> DatasetVersion | None:
        """The newest version of this branch, or None before the first."""
        return self.store.head(self.name, self.branch_name)

    def version(self, ref: Ref | None = None) -> DatasetVersion:
        """Return a version by number, `v3`, tag or branch, the head by default; NotFoundError lists what there is."""
        if isinstance(ref, DatasetVersion):
            return ref
        if ref is not None:
            return self.store.version(self.name, ref)
        head = self.head
        if head is None:
            raise NotFoundError(f"'{self.name}' has no version yet.", remedy="Append rows first.")
        return head

    def at(self, ref: Ref | None = None, view: "View | None" = None) -> "Snapshot":
        """Return a version, the head by default, to be read as Arrow, pandas, batches, Ray Data or by a plan."""
        from mlray.data.snapshot import Snapshot  # which is built on tables

        return Snapshot(self.store, self.version(ref), view)

    def log(self) -> list[DatasetVersion]:
        """Return the versions that led to the head, newest first."""
        head = self.head
        if head is None:
            return []
        found = [head]
        for version in reversed(self.store.versions(self.name)):
            # Equal content on two branches has one digest: only the newest before the child can be its parent.
            if version.number < found[-1].number and version.digest in found[-1].parents:
                found.append(version)
        return found

    def read(self, ref: Ref | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a version, the head by default; columns without rows where there are none."""
        version = self.version(ref)
        return self.store.read(version, columns) if version.fragments else empty(chosen(version, columns))

    def append(
        self,
        rows: "Rows | Iterable[Rows]",
        *,
        source: str = "",
        time: str = "",
        key: Sequence[str] = (),
        author: str = "",
        note: str = "",
        once: str = "",
    ) -> DatasetVersion:
        """Add rows, a table or a stream of them, as new fragments; columns that the table lacks are added to it.

        `time` names the event-time column and `key` the columns that tell rows apart; both stay until others are named.
        Where there is a key, each row must have one that no other row has: `upsert` is for rows that are there already.

        Raises:
            DataError: a key is missing, given twice, or that of a row which is there; or a value does not fit its type.
        """
        said = self._said(author, note, once)
        edit = Append(self.store, self.name, streamed(rows), said, source=source, time=time, key=key)
        return self._make(edit, said)

    def upsert(
        self,
        rows: Rows,
        key: Sequence[str] = (),
        *,
        base: Ref | None = None,
        author: str = "",
        note: str = "",
        once: str = "",
    ) -> DatasetVersion:
        """Give the rows with these keys these values, storing only those that differ; rows of unknown keys are added.

        Columns that `rows` lack stay as they are. `key` is the table's own by default.

        Raises:
            ConflictError: somebody changed one of these rows, in one of these columns, since `base`.
            DataError: a key is given twice, is missing or null, or a value does not fit the table's type.
        """
        said = self._said(author, note, once)
        table = plain(rows_of(rows))
        names = tuple(key) or self._key()
        for name in names:
            if name not in table.column_names:
                raise DataError(f"The rows have no column '{name}' for a key.", remedy="Give the key with each row.")
        return self._make(Upsert(self.store, self.name, table, names, said), said, base)

    def delete(
        self,
        which: "Rows | pc.Expression | Sequence[object]",
        *,
        base: Ref | None = None,
        author: str = "",
        note: str = "",
        once: str = "",
    ) -> DatasetVersion:
        """Delete the rows with these keys (a table of key columns, or values of a single key) or of this expression.

        Keys that no row has are no fault. Earlier versions keep the rows.

        Raises:
            ConflictError: somebody changed one of the rows with these keys since `base`.
        """
        said = self._said(author, note, once)
        if isinstance(which, pc.Expression):
            return self._make(DeleteWhere(self.store, which, said), said, base)
        return self._make(Delete(self.store, plain(self._keys(which)), said), said, base)

    def replace(
        self,
        rows: "Rows | Iterable[Rows]",
        key: Sequence[str] = (),
        *,
        base: Ref | None = None,
        author: str = "",
        note: str = "",
        once: str = "",
    ) -> DatasetVersion:
        """Make `rows`, a whole new dump, the table, storing only what differs from the head.

        With `key`, rows are found again in any order, and their places in the table stay. Without, they are compared
        place by place: a dump in the same order shares every column that is equal, and is read as a stream.

        Raises:
            ConflictError: somebody committed anything since `base`.
            DataError: a key is given twice, or a column of the key is missing.
        """
        said = self._said(author, note, once)
        return self._make(Replace(self.store, self.name, streamed(rows), key, said), said, base)

    def add_column(
        self,
        name: str,
        inputs: Sequence[str],
        derive: Callable[[pa.Table], pa.Array | pa.ChunkedArray],
        *,
        author: str = "",
        note: str = "",
        once: str = "",
    ) -> DatasetVersion:
        """Add a column computed from others, fragment by fragment: `derive` gets the inputs and returns its values.

        It may run on several threads, and again for fragments that somebody else changes meanwhile.

        Raises:
            DataError: the name is taken, an input is unknown, or `derive` does not return one value for each row.
        """
        said = self._said(author, note, once)
        return self._make(AddColumn(self.store, name, inputs, derive, said), said)

    def drop_column(self, name: str, *, author: str = "", note: str = "", once: str = "") -> DatasetVersion:
        """Drop a column: earlier versions keep it, and a new column of the same name is another one."""
        said = self._said(author, note, once)
        return self._make(DropColumn(name, said), said)

    def rename_column(self, old: str, new: str, *, author: str = "", note: str = "", once: str = "") -> DatasetVersion:
        """Rename a column; nothing is written but the manifest."""
        said = self._said(author, note, once)
        return self._make(RenameColumn(old, new, said), said)

    def reorder(self, names: Sequence[str], *, author: str = "", note: str = "", once: str = "") -> DatasetVersion:
        """Put the columns into the order of `names`, which must be all of them."""
        said = self._said(author, note, once)
        return self._make(Reorder(names, said), said)

    def rollback(self, to: Ref, *, author: str = "", note: str = "", once: str = "") -> DatasetVersion:
        """Make a new version with the content of an earlier one; ConflictError where somebody commits meanwhile."""
        said, target = self._said(author, note, once), self.version(to)
        again = f"{once}, rebuilt" if once else ""
        if target.squashed:
            done = (self.store.made(self.name, name, self.branch_name) for name in (again, once))
            made = next(filter(None, done), None)
            if made is not None and self.store.has(made):
                return made
        else:
            made = self._make(Rollback(target, said), said)
            target = self.store.version(self.name, target.number)
            # Whoever squashes says so before deleting: what was not squashed by now cannot have lost a file to us.
            if not target.squashed:
                return made
        if made is not None and made == self.head:
            # It may lose files yet, and nothing can be compared with it: the head before it is the one again.
            before = self.log()[1]
            undone = self._said(author, f"{made.name} undone, {target.name} was squashed meanwhile", "")
            self._make(Rollback(before, undone), undone)
        note = note or f"{target.name}, rebuilt"
        return self.replace(recover(self.store, target), target.key, author=author, note=note, once=again)

    def diff(self, old: Ref, new: Ref | None = None) -> Diff:
        """Return what changed from a version to another, the head by default; `changes` shows values."""
        return diff(self.store, self.version(old), self.version(new))

    def changes(self, old: Ref, new: Ref | None = None, limit: int = 20) -> pa.Table:
        """Return up to `limit` values that changed between two versions, before and after."""
        return changes(self.store, self.version(old), self.version(new), limit)

    def squash(self, ref: Ref, keep: Keep = "exact", *, grace: timedelta = GRACE, anyway: bool = False) -> Squashed:
        """Drop the bytes that only this version needs, if any; `recover` rebuilds it, or says what is lost."""
        return squash(self.store, self.version(ref), keep, now=self.clock.now(), grace=grace, anyway=anyway)

    def recover(self, ref: Ref) -> pa.Table:
        """Return the rows of a version, squashed or not, exactly; RecoveryRefused names what is lost."""
        return recover(self.store, self.version(ref))

    def compact(self, limits: Limits | None = None, *, author: str = "", note: str = "") -> DatasetVersion:
        """Write anew what edits left in many layers, as a version with the same rows; the head if there are none."""
        return compact(
            self.store,
            self.name,
            now=self.clock.now(),
            branch=self.branch_name,
            limits=limits,
            author=author,
            note=note,
        )

    def verify(self, share: float = 1.0, seed: int = 0) -> Checkup:
        """Hash a random share of the files again, and look whether all are there."""
        return verify(self.store, self.name, share=share, seed=seed, now=self.clock.now())

    def usage(self) -> Usage:
        """Return what each version takes up, and what full copies would have cost."""
        return usage(self.store, self.name)

    def export(self, target: str, ref: Ref | None = None, form: str = "parquet") -> list[str]:
        """Write a version, the head by default, as Parquet into a folder or as an Iceberg table."""
        return export_version(self.store, self.version(ref), target, form)

    def tag(self, name: str, ref: Ref | None = None) -> None:
        """Give a version, the head by default, a name that stays with it; ConflictError where another has the name."""
        self.store.tag(self.name, name, self.version(ref).number)

    def untag(self, name: str) -> None:
        """Take a tag away; NotFoundError where there is none."""
        self.store.untag(self.name, name)

    def tags(self) -> Mapping[str, int]:
        """Return tag → version number."""
        return self.store.tags(self.name)

    def branch(self, name: str, start: Ref | None = None) -> "Table":
        """Begin a branch at a version, the head by default, and return it; ConflictError where the name is taken."""
        self.store.branch(self.name, name, self.version(start).number)
        return Table(self.store, self.name, name, clock=self.clock)

    def _said(self, author: str, note: str, once: str) -> Said:
        return Said(self.clock.now(), author, note, once)

    def _make(self, edit: Edit, said: Said, base: Ref | None = None) -> DatasetVersion:
        since = None if base is None else self.version(base)
        return make(self.store, self.name, self.branch_name, edit, said, since)

    def _key(self) -> tuple[str, ...]:
        head = self.head
        if head is None or not head.key:
            raise DataError(f"'{self.name}' has no key.", remedy="Name the columns that tell its rows apart: key=[…].")
        return head.key

    def _keys(self, which: "Rows | Sequence[object]") -> pa.Table:
        if isinstance(which, pa.Table | pa.RecordBatch) or hasattr(which, "columns"):
            return rows_of(which)
        key = key_columns(self.version(), self._key())
        if len(key) > 1:
            raise DataError(
                f"The key of '{self.name}' is {', '.join(column.name for column in key)}.",
                remedy="Give a table with these columns.",
            )
        try:
            return pa.table({key[0].name: pa.array(which, type_of(key[0].type))})
        except (pa.ArrowException, TypeError) as error:
            raise DataError(
                f"'{key[0].name}' is {key[0].type}: {error}.", remedy="Give values of this type."
            ) from error
