"""From a draft to a version: numbers, ids of columns and fragments, statistics and the digest. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mlray.data._cursor import lasting
from mlray.data.store._legacy import MARK, first_digest
from mlray.data.store._refs import MAIN
from mlray.data.store._statistics import merged, moment, nulls, whole
from mlray.errors import DataError
from mlray.ids import Json, digest_of
from mlray.records import Column, DatasetVersion, Fragment, Patch, Quality, Statistics

__all__ = ["Draft", "digest_version", "is_new", "new_column", "version_of"]

NEW = "@+"
"""What the id of a column ends with until the version that brings it has a number: no name can make a final id so."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A version before it has a number."""

    schema: Mapping[str, str]
    contract: str
    fragments: tuple[Fragment, ...]
    profile: str
    quality: Quality
    cursor: str
    as_of: datetime
    created_at: datetime
    operation: str = "ingest"
    columns: tuple[Column, ...] = ()
    """Empty where columns are known by their names in `schema`: those of the head stay, others are new."""
    author: str = ""
    note: str = ""
    key: tuple[str, ...] = ()
    time: str = ""
    """Empty for what the fragments' writer stated."""
    statistics: Mapping[str, Statistics] | None = None
    """Of the rows in fragments that have an id already, None for the head's; those of new fragments are added."""
    squashed: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)


def new_column(name: str, kind: str) -> Column:
    """Return a column that no version had; it gets its id with the version's number."""
    return Column(name + NEW, name, kind)


def is_new(name: str) -> bool:
    """Tell whether the id `name` is of a column that no version had."""
    return name.endswith(NEW)


def version_of(
    table: str, number: int, draft: Draft, head: DatasetVersion | None, *, branch: str = MAIN, once: str = ""
) -> DatasetVersion:
    """Return the version that `draft` becomes after `head` under `number`."""
    columns = _columns(draft, head, number)
    time = _time(draft, head, columns)
    key = tuple(draft.key) or _kept_key(head, columns)
    named = {column.name for column in columns}
    if missing := [name for name in key if name not in named]:
        raise DataError(f"'{table}' has no column '{missing[0]}' for its key.", remedy=f"It has {', '.join(named)}.")
    rekeyed = head is not None and _ids(head.columns, head.key) != _ids(columns, key)
    retimed = head is not None and _ids(head.columns, [head.time]) != _ids(columns, [time])
    fragments = tuple(
        _bound(fragment, columns, key, time, f"{number}-{place}")
        if not fragment.id
        else _settled(fragment, number, rekeyed=rekeyed, retimed=retimed)
        for place, fragment in enumerate(draft.fragments)
    )
    version = DatasetVersion(
        table=table,
        number=number,
        digest="",
        parents=(head.digest,) if head else (),
        schema={column.name: column.type for column in columns} if draft.columns else draft.schema,
        contract=draft.contract,
        fragments=fragments,
        rows=sum(fragment.alive for fragment in fragments),
        profile=draft.profile,
        quality=draft.quality,
        cursor=draft.cursor,
        as_of=draft.as_of,
        created_at=draft.created_at,
        operation=draft.operation,
        columns=columns,
        branch=branch,
        author=draft.author,
        note=draft.note,
        key=key,
        time=time,
        statistics=_statistics(draft, head, columns),
        once=once,
        squashed=draft.squashed,
        extra=draft.extra,
    )
    return replace(version, digest=digest_version(version))


def digest_version(version: DatasetVersion) -> str:
    """Return the digest that `version` must have: of its content and history, not of moments, sources and notes."""
    if version.extra.get("layout") == MARK["layout"]:
        return first_digest(version)
    return digest_of(
        {
            "parents": list(version.parents),
            "columns": [[column.id, column.name, column.type] for column in version.columns],
            "contract": version.contract,
            "fragments": [_content(fragment) for fragment in version.fragments],
            "cursor": lasting(version.cursor),
            "key": list(version.key),
            "time": version.time,
        }
    )


def _content(fragment: Fragment) -> Mapping[str, Json]:
    return {
        "blob": fragment.blob,
        "rows": fragment.rows,
        "columns": dict(fragment.columns),
        "files": {name: file.blob for name, file in fragment.files.items()},
        "patches": [[patch.blob, dict(patch.columns)] for patch in fragment.patches],
        "deletions": fragment.deletions.blob if fragment.deletions else None,
    }


