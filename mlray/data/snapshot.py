"""One version of a table, to be read in whatever form the reader wants: Arrow, pandas, batches, Ray Data or a plan."""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlray.data._fragments import Commit, commit_made, write_rows
from mlray.data._frames import table_of
from mlray.data._layout import batches, plain_type, recurring
from mlray.data.plan._parts import BATCH_ROWS
from mlray.data.store import Store
from mlray.data.store._types import type_of
from mlray.data.table import Table
from mlray.errors import DataError
from mlray.ids import digest
from mlray.records import DatasetVersion, Fragment

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FragmentPart", "Rows", "Snapshot", "View", "check_columns", "commit"]


class View(Protocol):
    """What a reader may see: masks, hashes or drops columns."""

    def apply(self, table: pa.Table) -> pa.Table:
        """Return the rows as the reader may see them."""
        ...

    def shows(self, name: str) -> bool:
        """Tell whether the reader sees column `name` as it is."""
        ...


@dataclass(frozen=True)
class Snapshot:
    """One version of a table; picklable, and a source of plans.

    `start` ≤ event time < `end` cuts by time, which reads only fragments that may have such rows.
    """

    store: Store
    version: DatasetVersion
    """With a view, without what statistics and ranges would tell of columns that it does not show as they are."""
    view: View | None = None

    def __post_init__(self) -> None:
        """Take from the version what the view withholds."""
        if self.view is not None:
            object.__setattr__(self, "version", _veiled(self.version, self.view))

    @classmethod
    def of(cls, store: Store, ref: str, view: View | None = None) -> "Snapshot":
        """Return the snapshot that `table`, `table@v3`, `table@tag` or `table@branch` names, else NotFoundError."""
        return cls(store, store.resolve(ref), view)

    def __repr__(self) -> str:
        """Return one line for a person."""
        version = self.version
        view = ", as a view shows it" if self.view else ""
        return f"Snapshot({version.name}: {version.rows:,} rows × {len(self.schema)} columns{view})"

    @property
    def schema(self) -> pa.Schema:
        """The columns; with a view, as the view shows them."""
        schema = pa.schema([pa.field(column.name, type_of(column.type)) for column in self.version.columns])
        return self.view.apply(schema.empty_table()).schema if self.view else schema

    def to_arrow(
        self, columns: Sequence[str] | None = None, start: datetime | None = None, end: datetime | None = None
    ) -> pa.Table:
        """Return the rows, in the order of the fragments.

        Raises:
            DataError: a column is unknown or withheld, or the version has no rows.
            StoreError: a file is missing or damaged.
        """
        if self.view:
            check_columns(self, columns)
        rows = self.store.read(self.version, columns, start, end)
        return self.view.apply(rows) if self.view else rows

    def to_pandas(
        self, columns: Sequence[str] | None = None, start: datetime | None = None, end: datetime | None = None
    ) -> "pd.DataFrame":
        """Return the rows as a frame; times keep their zone."""
        frame: pd.DataFrame = self.to_arrow(columns, start, end).to_pandas()
        return frame

    def to_ray(
        self,
        columns: Sequence[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        cpus: int | None = None,
    ) -> Any:  # noqa: ANN401 (a ray.data.Dataset, which is not imported here)
        """Return a Ray Dataset: a read task for each large fragment or some small ones, planned from the manifest.

        No file is opened before the tasks run. Columns selected later (`select_columns`) are not read either. The
        dataset and what is made from it take `cpus` CPUs of the cluster at most, and a share of the object store to
        match; without, as much as `ray.data.DataContext` allows.

        Raises:
            DataError: a column is unknown, nothing lies in that time, or `cpus` is less than one.
        """
        from mlray.data.on_ray import dataset_of

        return dataset_of(self, columns, start, end, cpus)

    def batches(
        self, size: int, columns: Sequence[str] | None = None, *, shuffle_seed: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield batches of `size` rows, the last one smaller, holding about one fragment in memory.

        With a seed, fragments come in a random order and so do the rows in each: enough for training, and the same for
        the same seed.
        """
        if size < 1:
            raise DataError(f"A batch of {size} rows was asked for.", remedy="Give 1 or more.")
        chance = None if shuffle_seed is None else np.random.default_rng(shuffle_seed)
        held = None
        for part in self.parts() if chance is None else chance.permutation(np.array(self.parts(), dtype=object)):
            rows = part.rows_at_once(columns)
            if chance is not None:
                rows = rows.take(pa.array(chance.permutation(rows.num_rows)))
            held = rows if held is None else pa.concat_tables([held, rows])
            whole = held.num_rows - held.num_rows % size
            yield from _batches(held.slice(0, whole), size)
            held = held.slice(whole)
        if held is not None and held.num_rows:
            yield from _batches(held, size)

    def parts(self) -> list["FragmentPart"]:
        """Return the fragments as parts of a plan."""
        slim = [replace(self.version, fragments=(one,)) for one in self.version.fragments]
        return [FragmentPart(self.store, one, self.view) for one in slim]


@dataclass(frozen=True)
class FragmentPart:
    """One fragment of a version; the manifest that travels with it names no other."""

    store: Store
    version: DatasetVersion
    view: View | None = None

    @property
    def fragment(self) -> Fragment:
        """The fragment itself."""
        return self.version.fragments[0]

    @property
    def name(self) -> str:
        """Version and fragment; digests tell equal names of different stores apart, and what different readers see.

        A plan that goes on where it stopped must not take a part that was written for somebody who sees more.
        """
        told = [self.version.digest[:12], *([digest(pickle.dumps(self.view))[:12]] if self.view else [])]
        return f"{self.version.name}, fragment {self.fragment.id} ({', '.join(told)})"

    @property
    def origin(self) -> str:
        """The version, as lineage names it."""
        return f"{self.version.name}:{self.version.digest[:16]}"

    @property
    def rows(self) -> int:
        """Rows that are not deleted."""
        return self.fragment.alive

    @property
    def bytes(self) -> int:
        """About what the rows take in memory: Parquet packs them to a half or a third."""
        return self.fragment.bytes * 3

    @property
    def schema(self) -> pa.Schema:
        """Its columns; with a view, as the view shows them."""
        return Snapshot(self.store, self.version, self.view).schema

    def rows_at_once(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return all rows."""
        if self.view:
            check_columns(self, columns)
        rows = self.store.read_fragment(self.version, self.fragment, columns)
        return self.view.apply(rows) if self.view else rows

    def batches(self, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        """Yield the rows; those that nothing changed since they were written are read bit by bit.

        Raises:
            DataError: a column is unknown.
            StoreError: the file is missing or damaged.
        """
        inside = self._untouched(columns)
        if inside is None or self.view is not None:
            yield from self.rows_at_once(columns).to_batches(BATCH_ROWS)
            return
        blobs = self.store.blobs
        kinds = {name: self.schema.field(name).type for name in inside}
        try:
            with self.store.storage.open(blobs.place(self.fragment.blob)) as raw:
                metadata = pq.read_metadata(raw)
                with pq.ParquetFile(raw, metadata=metadata, read_dictionary=recurring(metadata)) as file:
                    groups = list(range(metadata.num_row_groups))
                    for rows in batches(file, list(inside.values()), groups, BATCH_ROWS):
                        yield _as_stated(rows, inside, kinds)
        except (OSError, pa.ArrowException, KeyError) as error:
            raise blobs.damaged(self.fragment.blob, error) from error

    def _untouched(self, columns: Sequence[str] | None) -> dict[str, str] | None:
        """Return name → name in the base file where the base file says it all, else None."""
        fragment = self.fragment
        if fragment.deletions is not None:
            return None
        changed = set(fragment.files).union(*(patch.columns for patch in fragment.patches))
        found = {}
        for column in self.version.columns:
            if columns is not None and column.name not in columns:
                continue
            if column.id in changed or column.id not in fragment.columns:
                return None
            found[column.name] = fragment.columns[column.id]
        return (
            {name: found[name] for name in columns}
            if columns is not None and set(columns) <= set(found)
            else (found if columns is None else None)
        )


def check_columns(source: Snapshot | FragmentPart, columns: Sequence[str] | None) -> None:
    """Raise DataError for the first of `columns` that the reader of a snapshot does not see, as for an unknown one."""
    seen = source.schema.names
    missing = next((name for name in columns or () if name not in seen), None)
    if missing is not None:
        raise DataError(f"{source.version.name} has no column '{missing}'.", remedy=f"It has {', '.join(seen)}.")


def _veiled(version: DatasetVersion, view: View) -> DatasetVersion:
    """Return the version without bounds of columns that a reader does not see as they are; its digest is of none."""
    ranges: dict[str, Any] = {}
    if version.key and not view.shows(version.key[0]):
        ranges |= {"low": None, "high": None}
    if version.time and not view.shows(version.time):
        ranges |= {"first": None, "last": None}
    return replace(
        version,
        fragments=tuple(replace(one, **ranges) for one in version.fragments) if ranges else version.fragments,
        statistics={name: known for name, known in version.statistics.items() if view.shows(name)},
    )


def _as_stated(rows: pa.RecordBatch, inside: Mapping[str, str], kinds: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    """Return rows of a file in the version's names and types: Parquet gives some types back as a near one."""
    columns = []
    for name, place in inside.items():
        column = rows.column(place)
        # Text whose values recur stays a dictionary.
        columns.append(column if plain_type(column.type) == kinds[name] else column.cast(kinds[name]))
    return pa.RecordBatch.from_arrays(columns, names=list(inside))


Rows = Any
"""A pyarrow Table or RecordBatch, a pandas frame, or a Ray Dataset."""


def commit(  # noqa: PLR0913 (each says one thing)
    rows: Rows,
    table: Table,
    *,
    replace: bool = False,
    time: str = "",
    key: Sequence[str] = (),
    author: str = "",
    note: str = "",
    once: str = "",
    source: str = "",
) -> DatasetVersion:
    """Make the next version of `table` from a Ray Dataset, a pyarrow Table or a pandas frame.

    Of a Ray Dataset, each write task makes a fragment; rows go from the tasks into the store, and never through here.
    With `replace`, the rows take the place of those that are there; else they are added. `source` says where they are
    from, for `mlray lineage`. Where the table has a key, or `key` gives one, each row must have one of its own.

    Raises:
        DataError: there are no rows, a column has another type than in the table, or a key is missing or there already.
        StoreError: the store cannot be written; nothing is committed.
    """
    terms = Commit(replace, time, tuple(key), author, note, once, source=source)
    if type(rows).__module__.startswith("ray.data"):
        from mlray.data.on_ray import commit_dataset

        return commit_dataset(rows, table, terms)
    if not isinstance(rows, pa.Table | pa.RecordBatch):
        rows = table_of(rows)
    whole = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
    plain = whole.replace_schema_metadata()
    return commit_made(table, [write_rows(table.store, plain.to_batches(), source=source, time=time)], terms)


def _batches(rows: pa.Table, size: int) -> Iterator[pa.RecordBatch]:
    for first in range(0, rows.num_rows, size):
        yield rows.slice(first, size).combine_chunks().to_batches()[0]
