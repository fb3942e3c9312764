"""What is wrong with this machine, or with the project's place on it."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlray.cli import _show
from mlray.cli._frame import Here, Json
from mlray.errors import UnavailableError

if TYPE_CHECKING:
    from mlray.cli._ailment import Ailment

__all__ = ["doctor"]


def doctor(project: Here = Path(), *, json: Json = False) -> None:
    """Say what is wrong with this machine or cluster.

    Each finding comes with what helps. Exit code 3 when something will not work.
    """
    from mlray.cli import _machine, _place
    from mlray.cli._ailment import State, examine
    from mlray.spec import FILE

    looks = dict(_machine.CHECKS)
    # Without a project there is still a machine to look at; one that is named must be there.
    if project != Path() or (project / FILE).exists():
        looks |= _place.checks(project)
    found = [ailment for check, look in looks.items() for ailment in examine(check, look)]
    if json:
        _show.json_out(found)
    else:
        _show.table(("check", "state", "finding", "remedy"), map(_row, found))
    # The exit code says it to a program.
    failed = [ailment for ailment in found if ailment.state is State.FAIL]
    if failed:
        if json:
            raise typer.Exit(UnavailableError.exit_code)
        named = ", ".join(dict.fromkeys(ailment.check for ailment in failed))
        raise UnavailableError(f"{len(failed)} of {len(found)} checks failed: {named}.")


def _row(ailment: "Ailment") -> tuple[object, ...]:
    from rich.text import Text

    from mlray.cli._ailment import State

    style = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}[ailment.state]
    return ailment.check, Text(ailment.state, style=style), ailment.finding, ailment.remedy
