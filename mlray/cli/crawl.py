"""Looking at the sources: what changed in them, what is late, what no longer fits; and letting a paused one go on."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlray.cli import _show
from mlray.cli._frame import Here, Json, opened
from mlray.errors import DataError, StoreError

if TYPE_CHECKING:
    from mlray.records import SourceState, Verdict

__all__ = ["crawl", "resume"]


def crawl(
    project: Here = Path(),
    *,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", "-s", help="Only this one: the table, or a lookup.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Read every row, also of what has not changed.")] = False,
    json: Json = False,
) -> None:
    """Look at the sources: what is new, changed, late or broken.

    Each is unchanged, new, changed, stale, breaking or unreachable; what is unchanged is not read. A source that breaks
    its contract is paused (exit code 2) until `mlray source resume`. With a section `crawl` in mlray.yaml the
    coordinator looks by itself.
    """
    from mlray.records import Checkup

    # What the log would tell is printed here.
    logging.getLogger("mlray").addHandler(logging.NullHandler())
    with opened(project) as found:
        head = found.space.journal.head()
        verdicts = found.crawl(source or None, everything=everything)
        since = found.space.journal.entries(after=head.seq if head else 0)
    health = [Checkup.from_json(entry.data) for entry in since if entry.kind == "checkup"]
    sent = [entry.data for entry in since if entry.kind == "notice"]
    if json:
        _show.json_out({"sources": verdicts, "stored": health[0] if health else None, "notices": sent})
    else:
        for verdict in verdicts:
            _told(verdict)
        for found_there in health:
            typer.echo(str(found_there))
        for notice in sent:
            typer.echo(f"told {notice['to']}" if notice["delivered"] else f"not told: {notice['error']}")
    _exit([verdict.state for verdict in verdicts], damaged=any(one.damaged for one in health))


def _exit(states: "list[SourceState]", *, damaged: bool) -> None:
    """End with the code that lets a script notice what was told."""
    if "breaking" in states:
        raise typer.Exit(DataError.exit_code)
    if damaged or "unreachable" in states:
        raise typer.Exit(StoreError.exit_code)


def _told(verdict: "Verdict") -> None:
    typer.echo(str(verdict))
    for note in verdict.notes:
        typer.echo(f"  {note}")
    if verdict.remedy:
        typer.secho(f"  {verdict.remedy}", fg="yellow")


def resume(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE", help="The table, or a lookup; the one that is paused by default.", show_default=False
        ),
    ] = None,
    project: Here = Path(),
    *,
    anyway: Annotated[bool, typer.Option("--anyway", help="Go on although it does not fit: you know better.")] = False,
    json: Json = False,
) -> None:
    """Let a paused source go on, after one more look at it."""
    logging.getLogger("mlray").addHandler(logging.NullHandler())
    with opened(project) as found:
        verdict = found.resume_source(name, anyway=anyway)
    if json:
        _show.json_out(verdict)
    else:
        _told(verdict)
        typer.echo(f"'{verdict.source}' goes on.")
