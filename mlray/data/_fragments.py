"""New fragments: written batch by batch by whoever has rows, and made one version at the end."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

from mlray.data._layout import Writer, plain_type
from mlray.data.store import Draft
from mlray.data.store._edit_append import refuse_known
from mlray.data.store._match import Keys, refuse_nulls
from mlray.data.store._statistics import statistics_of
from mlray.data.store._store import Store
from mlray.data.store._types import text_of
from mlray.data.store.storage import writing
from mlray.data.table import Table
from mlray.errors import DataError
from mlray.records import DatasetVersion, Fragment, Quality

__all__ = ["Commit", "Made", "commit_made", "write_rows"]

TIME = b"mlray.time"
"""The Parquet metadata key under which a fragment names its event-time column."""


@dataclass(frozen=True)
class Made:
    """Rows that are in the store, and in no version yet."""

    fragment: Fragment | None
    """None where there was no row."""
    schema: Mapping[str, str]
    """Column → type."""


@dataclass(frozen=True)
class Commit:
    """How rows become a version."""

    replace: bool = False
    """They take the place of the rows that are there."""
    time: str = ""
    key: tuple[str, ...] = ()
    author: str = ""
    note: str = ""
    once: str = ""
    operation: str = "append"
    source: str = ""


def write_rows(store: Store, parts: Iterable[pa.RecordBatch], *, source: str = "", time: str = "") -> Made:
    """Write rows as one fragment, holding no more than a row group of them.

    Raises:
        DataError: Parquet has no such type.
        StoreError: the store cannot be written.
    """
    schema: pa.Schema = None
    with store.aside() as folder:
        path = folder / "rows"
        with writing(store.storage), store.blobs.rejecting():
            writer = Writer(path, {TIME: time.encode()} if time else None)
            with writer:
                for rows in parts:
                    schema = schema or rows.schema
                    if rows.num_rows:
                        writer.write(rows)
            if not writer.rows:
                return Made(None, _types(schema) if schema else {})
            known = statistics_of(pq.read_metadata(path))
        blob, size = store.put_file(path)
    columns = {name: name for name in schema.names}
    return Made(Fragment(blob, writer.rows, size, source, columns=columns, time=time, statistics=known), _types(schema))


def commit_made(table: Table, made: Sequence[Made], terms: Commit) -> DatasetVersion:
    """Make one version of all that was written, in this order, after or in place of the rows of the head.

    Raises:
        DataError: there are no rows, or a column has another type than in the table or in an earlier part; or a key of
            the table's, or of `terms`, is missing, given twice, or that of a row which stays.
        StoreError: the store cannot be written.
    """
    schema: dict[str, str] = {}
    for each in made:
        _join(schema, each.schema, "the rows before")
    fragments = tuple(each.fragment for each in made if each.fragment)
    if not fragments:
        raise DataError(f"There are no rows to commit to '{table.name}'.", remedy="Check the filter, or the source.")
    now = table.clock.now()
    learnt: dict[tuple[str, ...], tuple[pa.Table, Keys]] = {}

    def change(head: DatasetVersion | None) -> Draft:
        base = None if terms.replace else head
        key = terms.key or (head.key if head and (base or set(head.key) <= set(schema)) else ())
        draft = _draft(schema, fragments, replace(terms, key=key), base, head, now)
        if not key:
            return draft
        if key not in learnt:
            places = map(table.store.blobs.place, (one.blob for one in fragments))
            if not all(map(table.store.storage.exists, places)):
                return draft  # what a sweep took meanwhile, the commit itself refuses
            learnt[key] = _keys(table, fragments, schema, key)
        if base is not None and all(base.column(name) is not None for name in key):
            refuse_known(table.store, base, *learnt[key])
        return draft

    return table.store.commit(table.name, change, branch=table.branch_name, once=terms.once)


def _draft(
    new: Mapping[str, str],
    fragments: tuple[Fragment, ...],
    terms: Commit,
    base: DatasetVersion | None,
    head: DatasetVersion | None,
    now: datetime,
) -> Draft:
    # A manifest keeps the order of `columns`; that of `schema` is sorted away.
    schema = {column.name: column.type for column in base.columns} if base else {}
    _join(schema, new, base.name if base else "")
    rows = sum(fragment.rows for fragment in fragments)
    kept = rows + (base.quality.kept if base else 0)
    return Draft(
        schema=schema,
        # No contract saw these rows, and the profile does not know them.
        contract="",
        fragments=(*(base.fragments if base else ()), *fragments),
        profile="",
        quality=Quality(seen=kept, kept=kept),
        cursor=head.cursor if head else "",
        as_of=head.as_of if head else now,
        created_at=now,
        operation="replace" if terms.replace else terms.operation,
        author=terms.author,
        note=terms.note,
        key=terms.key,
        time=terms.time,
    )


def _keys(
    table: Table, fragments: Sequence[Fragment], schema: Mapping[str, str], key: tuple[str, ...]
) -> tuple[pa.Table, Keys]:
    """Return the keys of rows that are written, and learnt; DataError where one is missing or given twice."""
    missing = next((name for name in key if name not in schema), None)
    if missing is not None:
        raise DataError(
            f"The rows for '{table.name}' have no column '{missing}' for its key.",
            remedy="Give the key with each row, or replace the rows under another key.",
        )
    own = pa.concat_tables([table.store.get(fragment, list(key)) for fragment in fragments])
    refuse_nulls(own)
    told = Keys(own, key)
    told.refuse_repeats(own)
    return own, told


def _join(schema: dict[str, str], more: Mapping[str, str], where: str) -> None:
    for name, kind in more.items():
        if schema.setdefault(name, kind) != kind:
            raise DataError(
                f"The column '{name}' is {kind}, and {schema[name]} in {where}.",
                remedy=f"Cast it to {schema[name]}, or give it another name.",
            )


def _types(schema: pa.Schema) -> dict[str, str]:
    return {field.name: text_of(plain_type(field.type)) for field in schema}
