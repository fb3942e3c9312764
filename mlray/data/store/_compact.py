"""Compaction: what edits left in layers is written anew, so that reading stays quick; the rows stay the same.

A column with many patches becomes a column file; a fragment with many deletions, and small fragments next to each
other, become one without layers. Earlier versions keep their files.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from mlray.data.store._blobs import ROW_GROUP
from mlray.data.store._reading import placed
from mlray.data.store._types import type_of
from mlray.data.store._version import Draft
from mlray.errors import NotFoundError
from mlray.records import Column, ColumnFile, DatasetVersion, Fragment

if TYPE_CHECKING:
    from datetime import datetime

    from mlray.data.store import Store

__all__ = ["Limits", "compact", "plan"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may lie in layers before it is written anew."""

    patches: int = 4
    """Patches of one column in a fragment."""
    patched: float = 0.1
    """Patched rows of one column, as a share of the fragment's."""
    deleted: float = 0.2
    """Deleted rows, as a share of the fragment's."""
    small: int = ROW_GROUP // 8
    """Rows below which a fragment is merged with small neighbours."""
    large: int = ROW_GROUP
    """Rows that a merged fragment has at most."""


@dataclass(frozen=True, slots=True)
class Step:
    """Fragments next to each other that become one: all of it anew, or only some columns."""

    fragments: tuple[Fragment, ...]
    columns: tuple[Column, ...] = ()
    """Columns of the one fragment that are written anew; empty: all, without layers."""


def plan(version: DatasetVersion, limits: Limits | None = None) -> tuple[Step, ...]:
    """Return what compaction would write anew, from the manifest alone."""
    limits = limits or Limits()
    steps: list[Step] = []
    for group in _grouped(version.fragments, limits):
        if len(group) > 1 or _hollow(group[0], limits):
            steps.append(Step(tuple(group)))
        elif columns := [column for column in version.columns if _layered(group[0], column.id, limits)]:
            steps.append(Step(tuple(group), tuple(columns)))
    return tuple(steps)


def compact(
    store: "Store",
    table: str,
    *,
    now: "datetime",
    branch: str = "main",
    limits: Limits | None = None,
    author: str = "",
    note: str = "",
    once: str = "",
) -> DatasetVersion:
    """Make a version with the same rows in fewer layers, or return the head where none are too many.

    Nothing is lost to a concurrent edit: fragments that it changed are left as it made them.

    Raises:
        NotFoundError: there is no such table or branch.
    """
    head = store.head(table, branch)
    if head is None:
        raise NotFoundError(f"There is no table '{table}' to compact.", remedy="Ingest a source first.")
    made = [(step, _written(store, head, step)) for step in plan(head, limits)]

    def change(current: DatasetVersion | None) -> Draft | None:
        if current is None:
            return None
        fragments = _substituted(current.fragments, made)
        if fragments == current.fragments:
            return None
        return Draft(
            schema=current.schema,
            contract=current.contract,
            fragments=fragments,
            profile=current.profile,
            quality=current.quality,
            cursor=current.cursor,
            as_of=current.as_of,
            created_at=now,
            operation="compact",
            columns=current.columns,
            author=author,
            note=note,
            key=current.key,
            time=current.time,
            extra=current.extra,
        )

    return store.commit(table, change, branch=branch, once=once)


def _grouped(fragments: Sequence[Fragment], limits: Limits) -> Iterator[list[Fragment]]:
    """Yield fragments in order, small neighbours together."""
    group: list[Fragment] = []
    for fragment in fragments:
        rows = sum(one.alive for one in group)
        fits = (
            group
            and fragment.alive < limits.small
            and group[-1].alive < limits.small
            and rows + fragment.alive <= limits.large
        )
        if group and not fits:
            yield group
            group = []
        group.append(fragment)
    if group:
        yield group


def _hollow(fragment: Fragment, limits: Limits) -> bool:
    gone = fragment.deletions.rows if fragment.deletions else 0
    return gone > limits.deleted * fragment.rows


def _layered(fragment: Fragment, column: str, limits: Limits) -> bool:
    patches = [patch for patch in fragment.patches if column in patch.columns]
    return len(patches) > limits.patches or sum(patch.rows for patch in patches) > limits.patched * fragment.rows


def _written(store: "Store", head: DatasetVersion, step: Step) -> Fragment | None:
    """Write what a step makes anew; None where its rows are all gone."""
    if step.columns:
        return _flattened(store, step.fragments[0], step.columns)
    if not any(fragment.alive for fragment in step.fragments):
        return None
    schema = pa.schema([(column.name, type_of(column.type)) for column in head.columns])
    parts = (store.read_fragment(head, fragment).cast(schema) for fragment in step.fragments)
    made = store.write(parts, schema=schema, source=_sources(step), time=head.time)
    olds = step.fragments
    return replace(
        made,
        # Named here, since a fragment without a name gets its columns by their names in whatever head it lands on.
        id=f"{head.number}-{made.blob[:12]}",
        columns={column.id: column.name for column in head.columns},
        low=cast("int | str | None", _end(min, [one.low for one in olds])),
        high=cast("int | str | None", _end(max, [one.high for one in olds])),
        first=cast("datetime | None", _end(min, [one.first for one in olds])),
        last=cast("datetime | None", _end(max, [one.last for one in olds])),
        statistics={},
    )


def _end(choose: Callable[..., object], ends: Sequence[object]) -> object:
    """Return the bound of several parts, None where one of them has none."""
    known = [end for end in ends if end is not None]
    return choose(known) if len(known) == len(ends) else None


def _sources(step: Step) -> str:
    return "; ".join(dict.fromkeys(one.source for one in step.fragments if one.source))


def _flattened(store: "Store", fragment: Fragment, columns: Sequence[Column]) -> Fragment:
    """Write columns of a fragment as column files that need no patches."""
    files: dict[str, ColumnFile] = dict(fragment.files)
    for column in columns:
        values = placed(store.blobs, fragment, [column])
        written = store.put(values.rename_columns([column.id]))
        files[column.id] = ColumnFile(written.blob, written.bytes)
    ids = {column.id for column in columns}
    patches = (
        replace(one, columns={id_: name for id_, name in one.columns.items() if id_ not in ids})
        for one in fragment.patches
    )
    return replace(fragment, files=files, patches=tuple(patch for patch in patches if patch.columns))


def _substituted(fragments: tuple[Fragment, ...], made: Sequence[tuple[Step, Fragment | None]]) -> tuple[Fragment, ...]:
    """Return `fragments` with every step whose fragments are still there, as they were, replaced by its result."""
    result, skip = list[Fragment](), 0
    by_name = {step.fragments[0].id: (step, one) for step, one in made}
    for place, fragment in enumerate(fragments):
        if skip:
            skip -= 1
            continue
        found = by_name.get(fragment.id)
        if found and fragments[place : place + len(found[0].fragments)] == found[0].fragments:
            skip = len(found[0].fragments) - 1
            result += [found[1]] if found[1] else []
            continue
        result.append(fragment)
    return tuple(result)
