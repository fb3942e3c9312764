"""Edits of columns: one more, computed from others; dropping, renaming and reordering write nothing but a manifest."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa

from mlray.data.store._edit import Said, changed_since, follow, in_order
from mlray.data.store._reading import empty, placed
from mlray.data.store._revise import forget
from mlray.data.store._statistics import merged
from mlray.data.store._store import Store
from mlray.data.store._types import plain, text_of
from mlray.data.store._version import Draft, new_column
from mlray.errors import ConflictError, DataError
from mlray.records import Column, ColumnFile, DatasetVersion, Fragment, Statistics

__all__ = ["AddColumn", "DropColumn", "RenameColumn", "Reorder"]

Derive = Callable[[pa.Table], pa.Array | pa.ChunkedArray]


@dataclass(frozen=True, slots=True)
class _Made:
    """The new column of one fragment."""

    seen: tuple[object, ...]
    """What the values were computed from."""
    file: ColumnFile
    statistics: Statistics | None
    kind: pa.DataType


@dataclass(slots=True)
class AddColumn:
    """A column computed from others, fragment by fragment."""

    store: Store
    name: str
    inputs: Sequence[str]
    derive: Derive
    said: Said
    _made: dict[str, _Made] = field(default_factory=dict)

    def check(self, base: DatasetVersion | None, head: DatasetVersion) -> None:
        """Refuse where an input is gone or the name is taken; changed fragments are computed again."""
        changed_since(base, head, self.inputs)
        if head.column(self.name) is not None and (base is None or base.column(self.name) is None):
            raise ConflictError(
                f"{head.name} brought a column '{self.name}'.", remedy="Look at it, or choose another name."
            )

    def draft(self, head: DatasetVersion | None) -> Draft | None:
        """Return the head with a column file more for each fragment."""
        version = _present(head, self.name)
        inputs = [_known(version, name) for name in self.inputs]
        if not inputs:
            raise DataError("A column is computed from at least one other.", remedy="Name its inputs.")
        if version.column(self.name) is not None:
            raise DataError(
                f"{version.name} has a column '{self.name}'.", remedy="Choose another name, or drop it first."
            )
        kind = None if version.fragments else self._values(empty(inputs), None).type
        for fragment, made in zip(version.fragments, self._files(version, inputs), strict=True):
            self._made[fragment.id] = made
        kinds = {self._made[fragment.id].kind for fragment in version.fragments}
        if len(kinds) > 1:
            raise DataError(
                f"'{self.name}' is {' in one fragment and '.join(sorted(map(str, kinds)))} in another.",
                remedy="Cast what `derive` returns to one type.",
            )
        column = new_column(self.name, text_of(kind or kinds.pop()))
        fragments = [replace(one, files={**one.files, column.id: self._made[one.id].file}) for one in version.fragments]
        draft = follow(version, self.said.now, f"add column {self.name}", (*version.columns, column), fragments)
        return replace(draft, statistics={**version.statistics, **self._statistics(version)})

    def _files(self, version: DatasetVersion, inputs: Sequence[Column]) -> Iterator[_Made]:
        def compute(fragment: Fragment) -> _Made:
            seen = _seen(fragment, inputs)
            known = self._made.get(fragment.id)
            if known is not None and known.seen == seen:
                return known
            values = self._values(placed(self.store.blobs, fragment, inputs), fragment)
            written = self.store.write([pa.table({self.name: values})])
            statistics = written.statistics.get(self.name)
            return _Made(seen, ColumnFile(written.blob, written.bytes), statistics, values.type)

        return in_order(compute, version.fragments)

    def _values(self, rows: pa.Table, fragment: Fragment | None) -> pa.ChunkedArray:
        made = self.derive(rows)
        values = made if isinstance(made, pa.ChunkedArray) else pa.chunked_array([made])
        values = plain(pa.table({self.name: values})).column(0)
        if len(values) != rows.num_rows:
            where = f" from '{fragment.source}'" if fragment and fragment.source else ""
            raise DataError(
                f"'{self.name}' has {len(values):,} values for {rows.num_rows:,} rows{where}.",
                remedy="Return one value for each row, in their order.",
            )
        return values

    def _statistics(self, version: DatasetVersion) -> Mapping[str, Statistics]:
        total: Statistics | None = Statistics()
        for fragment in version.fragments:
            total = merged(total, self._made[fragment.id].statistics)
        return {self.name: total} if total else {}


@dataclass(slots=True)
class DropColumn:
    """A column is no longer there."""

    name: str
    said: Said

    def check(self, base: DatasetVersion | None, head: DatasetVersion) -> None:
        """Refuse where the column is another one by now."""
        changed_since(base, head, [self.name])

    def draft(self, head: DatasetVersion | None) -> Draft | None:
        """Return the head without the column."""
        version = _present(head, self.name)
        gone = _known(version, self.name)
        if len(version.columns) == 1:
            raise DataError(f"'{self.name}' is the only column of {version.name}.", remedy="Keep it.")
        columns = [column for column in version.columns if column != gone]
        fragments = [forget(fragment, gone.id) for fragment in version.fragments]
        return follow(version, self.said.now, f"drop column {self.name}", columns, fragments)


@dataclass(slots=True)
class RenameColumn:
    """A column has another name."""

    old: str
    new: str
    said: Said

    def check(self, base: DatasetVersion | None, head: DatasetVersion) -> None:
        """Refuse where the column is another one by now."""
        changed_since(base, head, [self.old])

    def draft(self, head: DatasetVersion | None) -> Draft | None:
        """Return the head with the column under its new name."""
        version = _present(head, self.old)
        column = _known(version, self.old)
        if self.new == self.old:
            return None
        if not self.new or version.column(self.new) is not None:
            raise DataError(f"{version.name} has a column '{self.new}'.", remedy="Choose another name.")
        columns = [replace(one, name=self.new) if one == column else one for one in version.columns]
        draft = follow(version, self.said.now, f"rename column {self.old} to {self.new}", columns, version.fragments)
        return replace(
            draft,
            key=tuple(self.new if name == self.old else name for name in version.key),
            time=self.new if version.time == self.old else version.time,
            statistics={self.new if name == self.old else name: one for name, one in version.statistics.items()},
        )


@dataclass(slots=True)
class Reorder:
    """The same columns in another order."""

    names: Sequence[str]
    said: Said

    def check(self, base: DatasetVersion | None, head: DatasetVersion) -> None:
        """Refuse where a column is another one by now."""
        changed_since(base, head, self.names)

    def draft(self, head: DatasetVersion | None) -> Draft | None:
        """Return the head with its columns in the order of the names."""
        version = _present(head, ", ".join(self.names))
        columns = [_known(version, name) for name in self.names]
        if sorted(self.names) != sorted(version.schema):
            left = [name for name in version.schema if name not in self.names]
            raise DataError(
                f"An order of {version.name} names each of its columns once.",
                remedy=f"Missing: {', '.join(left)}." if left else "Name none twice.",
            )
        if tuple(columns) == version.columns:
            return None
        return follow(version, self.said.now, "reorder columns", columns, version.fragments)


def _present(head: DatasetVersion | None, name: str) -> DatasetVersion:
    if head is None:
        raise DataError(f"There is no table yet that has a column '{name}'.", remedy="Append rows first.")
    return head


def _known(version: DatasetVersion, name: str) -> Column:
    column = version.column(name)
    if column is None:
        raise DataError(f"{version.name} has no column '{name}'.", remedy=f"It has {', '.join(version.schema)}.")
    return column


def _seen(fragment: Fragment, inputs: Sequence[Column]) -> tuple[object, ...]:
    """Return all that decides about the values of `inputs` in a fragment."""
    ids = {column.id for column in inputs}
    patches = tuple(patch.blob for patch in fragment.patches if ids & set(patch.columns))
    files = tuple(file.blob for name, file in fragment.files.items() if name in ids)
    return (fragment.blob, fragment.rows, files, patches, tuple((column.id, column.type) for column in inputs))
