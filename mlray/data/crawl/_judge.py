"""From what a look saw to a verdict. Pure: the first rule that applies decides, and nothing is read here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import exp, log
from statistics import median

from mlray.ids import digest_of
from mlray.records import Record, SourceState, Verdict

__all__ = ["Compared", "Known", "Sight", "Thing", "Volume", "compared", "digest_of_listing", "judge", "learnt"]

HALF = 0.5
"""When more rows than this are set aside, it is not rows that are wrong but the source."""
FEW = 5
"""With fewer earlier files than this, nothing is usual yet."""
SPREADS, TIMES = 5.0, 2.0
"""A file is unlike the others when its rows are this many usual deviations off, and at least twice or half as many."""
NAMED = 3


@dataclass(frozen=True, slots=True)
class Thing(Record):
    """One file, table or partition of a source, as it was when it was last looked at."""

    mark: str
    """What changes with the content: size, time and etag."""
    rows: int = -1
    """-1 where nothing tells without reading everything."""
    first: datetime | None = None
    last: datetime | None = None
    """The earliest and latest event time."""
    content: str = ""
    """Digest of what is in it, where that is cheap: a file that was only touched or copied is the same."""

    @property
    def hourly(self) -> float | None:
        """Rows in an hour of event time, so that a month that has only begun is not mistaken for a small one."""
        if self.rows < 0:
            return None
        if self.first is None or self.last is None:
            return float(self.rows)
        return self.rows / max((self.last - self.first) / timedelta(hours=1), 1.0)


@dataclass(frozen=True, slots=True)
class Known(Record):
    """What the crawler remembers of a source between two looks. Lost, everything is merely looked at again."""

    listing: str = ""
    """Digest of the listing that was judged last."""
    contract: str = ""
    """Digest of the contract that it was judged by."""
    things: Mapping[str, Thing] = field(default_factory=dict)
    """What was seen and found fit."""
    columns: tuple[str, ...] = ()
    """The columns that the contract does not know, as far as they were seen."""
    trouble: str = ""
    """Why the last listing breaks the contract; empty if it does not."""
    remedy: str = ""
    refused: Mapping[str, str] = field(default_factory=dict)
    """What of that listing is not known, name → mark."""
    untold: str = ""
    """Why the latest event time is not known; empty where it is."""

    @property
    def newest(self) -> datetime | None:
        """The latest event time of all that is known."""
        return max((thing.last for thing in self.things.values() if thing.last is not None), default=None)


@dataclass(frozen=True, slots=True)
class Volume:
    """What the contract's rules say of the number of rows; nothing where that is not known."""

    wrong: tuple[str, ...] = ()
    """What breaks a rule."""
    warned: tuple[str, ...] = ()
    """What breaks a rule that only warns."""


NO_RULES = Volume()


@dataclass(frozen=True, slots=True)
class Sight:
    """What was found in those things that are new or differ."""

    things: Mapping[str, Thing] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    """Columns that the contract does not know."""
    trouble: str = ""
    remedy: str = ""
    """Why they do not fit the contract at all, and what would help."""
    tried: int = 0
    """Rows that were tried against the contract."""
    aside: Mapping[str, int] = field(default_factory=dict)
    """How many of them it sets aside, by reason."""
    read: str = "footers"
    kind: str = "file"
    """What the things are: files, a table, or a topic."""
    untold: str = ""
    """Why nothing tells the latest event time, where it does not."""
    volume: Volume = NO_RULES

    @property
    def share(self) -> float:
        """The share of the tried rows that the contract sets aside."""
        return sum(self.aside.values()) / self.tried if self.tried else 0.0


@dataclass(frozen=True, slots=True)
class Compared:
    """A listing beside what is known."""

    new: tuple[str, ...]
    differing: tuple[str, ...]
    gone: tuple[str, ...]


def digest_of_listing(marks: Mapping[str, str]) -> str:
    """Return the digest of a listing, name → mark."""
    return digest_of(dict(marks))