def _columns(draft: Draft, head: DatasetVersion | None, number: int) -> tuple[Column, ...]:
    if draft.columns:
        return tuple(replace(column, id=_final(column.id, number)) for column in draft.columns)
    known = {(column.name, column.type): column for column in head.columns} if head else {}
    return tuple(
        known.get((name, kind)) or Column(f"{name}@{number}", name, kind) for name, kind in draft.schema.items()
    )


def _final(name: str, number: int) -> str:
    return f"{name.removesuffix(NEW)}@{number}" if is_new(name) else name


def _time(draft: Draft, head: DatasetVersion | None, columns: Sequence[Column]) -> str:
    """Return the event-time column: as stated, else the head's if it is still there, else the fragments'."""
    names = {column.name for column in columns}
    if draft.time:
        return draft.time if draft.time in names else ""
    if head is not None and head.time and any(column == head.column(head.time) for column in columns):
        return head.time
    return next((one.time for one in draft.fragments if not one.id and one.time in names), "")


def _ids(columns: Sequence[Column], names: Sequence[str]) -> list[str | None]:
    known = {column.name: column.id for column in columns}
    return [known.get(name) for name in names]


def _kept_key(head: DatasetVersion | None, columns: Sequence[Column]) -> tuple[str, ...]:
    if head is None:
        return ()
    names = {column.name for column in columns}
    return head.key if names.issuperset(head.key) else ()


def _bound(fragment: Fragment, columns: Sequence[Column], key: Sequence[str], time: str, name: str) -> Fragment:
    """Return a new fragment as a version names it: by ids, with its ranges, and without statistics of its own."""
    known = fragment.statistics
    first = known.get(key[0], Statistics()) if key else Statistics()
    times = known.get(time, Statistics())
    complete = not first.nulls
    return replace(
        fragment,
        id=name,
        columns={column.id: column.name for column in columns if column.name in fragment.columns},
        low=whole(first.min) if complete else None,
        high=whole(first.max) if complete else None,
        first=moment(times.min) if not times.nulls else None,
        last=moment(times.max) if not times.nulls else None,
        statistics={},
    )


def _settled(fragment: Fragment, number: int, *, rekeyed: bool, retimed: bool) -> Fragment:
    """Return a known fragment with final ids, and without ranges of a key or a time that is another one by now."""
    made = fragment
    if any(is_new(name) for name in [*fragment.files, *(n for p in fragment.patches for n in p.columns)]):
        made = replace(
            made,
            files={_final(name, number): file for name, file in fragment.files.items()},
            patches=tuple(_settled_patch(patch, number) for patch in fragment.patches),
        )
    if rekeyed and (made.low, made.high) != (None, None):
        made = replace(made, low=None, high=None)
    return replace(made, first=None, last=None) if retimed and (made.first, made.last) != (None, None) else made


def _settled_patch(patch: Patch, number: int) -> Patch:
    return replace(patch, columns={_final(name, number): place for name, place in patch.columns.items()})


def _statistics(draft: Draft, head: DatasetVersion | None, columns: Sequence[Column]) -> Mapping[str, Statistics]:
    kept = [fragment for fragment in draft.fragments if fragment.id]
    rows = sum(fragment.rows for fragment in kept)
    known: Mapping[str, Statistics] = nulls((column.name for column in columns), 0)
    if kept:
        known = draft.statistics if draft.statistics is not None else _inherited(head, columns, rows)
    found: dict[str, Statistics] = {}
    for column in columns:
        total = known.get(column.name)
        for fragment in draft.fragments:
            if fragment.id:
                continue
            absent = Statistics(nulls=fragment.rows) if column.name not in fragment.columns else None
            total = merged(total, fragment.statistics.get(column.name, absent))
        if total is not None:
            found[column.name] = total
    return found


def _inherited(head: DatasetVersion | None, columns: Sequence[Column], rows: int) -> Mapping[str, Statistics]:
    found: dict[str, Statistics] = {}
    old = {column.id: column.name for column in head.columns} if head else {}
    for column in columns:
        if column.id not in old:
            found[column.name] = Statistics(nulls=rows)
        elif head is not None and old[column.id] in head.statistics:
            found[column.name] = head.statistics[old[column.id]]
    return found
