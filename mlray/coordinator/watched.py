"""What the journal says about a project's sources. Pure: a coordinator that comes back folds the same and goes on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from mlray.ids import Json
from mlray.records import SourceState, Verdict
from mlray.spec import NotifySpec

__all__ = ["CRAWL", "NOTICE", "RESUME", "Watched", "after", "fold_sources", "paused", "untold"]

CRAWL, RESUME, NOTICE = "crawl", "resume", "notice"
"""Kinds of journal entries: a verdict, a person who lets a source go on, and a message that was sent."""


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
    told: str = ""
    """The verdict that was sent last, as `gist` puts it."""

    @property
    def gist(self) -> str:
        """What makes one message different from another: the age of a stale source, which grows, does not."""
        return f"{self.verdict.state} {self.verdict.listing or self.verdict.because}"


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
    if entry.data.get("delivered"):
        return {**known, source: replace(known[source], told=str(entry.data.get("gist", "")))}
    return known


def _seen(before: Watched | None, verdict: Verdict) -> Watched:
    watched = Watched(verdict)
    if before is not None:
        watched = replace(before, verdict=verdict)
        if watched.gist != before.gist:  # what came back after something else is told again
            watched = replace(watched, told="")
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


def untold(known: Mapping[str, Watched], notify: NotifySpec | None) -> tuple[str, ...]:
    """Return the sources whose last verdict is still to be sent."""
    if notify is None:
        return ()
    return tuple(name for name, one in known.items() if one.verdict.state in notify.on and one.gist != one.told)
