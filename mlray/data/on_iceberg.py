"""Iceberg tables through pyiceberg: read any snapshot, write, and mirror our heads for Spark, Trino and DuckDB.

A table is named by a URL, `iceberg://CATALOG/NAMESPACE.TABLE?uri=…&warehouse=…`: the query holds pyiceberg's catalog
properties, which its own configuration file and environment may give instead. `snapshot=`, `ref=` choose a state.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from mlray.data._iceberg import Place, ours, ours_rows, theirs_rows, theirs_schema
from mlray.errors import ConflictError, DataError, InputError, NotFoundError, StoreError

__all__ = ["RETRIES", "IcebergTable", "Place", "Snapshot", "fitted", "made", "overwrite", "snapshot_of", "told"]

RETRIES = "20"
"""Attempts after a lost race; pyiceberg's own 4 are too few for several writers."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of an Iceberg table."""

    id: int
    parent: int | None
    at: datetime
    operation: str
    rows: int | None
    """Rows in all, where the writer counted them."""
    facts: Mapping[str, str]
    """What the writer noted; ours note `mlray.version` and `mlray.digest`."""


class IcebergTable:
    """A table in a catalog, opened anew for each call, so that it can be sent to other processes."""

    def __init__(self, place: Place | str) -> None:
        """Name a table; it need not exist yet."""
        self.place = Place.of(place) if isinstance(place, str) else place

    def exists(self) -> bool:
        """Tell whether the catalog has the table."""
        with self.opened() as catalog:
            return bool(catalog.table_exists(self.place.table))

    def create(self, schema: pa.Schema) -> None:
        """Create the table, and its namespace, with these columns; nothing where it exists."""
        with self.opened() as catalog:
            made(catalog, self.place.table, schema)

    def schema(self) -> pa.Schema:
        """Return the columns of the state that the place names."""
        with self._open() as table:
            return ours(_scan(table, self.place.ref, None).projection().as_arrow())

    def snapshots(self) -> tuple[Snapshot, ...]:
        """Return all states that the table still has, oldest first."""
        with self._open() as table:
            return tuple(snapshot_of(one) for one in table.snapshots())

    def head(self) -> Snapshot | None:
        """Return the state that the place names, None for a table that nobody wrote to."""
        with self._open() as table:
            found = _state(table, self.place.ref)
            return snapshot_of(found) if found else None

    def read(self, ref: int | str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a state, the place's by default; DataError for an unknown column."""
        with self._open() as table:
            return ours_rows(_scan(table, self.place.ref if ref is None else ref, columns).to_arrow())

    def batches(self, ref: int | str | None = None, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows of a state part by part, so that they need not fit into memory."""
        with self._open() as table:
            for batch in _scan(table, self.place.ref if ref is None else ref, columns).to_arrow_batch_reader():
                yield ours_rows(pa.Table.from_batches([batch]))

    def highest(self, column: str) -> pa.Array | None:
        """Return the highest value of `column` in the state that the place names, an array of one; no file is opened.

        None where the manifests do not tell: of a text they keep only the beginning, some writers keep no bounds, and
        rows that were deleted apart from their file still count in its bounds.
        """
        with self._open() as table:
            scan = _scan(table, self.place.ref, None)
            field = scan.projection().find_field(column)
            kind = scan.projection().as_arrow().field(column).type
            tasks = list(scan.plan_files())
        if not (pa.types.is_temporal(kind) or pa.types.is_integer(kind)):
            return None
        whole = _tops([task.file for task in tasks if not task.delete_files], field)
        partly = _tops([task.file for task in tasks if task.delete_files], field)
        if not whole or partly is None or max(partly, default=max(whole)) > max(whole):
            return None
        return pa.array([max(whole)], pa.int32() if kind.bit_width == 32 else pa.int64()).cast(kind)

    def added(self, since: int, until: int | None = None) -> Iterator[pa.Table]:
        """Yield the rows appended after snapshot `since`, up to `until` or the newest.

        Raises:
            DataError: rows were changed or deleted in between, or the history since is gone: read the whole table.
        """
        with self._open() as table:
            last = _state(table, until if until is not None else self.place.ref)
            if last is None or last.snapshot_id == since:
                return
            _only_appended(table, since, last, self.place)
            scan = table.incremental_append_scan(
                from_snapshot_id_exclusive=since, to_snapshot_id_inclusive=last.snapshot_id
            )
            for batch in scan.to_arrow_batch_reader():
                yield ours_rows(pa.Table.from_batches([batch]))

    def append(self, rows: pa.Table, facts: Mapping[str, str] | None = None) -> Snapshot:
        """Add rows; columns that the table does not have are added to it."""
        return self._write(rows, lambda work, ready: work.append(ready, snapshot_properties=dict(facts or {})))

    def replace(self, rows: pa.Table, facts: Mapping[str, str] | None = None) -> Snapshot:
        """Make `rows` the table's content; columns that they lack are dropped."""
        return self._write(rows, lambda work, ready: overwrite(work, ready, dict(facts or {})), drop=True)

    def rollback(self, to: int | str) -> Snapshot:
        """Make an earlier state the newest."""
        with self._open() as table:
            state = _state(table, to)
            if state is None:
                raise NotFoundError(f"{self.place} has no snapshot {to}.", remedy="`snapshots()` lists them.")
            table.manage_snapshots().rollback_to_snapshot(state.snapshot_id).commit()
            return snapshot_of(state)

    def tag(self, name: str, ref: int | str | None = None) -> None:
        """Give a state a name."""
        with self._open() as table:
            state = _state(table, ref)
            if state is None:
                raise NotFoundError(f"{self.place} has no snapshot yet.", remedy="Append rows first.")
            table.manage_snapshots().create_tag(state.snapshot_id, name).commit()

    def evolve(self, change: Callable[[Any], None]) -> None:
        """Change columns through pyiceberg's `UpdateSchema`: add, drop, rename, move; no file is written."""
        with self._open() as table, table.update_schema(allow_incompatible_changes=True) as update:
            change(update)

    def _write(self, rows: pa.Table, write: Callable[[Any, pa.Table], None], *, drop: bool = False) -> Snapshot:
        ready = theirs_rows(rows)
        with self.opened() as catalog:
            table = made(catalog, self.place.table, ready.schema)
            with told(self.place), table.transaction() as work:
                fitted(work, ready.schema, drop=drop)
                write(work, ready)
            return snapshot_of(table.refresh().current_snapshot())

    @contextmanager
    def _open(self) -> Iterator[Any]:
        with self.opened() as catalog, told(self.place):
            yield catalog.load_table(self.place.table)

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Lend the catalog; InputError where pyiceberg is not installed."""
        try:
            from pyiceberg.catalog import load_catalog
        except ModuleNotFoundError as error:
            raise InputError("Iceberg tables need pyiceberg.", remedy="pip install mlray[iceberg]") from error
        with told(self.place):
            catalog = load_catalog(self.place.catalog, **dict(self.place.properties))
        try:
            yield catalog
        finally:
            catalog.close()


def made(catalog: Any, name: str, schema: pa.Schema) -> Any:
    """Return the table of that name, made with these columns where the catalog has none."""
    from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError

    try:
        return catalog.load_table(name)
    except NoSuchTableError:
        catalog.create_namespace_if_not_exists(name.rpartition(".")[0])
    try:
        properties = {"commit.retry.num-retries": RETRIES, "write.parquet.compression-codec": "zstd"}
        return catalog.create_table(name, schema=theirs_schema(schema), properties=properties)
    except TableAlreadyExistsError:  # by somebody else, just now
        return catalog.load_table(name)


def overwrite(work: Any, rows: "pa.Table | pa.RecordBatchReader", facts: Mapping[str, str]) -> None:
    """Make `rows` all that the table has."""
    last = work.table_metadata.current_snapshot()
    counted = last.summary.additional_properties.get("total-records") if last and last.summary else "0"
    # Deleting everything from an empty table is a warning to pyiceberg.
    write = work.append if counted == "0" else work.overwrite
    write(rows, snapshot_properties=dict(facts))


def fitted(work: Any, schema: pa.Schema, *, drop: bool) -> None:
    """Give the table the columns of `schema` that it lacks; with `drop`, exactly these in this order."""
    there = [column.name for column in work.table_metadata.schema().columns]
    missing = [one for one in schema if one.name not in there]
    spare = [name for name in there if name not in schema.names] if drop else []
    if missing or spare:
        with work.update_schema(allow_incompatible_changes=True) as update:
            for name in spare:
                update.delete_column(name)
            if missing:
                update.union_by_name(pa.schema(missing))
    if drop and [column.name for column in work.table_metadata.schema().columns] != schema.names:
        with work.update_schema() as update:
            update.move_first(schema.names[0])
            for before, name in zip(schema.names, schema.names[1:], strict=False):
                update.move_after(name, before)


def _tops(files: Sequence[Any], field: Any) -> list[int] | None:
    """Return the upper bounds of a column in those `files` that have a value of it; None where one does not tell."""
    from pyiceberg.conversions import from_bytes

    tops: list[int] = []
    for file in files:
        bound = (file.upper_bounds or {}).get(field.field_id)
        if bound is not None:
            top: Any = from_bytes(field.field_type, bound)
            tops.append(top)
        elif (file.null_value_counts or {}).get(field.field_id) != file.record_count:
            return None
    return tops


def _only_appended(table: Any, since: int, last: Any, place: Place) -> None:
    """Refuse a history in which rows were changed: reading only what was added would miss that."""
    from pyiceberg.table.snapshots import Operation

    step, changed = last, None
    while step is not None:
        operation = step.summary.operation if step.summary else None
        # Compaction by others replaces files, not rows.
        if operation not in {Operation.APPEND, Operation.REPLACE}:
            changed = f"snapshot {step.snapshot_id} is of the operation '{operation.value if operation else 'unknown'}'"
        if step.parent_snapshot_id == since:
            break
        step = table.snapshot_by_id(step.parent_snapshot_id) if step.parent_snapshot_id else None
    if step is None:
        raise DataError(
            f"{place} does not have the history since snapshot {since} any more.", remedy="Read the whole table again."
        )
    if changed:
        raise DataError(
            f"{place} was changed since snapshot {since}, not only added to: {changed}.",
            remedy="Read the whole table again.",
        )


def _state(table: Any, ref: int | str | None) -> Any:
    if ref is None:
        return table.current_snapshot()
    found = table.snapshot_by_id(ref) if isinstance(ref, int) else table.snapshot_by_name(ref)
    if found is None:
        names = ", ".join(table.refs()) or "none"
        raise NotFoundError(f"The Iceberg table has no snapshot '{ref}'.", remedy=f"Its branches and tags: {names}.")
    return found


def _scan(table: Any, ref: int | str | None, columns: Sequence[str] | None) -> Any:
    state = _state(table, ref)
    scan = table.scan(snapshot_id=state.snapshot_id if state and ref is not None else None)
    known = [column.name for column in scan.projection().columns]
    for name in columns or ():
        if name not in known:
            raise DataError(f"The Iceberg table has no column '{name}'.", remedy=f"It has {', '.join(known)}.")
    return scan.select(*columns) if columns is not None else scan


def snapshot_of(found: Any) -> Snapshot:
    """Return pyiceberg's snapshot as ours."""
    summary = found.summary
    facts = dict(summary.additional_properties) if summary else {}
    rows = facts.get("total-records")
    return Snapshot(
        found.snapshot_id,
        found.parent_snapshot_id,
        datetime.fromtimestamp(found.timestamp_ms / 1000, UTC),
        summary.operation.value if summary else "unknown",
        int(rows) if rows is not None else None,
        facts,
    )


@contextmanager
def told(place: Place) -> Iterator[None]:
    """Tell pyiceberg's errors as ours."""
    from pyiceberg.exceptions import (
        CommitFailedException,
        NoSuchNamespaceError,
        NoSuchTableError,
        ValidationError,
        ValidationException,
    )

    try:
        yield
    except (NoSuchTableError, NoSuchNamespaceError) as error:
        raise NotFoundError(f"There is no Iceberg table {place}.", remedy="Check the catalog and the name.") from error
    except (CommitFailedException, ValidationException) as error:
        raise ConflictError(
            f"{place} was changed by another writer meanwhile: {error}", remedy="Do it again."
        ) from error
    except ValidationError as error:
        raise DataError(f"{place} does not take these columns: {error}.", remedy="Check types and names.") from error
    except OSError as error:
        raise StoreError(f"{place} cannot be reached: {error}.", remedy="Check the catalog and its files.") from error
