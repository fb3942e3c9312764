"""The verbs of a model's life, from data to a watched endpoint."""

from pathlib import Path
from shlex import quote
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from mlray.cli import _show
from mlray.cli._frame import Here, Json, moment, opened
from mlray.errors import GateRefusal, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlray.project import RunResult
    from mlray.records import DatasetVersion, Decision

__all__ = ["deploy", "feasibility", "ingest", "promote", "rollback", "run", "stop", "train", "watch"]

Version = Annotated[
    int | None, typer.Option("--version", "-v", min=1, help="The model version; the newest by default.")
]
Until = Annotated[str | None, typer.Option(metavar="DATE", help="End there, such as 2013-06-01.", show_default=False)]

REASONS = 5
"""Reasons for which rows were set aside that are listed; of more, the most frequent are."""
# The second retraining: by then one good candidate has shown the whole way to live.
FAULT = (2, "inverted_labels")


def run(
    project: Here = Path(),
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the endpoint and Ray up; `mlray stop` ends them.")
    ] = False,
    inject_fault: Annotated[
        bool, typer.Option("--inject-fault", help="Break one candidate on purpose; it is shown as such.")
    ] = False,
    until: Until = None,
    json: Json = False,
) -> None:
    """Live a model's whole life, from data to retraining.

    The part of the past under `live` is replayed day by day as traffic to a real endpoint; report.html tells the rest.
    """
    from mlray.cli.progress import narrator

    end = moment(until) if until else None
    with opened(project, sources=True) as found, narrator(_show.console(err=True)) as told:
        result = found.run(keep=keep, fault=FAULT if inject_fault else None, until=end, narrator=told)
    if json:
        _show.json_out(result)
    else:
        _result(result)


def _result(result: "RunResult") -> None:
    from mlray.console import decision_table

    injected = frozenset(decision.id for decision in result.decisions if decision.evidence.get("fault"))
    out = _show.console()
    out.print(decision_table(result.decisions, result.outcomes, injected=injected))
    took = sum(result.seconds.values())
    stages = ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in result.seconds.items())
    typer.echo(f"\n{result.requests:,} requests answered; {took:.0f} s ({stages})\nReport: {result.report}")


def ingest(project: Here = Path(), *, until: Until = None, json: Json = False) -> None:
    """Read what is new in the source as a dataset version.

    Rows that break the contract are set aside with a reason, and counted.
    """
    end = moment(until) if until else None
    with opened(project, sources=True) as found:
        before = found.space.store.head(found.spec.data.table)
        made = found.ingest(end)
        if json:
            _show.json_out(made)
            return
        nothing = before is not None and before.digest == made.digest
        news = "; nothing is new in the source" if nothing else f"; {made.note}" if made.note else ""
        typer.echo(f"{made}{news}")
        _aside(made, project)
        live = found.spec.live
        if live is not None and end is None and made.as_of <= found.history_end():
            # What a target becomes only later is known of no row after this.
            typer.echo(f"Rows from {made.as_of:%Y-%m-%d} on are kept for the replay (`live:` in mlray.yaml).")


def _aside(made: "DatasetVersion", project: Path) -> None:
    """Say why rows were set aside, what is most frequent first, and how to see them."""
    reasons = sorted(made.quality.set_aside.items(), key=lambda one: (-one[1], one[0]))
    for why, count in reasons[:REASONS]:
        typer.echo(f"  {count:,} × {why}")
    if len(reasons) > REASONS:
        typer.echo(f"  and {len(reasons) - REASONS:,} more reasons")
    if reasons:
        where = "" if project == Path() else f" --project {quote(str(project))}"
        typer.echo(f"`mlray data aside{where}` shows these rows.")


def feasibility(project: Here = Path(), *, json: Json = False) -> None:
    """Say what the data can probably reach, before a sweep."""
    with opened(project) as found:
        _show.say(found.feasibility(), json=json)


def train(
    project: Here = Path(),
    *,
    trials: Annotated[int | None, typer.Option(min=1, help="Configurations to try; the project's by default.")] = None,
    json: Json = False,
) -> None:
    """Sweep, judge the best on later rows, and register it.

    Refused (exit code 4) when a gate fails, or when the budget has not enough left.
    """
    with opened(project, sources=True) as found:
        version = found.train(trials)
    _show.say(version, json=json)
    if not version.scorecard.passed:
        if json:
            raise typer.Exit(GateRefusal.exit_code)
        failed = next(gate for gate in version.scorecard.gates if not gate.passed)
        raise GateRefusal(
            f"{version.name} v{version.number} may not go live: {failed.because}.", remedy="See `gates` in mlray.yaml."
        )


def deploy(project: Here = Path(), *, version: Version = None, json: Json = False) -> None:
    """Bring a version to the endpoint, which stays up.

    The first goes live at once; a later one goes step by step: shadow, canary, live.
    """
    with opened(project) as found:
        endpoint = found.deploy(version)
        how = found.how_to_call()
    _show.say(endpoint, json=json)
    if not json:
        typer.echo(how)


def watch(
    project: Here = Path(),
    *,
    every: Annotated[str | None, typer.Option(help="Look again and again, such as '1 hour', until Ctrl-C.")] = None,
    at: Annotated[str | None, typer.Option(metavar="DATE", help="The moment to decide for; now by default.")] = None,
    json: Json = False,
) -> None:
    """Look at drift, performance and budget; decide what is due.

    What is decided is written down with its reason, and then done.
    """
    if every and at:
        raise InputError("--every and --at exclude each other.", remedy="Leave one out.")
    pause = _seconds(every) if every else None
    with opened(project) as found:
        while True:
            _told(found.decide(moment(at) if at else None), json=json)
            if pause is None:
                return
            Event().wait(pause)


def _seconds(text: str) -> float:
    from mlray.clock import parse_duration

    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise InputError(f"--every: {error}.") from error


def _told(decisions: "Sequence[Decision]", *, json: bool) -> None:
    if json:
        _show.json_out(decisions)
        return
    for decision in decisions:
        typer.echo(str(decision))
    if not decisions:
        typer.echo("Nothing was due.")


def promote(
    version: Annotated[int, typer.Argument(min=1, help="The model version.")],
    project: Here = Path(),
    *,
    json: Json = False,
) -> None:
    """Make a version live at once: you take the responsibility."""
    with opened(project) as found:
        _show.say(found.promote(version), json=json)


def rollback(project: Here = Path(), *, json: Json = False) -> None:
    """Take the candidate out, or go back to the version before."""
    with opened(project) as found:
        _show.say(found.rollback(), json=json)


def stop(project: Here = Path(), *, json: Json = False) -> None:
    """End what `run --keep` or `deploy` left running."""
    with opened(project) as found:
        ended = found.stop()
    if json:
        _show.json_out({"stopped": ended})
    else:
        typer.echo("Stopped." if ended else "Nothing was running.")
