"""What a store takes up, and whether it is sound: `mlray data squash`, `recover`, `verify`, `du`, `gc`, `compact`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlray.cli import _show
from mlray.cli._frame import Json
from mlray.cli._space import Author, MaybeRef, MaybeTable, Note, Place, Project, Ref, space_of
from mlray.clock import SystemClock, parse_duration
from mlray.errors import InputError, StoreError

if TYPE_CHECKING:
    from mlray.data.store._usage import Usage

__all__ = ["compact", "du", "gc", "recover", "squash", "verify"]


def squash(
    ref: Ref,
    *,
    keep: Annotated[
        str, typer.Option(help="exact: keep reverse patches where they are smaller; facts: keep only what was known.")
    ] = "exact",
    grace: Annotated[str, typer.Option(help="Leave files younger than this to `gc`.")] = "1 hour",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Squash it though nothing is dropped yet, as of versions that share files.")
    ] = False,
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Drop the bytes that only this version needs.

    It stays in the log, and can be rebuilt, or says what is lost; where nothing can be dropped, it stays as it is.
    """
    from mlray.data.store import squash as drop

    if keep not in {"exact", "facts"}:
        raise InputError(f"'{keep}' is no way to squash.", remedy="Write --keep exact or --keep facts.")
    with space_of(project, store) as space:
        version, now, wait = space.version(ref), SystemClock().now(), _grace(grace)
        told = drop(space.store, version, keep, now=now, grace=wait, anyway=anyway)  # type: ignore[arg-type]
    _show.say(told, json=json)


def recover(ref: Ref, *, project: Project = Path(), store: Place = None, json: Json = False) -> None:
    """Say whether a squashed version can be rebuilt.

    `checkout` writes its rows. Exit code 2 where it cannot, with the columns and rows that are lost.
    """
    from mlray.data.store import recover as rebuild

    with space_of(project, store) as space:
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

    with space_of(project, store) as space:
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

    with space_of(project, store) as space:
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

    with space_of(project, store) as space:
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

    with space_of(project, store) as space:
        name = space.table(table)
        line = (table or "").partition("@")[2] or "main"
        before = space.store.head(name, line)
        made = rewrite(space.store, name, now=SystemClock().now(), branch=line, author=author, note=note)
    if json:
        _show.json_out({"version": made.name, "changed": made != before})
    else:
        typer.echo(str(made) if made != before else f"{made.name} has nothing to compact.")


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
