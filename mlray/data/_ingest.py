"""Ingestion: from files to the next dataset version, or to nothing at all."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from time import perf_counter

import pyarrow as pa
import pyarrow.compute as pc

from mlray.clock import parse_duration
from mlray.data._catalog import keep
from mlray.data._cursor import Cursor
from mlray.data._evolve import evolved, schema_after
from mlray.data._intake import Intake, Take, intake
from mlray.data._land import Landing
from mlray.data._land import given as given_rows
from mlray.data._lend import Lender, lent_rows
from mlray.data._lookups import LookupRows, read_lookup
from mlray.data._pace import rate
from mlray.data._quarantine import quarantine, repeats
from mlray.data._updates import Update, in_words, update_of
from mlray.data.contract import Contract
from mlray.data.scan import Scanned, ScanPart, Window, first_rows, scan, scan_here
from mlray.data.store import Draft, Store
from mlray.errors import DataError, StoreError
from mlray.ports import Progress
from mlray.records import DatasetVersion, Quality
from mlray.sketches import Profile, Reference, profile
from mlray.spec import Data

__all__ = ["Run", "ingest"]

Run = Callable[[Sequence[ScanPart]], Iterable[Scanned]]


def ingest(
    data: Data,
    folder: Path,
    store: Store,
    *,
    until: datetime,
    now: datetime,
    run: Run,
    progress: Progress,
    given: object = None,
) -> DatasetVersion:
    """Read what is new in the source before `until` through the contract, and commit it as the next version.

    What was read before is in the head's cursor, which is committed together with the rows: files that are as they were
    are not read again, a new one is read whole however old its rows, and one that changed or went away is noted. A
    changed contract starts again from the beginning, so that one contract holds for all rows of a version. Rows that
    break it are set aside with reasons. Rows of a known key that a database has other values for by now are written
    over those of the head first, as a version of their own. Returns the head where nothing is new.
    `run` carries out the parts: `scan_here`, or `scan_on_ray`. `given` are rows at hand (pyarrow, pandas, batches) that
    are read in place of the source. Quality counts the rows of the source and of lookups.

    Raises:
        DataError: a file is missing, unreadable or lacks a column, or no row is left; nothing is committed.
        UnavailableError: a source that is elsewhere does not answer; nothing is committed.
        StoreError: the store cannot be read or written.
    """
    data = data if given is not None else evolved(data, folder)
    work = _Ingestion(Contract.compile(data), folder, store, until, now, run, progress, given)
    try:
        made = store.commit(data.table, work.after)
        while work.due:
            updated = sum(update.commit(store, data.key, now) for update in work.due)
            work = replace(work, updated=work.updated + updated, due=[])
            made = store.commit(data.table, work.after)
    except OSError as error:
        raise StoreError(
            f"The rows of '{data.origin}' cannot be written down: {error}.",
            remedy="Free space on the disk (`mlray data gc` removes what was written in vain), or check its"
            " permissions; nothing was committed.",
        ) from error
    keep(store.storage, data, work.contract.digest, now)
    return made


@dataclass(frozen=True, slots=True)
class _Ingestion:
    contract: Contract
    folder: Path
    store: Store
    until: datetime
    now: datetime
    run: Run
    progress: Progress
    given: object = None
    updated: int = 0
    """Rows of the head that this ingestion wrote the source's values over."""
    due: list[Update] = field(default_factory=list)
    """What is to be written over rows of the head before anything is added."""

    def after(self, head: DatasetVersion | None) -> Draft | None:
        """Return the draft that follows `head`, or None where nothing is new."""
        base = head if head is not None and head.contract == self.contract.digest else None
        if base is not None and self.until < base.as_of:
            return None
        with self.store.aside() as aside:
            todo = self._todo(base, aside)
            if base is not None and not todo.takes and not todo.note:
                return None
            self.due[:] = self._updates(todo, base, aside)
            if self.due:
                return None
            lookups = self._lookups(todo, base, aside)
            lender = Lender(self.store, aside, near=self.run is scan_here)
            parts = self._parts(todo, lender, base, lookups)
            reference = self._reference(parts, base)
            scanned = self._scan([replace(part, reference=reference) for part in parts], lender)
        return self._draft(_Heads(head, base), todo, list(lookups.values()), scanned)

    def _todo(self, base: DatasetVersion | None, aside: Path) -> Intake:
        landing = Landing(self.contract, self.folder, self.until, base.as_of if base else None)
        cursor = Cursor.read(base.cursor) if base else Cursor()
        if self.given is not None:
            takes = [Take(file, window, again=True) for file, window, _ in given_rows(self.given, landing, aside)]
            return Intake(tuple(takes), cursor)
        return intake(landing, cursor, aside)

    def _updates(self, todo: Intake, base: DatasetVersion | None, aside: Path) -> list[Update]:
        """Return what a database says anew of known rows: only a growing column tells that it was said later."""
        data = self.contract.data
        grows = base is not None and Cursor.read(base.cursor).kind == todo.cursor.kind == "column"
        if base is None or not grows or not data.key or self.given is not None:
            return []
        update = update_of(self.contract, self.store, base, todo.takes, self.folder, aside)
        return [update] if update else []

    def _lookups(self, todo: Intake, base: DatasetVersion | None, aside: Path) -> dict[str, LookupRows]:
        if base is not None and not todo.takes:
            return {}
        # At first all rows are looked at, those as well that nothing joins: quality counts them.
        window = Window(todo.since if base else None, self.until)
        counted = base.as_of if base else None
        return {
            name: read_lookup(self.contract, self.folder, name, window, counted, aside)
            for name in self.contract.data.lookups
        }

    def _parts(
        self, todo: Intake, lender: Lender, base: DatasetVersion | None, lookups: Mapping[str, LookupRows]
    ) -> list[ScanPart]:
        data = self.contract.data
        places = {name: lender.table(lookup.table, name) for name, lookup in lookups.items()}
        taken = None
        if base and data.key and todo.takes:
            # With the time in the key, only rows since the first one asked for can be there already.
            since = todo.since if data.time in data.key else None
            taken = lender.table(self.store.read(base, self._key, start=since), "taken")
        return [
            ScanPart(
                take.file,
                take.file.name,
                data,
                take.window,
                self.store.root,
                lookups=places,
                taken=taken,
                own=taken if take.again else None,
                landed=lender.file(take.file),
            )
            for take in todo.takes
        ]

    @property
    def _key(self) -> list[str]:
        """The columns that tell whether a row was read before."""
        return list(dict.fromkeys([*self.contract.data.key, self.contract.data.time]))

    def _reference(self, parts: Sequence[ScanPart], base: DatasetVersion | None) -> Reference | None:
        """Return the head's reference, so that profiles add up; at first, that of the first rows of a file."""
        if base:
            return self._profile(base).reference
        for part in parts:
            rows = first_rows(part)
            if rows is not None:
                return Reference.of(rows)
        return None

    def _profile(self, base: DatasetVersion) -> Profile:
        if not base.profile:
            # An edit by hand changed rows: what they look like now is found out by reading them.
            rows = self.store.read(base, self.contract.schema.names)
            return profile(rows, Reference.of(rows))
        return Profile.from_json(self.store.get_json(base.profile))

    def _scan(self, parts: Sequence[ScanPart], lender: Lender) -> list[Scanned]:
        self.progress(0, len(parts), "reading")
        found: dict[str, Scanned] = {}
        began, rows = perf_counter(), 0
        for one in self.run(parts):
            found[one.source] = one
            rows += one.set_aside.num_rows + (one.fragment.rows if one.fragment else 0)
            self.progress(len(found), len(parts), f"{one.source}, {rate(rows, perf_counter() - began)}")
        ordered: list[Scanned] = []
        for part in parts:
            ordered.append(self._without_repeats(part, found[part.source], ordered, lender))
        return ordered

    def _without_repeats(self, part: ScanPart, one: Scanned, earlier: Sequence[Scanned], lender: Lender) -> Scanned:
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
        before = lent_rows(self.store, part.taken)
        known = [theirs] if before is None else [theirs, before]
        # A file says which columns must have values, a version does not.
        taken = pa.concat_tables(known, promote_options="default")
        return scan(replace(part, taken=lender.table(taken, f"{len(earlier)}-taken")))

    def _draft(
        self, heads: "_Heads", todo: Intake, lookups: Sequence[LookupRows], scanned: Sequence[Scanned]
    ) -> Draft | None:
        base = heads.base
        fragments = [one.fragment for one in scanned if one.fragment]
        known = self.store.get(base.quality.quarantine) if base and base.quality.quarantine else quarantine()
        parts: tuple[LookupRows | Scanned, ...] = (*lookups, *scanned)
        again = frozenset(take.file.name for take in todo.takes if take.again)
        # Without a key, rows at hand are new ones whatever they say, the good and the bad.
        anew = again if self.given is not None and not self.contract.data.key else frozenset[str]()
        before = known.filter(pc.invert(pc.is_in(known["source"], pa.array(sorted(anew), pa.string()))))
        aside = _unknown(pa.concat_tables([quarantine(), *(part.set_aside for part in parts)]), before, again)
        if base and not (fragments or aside.num_rows or todo.note or self.updated):
            return None
        profiles = [one.profile for one in scanned if one.profile] + ([self._profile(base)] if base else [])
        if not profiles:
            raise self._nothing(aside, todo, scanned)
        fresh = sum(fragment.rows for fragment in fragments) + sum(lookup.fresh for lookup in lookups)
        return Draft(
            schema=schema_after(self.contract, base),
            contract=self.contract.digest,
            fragments=(*(base.fragments if base else ()), *fragments),
            profile=self.store.put_json(reduce(Profile.merge, profiles).to_json()),
            quality=self._quality(base, fresh, pa.concat_tables([known, aside]), parts),
            cursor=self._cursor(base, todo, scanned).text(),
            # Where nothing was read, nothing more is known of the source than before.
            as_of=self.until if todo.takes or base is None else base.as_of,
            created_at=self.now,
            operation=heads.operation,
            note=self._note(heads, todo, scanned),
        )

    def _cursor(self, base: DatasetVersion | None, todo: Intake, scanned: Sequence[Scanned]) -> Cursor:
        times = [one.last for one in scanned if one.last]
        before = Cursor.read(base.cursor).time if base else None
        latest = max([*times, *([before] if before else [])], default=None)
        later = {one.source: one.later is not None for one in scanned}
        return replace(todo.cursor.left(later), time=latest)

    def _note(self, heads: "_Heads", todo: Intake, scanned: Sequence[Scanned]) -> str:
        before = Cursor.read(heads.base.cursor).time if heads.base else None
        late = [one.source for one in scanned if before and one.first and one.first < before]
        told = [
            heads.lost,
            todo.note,
            in_words(self.updated),
            f"late rows from {', '.join(late[:3])}{' and others' if late[3:] else ''}" if late else "",
        ]
        return "; ".join(part for part in told if part)

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

    def _nothing(self, aside: pa.Table, todo: Intake, scanned: Sequence[Scanned]) -> DataError:
        source = self.contract.data.origin
        first = min(filter(None, (todo.later, *(one.later for one in scanned))), default=None)
        if not aside.num_rows and first is not None:
            return self._not_yet(first)
        if not aside.num_rows and todo.cursor.files:
            return DataError(f"'{source}' has no rows.", remedy="Add files that have some: a header alone is none.")
        if not aside.num_rows:
            return DataError(
                f"'{source}' has no row before {self.until.isoformat()}.", remedy="Choose a later end, or add files."
            )
        reason, rows = Counter(aside["reason"].to_pylist()).most_common(1)[0]
        return DataError(
            f"No row of '{source}' keeps the contract; most often ({rows} of {aside.num_rows}): {reason}.",
            remedy="Correct the contract, or map what this source says differently.",
        )

    def _not_yet(self, first: datetime) -> DataError:
        source, wait = self.contract.data.origin, self.contract.data.target.known_after
        due = first + min(parse_duration(wait), datetime.max.replace(tzinfo=UTC) - first)
        told = f"'{source}' has no row before {self.until.isoformat()}: its first is of {first.isoformat()}."
        if due < self.now:
            return DataError(told, remedy="Choose a later end, or add files.")
        why = f"A row is read once its target is known (`known_after: {wait}`)"
        return DataError(told, remedy=f"{why}: the first from {due.isoformat()} on.")


