"""What the journal says about a project's sources. Pure: a coordinator that comes back folds the same and goes on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from mlray.ids import Json
from mlray.records import SourceState, Verdict
from mlray.spec import NotifySpec

__all__ = ["CHECKUP", "CRAWL", "NOTICE", "RESUME", "Watched", "after", "fold_sources", "gist", "paused", "untold"]

CRAWL, RESUME, NOTICE, CHECKUP = "crawl", "resume", "notice", "checkup"
"""Kinds of journal entries: a verdict, a person who lets a source go on, a message, and stored files hashed again."""


KEPT = 10
"""Findings of one source that wait to be told."""


class Said(Protocol):
    """A journal entry, as far as this fold reads it."""

    @property
    def kind(self) -> str:
        """What it tells."""
        ...

    @property
    def data(self) -> Mapping[str, Json]:
        """What it says."""
        ...


@dataclass(frozen=True, slots=True)
class Watched:
    """One source, as the last look at it left it."""

    verdict: Verdict
    paused: str = ""
    """Why nothing is ingested from it; empty while it may be."""
    since: datetime | None = None
    """When it was paused."""
    pending: tuple[Verdict, ...] = ()
    """Findings, each unlike the one before, that no message has told yet; the newest last."""


def gist(verdict: Verdict) -> str:
    """Return what makes one message different from another: the age of a stale source, which grows, does not."""
    return f"{verdict.state} {verdict.listing or verdict.because}"


def fold_sources(entries: Iterable[Said]) -> dict[str, Watched]:
    """Return source → what is known of it after `entries`, in their order."""
    known: Mapping[str, Watched] = {}
    for entry in entries:
        known = after(known, entry)
    return dict(known)


def after(known: Mapping[str, Watched], entry: Said) -> Mapping[str, Watched]:
    """Return what is known after one more entry."""
    if entry.kind == CRAWL:
        verdict = Verdict.from_json(entry.data)
        return {**known, verdict.source: _seen(known.get(verdict.source), verdict)}
    source = str(entry.data.get("source", "")) if entry.kind in (RESUME, NOTICE) else ""
    if source not in known:
        return known
    if entry.kind == RESUME:
        return {**known, source: replace(known[source], paused="", since=None)}
    if not entry.data.get("delivered"):
        return known
    left = tuple(one for one in known[source].pending if gist(one) != entry.data.get("gist"))
    return {**known, source: replace(known[source], pending=left)}


def _seen(before: Watched | None, verdict: Verdict) -> Watched:
    watched = replace(before, verdict=verdict) if before else Watched(verdict)
    if before is None or gist(verdict) != gist(before.verdict):
        watched = replace(watched, pending=(*watched.pending, verdict)[-KEPT:])
    # Only a person ends a pause: a source that looks whole again may have lost what it had.
    if verdict.state is SourceState.BREAKING and not watched.paused:
        return replace(watched, paused=verdict.because, since=verdict.at)
    return watched


def paused(known: Mapping[str, Watched]) -> str:
    """Return in a sentence which source is paused and why; empty while none is."""
    for name, watched in known.items():
        if watched.paused:
            return f"the source '{name}' is paused: {watched.paused}"
    return ""


def untold(known: Mapping[str, Watched], notify: NotifySpec | None, since: datetime) -> list[Verdict]:
    """Return the findings after `since` that are still to be told, source by source, the oldest first."""
    if notify is None:
        return []
    waiting = [verdict for watched in known.values() for verdict in watched.pending]
    return [verdict for verdict in waiting if verdict.state in notify.on and verdict.at >= since]
