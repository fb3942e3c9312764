"""The versions of data by hand: `mlray data log`, `diff`, `tag`, `checkout`, `rollback`, `squash`, `du` and so on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlray.cli import _show
from mlray.cli._frame import Json, opened
from mlray.clock import SystemClock, parse_duration
from mlray.errors import InputError, NotFoundError, StoreError

if TYPE_CHECKING:
    from mlray.data import Store
    from mlray.data.store._usage import Usage
    from mlray.data.table import Table
    from mlray.records import DatasetVersion

__all__ = [
    "branch", "checkout", "compact", "diff", "du", "export", "gc", "log", "mirror", "recover", "rollback", "squash",
    "tag", "verify",
]  # fmt: skip

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
Author = Annotated[str, typer.Option(help="Who does it; the version keeps it.")]
Note = Annotated[str, typer.Option(help="Why; the version keeps it.")]


@dataclass(frozen=True, slots=True)
class _Space:
    """A store, and the table that is meant where none is named."""

    store: "Store"
    usual: str

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


@contextmanager
def _space(project: Path, place: str | None) -> Iterator[_Space]:
    from mlray.data import Store

    if place is not None:
        yield _Space(Store(place), "")
        return
    with opened(project) as found:
        yield _Space(found.space.store, found.space.spec.data.table)


def log(table: MaybeRef = None, *, project: Project = Path(), store: Place = None, json: Json = False) -> None:
    """List the versions of a table, newest first.

    TABLE@branch lists those that led to the newest of a branch.
    """
    from mlray.data.table import Table

    with _space(project, store) as space:
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

    with _space(project, store) as space:
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
    with _space(project, store) as space:
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
    with _space(project, store) as space:
        if name is None:
            table = space.table(ref)
        else:
            _not_swapped(space, "branch", name, ref)
            version = space.version(ref)
            table = version.table
            space.store.branch(table, name, version.number)
        branches = dict(space.store.branches(table))
    _names(table, branches, json=json, none="No versions yet.")


def _not_swapped(space: _Space, verb: str, name: str, ref: str | None) -> None:
    """Raise InputError where `name` is a version and `ref` is none: the two were given the other way round."""
    if ref is None or not (_is_version(space, name) and not _is_version(space, ref)):
        return
    raise InputError(
        f"'{name}' is a version and '{ref}' is none.", remedy=f"The name comes first: mlray data {verb} {ref} {name}"
    )


def _is_version(space: _Space, ref: str) -> bool:
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
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Write a version as Parquet into a folder.

    A squashed version is rebuilt; it is exact, or refused with what is lost.
    """
    export(ref, str(folder), form="parquet", project=project, store=store, json=json)


