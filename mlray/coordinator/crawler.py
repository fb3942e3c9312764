"""Looking at a project's sources: what is due, what was found written down, the store's own files, and who is told."""

import json
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from mlray.coordinator.notify import Post, of_checkup, of_source, send
from mlray.coordinator.on_http import post_json
from mlray.coordinator.pause import known_sources
from mlray.coordinator.rows import quiet
from mlray.coordinator.state import State
from mlray.coordinator.watched import CHECKUP, CRAWL, NOTICE, RESUME, Watched, gist, untold
from mlray.coordinator.workspace import Workspace
from mlray.data import Known, Thing, checkup, due, look
from mlray.errors import NotFoundError, Refusal, StoreError
from mlray.ids import Json, canonical
from mlray.ports import Progress
from mlray.records import Checkup, DatasetVersion, SourceState, Verdict
from mlray.security import redact
from mlray.spec import CrawlSpec, ProjectSpec, did_you_mean

__all__ = ["crawl", "due_sources", "failed", "resume", "sources_of", "wanted"]

PATIENCE = timedelta(days=1)
"""A message that nobody took for so long is not news any more."""
BAD = (SourceState.STALE, SourceState.BREAKING, SourceState.UNREACHABLE)

log = logging.getLogger(__name__)


def sources_of(spec: ProjectSpec) -> tuple[str, ...]:
    """Return the names of the project's sources: its table, then each lookup."""
    return (spec.data.table, *spec.data.lookups)


def due_sources(spec: ProjectSpec, known: Mapping[str, Watched], now: datetime) -> tuple[str, ...]:
    """Return which sources are to be looked at now; none without a section `crawl`. Pure."""
    if spec.crawl is None:
        return ()
    last = {name: watched.verdict.at for name, watched in known.items()}
    place = f"{spec.project}:{spec.root}"
    return tuple(name for name in sources_of(spec) if due(spec.crawl.of(name), f"{place}:{name}", last.get(name), now))


def wanted(spec: ProjectSpec, state: State, now: datetime) -> tuple[str, ...] | None:
    """Return what a tick at `now` has to look at; None where it has nothing to look at and nothing to tell. Pure."""
    names = due_sources(spec, state.sources, now)
    notify = spec.crawl.notify if spec.crawl else None
    return names if names or untold(state.sources, notify, now - PATIENCE) else None


def crawl(
    space: Workspace,
    now: datetime,
    sources: Sequence[str] | None = None,
    *,
    everything: bool = False,
    scheduled: bool = False,
    progress: Progress = quiet,
) -> list[Verdict]:
    """Look at `sources` (all by default), write down what was found, and tell those who want to be told.

    Of the store's own files a share is hashed again. `scheduled` looks that are repeated for the same moment, as after
    a crash, are written down once. A source whose verdict is breaking is paused from then on.

    Raises:
        NotFoundError: the project has no source of that name.
    """
    names = sources_of(space.spec) if sources is None else tuple(sources)
    for name in names:
        if name not in sources_of(space.spec):
            raise NotFoundError(
                f"{space.name} has no source '{name}'.", remedy=did_you_mean(name, sources_of(space.spec)).capitalize()
            )
    verdicts = []
    for number, name in enumerate(names):
        progress(number, len(names) + 1, f"looking at {name}")
        verdicts.append(_look(space, name, now, everything=everything, scheduled=scheduled))
    if space.spec.data.table in names:
        progress(len(names), len(names) + 1, "hashing stored files again")
        _check(space, now, scheduled=scheduled)
    tell(space, now)
    return verdicts


def _look(space: Workspace, name: str, now: datetime, *, everything: bool, scheduled: bool) -> Verdict:
    spec = space.spec
    looked = look(
        spec.data,
        spec.folder,
        _head(space),
        now=now,
        source=name,
        known=_remembered(space, name),
        crawl=spec.crawl,
        everything=everything,
    )
    found = looked.verdict
    verdict = replace(
        found,
        because=redact(found.because),
        remedy=redact(found.remedy),
        notes=tuple(redact(note) for note in found.notes),
    )
    _write_down(space, verdict, scheduled=scheduled)
    # Only now: were it remembered and not written down, what is new would never be told.
    _remember(space, name, looked.known)
    return verdict


def _head(space: Workspace) -> DatasetVersion | None:
    """Return the newest dataset version; a damaged manifest is told by the checkup, and hides no verdict."""
    try:
        return space.store.head(space.spec.data.table)
    except StoreError:
        return None


def failed(space: Workspace, sources: Iterable[str], now: datetime, problem: str) -> None:
    """Write down that looking itself failed, so that it is neither forgotten nor tried again at every tick."""
    because = redact(f"it could not be looked at: {problem}")
    for name in sources:
        _write_down(space, Verdict(name, SourceState.UNREACHABLE, because, now), scheduled=True)


