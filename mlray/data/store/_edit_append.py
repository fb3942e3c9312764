"""Appending rows: new fragments behind those that are there, once their keys were seen to be new."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import pyarrow as pa

from mlray.data.store._edit import Rows, Said, added, changed_since, evolved, follow
from mlray.data.store._edit_rows import located, may_hold
from mlray.data.store._match import Keys, refuse_nulls, shown
from mlray.data.store._store import Store
from mlray.data.store._types import fit, plain, text_of
from mlray.data.store._version import Draft
from mlray.errors import ConflictError, DataError
from mlray.records import Column, DatasetVersion, Fragment

__all__ = ["Append", "refuse_known"]


@dataclass(slots=True)
class Append:
    """Rows more."""

    store: Store
    table: str
    parts: Iterable[Rows]
    said: Said
    source: str = ""
    time: str = ""
    key: Sequence[str] = ()
    _schema: pa.Schema | None = None
    _known: Mapping[str, str] = field(default_factory=dict)
    _written: list[Fragment] | None = None
    _own: pa.Table | None = None
    """The keys of the rows."""
    _told: Keys | None = None
    _free: dict[str, Fragment] = field(default_factory=dict)
    """Fragments that were seen to have none of the keys: another try does not read them again."""

    def check(self, base: DatasetVersion | None, head: DatasetVersion) -> None:
        """Refuse rows whose columns are gone; other rows are no matter."""
        changed_since(base, head, self._schema.names if self._schema else ())
        known = {column.name: column.type for column in head.columns}
        for field_ in self._schema or ():
            # Both writers brought a column of this name: the rows on disk must be of the type that won.
            if known.get(field_.name, text_of(field_.type)) != text_of(field_.type):
                raise ConflictError(
                    f"{head.name} brought a column '{field_.name}' of type {known[field_.name]}.",
                    remedy="Read the table again, and append rows of its types.",
                )

    def draft(self, head: DatasetVersion | None) -> Draft | None:
        """Return the head with the new fragments behind its own."""
        key = tuple(self.key) or (head.key if head else ())
        if self._written is None:
            self._written = self._write(head.columns if head else (), key)
        if not self._written or self._schema is None:
            return None
        if head is not None and key:
            self._refuse_known(head, key)
        columns = evolved(head.columns if head else (), self._schema)
        before = head.fragments if head else ()
        draft = follow(head, self.said.now, "append", columns, [*before, *self._written])
        draft = replace(draft, time=self.time or draft.time)
        return replace(draft, key=tuple(self.key)) if self.key else draft

    def _write(self, columns: Sequence[Column], key: Sequence[str]) -> list[Fragment]:
        parts = iter(self.parts)
        first = next(parts, None)
        if first is None:
            return []
        fitted = fit(plain(first), columns, self.table)
        self._schema = fitted.schema
        missing = next((name for name in key if name not in fitted.schema.names), None)
        if missing is not None:
            raise DataError(
                f"The rows for '{self.table}' have no column '{missing}' for its key.",
                remedy="Give the key with each row.",
            )
        own: list[pa.Table] = []

        def all_parts() -> Iterator[Rows]:
            yield fitted
            yield from parts

        def keyed() -> Iterator[Rows]:
            for part in all_parts():
                own.append(fit(plain(part), columns, self.table).select(list(key)))
                refuse_nulls(own[-1])
                yield part

        written = added(
            self.store, keyed() if key else all_parts(), columns, self.table, source=self.source, time=self.time
        )
        if own:
            self._learn(pa.concat_tables(own), key)
        return written

    def _learn(self, own: pa.Table, key: Sequence[str]) -> None:
        self._own, self._told, self._free = own, Keys(own, key), {}
        self._told.refuse_repeats(own)

    def _refuse_known(self, head: DatasetVersion, key: Sequence[str]) -> None:
        """Raise DataError where a row of the head has one of the keys; only fragments that may hold one are read."""
        if any(head.column(name) is None for name in key):
            return
        if self._own is None or self._told is None or self._told.key != tuple(key):
            # Somebody else declared the key while the rows were written.
            own = pa.concat_tables([self.store.get(fragment, list(key)) for fragment in self._written or ()])
            refuse_nulls(own)
            self._learn(own, key)
        refuse_known(self.store, head, cast("pa.Table", self._own), cast("Keys", self._told), self._free)


def refuse_known(
    store: Store, head: DatasetVersion, own: pa.Table, told: Keys, free: dict[str, Fragment] | None = None
) -> None:
    """Refuse rows whose keys `own`, learnt as `told`, a row of the head has; only fragments that may hold one are read.

    Fragments that have none are noted in `free`, and those noted there are not read.

    Raises:
        DataError: the head has one.
    """
    free = {} if free is None else free
    asked = [f for f in head.fragments if free.get(f.id) != f and may_hold(f, head, own, told.key)]
    for fragment, found in located(store, head, asked, told):
        hit = np.unique(found[found >= 0])
        if len(hit):
            raise DataError(
                f"{head.name} has a row with {shown(own, int(hit[0]))} already"
                f"{f', and {len(hit) - 1:,} more of these keys' if len(hit) > 1 else ''}.",
                remedy="`upsert` gives rows that are there other values, and adds those that are not.",
            )
        free[fragment.id] = fragment
