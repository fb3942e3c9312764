"""The versions of data by hand: `mlray data log`, `diff`, `tag`, `branch`, `checkout`, `rollback` and so on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlray.cli import _show
from mlray.cli._frame import Json
from mlray.cli._space import Author, MaybeRef, Note, Place, Project, Ref, Space, Tenant, space_of
from mlray.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from mlray.data.table import Table
    from mlray.records import DatasetVersion

__all__ = ["branch", "checkout", "diff", "export", "log", "mirror", "rollback", "tag"]


def log(table: MaybeRef = None, *, project: Project = Path(), store: Place = None, json: Json = False) -> None:
    """List the versions of a table, newest first.

    TABLE@branch lists those that led to the newest of a branch.
    """
    from mlray.data.table import Table

    with space_of(project, store) as space:
        name = space.table(table)
        wanted = (table or "").partition("@")[2]
        versions = Table(space.store, name, wanted).log() if wanted else list(reversed(space.store.versions(name)))
        named: dict[int, list[str]] = {}
        for label, number in [*space.store.branches(name).items(), *space.store.tags(name).items()]:
            named.setdefault(number, []).append(label)
    facts = [_facts(version, named.get(version.number, [])) for version in versions]
    if json:
        _show.json_out(facts)
        return
    columns = ("version", "made", "operation", "rows", "names", "author", "note")
    rows = [
        (one["version"], one["created_at"][:16], one["operation"] + (", squashed" if one["squashed"] else ""),
         f"{one['rows']:,}", one["names"], one["author"] or None, one["note"] or None)
        for one in facts
    ]  # fmt: skip
    _show.table(columns, rows)


def _facts(version: "DatasetVersion", names: list[str]) -> dict[str, Any]:
    return {
        "version": version.name,
        "number": version.number,
        "branch": version.branch,
        "created_at": version.created_at.isoformat(),
        "operation": version.operation,
        "rows": version.rows,
        "columns": dict(version.schema),
        "author": version.author,
        "note": version.note,
        "names": names,
        "squashed": version.squashed,
        "digest": version.digest,
    }


def diff(
    old: Ref,
    new: MaybeRef = None,
    *,
    rows: Annotated[int, typer.Option(min=0, help="Show so many changed values, before and after.")] = 0,
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Show what changed since a version."""
    from mlray.data.store import changes
    from mlray.data.store import diff as compare

    with space_of(project, store) as space:
        before = space.version(old)
        after = space.version(new or before.table)
        found = compare(space.store, before, after)
        values = changes(space.store, before, after, rows).to_pylist() if rows else []
    if json:
        _show.json_out({**found.to_json(), "same": found.same, **({"values": values} if rows else {})})
        return
    typer.echo(str(found))
    if values:
        _show.table(tuple(values[0]), [tuple(value.values()) for value in values])


def tag(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The tag; without it, all are listed.")] = None,
    ref: MaybeRef = None,
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Take the tag away.")] = False,
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Give a version a name, or list the names."""
    with space_of(project, store) as space:
        if name is None:
            table = space.table(ref)
        elif delete:
            table = space.table(ref)
            space.store.untag(table, name)
        else:
            _not_swapped(space, "tag", name, ref)
            version = space.version(ref)
            table = version.table
            space.store.tag(table, name, version.number)
        tags = dict(space.store.tags(table))
    _names(table, tags, json=json, none="No tags. `mlray data tag NAME REF` gives a version one.")


def branch(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The branch; without it, all are listed.")
    ] = None,
    ref: MaybeRef = None,
    *,
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Begin a branch at a version, or list them."""
    with space_of(project, store) as space:
        if name is None:
            table = space.table(ref)
        else:
            _not_swapped(space, "branch", name, ref)
            version = space.version(ref)
            table = version.table
            space.store.branch(table, name, version.number)
        branches = dict(space.store.branches(table))
    _names(table, branches, json=json, none="No versions yet.")


def _not_swapped(space: Space, verb: str, name: str, ref: str | None) -> None:
    """Raise InputError where `name` is a version and `ref` is none: the two were given the other way round."""
    if ref is None or not (_is_version(space, name) and not _is_version(space, ref)):
        return
    raise InputError(
        f"'{name}' is a version and '{ref}' is none.", remedy=f"The name comes first: mlray data {verb} {ref} {name}"
    )


def _is_version(space: Space, ref: str) -> bool:
    try:
        space.version(ref)
    except NotFoundError:
        return False
    return True


def _names(table: str, names: dict[str, int], *, json: bool, none: str) -> None:
    if json:
        _show.json_out(names)
    elif names:
        _show.table(("name", "version"), [(name, f"{table}@v{number}") for name, number in sorted(names.items())])
    else:
        typer.echo(none)


def checkout(
    ref: Ref,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new or empty folder for the Parquet files.")],
    *,
    tenant: Tenant = None,
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Write a version as Parquet into a folder.

    A squashed version is rebuilt; it is exact, or refused with what is lost.
    """
    export(ref, str(folder), form="parquet", tenant=tenant, project=project, store=store, json=json)


def export(
    ref: Ref,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A folder, or iceberg://CATALOG/NAMESPACE.TABLE?…")],
    *,
    form: Annotated[str, typer.Option("--format", help="parquet or iceberg.")] = "parquet",
    tenant: Tenant = None,
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Write a version as Parquet or as an Iceberg table."""
    from mlray.data.store import export_version

    with space_of(project, store) as space:
        version = space.version(ref)
        told = export_version(space.store, version, target, form, space.view(version, tenant))
    if json:
        seen = {"as": tenant} if tenant is not None else {}
        _show.json_out({"version": version.name, "rows": version.rows, "format": form, **seen, "written": told})
    else:
        whose = f", as {tenant} may see them," if tenant is not None else ""
        places = f"{', '.join(told[:3])}{' …' * (len(told) > 3)}"
        typer.echo(f"{version.name}: {version.rows:,} rows{whose} written as {places}")


def mirror(
    catalog: Annotated[
        str, typer.Argument(metavar="CATALOG", help="iceberg://CATALOG/NAMESPACE.TABLE?…, which other engines read.")
    ],
    ref: MaybeRef = None,
    *,
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Bring an Iceberg table up to a version, the newest by default.

    Where rows were only added since the last time, only those are written.
    """
    from mlray.data.mirror import mirror as bring

    with space_of(project, store) as space:
        version = space.version(ref)
        made = bring(space.store, version, catalog)
    if json:
        _show.json_out({"version": version.name, "rows": version.rows, "snapshot": made.id})
    else:
        # The URL may hold a password.
        typer.echo(f"{version.name}: {version.rows:,} rows are snapshot {made.id} of {catalog.partition('?')[0]}")


def rollback(
    ref: Ref,
    *,
    author: Author = "",
    note: Note = "",
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Make the content of an earlier version the newest."""
    with space_of(project, store) as space:
        version = space.version(ref)
        made = _table(space, version).rollback(version, author=author, note=note)
    _show.say(made, json=json)


def _table(space: Space, version: "DatasetVersion") -> "Table":
    from mlray.data.table import Table

    return Table(space.store, version.table)