def export(
    ref: Ref,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A folder, or iceberg://CATALOG/NAMESPACE.TABLE?…")],
    *,
    form: Annotated[str, typer.Option("--format", help="parquet or iceberg.")] = "parquet",
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Write a version as Parquet or as an Iceberg table."""
    from mlray.data.store import export_version

    with _space(project, store) as space:
        version = space.version(ref)
        told = export_version(space.store, version, target, form)
    if json:
        _show.json_out({"version": version.name, "rows": version.rows, "format": form, "written": told})
    else:
        typer.echo(f"{version.name}: {version.rows:,} rows written as {', '.join(told[:3])}{' …' * (len(told) > 3)}")


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

    with _space(project, store) as space:
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
    with _space(project, store) as space:
        version = space.version(ref)
        made = _table(space, version).rollback(version, author=author, note=note)
    _show.say(made, json=json)


def squash(
    ref: Ref,
    *,
    keep: Annotated[
        str, typer.Option(help="exact: keep reverse patches where they are smaller; facts: keep only what was known.")
    ] = "exact",
    grace: Annotated[str, typer.Option(help="Leave files younger than this to `gc`.")] = "1 hour",
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Drop the bytes that only this version needs.

    It stays in the log, and can be rebuilt, or says what is lost.
    """
    from mlray.data.store import squash as drop

    if keep not in {"exact", "facts"}:
        raise InputError(f"'{keep}' is no way to squash.", remedy="Write --keep exact or --keep facts.")
    with _space(project, store) as space:
        told = drop(space.store, space.version(ref), keep, now=SystemClock().now(), grace=_grace(grace))  # type: ignore[arg-type]
    _show.say(told, json=json)


def recover(ref: Ref, *, project: Project = Path(), store: Place = None, json: Json = False) -> None:
    """Say whether a squashed version can be rebuilt.

    `checkout` writes its rows. Exit code 2 where it cannot, with the columns and rows that are lost.
    """
    from mlray.data.store import recover as rebuild

    with _space(project, store) as space:
        version = space.version(ref)
        rows = rebuild(space.store, version).num_rows
    if json:
        _show.json_out({"version": version.name, "squashed": version.squashed, "rows": rows, "exact": True})
    else:
        typer.echo(f"{version.name}: all {rows:,} rows, exactly as they were.")


def verify(
    table: MaybeTable = None,
    *,
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Hash this share of the files again.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed chooses the same files.")] = 0,
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Hash stored files again, and check all are there.

    Exit code 3 where something is damaged.
    """
    from mlray.data.store import verify as check

    with _space(project, store) as space:
        name = space.table(table) if table else None
        found = check(space.store, name, share=share, seed=seed, now=SystemClock().now())
    _show.say(found, json=json)
    if found.damaged:
        for one in [] if json else found.damaged:
            typer.echo(f"  {one}", err=True)
        raise typer.Exit(StoreError.exit_code)


def du(table: MaybeTable = None, *, project: Project = Path(), store: Place = None, json: Json = False) -> None:
    """Show what versions take up, and full copies would."""
    from mlray.data.store import usage

    with _space(project, store) as space:
        found = usage(space.store, space.table(table))
    if json:
        _show.json_out({**found.to_json(), "saved": found.saved})
    else:
        _usage(found)


def _usage(found: "Usage") -> None:
    columns = ("version", "operation", "rows", "added", "its own", "shared", "a full copy")
    rows = [
        (one.version, one.operation + (", squashed" if one.squashed else ""), f"{one.rows:,}",
         *map(_size, (one.added, one.own, one.shared, one.copy)))
        for one in found.versions
    ]  # fmt: skip
    _show.table(columns, rows)
    share = f"{found.stored / found.copies:.1%} of {_size(found.copies)} for full copies" if found.copies else "empty"
    typer.echo(f"\nstored: {_size(found.stored)} ({share}), and {_size(found.manifests)} of manifests\n{found.how}")


def gc(
    *,
    grace: Annotated[str, typer.Option(help="Leave files younger than this alone.")] = "1 hour",
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Remove files that no version needs."""
    from mlray.data.store import gc as sweep

    with _space(project, store) as space:
        told = sweep(space.store, now=SystemClock().now(), grace=_grace(grace))
    _show.say(told, json=json)


def compact(
    table: MaybeRef = None,
    *,
    author: Author = "",
    note: Note = "",
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Write anew what edits left in many layers.

    The result is a version with the same rows.
    """
    from mlray.data.store import compact as rewrite

    with _space(project, store) as space:
        name = space.table(table)
        line = (table or "").partition("@")[2] or "main"
        before = space.store.head(name, line)
        made = rewrite(space.store, name, now=SystemClock().now(), branch=line, author=author, note=note)
    if json:
        _show.json_out({"version": made.name, "changed": made != before})
    else:
        typer.echo(str(made) if made != before else f"{made.name} has nothing to compact.")


def _table(space: _Space, version: "DatasetVersion") -> "Table":
    from mlray.data.table import Table

    return Table(space.store, version.table)


def _grace(text: str) -> Any:  # noqa: ANN401 (timedelta)
    try:
        return parse_duration(text)
    except ValueError as error:
        raise InputError(f"'{text}' is not a duration.", remedy="Write one such as '1 hour'.") from error


def _size(count: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:,.1f} {unit}"
    return f"{count:,} B"