def compared(known: Known, marks: Mapping[str, str], seen: Mapping[str, Thing] | None = None) -> Compared:
    """Return which things are new, which differ from what was known, and which are gone.

    `seen` tells of some of them by now what is in them: what is the same under another mark does not differ.
    """
    before, seen = known.things, seen or {}
    marked = [name for name in marks if name in before and before[name].mark != marks[name]]
    return Compared(
        tuple(name for name in marks if name not in before),
        tuple(name for name in marked if name not in seen or not _same(before[name], seen[name])),
        tuple(name for name in before if name not in marks),
    )


def _same(before: Thing, after: Thing) -> bool:
    return bool(before.content) and before.content == after.content


@dataclass(frozen=True, slots=True)
class _Case:
    """All that the rules look at."""

    known: Known
    seen: Compared
    sight: Sight
    newest: datetime | None
    now: datetime
    promise: timedelta | None
    tolerance: float
    held: datetime | None


def judge(
    source: str,
    known: Known,
    marks: Mapping[str, str],
    sight: Sight,
    *,
    now: datetime,
    promise: timedelta | None = None,
    tolerance: float = 0.1,
    held: datetime | None = None,
) -> Verdict:
    """Return the verdict on a source that could be read.

    Args:
        source: the table's name, or a lookup's.
        known: what earlier looks saw and found fit.
        marks: the listing now, name → mark.
        sight: what was found in the things that are new or differ.
        now: the moment of the look.
        promise: how old the newest row may be; None if nothing is promised.
        tolerance: the share of rows set aside above which the source counts as changed.
        held: the latest event time that the newest dataset version has; None before the first.
    """
    seen = compared(known, marks, sight.things)
    newest = _latest(known.newest, *(thing.last for thing in sight.things.values()))
    state, because, remedy = _rules(_Case(known, seen, sight, newest, now, promise, tolerance, held))
    notes = [*(f"'{name}' is no column of the contract" for name in sight.unknown), *sight.volume.warned]
    if sight.aside and state is not SourceState.BREAKING:
        notes.append(_aside(sight))
    if promise is not None and newest is None and state is not SourceState.BREAKING:
        notes.append(f"freshness cannot be told: {sight.untold or 'no event time of it was seen'}")
    if newest is not None and (held is None or newest > held):
        notes.append("not ingested yet" if held is None else f"not ingested yet: what is after {_minute(held)}")
    if state is SourceState.BREAKING:
        remedy = f"{remedy} Then `mlray source resume {source}`.".strip()
    return Verdict(
        source=source,
        state=state,
        because=because,
        at=now,
        remedy=remedy,
        files=len(marks),
        fresh=len(seen.new) + len(seen.differing),
        newest=newest,
        rows=sum(_added(known, name, thing) for name, thing in sight.things.items()),
        read=sight.read,
        listing=digest_of_listing(marks),
        notes=tuple(notes),
    )


def _rules(case: _Case) -> tuple[SourceState, str, str]:
    """Return the state, why, and what helps."""
    known, seen, sight, newest = case.known, case.seen, case.sight, case.newest
    if broken := _broken(sight):
        return SourceState.BREAKING, *broken
    if case.promise is not None and newest is not None and case.now - newest > case.promise:
        old, promised = _age(case.now - newest), _age(case.promise)
        late = f"the newest row is of {_minute(newest)}, {old} ago, and {promised} is promised"
        return SourceState.STALE, late, "Ask whoever delivers it; the contract's freshness is what is promised."
    if odd := [*_odd(known, seen, sight, case.tolerance), *sight.volume.wrong]:
        return SourceState.CHANGED, "; ".join(odd), "Look at it before the next training learns from it."
    if not known.things:
        if case.held is not None and newest is not None and newest <= case.held:
            return SourceState.UNCHANGED, f"nothing after {_minute(newest)}, which is ingested already", ""
        return SourceState.NEW, f"first seen: {_count(len(seen.new), sight.kind)}{_up_to(newest)}", ""
    if grown := [*seen.new, *seen.differing]:
        rows = sum(_added(known, name, sight.things[name]) for name in grown if name in sight.things)
        more = f", {rows:,} rows" if rows else ""
        return SourceState.NEW, f"{_names(grown)} {_are(grown)} new{more}{_up_to(newest)}", ""
    return SourceState.UNCHANGED, f"{_count(len(known.things), sight.kind)} as at the last look{_up_to(newest)}", ""


