"""The quality of the data: `mlray profile`, as a page for people and as JSON for programs."""

from pathlib import Path
from typing import Annotated

import typer

from mlray.cli import _show
from mlray.cli._frame import Here, Json, opened

__all__ = ["profile"]

_COLOURS = {"bad": "red", "warn": "yellow"}
_SAID = {"bad": "wrong", "warn": "look ", "note": "note ", "good": "fine "}


def profile(
    project: Here = Path(),
    *,
    ref: Annotated[
        str | None, typer.Option(help="The dataset version, such as departures@v2; the newest by default.")
    ] = None,
    against: Annotated[str | None, typer.Option(help="Compare with this version, such as v1.")] = None,
    json: Json = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Look at the data: distributions, leakage, labels, drift.

    Writes a page beside the report, and says what a person should look at.
    """
    from mlray.cli.progress import narrator
    from mlray.console.quality import profile_page

    with opened(project) as found, narrator(_show.console(err=True)) as told:
        made = found.profile(ref, against=against, progress=told.stage("profile", 1.0))
        page = found.space.folder() / f"profile-{made.dataset.replace('@', '-')}.html"
        page.write_text(profile_page(made), encoding="utf-8")
    if json:
        _show.json_out(made)
    else:
        typer.echo(f"{made.dataset}: {made.rows:,} rows, {len(made.columns)} columns")
        for finding in made.findings:
            typer.secho(f"  {_SAID[finding.level]}  {finding.sentence}", fg=_COLOURS.get(finding.level))
        for note in made.notes:
            typer.echo(f"  note   {note}")
        typer.echo(f"Page: {page}")
    if open_page:
        typer.launch(page.as_uri())
