"""What was made from what, in one project or in all that share its journal."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mlray.coordinator.state import State, after
from mlray.coordinator.workspace import Workspace
from mlray.data._cursor import Cursor, Known
from mlray.journal import Entry
from mlray.project._past import of_project
from mlray.records import DatasetVersion, Experiment, ModelVersion
from mlray.registry.lineage import Facts, Lineage, Read, Release

__all__ = ["lineage", "releases"]


def lineage(space: Workspace) -> Lineage:
    """Return the graph of everything that the journal and the store know; nothing is read but facts."""
    entries = space.journal.entries()
    by_kind: dict[str, list[Entry]] = {}
    for entry in entries:
        by_kind.setdefault(entry.kind, []).append(entry)
    table = space.spec.data.table
    # The store knows versions that no flow has made, such as a person's edits; the journal those of other projects.
    datasets = {version.digest: version for name in space.store.tables() for version in space.store.versions(name)}
    for entry in by_kind.get("dataset", []):
        version = DatasetVersion.from_json(entry.data)
        datasets.setdefault(version.digest, version)
    models = [ModelVersion.from_json(entry.data) for entry in by_kind.get("model", [])]
    lookups = tuple(str(one.source) for one in space.spec.data.lookups.values())
    return Lineage.of(
        Facts(
            datasets=list(datasets.values()),
            experiments=[Experiment.from_json(entry.data) for entry in by_kind.get("experiment", [])],
            models=models,
            releases=[one for name in _names(models) for one in releases(name, of_project(entries, name))],
            lookups={table: lookups},
            read={version.digest: _read(version) for version in datasets.values()},
        )
    )


def _read(version: DatasetVersion) -> dict[str, Read]:
    """Return what the version's cursor remembers of the files that were read."""
    files = Cursor.read(version.cursor).files
    return {name: Read(known.content or known.etag, _told(known)) for name, known in files.items()}


def _told(known: Known) -> str:
    size = f"{known.size:,} bytes" if known.size >= 0 else ""
    etag = f"etag {known.etag}" if known.etag else ""
    return ", ".join(part for part in (size, etag) if part)


def _names(models: Iterable[ModelVersion]) -> list[str]:
    return list(dict.fromkeys(model.name for model in models))


def releases(name: str, entries: Sequence[Entry]) -> list[Release]:
    """Return which versions of the endpoint `name` were live or on trial, and when, from its journal entries."""
    state, found = State(), list[Release]()
    for entry in entries:
        before, state = _stages(state), after(state, entry)
        now = _stages(state)
        found = [
            replace(one, until=entry.at)
            if one.until is None and one.endpoint == name and now.get(one.version) != one.stage
            else one
            for one in found
        ]
        found += [
            Release(name, version, stage, entry.at) for version, stage in now.items() if before.get(version) != stage
        ]
    return found


def _stages(state: State) -> dict[int, str]:
    """Return what each version of the endpoint does."""
    trial = {state.rollout.candidate: str(state.rollout.stage)} if state.rollout else {}
    return trial | ({state.live: "live"} if state.live is not None else {})
