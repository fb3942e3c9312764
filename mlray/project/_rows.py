"""Versions of a project's data by name, and what a tenant sees of them."""

from dataclasses import replace

from mlray.coordinator.secrets import digest_secret
from mlray.coordinator.workspace import Workspace
from mlray.data import View
from mlray.data._catalog import kept
from mlray.data.snapshot import Snapshot
from mlray.errors import NotFoundError
from mlray.records import DatasetVersion

__all__ = ["rows_of", "version_of"]


def rows_of(space: Workspace, ref: str | int | None, tenant: str | None) -> Snapshot:
    """Return a version's rows, as `tenant` sees them where one is named; see `Project.rows`."""
    version = version_of(space, ref)
    view = None if tenant is None else _view(space, version, tenant)
    return Snapshot(space.store, version, view)


def version_of(space: Workspace, ref: str | int | None) -> DatasetVersion:
    """Return the version that `ref` names: a number, tag or branch of the project's table, or `table@v3`.

    Raises:
        NotFoundError: there is none.
    """
    table = space.spec.data.table
    if ref is None:
        head = space.store.head(table)
        if head is None:
            raise NotFoundError(f"{space.name} has no data yet.", remedy="`mlray ingest` takes it in.")
        return head
    if isinstance(ref, int) or ref.isdecimal():
        return space.store.version(table, int(ref))
    return space.store.resolve(ref if "@" in ref or ref in space.store.tables() else f"{table}@{ref}")


def _view(space: Workspace, version: DatasetVersion, tenant: str) -> View | None:
    """Return what `tenant` sees, None where that is everything; a table of others has the contract that it came by."""
    data = space.spec.data if version.table == space.spec.data.table else kept(space.store.storage, version)
    view = View.of(data, tenant)
    if view.hashes:
        view = replace(view, secret=digest_secret(space.folder("keys")))
    return view if view.treatments else None
