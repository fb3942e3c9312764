"""What is known of a project's sources, read from its journal; and that nothing is ingested while one is paused."""

from mlray.coordinator.watched import CRAWL, NOTICE, RESUME, Watched, fold_sources, paused
from mlray.coordinator.workspace import Workspace
from mlray.errors import SourcePaused

__all__ = ["known_sources", "refuse_paused"]


def known_sources(space: Workspace) -> dict[str, Watched]:
    """Return source → what the last look at it found; empty before the first."""
    ours = f"{space.name}/"  # a journal may be shared with other projects
    told = [entry for kind in (CRAWL, RESUME, NOTICE) for entry in space.journal.entries(kind=kind)]
    told.sort(key=lambda entry: entry.seq)
    return fold_sources(entry for entry in told if entry.subject.startswith(ours))


def refuse_paused(space: Workspace) -> None:
    """Raise SourcePaused where a source of the project is paused; its remedy tells how it goes on."""
    known = known_sources(space)
    if why := paused(known):
        name = next(name for name, watched in known.items() if watched.paused)
        raise SourcePaused(f"{why}.", remedy=f"`mlray crawl` says more; `mlray source resume {name}` lets it go on.")
