"""What a change of a contract breaks, and for whom: who writes the data, who reads it, who calls endpoints."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlray.clock import parse_duration
from mlray.spec import ColumnSpec, Data, MappingSpec

__all__ = ["Change", "compare", "loosened"]

READERS, WRITERS, CALLERS = "readers", "writers", "callers"
"""Who may break: who reads versions or learns from them, who delivers files, and who sends requests to endpoints."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two contracts."""

    what: str
    """In words, with the values before and after."""
    column: str = ""
    """The column; empty where the change is of the whole."""
    breaks: tuple[str, ...] = ()
    """`readers`, `writers`, `callers`; empty for a change that breaks nobody."""
    because: str = ""
    again: bool = True
    """Whether rows mean something else, so that the source is read again from the beginning."""

    @property
    def breaking(self) -> bool:
        """Whether it breaks anybody."""
        return bool(self.breaks)

    def __str__(self) -> str:
        """Return one line for a person."""
        return (
            f"{self.what}: breaks {', '.join(self.breaks)}; {self.because}"
            if self.breaks
            else f"{self.what}: breaks nobody"
        )


def compare(old: Data, new: Data) -> tuple[Change, ...]:
    """Return every difference between two contracts that matters to somebody, the breaking ones first."""
    found = [*_whole(old, new), *_columns(old, new), *_mappings(old, new)]
    return tuple(sorted(found, key=lambda change: not change.breaking))


def loosened(old: Data, new: Data) -> bool:
    """Tell whether every row that kept `old` keeps `new` as the same row: only those set aside need another try."""
    same = all(getattr(old, name) == getattr(new, name) for name in ("table", "time", "key", "modes", "target"))
    lookups = {name: lookup.on for name, lookup in old.lookups.items()}
    if not same or lookups != {name: lookup.on for name, lookup in new.lookups.items()}:
        return False
    before, after = old.all_columns, new.all_columns
    return list(before) == list(after) and all(map(_wider, before.values(), after.values())) and _words_only(old, new)


def _whole(old: Data, new: Data) -> Iterator[Change]:
    if old.table != new.table:
        yield Change(f"table renamed from '{old.table}' to '{new.table}'", "", (READERS,), "versions have another name")
    if old.time != new.time:
        yield Change(f"event time is '{new.time}', was '{old.time}'", "", (READERS, WRITERS), "rows move in time")
    if old.key != new.key:
        names = ", ".join(new.key) or "nothing"
        yield Change(
            f"key is {names}, was {', '.join(old.key) or 'nothing'}", "", (WRITERS,), "other rows count as repeated"
        )
    if old.modes != new.modes:
        yield Change("modes changed", "", (WRITERS,), "other rows are set aside or refused")
    if new.freshness != old.freshness:
        tighter = new.freshness and (not old.freshness or parse_duration(new.freshness) < parse_duration(old.freshness))
        who = (WRITERS,) if tighter else (READERS,)
        yield Change(
            f"freshness is {new.freshness}, was {old.freshness}", "", who, "data may be of another age", again=False
        )
    for rule in new.quality:
        if rule not in old.quality:
            yield Change(f"new rule {rule.label}", "", (WRITERS,), "tables may fail it", again=False)
    for rule in old.quality:
        if rule not in new.quality:
            yield Change(f"rule {rule.label} is gone or changed", "", (), again=False)


def _columns(old: Data, new: Data) -> Iterator[Change]:
    before, after = old.all_columns, new.all_columns
    for name, column in before.items():
        if name not in after:
            gone = (READERS, *([CALLERS] if column.known == "before" else []))
            yield Change(f"column '{name}' is gone", name, gone, "whoever uses it finds nothing")
        else:
            yield from _column(name, column, after[name])
    for name, column in after.items():
        if name in before:
            continue
        needed = not column.nullable
        who = [*([WRITERS] if needed else []), *([CALLERS] if column.known == "before" else [])]
        why = "files and requests must bring it" if who else ""
        yield Change(f"column '{name}' is new" + ("" if needed else ", and may be missing"), name, tuple(who), why)