def _broken(sight: Sight) -> tuple[str, str] | None:
    """Return why the source does not fit the contract any more and what would help; None where it does."""
    if sight.trouble:
        return sight.trouble, sight.remedy
    if sight.share > HALF:
        return _aside(sight), "See what changed in it: map it in the contract, or have it delivered again."
    return None


def _odd(known: Known, seen: Compared, sight: Sight, tolerance: float) -> list[str]:
    """Return in words what is unlike before; rows that were only added to a file are not."""
    odd = [f"{_names(seen.gone)} {_are(seen.gone)} gone"] if seen.gone else []
    rewritten = [name for name in seen.differing if not _grew(known.things[name], sight.things.get(name))]
    if rewritten:
        odd.append(f"{_names(rewritten)} {'was' if len(rewritten) == 1 else 'were'} rewritten")
    added = [name for name in sight.unknown if name not in known.columns] if known.things else []
    if added:
        odd.append(f"{_names(added)} {_are(added)} new among the columns")
    if sight.share > tolerance:
        odd.append(_aside(sight))
    usual = [rate for thing in known.things.values() if (rate := thing.hourly) is not None]
    for name, thing in sight.things.items():
        expected = _expected(usual, thing.hourly)
        if expected is not None and thing.hourly is not None:
            per = " an hour" if thing.first is not None else ""
            odd.append(f"{name} has {thing.hourly:,.0f} rows{per}, where {expected:,.0f} are usual")
    return odd


def _expected(usual: list[float], rate: float | None) -> float | None:
    """Return how many rows are usual where `rate` is far from it; None where it is not, or nothing is usual yet.

    On a logarithmic scale, with the median and its median deviation: a few odd files among the known ones do no harm.
    """
    logs = [log(max(one, 0.5)) for one in usual]
    if rate is None or len(logs) < FEW:
        return None
    centre = median(logs)
    spread = 1.4826 * median(abs(one - centre) for one in logs)
    far = abs(log(max(rate, 0.5)) - centre) > max(SPREADS * spread, log(TIMES))
    return exp(centre) if far else None


def _added(known: Known, name: str, thing: Thing) -> int:
    """Return how many of a thing's rows were not there before, as far as its counts tell."""
    before = known.things.get(name)
    return max(thing.rows - max(before.rows, 0), 0) if before is not None else max(thing.rows, 0)


def _grew(before: Thing, after: Thing | None) -> bool:
    """Return whether a file that differs looks as if rows were only added to it."""
    if after is None or before.rows < 0 or after.rows <= before.rows:
        return False
    return before.last is None or (after.first == before.first and after.last is not None and after.last >= before.last)


def learnt(known: Known, marks: Mapping[str, str], sight: Sight, contract: str) -> Known:
    """Return what is remembered for the next look: what breaks the contract is not taken for known."""
    listing = digest_of_listing(marks)
    if broken := _broken(sight):
        seen = compared(known, marks)
        refused = {name: marks[name] for name in (*seen.new, *seen.differing)}
        return Known(listing, contract, known.things, known.columns, *broken, refused, sight.untold)
    things = {name: sight.things.get(name) or known.things.get(name) or Thing(mark) for name, mark in marks.items()}
    columns = tuple(dict.fromkeys([*known.columns, *sight.unknown]))
    return Known(listing, contract, things, columns, untold=sight.untold)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _aside(sight: Sight) -> str:
    reason = max(sight.aside, key=lambda one: sight.aside[one])
    return f"{sum(sight.aside.values()):,} of {sight.tried:,} rows would be set aside, most often: {reason}"


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _count(things: int, kind: str) -> str:
    return f"{things:,} {kind}{'' if things == 1 else 's'}"


def _up_to(newest: datetime | None) -> str:
    return f", up to {_minute(newest)}" if newest is not None else ""


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _age(age: timedelta) -> str:
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if age >= length:
            number = int(age / length)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{age.total_seconds():.0f} seconds"
