"""Fragments with some values changed or rows deleted: what is written is what differs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from mlray.data.store._blobs import POSITION, Blobs
from mlray.data.store._match import Bits, differs
from mlray.data.store._reading import Places, alive, replaced
from mlray.data.store._statistics import merged, moment
from mlray.records import Column, ColumnFile, Deletions, Fragment, Patch, Statistics

__all__ = ["Revised", "changed_columns", "forget", "ranged", "revise", "widened", "without"]

WHOLE = 0.5
"""From this share of changed values on a column is written anew: a patch would save little and cost every reader."""

MOST = 8
"""Patches of one column that a fragment may gather before the column is written anew, so that reading stays bounded."""


@dataclass(frozen=True, slots=True)
class Revised:
    """A fragment after an edit."""

    fragment: Fragment | None
    """None where no row is left."""
    statistics: Mapping[str, Statistics | None] = field(default_factory=dict)
    """Column id → what is known of the values that were written."""


def changed_columns(
    old: pa.Table, places: Places, new: pa.Table, columns: Sequence[Column]
) -> list[tuple[Column, Bits]]:
    """Return the columns of which some value at `places` differs, and where."""
    everywhere = len(places) == old.num_rows
    found = []
    rows = None if everywhere else pa.array(places)
    for column in columns:
        before = old[column.name] if everywhere else old[column.name].take(rows)
        changed = differs(before, new[column.name])
        if changed.any():
            found.append((column, changed))
    return found


def revise(
    blobs: Blobs, fragment: Fragment, old: pa.Table, places: Places, new: pa.Table, columns: Sequence[Column]
) -> Revised:
    """Return the fragment with the values of `new` at `places`, ascending; `old` are its rows with those deleted."""
    files: dict[str, ColumnFile] = {}
    patches: list[Patch] = []
    known: dict[str, Statistics | None] = {}
    for mask, together in _by_rows(changed_columns(old, places, new, columns)):
        rows = int(mask.sum())
        if rows > WHOLE * fragment.rows or any(_layers(fragment, column) >= MOST for column in together):
            for column in together:
                values = replaced(old[column.name], places[mask], new[column.name].filter(pa.array(mask)))
                written = blobs.write([pa.table({column.id: values})])
                files[column.id] = ColumnFile(written.blob, written.bytes)
                known[column.id] = written.statistics.get(column.id)
            continue
        chosen = new.select([column.name for column in together]).filter(pa.array(mask))
        named = chosen.rename_columns([column.id for column in together])
        table = named.add_column(0, POSITION, pa.array(places[mask].astype(np.int32)))
        blob, size, statistics = blobs.put_places(table)
        patches.append(Patch(blob, rows, size, {column.id: column.id for column in together}))
        known |= {column.id: statistics.get(column.id) for column in together}
    if not known:
        return Revised(fragment)
    kept = _without_patches(fragment, set(files)).patches
    return Revised(replace(fragment, files={**fragment.files, **files}, patches=(*kept, *patches)), known)


def _layers(fragment: Fragment, column: Column) -> int:
    return sum(column.id in patch.columns for patch in fragment.patches)


def without(blobs: Blobs, fragment: Fragment, places: Places) -> Fragment | None:
    """Return the fragment with the rows at `places` deleted, None where no row is left."""
    if not len(places):
        return fragment
    kept = alive(blobs, fragment)
    kept = np.ones(fragment.rows, dtype=bool) if kept is None else kept
    kept[places] = False
    gone = np.flatnonzero(~kept)
    if len(gone) == fragment.rows:
        return None
    blob, size, _ = blobs.put_places(pa.table({POSITION: pa.array(gone.astype(np.int32))}))
    return replace(fragment, deletions=Deletions(blob, len(gone), size))


def widened(
    known: Mapping[str, Statistics], columns: Sequence[Column], written: Sequence[Revised]
) -> dict[str, Statistics]:
    """Return the statistics of columns by name after values were written over some of theirs."""
    found = dict(known)
    for column in columns:
        for one in written:
            if column.name in found and column.id in one.statistics:
                total = merged(found[column.name], one.statistics[column.id])
                found.pop(column.name)
                found |= {column.name: total} if total else {}
    return found


def ranged(one: Revised, key: Column | None, time: Column | None) -> Revised:
    """Return the fragment with ranges that hold after its key or its event times were changed."""
    fragment = one.fragment
    if fragment is None:
        return one
    if key is not None and key.id in one.statistics:
        fragment = replace(fragment, low=None, high=None)
    if time is not None and time.id in one.statistics:
        known = one.statistics[time.id]
        low, high = (moment(known.min), moment(known.max)) if known and not known.nulls else (None, None)
        first = min(low, fragment.first) if low and fragment.first else None
        last = max(high, fragment.last) if high and fragment.last else None
        fragment = replace(fragment, first=first, last=last)
    return replace(one, fragment=fragment)


def forget(fragment: Fragment, name: str) -> Fragment:
    """Return the fragment without files and patches that only the column of this id needs."""
    if name not in fragment.files and not any(name in patch.columns for patch in fragment.patches):
        return fragment
    files = {one: file for one, file in fragment.files.items() if one != name}
    return replace(_without_patches(fragment, {name}), files=files)


def _by_rows(changed: Sequence[tuple[Column, Bits]]) -> Iterator[tuple[Bits, list[Column]]]:
    """Group columns that changed in the same rows: they share a patch, and none holds values that did not change."""
    groups: dict[bytes, tuple[Bits, list[Column]]] = {}
    for column, mask in changed:
        groups.setdefault(np.packbits(mask).tobytes(), (mask, []))[1].append(column)
    yield from groups.values()


def _without_patches(fragment: Fragment, columns: set[str]) -> Fragment:
    """Take columns out of patches that a column file replaces: values patched before would come back otherwise."""
    left = [
        replace(patch, columns={name: place for name, place in patch.columns.items() if name not in columns})
        for patch in fragment.patches
    ]
    return replace(fragment, patches=tuple(patch for patch in left if patch.columns))