def _column(name: str, old: ColumnSpec, new: ColumnSpec) -> Iterator[Change]:
    callers = (CALLERS,) if "before" in (old.known, new.known) else ()
    if old.type != new.type:
        yield Change(
            f"'{name}' is a {new.type}, was a {old.type}", name, (READERS, WRITERS, *callers), "its values change"
        )
    if old.unit != new.unit:
        yield Change(
            f"'{name}' is in {new.unit}, was in {old.unit}",
            name,
            (READERS, WRITERS, *callers),
            "its numbers mean something else",
        )
    if old.nullable != new.nullable:
        who = (READERS,) if new.nullable else (WRITERS, *callers)
        yield Change(
            f"'{name}' {'may' if new.nullable else 'must not'} be missing",
            name,
            who,
            "a missing value was not expected",
        )
    if old.known != new.known:
        yield Change(
            f"'{name}' is known {new.known}, was known {old.known}", name, (READERS, CALLERS), "requests change"
        )
    yield from _values(name, old, new, callers)
    if old.classification != new.classification:
        yield Change(
            f"'{name}' is classified {new.classification}, was {old.classification}", name, (READERS,),
            "views show more or less of it", again=False,
        )  # fmt: skip


def _values(name: str, old: ColumnSpec, new: ColumnSpec, callers: tuple[str, ...]) -> Iterator[Change]:
    if old.allowed != new.allowed:
        gone = sorted(set(map(str, old.allowed or ())) - set(map(str, new.allowed or ()))) if new.allowed else []
        added = sorted(set(map(str, new.allowed or ())) - set(map(str, old.allowed or ()))) if old.allowed else []
        if gone or old.allowed is None:
            said = f"no longer allows {', '.join(gone)}" if gone else "allows only some values"
            yield Change(
                f"'{name}' {said}", name, (WRITERS, *callers), "such rows are set aside, such requests refused"
            )
        if added or new.allowed is None:
            said = f"also allows {', '.join(added)}" if added else "allows every value"
            yield Change(f"'{name}' {said}", name, (READERS,), "readers meet values that they do not know")
    for word, before, after, narrow in (
        ("at least", old.min, new.min, _above(new.min, old.min)),
        (
            "at most",
            old.max,
            new.max,
            _above(old.max, new.max) if None not in (old.max, new.max) else new.max is not None,
        ),
    ):
        if before != after:
            who = (WRITERS, *callers) if narrow else (READERS,)
            why = "such rows are set aside" if narrow else "readers meet values that they do not know"
            yield Change(f"'{name}' is {word} {after}, was {before}", name, who, why)


def _above(one: float | None, other: float | None) -> bool:
    """Tell whether the limit `one` is above `other`; no limit is below every one."""
    return one is not None and (other is None or one > other)


def _mappings(old: Data, new: Data) -> Iterator[Change]:
    before, after = _by_files(old), _by_files(new)
    for files in dict.fromkeys([*before, *after]):
        if before.get(files) == after.get(files):
            continue
        what = "is new" if files not in before else "is gone" if files not in after else "changed"
        who = (READERS,) if files in before else ()
        yield Change(f"mapping of '{files}' {what}", "", who, "rows of these files come out otherwise")


def _by_files(data: Data) -> Mapping[str, tuple[MappingSpec, ...]]:
    names = dict.fromkeys(mapping.files for mapping in data.mappings)
    return {name: tuple(mapping for mapping in data.mappings if mapping.files == name) for name in names}


def _wider(old: ColumnSpec, new: ColumnSpec) -> bool:
    """Tell whether every value that `old` allows, `new` allows as the same."""
    if (old.type, old.unit, old.known) != (new.type, new.unit, new.known) or old.nullable > new.nullable:
        return False
    low = new.min is None or (old.min is not None and new.min <= old.min)
    high = new.max is None or (old.max is not None and new.max >= old.max)
    words = new.allowed is None or (old.allowed is not None and set(old.allowed) <= set(new.allowed))
    return low and high and words


def _words_only(old: Data, new: Data) -> bool:
    """Tell whether the mappings differ only by words for values that were not allowed, whose rows were set aside."""
    if old.mappings == new.mappings:
        return True
    if len(new.mappings) < len(old.mappings):
        return False
    for place, mapping in enumerate(new.mappings):
        before = old.mappings[place] if place < len(old.mappings) else MappingSpec(files=mapping.files)
        if before.model_copy(update={"values": {}}) != mapping.model_copy(update={"values": {}}):
            return False
        for name, words in mapping.values.items():
            known = before.values.get(name, {})
            allowed = old.all_columns[name].allowed
            fresh = {theirs for theirs, ours in words.items() if known.get(theirs) != ours}
            if set(known) - set(words) or (fresh and allowed is None) or fresh & {*known, *map(str, allowed or ())}:
                return False
    return all(
        set(before.values) <= set(after.values) for before, after in zip(old.mappings, new.mappings, strict=False)
    )
