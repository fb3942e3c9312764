"""The same work on a cluster that runs elsewhere."""

import os
from pathlib import Path
from typing import Annotated

import typer

from mlray.cli import _show
from mlray.cli._frame import Here, Json
from mlray.errors import InputError, UnavailableError

__all__ = ["submit"]


def submit(
    project: Here = Path(),
    *,
    address: Annotated[str, typer.Option(help="The cluster's dashboard, such as http://10.0.0.5:8265.")],
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Show the job's log until it ends.")] = True,
    inject_fault: Annotated[bool, typer.Option("--inject-fault", help="As in `mlray run`.")] = False,
    working_dir: Annotated[
        Path | None, typer.Option(help="The folder that is sent along; the project's own by default.")
    ] = None,
    job_id: Annotated[str, typer.Option("--id", help="The same id again attaches to the job that has it.")] = "",
    json: Json = False,
) -> None:
    """Send the project's run to a cluster, and follow its log.

    A token is read from RAY_AUTH_TOKEN, or from the file that RAY_AUTH_TOKEN_PATH names.
    """
    from dataclasses import replace

    from mlray.jobs import JobState, job_request
    from mlray.jobs.on_ray import status
    from mlray.jobs.on_ray import submit as send
    from mlray.spec import read_spec

    spec = read_spec(project)
    sent = (working_dir or spec.folder).resolve()
    if not spec.folder.is_relative_to(sent):
        raise InputError(f"The project {spec.folder} does not lie in {sent}.", remedy="Name a folder above it.")
    arguments = ["--inject-fault"] if inject_fault else []
    request = job_request(spec.folder.relative_to(sent), arguments=arguments, tenant=spec.access.tenants[0], id=job_id)
    request = replace(request, name=f"run-{spec.project}", project=spec.project)
    key = token()
    say = (lambda text: typer.echo(text, nl=False, err=json)) if follow else None
    name = send(request, address=address, working_dir=sent, follow=say, token=key)
    if not follow:
        _show.json_out({"job": name}) if json else typer.echo(f"{name}\nmlray submit … --id {name} follows it.")
        return
    ended = status(name, address=address, token=key)
    _show.say(ended, json=json)
    if ended.state is JobState.FAILED and ended.exit_code in (2, 3, 4):
        raise typer.Exit(ended.exit_code)  # the job's own words stand in its log
    if ended.state is not JobState.SUCCEEDED and json:
        raise typer.Exit(UnavailableError.exit_code)
    if ended.state is not JobState.SUCCEEDED:
        raise UnavailableError(f"The job {ended.id} ended as {ended.state}: {ended.message}.")


def token() -> str | None:
    """Return the cluster's token: from the environment, never from the command line, where other users could see it."""
    given = os.environ.get("RAY_AUTH_TOKEN")
    file = os.environ.get("RAY_AUTH_TOKEN_PATH")
    if given or not file:
        return given or None
    try:
        return Path(file).expanduser().read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InputError(
            f"RAY_AUTH_TOKEN_PATH: {error}.", remedy="Unset it, or name the file with the token."
        ) from error