def _write_down(space: Workspace, verdict: Verdict, *, scheduled: bool) -> None:
    key = f"crawl:{space.place}:{verdict.source}:{verdict.at.isoformat()}" if scheduled else None
    space.journal.append(CRAWL, f"{space.name}/{verdict.source}", verdict.to_json(), at=verdict.at, key=key)
    log.log(logging.WARNING if verdict.state in BAD else logging.INFO, "%s: %s %s", space.name, verdict, verdict.remedy)


def _check(space: Workspace, now: datetime, *, scheduled: bool) -> None:
    share = (space.spec.crawl or CrawlSpec()).verify
    found = checkup(space.store, space.spec.data.table, share, f"{space.place}:{now.isoformat()}", now)
    if not found.checked:
        return
    key = f"checkup:{space.place}:{now.isoformat()}" if scheduled else None
    space.journal.append(CHECKUP, space.name, found.to_json(), at=now, key=key)
    if found.damaged:
        log.error("%s: %s", space.name, found)


def tell(space: Workspace, now: datetime, post: Post = post_json) -> None:
    """Send what is still to be told, and write down whether it was taken; what was not is tried again."""
    notify = space.spec.crawl.notify if space.spec.crawl else None
    if notify is None:
        return
    known = known_sources(space)
    for verdict in untold(known, notify, now - PATIENCE):
        # Of an older finding is told what it was then: that it is paused goes for the newest only.
        paused = bool(known[verdict.source].paused) and verdict.state is SourceState.BREAKING
        said = send(space, notify, of_source(space.name, verdict, paused=paused), post)
        _note(space, verdict.source, gist(verdict), said, now)
    for entry in space.journal.entries(kind=CHECKUP, subject=space.name)[-1:]:
        found, name = Checkup.from_json(entry.data), f"checkup {entry.seq}"
        told = space.journal.find(_note_key(space, name, sent=True)) is not None
        if found.damaged and not told and now - found.at <= PATIENCE:
            _note(space, "", name, send(space, notify, of_checkup(space.name, space.spec.data.table, found), post), now)


def _note(space: Workspace, name: str, told: str, said: Mapping[str, Json], now: datetime) -> None:
    """Write down a message that was taken, and one that was not once, however often it is tried."""
    sent = bool(said["delivered"])
    if not sent:
        log.warning("%s: nobody at %s was told: %s", space.name, said["to"], said["error"])
    # A gist may come back, after something else; a checkup does not.
    key = None if sent and name else _note_key(space, f"{name} {told}" if name else told, sent=sent)
    data: dict[str, Json] = {"source": name, "gist": told, **said}
    space.journal.append(NOTICE, f"{space.name}/{name}" if name else space.name, data, at=now, key=key)


def _note_key(space: Workspace, told: str, *, sent: bool) -> str:
    return f"notice:{space.place}:{'sent' if sent else 'not sent'}:{told}"


def resume(space: Workspace, name: str, now: datetime, *, anyway: bool = False) -> Verdict:
    """Let a paused source go on, after looking at it once more; return what it looks like.

    Raises:
        Refusal: it is not paused, or still breaks its contract; with `anyway` it goes on all the same, and what breaks
            it counts as known from now on.
        NotFoundError: the project has no source of that name.
    """
    before = known_sources(space).get(name)
    if before is None or not before.paused:
        if name not in sources_of(space.spec):
            crawl(space, now, [name])  # tells which names there are
        raise Refusal(f"the source '{name}' is not paused.", remedy="`mlray crawl` looks at it.")
    (verdict,) = crawl(space, now, [name])
    if not verdict.readable and not anyway:
        raise Refusal(
            f"the source '{name}' is {verdict.state} still: {verdict.because}.",
            remedy=f"{verdict.remedy} With --anyway it goes on as it is.".strip(),
        )
    if verdict.state is SourceState.BREAKING:
        _accept(space, name)
    space.journal.append(
        RESUME, f"{space.name}/{name}", {"source": name, "was": before.paused, "anyway": anyway}, at=now
    )
    return verdict


def _accept(space: Workspace, name: str) -> None:
    """Take what breaks the contract for known, so that it is not found again at every look."""
    known = _remembered(space, name)
    things = {**known.things, **{name: Thing(mark) for name, mark in known.refused.items()}}
    _remember(space, name, replace(known, things=things, refused={}, trouble="", remedy=""))


def _memory(space: Workspace, name: str) -> Path:
    return space.folder("crawl") / f"{name}.json"


def _remembered(space: Workspace, name: str) -> Known:
    """Return what the last look remembered. Lost or damaged, everything is merely looked at again."""
    try:
        return Known.from_json(json.loads(_memory(space, name).read_bytes()))
    except (OSError, ValueError):
        return Known()


def _remember(space: Workspace, name: str, known: Known) -> None:
    path = _memory(space, name)
    aside = path.with_suffix(f".{os.getpid()}")
    aside.write_bytes(canonical(known.to_json()))
    aside.replace(path)
