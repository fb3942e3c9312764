"""Rows that broke the contract: `mlray data aside`."""

from pathlib import Path
from typing import Annotated

import typer

from mlray.cli import _show
from mlray.cli._frame import Json
from mlray.cli._space import MaybeRef, Place, Project, space_of

__all__ = ["aside"]


def aside(
    ref: MaybeRef = None,
    *,
    reason: Annotated[str, typer.Option(help="Only rows whose reason has this text.")] = "",
    last: Annotated[int, typer.Option(min=0, help="Only the last so many; 0 is all.")] = 20,
    project: Project = Path(),
    store: Place = None,
    json: Json = False,
) -> None:
    """Show the rows set aside, each with source and reason.

    After a mapping or the contract was corrected, `mlray data replay` tries them again.
    """
    with space_of(project, store) as space:
        version = space.version(ref)
        blob = version.quality.quarantine
        rows = space.store.get(blob).to_pylist() if blob else []
    rows = [row for row in rows if reason in row["reason"]][-last:]
    if json:
        _show.json_out(rows)
        return
    if not rows:
        typer.echo(f"{version.name} has no row set aside{' for that reason' if reason else ''}.")
        return
    _show.table(
        ("source", "row", "reason", "what it says"),
        [(row["source"], f"{row['position']:,}", row["reason"], row["row"][:120]) for row in rows],
    )
    for why, count in sorted(version.quality.set_aside.items()):
        typer.echo(f"{count:,} × {why}")
