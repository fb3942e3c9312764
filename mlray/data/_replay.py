"""Rows that were set aside, tried again after the contract or its mappings were put right; each joins exactly once."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._catalog import Catalog, keep
from mlray.data._compat import compare, loosened
from mlray.data._convert import flat
from mlray.data._evolve import evolved, schema_after
from mlray.data._lookups import read_lookup
from mlray.data._quarantine import quarantine
from mlray.data.contract import Before, Checked, Contract
from mlray.data.scan import Window, join
from mlray.data.store import Draft, Store
from mlray.errors import DataError, NotFoundError
from mlray.records import DatasetVersion, Fragment, Quality
from mlray.sketches import Profile, profile
from mlray.spec import Data, parse_contract

__all__ = ["replay"]


def replay(
    data: Data, folder: Path, store: Store, *, now: datetime, author: str = "", note: str = ""
) -> DatasetVersion:
    """Try the rows that the table's head set aside again, and commit those that now keep the contract.

    They leave the quarantine in the version in which they join, so that no repetition brings them twice; others stay
    there with the reason that holds now. Returns the head where no row passes. Rows of lookups stay set aside: reading
    the source anew is what joins them to rows that are there.

    Raises:
        NotFoundError: nothing was ingested yet.
        DataError: the contract changed in a way that concerns rows which are there already.
        StoreError: the store cannot be read or written.
    """
    data = evolved(data, folder)
    work = _Replay(Contract.compile(data), folder, store, now, author, note)
    made = store.commit(data.table, work.after)
    if made.contract == work.contract.digest:
        keep(store.storage, data, made.contract, now)
    return made


@dataclass(frozen=True, slots=True)
class _Replay:
    contract: Contract
    folder: Path
    store: Store
    now: datetime
    author: str
    note: str

    def after(self, head: DatasetVersion | None) -> Draft | None:
        """Return the draft that follows `head`, or None where no row passes."""
        if head is None:
            raise NotFoundError(
                f"'{self.contract.data.table}' has no version yet.", remedy="`mlray ingest` makes the first one."
            )
        self._admissible(head)
        aside = self.store.get(head.quality.quarantine) if head.quality.quarantine else quarantine()
        tried = list(self._tried(head, aside))
        passed = [(source, checked) for source, checked in tried if checked.table.num_rows]
        if not passed:
            return None
        joined = [(source, self._joined(checked.table)) for source, checked in passed]
        fragments = [self.store.put(rows, source=source, time=self.contract.data.time) for source, rows in joined]
        left = pa.concat_tables([_of_lookups(self.contract.data, aside), *(checked.set_aside for _, checked in tried)])
        return Draft(
            schema=schema_after(self.contract, head),
            contract=self.contract.digest,
            fragments=(*head.fragments, *fragments),
            profile=self._profile(head, [rows for _, rows in joined]),
            quality=self._quality(head, fragments, left, [checked.mapped for _, checked in passed]),
            cursor=head.cursor,
            as_of=head.as_of,
            created_at=self.now,
            operation="replay",
            author=self.author,
            note=self.note or f"{sum(fragment.rows for fragment in fragments):,} rows that were set aside",
        )

    def _admissible(self, head: DatasetVersion) -> None:
        """Refuse where rows that are there would have been read otherwise under the contract as it is now."""
        if head.contract == self.contract.digest:
            return
        kept = Catalog(self.store.storage).by_digest(head.contract)
        if kept is None:
            raise DataError(
                f"{head.name} was read under a contract that the workspace does not have any more.",
                remedy="`mlray ingest` reads all rows anew under the contract as it is now.",
            )
        before = parse_contract(kept.text, kept.ref).data
        if not loosened(before, self.contract.data):
            changes = compare(before, self.contract.data)
            first = f": {changes[0].what}" if changes else ""
            raise DataError(
                f"The contract changed in a way that concerns rows which {head.name} has already{first}.",
                remedy="`mlray ingest` reads all rows anew under it; a replay only takes up what was set aside.",
            )

    def _tried(self, head: DatasetVersion, aside: pa.Table) -> Iterator[tuple[str, Checked]]:
        data = self.contract.data
        own = aside.filter(pc.invert(_is_lookup(data, aside)))
        names = list(dict.fromkeys([*data.key, data.time]))
        taken = self.store.read(head, names) if data.key and own.num_rows else None
        for source in pc.unique(own["source"]).to_pylist():
            rows = own.filter(pc.equal(own["source"], source))
            # Places in a source come again, of rows at hand or of a file that changed: a row's place here does not.
            checked = self.contract.apply(
                raw_rows(rows["row"].to_pylist()),
                source,
                positions=np.arange(rows.num_rows),
                before=Before(taken) if taken is not None else None,
            )
            if taken is not None and checked.table.num_rows:
                taken = pa.concat_tables([taken.select(names), checked.table.select(names).cast(taken.schema)])
            yield source, replace(checked, set_aside=_as_they_were(checked.set_aside, rows))

    def _joined(self, rows: pa.Table) -> pa.Table:
        time = pc.min_max(rows[self.contract.data.time]).as_py()
        window = Window(time["min"], time["max"] + timedelta(microseconds=1))
        with self.store.aside() as aside:
            lookups = {
                name: read_lookup(self.contract, self.folder, name, window, None, aside).table
                for name in self.contract.data.lookups
            }
        return join(self.contract, rows, lookups)

    def _profile(self, head: DatasetVersion, joined: list[pa.Table]) -> str:
        if not head.profile:
            return ""
        whole = Profile.from_json(self.store.get_json(head.profile))
        for rows in joined:
            whole = whole.merge(profile(rows, whole.reference))
        return self.store.put_json(whole.to_json())

    def _quality(
        self, head: DatasetVersion, fragments: list[Fragment], left: pa.Table, mapped: list[Mapping[str, int]]
    ) -> Quality:
        counts = Counter(head.quality.mapped)
        for one in mapped:
            counts.update(one)
        return Quality(
            seen=head.quality.seen,
            kept=head.quality.kept + sum(fragment.rows for fragment in fragments),
            set_aside=dict(Counter(left["reason"].to_pylist())),
            mapped=dict(counts),
            quarantine=self.store.put(left).blob if left.num_rows else "",
        )


def raw_rows(rows: list[str]) -> pa.Table:
    """Return rows of the quarantine, JSON objects, as the table that the source had.

    A column of one type keeps it; where an infinity was written as text among numbers, all become text, which the
    contract reads as well.
    """
    told = [json.loads(row) for row in rows]
    names = dict.fromkeys(name for row in told for name in row)
    return pa.table({name: _column([row.get(name) for row in told]) for name in names})


def _column(values: list[object]) -> pa.Array:
    try:
        return pa.array(values)
    except pa.ArrowException:
        texts = [None if value is None else value if isinstance(value, str) else json.dumps(value) for value in values]
        return pa.array(texts, pa.string())


def _as_they_were(set_aside: pa.Table, before: pa.Table) -> pa.Table:
    """Return rows that are set aside again as the source had them at first: a replay must not wear them down.

    Positions in `set_aside` are rows of `before`; those returned are the source's.
    """
    first = before.take(set_aside["position"])
    for name in ("position", "row"):
        place = set_aside.schema.get_field_index(name)
        set_aside = set_aside.set_column(place, set_aside.schema.field(place), first[name])
    return set_aside


def _is_lookup(data: Data, aside: pa.Table) -> pa.Array:
    marks = pa.array(np.zeros(aside.num_rows, dtype=np.bool_))
    for name in data.lookups:
        marks = pc.or_(marks, flat(pc.starts_with(aside["reason"], f"{name}: ")))
    return marks


def _of_lookups(data: Data, aside: pa.Table) -> pa.Table:
    return aside.filter(_is_lookup(data, aside))
