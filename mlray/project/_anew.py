"""A replay starts from nothing: one at a time, and what an earlier one left is moved aside, never deleted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlray.coordinator.cluster import read_kept
from mlray.coordinator.locks import hold, let_go
from mlray.coordinator.workspace import Workspace
from mlray.errors import Refusal, SpecError, UnavailableError
from mlray.spec import check_sources

__all__ = ["alone", "move_aside", "refuse_kept", "refuse_pointless"]

_JOURNAL = ("journal.db-wal", "journal.db-shm", "journal.db")
"""Moved last, and the journal itself at the very end: while it is there, what is left belongs to an earlier run."""


@contextmanager
def alone(space: Workspace) -> Iterator[None]:
    """Be the only run in this workspace for the length of the block; UnavailableError when there is another."""
    handle = hold(space.folder() / "run.lock", remedy="A run of this project is under way; wait for it, or end it.")
    try:
        yield
    finally:
        let_go(handle)


def refuse_pointless(space: Workspace) -> None:
    """Refuse a run that could not come to anything, before anything is started or moved.

    Raises:
        SpecError: no part of the past is named that could be replayed, or no file of a source is there.
        Refusal: nothing would go live by itself, or the journal or the store is shared and not empty.
    """
    spec = space.spec
    if spec.live is None:
        raise SpecError(
            [f"{spec.folder}/mlray.yaml: there is no section `live`, so there is nothing to replay."],
            remedy="Add `live: {start: 2013-04-01, end: 2013-12-31}`; everything before it is history.",
        )
    check_sources(spec)
    if spec.mode == "suggest":
        raise Refusal(
            "the project's mode is `suggest`: no model would go live by itself, and a replay needs one that answers.",
            remedy="Set `mode: auto` for the run, or go step by step: `mlray train`, `mlray deploy`, `mlray watch`.",
        )
    if spec.workspace.journal is not None and (head := space.journal.head()) is not None:
        raise Refusal(
            f"the journal that workspace.journal names holds {head.seq} entries, and a run starts from nothing.",
            remedy="Name an empty one, or leave workspace.journal out: then earlier runs are moved aside.",
        )
    if spec.workspace.store is not None and (version := space.store.head(spec.data.table)) is not None:
        raise Refusal(
            f"the store that workspace.store names has {version.name} already, and a run starts from nothing.",
            remedy="Name another store or data.table, or leave workspace.store out: then earlier runs are moved aside.",
        )


def refuse_kept(space: Workspace, stop: str) -> None:
    """Raise UnavailableError when an earlier run's Ray is still up; `stop` is the command that ends it."""
    if read_kept(space.root / "ray.json") is not None:
        raise UnavailableError(
            f"an endpoint of an earlier run is still up in {space.root}.", remedy=f"End it first: {stop}"
        )


def move_aside(root: Path) -> Path | None:
    """Move what an earlier run left in `root` into a folder `run-<n>` there, and return it; None when there is nothing.

    Killed half-way, the next call goes on with the same folder. Locks stay where they are.
    """
    if not (root / "journal.db").exists():
        return None
    left = [path for path in root.iterdir() if not path.name.startswith("run-") and path.suffix != ".lock"]
    left.sort(key=lambda path: _JOURNAL.index(path.name) if path.name in _JOURNAL else -1)
    aside = _aside(root, {path.name for path in left})
    aside.mkdir(mode=0o700, exist_ok=True)
    for path in left:
        path.rename(aside / path.name)
    return aside


def _aside(root: Path, names: set[str]) -> Path:
    numbers = [int(path.name[4:]) for path in root.glob("run-*") if path.name[4:].isdigit()]
    newest = root / f"run-{max(numbers, default=0)}"
    if numbers and not (newest / "journal.db").exists() and names.isdisjoint(path.name for path in newest.iterdir()):
        return newest  # an earlier call was cut off before it came to the journal
    return root / f"run-{max(numbers, default=0) + 1}"
