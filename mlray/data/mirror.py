"""Our versions as an Iceberg table, so that Spark, Trino and DuckDB read them through any catalog."""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mlray.data._iceberg import Place, theirs_rows, theirs_schema
from mlray.data.on_iceberg import RETRIES, IcebergTable, Snapshot, fitted, made, overwrite, snapshot_of, told
from mlray.data.store._types import type_of
from mlray.errors import NotFoundError

if TYPE_CHECKING:
    from mlray.data.store import Store
    from mlray.records import DatasetVersion

__all__ = ["DIGEST", "VERSION", "mirror"]

VERSION, DIGEST = "mlray.version", "mlray.digest"
"""The facts of an Iceberg snapshot that say which of our versions it shows."""


def mirror(store: "Store", version: "DatasetVersion", place: Place | str) -> Snapshot:
    """Make `version` the newest state of an Iceberg table, and return it; nothing where it is that already.

    Where the version that was mirrored last only got new fragments, only those are written. Renamed, dropped and
    reordered columns change the table's schema alone. Everything else is written whole.

    Raises:
        ConflictError: another writer changed the Iceberg table meanwhile.
        NotFoundError: there is no such catalog.
    """
    target = IcebergTable(place)
    facts = {VERSION: version.name, DIGEST: version.digest}
    with target.opened() as catalog, told(target.place):
        table = made(catalog, target.place.table, _schema(version))
        last = table.current_snapshot()
        if last is not None and last.summary and last.summary.additional_properties.get(DIGEST) == version.digest:
            return snapshot_of(last)
        before = _mirrored(store, version, last)
        with table.transaction() as work:
            _renamed(work, before, version)
            fitted(work, _schema(version), drop=True)
            work.set_properties(**{"commit.retry.num-retries": RETRIES})
            new = _appended(before, version)
            if new is None:
                overwrite(work, _reader(store, version, range(len(version.fragments))), facts)
            else:
                work.append(_reader(store, version, new), snapshot_properties=facts)
        return snapshot_of(table.refresh().current_snapshot())


def _mirrored(store: "Store", version: "DatasetVersion", last: Any) -> "DatasetVersion | None":  # noqa: ANN401 (pyiceberg)
    """Return the version that the table shows, if it is one of ours and still known."""
    name = last.summary.additional_properties.get(VERSION, "") if last is not None and last.summary else ""
    table, _, number = name.rpartition("@v")
    if table != version.table or not number.isdecimal():
        return None
    try:
        found = store.version(table, int(number))
    except NotFoundError:
        return None
    return found if found.digest == last.summary.additional_properties.get(DIGEST) else None


def _appended(before: "DatasetVersion | None", version: "DatasetVersion") -> range | None:
    """Return the places of the fragments that are new, None where more than that is different."""
    if before is None or before.fragments != version.fragments[: len(before.fragments)]:
        return None
    old = {column.id: column.type for column in before.columns}
    if any(old.get(column.id) != column.type for column in version.columns):
        return None
    return range(len(before.fragments), len(version.fragments))


def _renamed(
    work: Any,  # noqa: ANN401 (pyiceberg)
    before: "DatasetVersion | None",
    version: "DatasetVersion",
) -> None:
    """Rename the columns that were renamed since, and drop those that are gone, before anything is compared by name."""
    if before is None:
        return
    now = {column.id: column for column in version.columns}
    moved = {one.name: now[one.id].name for one in before.columns if one.id in now and now[one.id].name != one.name}
    gone = [one.name for one in before.columns if one.id not in now or now[one.id].type != one.type]
    there = {column.name for column in work.table_metadata.schema().columns}
    for name in gone:
        if name in there:
            with work.update_schema(allow_incompatible_changes=True) as update:
                update.delete_column(name)
    # Through names that nobody uses, since two columns may have exchanged theirs.
    for step in ({old: f"{old}~" for old in moved}, {f"{old}~": new for old, new in moved.items()}):
        if step:
            with work.update_schema() as update:
                for old, new in step.items():
                    update.rename_column(old, new)


def _reader(store: "Store", version: "DatasetVersion", places: range) -> pa.RecordBatchReader:
    schema = _schema(version)
    batches = (
        batch
        for place in places
        for batch in theirs_rows(store.read_fragment(version, version.fragments[place])).cast(schema).to_batches()
    )
    return pa.RecordBatchReader.from_batches(schema, batches)


def _schema(version: "DatasetVersion") -> pa.Schema:
    return theirs_schema(pa.schema([(column.name, type_of(column.type)) for column in version.columns]))
