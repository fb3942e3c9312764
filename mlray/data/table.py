"""A table as people edit it: every edit is a version, and every version stays as it was."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from mlray.clock import Clock, SystemClock
from mlray.data.store import Store
from mlray.records import DatasetVersion

__all__ = ["Table"]

Rows = pa.Table | pa.RecordBatch
"""What edits take; pandas frames through `pa.Table.from_pandas`."""

Ref = int | str | DatasetVersion
"""A version: its number, `v3`, a tag, a branch, or itself."""


class Table:
    """One branch of a table in a store; picklable.

    Every edit takes `author` and `note`, which the version keeps, `once`, a name under which the same edit may be
    repeated without happening twice, and `base`, the version that the rows were computed from (the head by default).
    Two edits of different rows or columns both happen; one of rows that were changed since its base is refused.
    """

    def __init__(self, store: Store, name: str, branch: str = "main", *, clock: Clock | None = None) -> None:
        """Edit the branch `branch` of table `name`; neither needs to exist yet but a branch other than main."""
        self.store = store
        self.name = name
        self.branch_name = branch
        self.clock = clock or SystemClock()

    @property
    def head(self) -> DatasetVersion | None:
        """The newest version of this branch, or None before the first."""
        return self.store.head(self.name, self.branch_name)

    def version(self, ref: Ref) -> DatasetVersion:
        """Return a version by number, `v3`, tag or branch; NotFoundError lists those there are."""
        raise NotImplementedError

    def log(self) -> list[DatasetVersion]:
        """Return the versions that led to the head, newest first."""
        raise NotImplementedError

    def read(self, ref: Ref | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a version, the head by default."""
        raise NotImplementedError

    def append(
        self,
        rows: Rows | Iterable[Rows],
        *,
        source: str = "",
        time: str = "",
        key: Sequence[str] = (),
        author: str = "",
        note: str = "",
        once: str = "",
    ) -> DatasetVersion:
        """Add rows as a new fragment; columns that the table does not have are added to it."""
        raise NotImplementedError

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
        """Give the rows with these keys these values, storing only those that differ; rows of unknown keys are added."""
        raise NotImplementedError

    def delete(
        self,
        which: Rows | pc.Expression | Sequence[object],
        *,
        base: Ref | None = None,
        author: str = "",
        note: str = "",
        once: str = "",
    ) -> DatasetVersion:
        """Delete the rows with these keys (a table of key columns, or values of a single key) or of this expression."""
        raise NotImplementedError

    def replace(
        self,
        rows: Rows | Iterable[Rows],
        key: Sequence[str] = (),
        *,
        base: Ref | None = None,
        author: str = "",
        note: str = "",
        once: str = "",
    ) -> DatasetVersion:
        """Make `rows`, a whole new dump, the table, storing only what differs from the head.

        With `key`, rows are found again in any order, and their places in the table stay. Without, they are compared
        place by place: a dump in the same order shares every column that is equal.
        """
        raise NotImplementedError

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
        """Add a column computed from others, fragment by fragment: `derive` gets the inputs and returns its values."""
        raise NotImplementedError

    def drop_column(self, name: str, *, author: str = "", note: str = "", once: str = "") -> DatasetVersion:
        """Drop a column: earlier versions keep it, and a new column of the same name is another one."""
        raise NotImplementedError

    def rename_column(self, old: str, new: str, *, author: str = "", note: str = "", once: str = "") -> DatasetVersion:
        """Rename a column; nothing is written but the manifest."""
        raise NotImplementedError

    def reorder(self, names: Sequence[str], *, author: str = "", note: str = "", once: str = "") -> DatasetVersion:
        """Put the columns into the order of `names`, which must be all of them."""
        raise NotImplementedError

    def rollback(self, to: Ref, *, author: str = "", note: str = "", once: str = "") -> DatasetVersion:
        """Make a new version with the content of an earlier one."""
        raise NotImplementedError

    def tag(self, name: str, ref: Ref | None = None) -> None:
        """Give a version, the head by default, a name that stays with it."""
        raise NotImplementedError

    def untag(self, name: str) -> None:
        """Take a tag away."""
        raise NotImplementedError

    def tags(self) -> Mapping[str, int]:
        """Return tag → version number."""
        raise NotImplementedError

    def branch(self, name: str, start: Ref | None = None) -> "Table":
        """Begin a branch at a version, the head by default, and return it."""
        raise NotImplementedError
