"""The store whose versions a verb is about, and the options that name it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlray.cli._frame import opened
from mlray.errors import AccessDenied, NotFoundError

if TYPE_CHECKING:
    from mlray.data import Store
    from mlray.data.snapshot import View
    from mlray.project import Project as Opened
    from mlray.records import DatasetVersion

__all__ = ["Author", "MaybeRef", "MaybeTable", "Note", "Place", "Project", "Ref", "Space", "Tenant", "space_of"]

Project = Annotated[
    Path, typer.Option("--project", "-p", metavar="PROJECT", help="A folder or its mlray.yaml; here by default.")
]
Place = Annotated[
    str | None, typer.Option("--store", metavar="URL", help="A store by folder or URL, instead of a project's.")
]
Ref = Annotated[
    str, typer.Argument(metavar="REF", help="TABLE@v3, TABLE@tag, TABLE@branch; v3 alone is of the project's table.")
]
MaybeRef = Annotated[
    str | None,
    typer.Argument(metavar="[REF]", help="TABLE, TABLE@v3, TABLE@tag or TABLE@branch; v3 alone is of the project's."),
]
MaybeTable = Annotated[str | None, typer.Argument(metavar="[TABLE]", help="The project's table by default.")]
Author = Annotated[
    str, typer.Option(envvar="MLRAY_AUTHOR", help="Who does it; the version keeps it. User and machine by default.")
]
Tenant = Annotated[
    str | None, typer.Option("--as", metavar="TENANT", help="Write what TENANT may see, by the contract's views.")
]
Note = Annotated[str, typer.Option(help="Why; the version keeps it.")]


@dataclass(frozen=True, slots=True)
class Space:
    """A store, and the table that is meant where none is named."""

    store: "Store"
    usual: str
    project: "Opened | None" = None

    def table(self, name: str | None) -> str:
        """Return the name of a table that is there."""
        found = (name or self.usual).partition("@")[0]
        known = self.store.tables()
        if not found and len(known) == 1:
            return known[0]
        if found not in known:
            what = f"There is no table '{found}'." if found else "Which table?"
            raise NotFoundError(what, remedy=f"Known: {', '.join(known) or 'none yet, ingest first'}.")
        return found

    def version(self, ref: str | None) -> "DatasetVersion":
        """Return the version that `ref` names: `table@v3`, or `v3`, a tag or a branch of the usual table."""
        if ref is None:
            return self.store.version(self.table(None), "main")
        if "@" in ref or ref in self.store.tables():
            self.table(ref)
            return self.store.resolve(ref)
        return self.store.version(self.table(None), ref)

    def view(self, version: "DatasetVersion", tenant: str | None) -> "View | None":
        """Return what `tenant` sees of a version; None is everything.

        Without a project, the contract that the store keeps of the version says it.
        """
        if tenant is None:
            return None
        if self.project is not None:
            return self.project.rows(version.name, tenant).view
        from mlray.data import View
        from mlray.data._catalog import kept

        view = View.of(kept(self.store.storage, version), tenant)
        if view.hashes:
            raise AccessDenied(
                f"'{tenant}' sees digests, and their secret is in the project's workspace, not in the store.",
                remedy="Write --project PROJECT in place of --store.",
            )
        return view if view.treatments else None


@contextmanager
def space_of(project: Path, place: str | None) -> Iterator[Space]:
    from mlray.data import Store

    if place is not None:
        yield Space(Store(place), "")
        return
    with opened(project) as found:
        yield Space(found.space.store, found.space.spec.data.table, found)
