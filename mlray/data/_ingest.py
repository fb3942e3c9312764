"""Ingestion: from files to the next dataset version, or to nothing at all."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlray.data import sources
from mlray.data._lookups import LookupRows, read_lookup
from mlray.data._quarantine import quarantine, repeats
from mlray.data.contract import Contract
from mlray.data.scan import Scanned, ScanPart, Window, may_hold, rows_of, scan
from mlray.data.store import Draft, Store
from mlray.errors import DataError
from mlray.ports import Progress
from mlray.records import DatasetVersion, Quality
from mlray.sketches import Profile, Reference
from mlray.spec import Data

__all__ = ["Run", "ingest"]

Run = Callable[[Sequence[ScanPart]], Iterable[Scanned]]


def ingest(
    data: Data, folder: Path, store: Store, *, until: datetime, now: datetime, run: Run, progress: Progress
) -> DatasetVersion:
    """Read what is new in the source before `until` through the contract, and commit it as the next version.

    Reading goes on at the head's cursor; a changed contract starts again from the beginning, so that one contract holds
    for all rows of a version. Rows that break it are set aside with reasons. Returns the head where nothing is new; a
    row that is older than the cursor and comes late is not read.
    `run` carries out the parts: `scan_here`, or `scan_on_ray`. Quality counts the rows of the source and of lookups.

    Raises:
        DataError: a file is missing, unreadable or lacks a column, or no row is left; nothing is committed.
        StoreError: the store cannot be read or written.
    """
    work = _Ingestion(Contract.compile(data), folder, store, until, now, run, progress)
    return store.commit(data.table, work.after)


@dataclass(frozen=True, slots=True)
class _Ingestion:
    contract: Contract
    folder: Path
    store: Store
    until: datetime
    now: datetime
    run: Run
    progress: Progress

    def after(self, head: DatasetVersion | None) -> Draft | None:
        """Return the draft that follows `head`, or None where nothing is new."""
        base = head if head is not None and head.contract == self.contract.digest else None
        start = datetime.fromisoformat(base.cursor) if base else None
        if start is not None and start >= self.until:
            return None
        window = Window(start, self.until, open=not self.contract.data.key)
        counted = base.as_of if base else None
        lookups = {
            name: read_lookup(self.contract, self.folder, name, window, counted) for name in self.contract.data.lookups
        }
        with self.store.aside() as aside:
            parts = self._parts(window, aside, base, lookups)
            reference = self._reference(parts, base)
            scanned = self._scan([replace(part, reference=reference) for part in parts], aside)
        return self._draft(head, base, list(lookups.values()), scanned)

    def _parts(
        self, window: Window, aside: Path, base: DatasetVersion | None, lookups: Mapping[str, LookupRows]
    ) -> list[ScanPart]:
        data = self.contract.data
        places = {name: aside / f"{name}.parquet" for name in lookups}
        for name, place in places.items():
            pq.write_table(lookups[name].table, place)
        taken = None
        if base and data.key:
            # With the time in the key, only rows of the window's first moment can be there already.
            since = window.start if data.time in data.key else None
            taken = aside / "taken.parquet"
            pq.write_table(self.store.read(base, self._key, start=since), taken)
        return [
            ScanPart(path, source, data, window, self.store.root, lookups=places, taken=taken)
            for path in sources.files(self.folder, data.source)
            if may_hold(self.contract, path, source := sources.name_of(path, self.folder), window)
        ]

    @property
    def _key(self) -> list[str]:
        """The columns that tell whether a row was read before."""
        return list(dict.fromkeys([*self.contract.data.key, self.contract.data.time]))

    def _reference(self, parts: Sequence[ScanPart], base: DatasetVersion | None) -> Reference | None:
        """Return the head's reference, so that profiles add up; at first, that of the first file with rows."""
        if base:
            return self._profile(base).reference
        for part in parts:
            rows = rows_of(part)[1]
            if rows.num_rows:
                return Reference.of(rows)
        return None

    def _profile(self, base: DatasetVersion) -> Profile:
        return Profile.from_json(self.store.get_json(base.profile))

    def _scan(self, parts: Sequence[ScanPart], aside: Path) -> list[Scanned]:
        self.progress(0, len(parts), "reading")
        found: dict[str, Scanned] = {}
        for one in self.run(parts):
            found[one.source] = one
            self.progress(len(found), len(parts), one.source)
        ordered: list[Scanned] = []
        for part in parts:
            ordered.append(self._without_repeats(part, found[part.source], ordered, aside))
        return ordered

    def _without_repeats(self, part: ScanPart, one: Scanned, earlier: Sequence[Scanned], aside: Path) -> Scanned:
        """Return `one`, scanned again if it has keys of an earlier file; parts that run side by side cannot tell."""
        key = self.contract.data.key
        timed = self.contract.data.time in key
        near = [other.fragment for other in earlier if other.fragment and (not timed or other.meets(one))]
        if not key or one.fragment is None or not near:
            return one
        theirs = pa.concat_tables([self.store.get(fragment, self._key) for fragment in near])
        mine = self.store.get(one.fragment, self._key)
        if not repeats(mine, key, theirs).any():
            return one
        taken = aside / f"{part.path.name}-taken.parquet"
        pq.write_table(pa.concat_tables([theirs, *([pq.read_table(part.taken)] if part.taken else [])]), taken)
        return scan(replace(part, taken=taken))

    def _draft(
        self,
        head: DatasetVersion | None,
        base: DatasetVersion | None,
        lookups: Sequence[LookupRows],
        scanned: Sequence[Scanned],
    ) -> Draft | None:
        fragments = [one.fragment for one in scanned if one.fragment]
        known = self.store.get(base.quality.quarantine) if base and base.quality.quarantine else quarantine()
        parts: tuple[LookupRows | Scanned, ...] = (*lookups, *scanned)
        aside = _unknown(pa.concat_tables([part.set_aside for part in parts]), known)
        if base and not fragments and not aside.num_rows:
            return None
        profiles = [one.profile for one in scanned if one.profile] + ([self._profile(base)] if base else [])
        if not profiles:
            raise self._nothing(aside)
        cursors = [one.last for one in scanned if one.last]
        cursors += [datetime.fromisoformat(base.cursor)] if base else []
        fresh = sum(fragment.rows for fragment in fragments) + sum(lookup.fresh for lookup in lookups)
        return Draft(
            schema={field.name: str(field.type) for field in self.contract.schema},
            contract=self.contract.digest,
            fragments=(*(base.fragments if base else ()), *fragments),
            profile=self.store.put_json(reduce(Profile.merge, profiles).to_json()),
            quality=self._quality(base, fresh, pa.concat_tables([known, aside]), parts),
            cursor=max(cursors).isoformat(),
            as_of=self.until,
            created_at=self.now,
            operation="ingest" if base or head is None else "ingest again under a new contract",
        )

    def _quality(
        self, base: DatasetVersion | None, fresh: int, aside: pa.Table, parts: Sequence[LookupRows | Scanned]
    ) -> Quality:
        kept = fresh + (base.quality.kept if base else 0)
        mapped = Counter(base.quality.mapped if base else {})
        for part in parts:
            mapped.update(part.mapped)
        return Quality(
            seen=kept + aside.num_rows,
            kept=kept,
            set_aside=dict(Counter(aside["reason"].to_pylist())),
            mapped=dict(mapped),
            quarantine=self.store.put(aside).blob if aside.num_rows else "",
        )

    def _nothing(self, aside: pa.Table) -> DataError:
        source = self.contract.data.source
        if not aside.num_rows:
            return DataError(
                f"'{source}' has no row before {self.until.isoformat()}.", remedy="Choose a later end, or add files."
            )
        reason, rows = Counter(aside["reason"].to_pylist()).most_common(1)[0]
        return DataError(
            f"No row of '{source}' keeps the contract; most often ({rows} of {aside.num_rows}): {reason}.",
            remedy="Correct the contract, or map what this source says differently.",
        )


def _unknown(aside: pa.Table, known: pa.Table) -> pa.Table:
    """Return the rows of `aside` that an earlier version has not reported: one without a time is in every window."""
    seen = set(zip(known["source"].to_pylist(), known["position"].to_pylist(), strict=True))
    fresh = []
    for place in zip(aside["source"].to_pylist(), aside["position"].to_pylist(), strict=True):
        fresh.append(place not in seen)
        seen.add(place)
    return aside.filter(pa.array(fresh, pa.bool_()))