@dataclass(frozen=True, slots=True)
class _Heads:
    """The head, and the same once more where its contract is still the one."""

    head: DatasetVersion | None
    base: DatasetVersion | None

    @property
    def operation(self) -> str:
        """What happens to the table."""
        if self.base is not None or self.head is None:
            return "ingest"
        return "ingest again under a new contract" if self.head.contract else "ingest again"

    @property
    def lost(self) -> str:
        """What the version does not have any more, since it begins at the source again; a person is to know."""
        if self.base is not None or self.head is None or self.head.contract:
            return ""
        return f"read again from the beginning: edits by hand up to {self.head.name} changed the contract's columns"


def _unknown(aside: pa.Table, known: pa.Table, again: Collection[str]) -> pa.Table:
    """Return the rows of `aside` that an earlier version has not reported: one without a time is in every window.

    A row is known by its place and what it says, for a lookup may have changed; where the source `again` gives rows
    that it gave before, by what it says alone, and as often as it was there.
    """
    seen = Counter(_marks(known, again))
    fresh = []
    for mark in _marks(aside, again):
        fresh.append(not seen[mark])
        if mark[0] not in again:
            # Passes over one file may both meet it.
            seen[mark] = 1
        elif seen[mark]:
            seen[mark] -= 1
    return aside.filter(pa.array(fresh, pa.bool_()))


def _marks(aside: pa.Table, again: Collection[str]) -> list[tuple[str, object, str]]:
    columns = (aside[name].to_pylist() for name in ("source", "position", "reason", "row"))
    return [
        (source, reason if source in again else position, row)
        for source, position, reason, row in zip(*columns, strict=True)
    ]
