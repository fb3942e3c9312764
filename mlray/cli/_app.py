"""All verbs in one place, in the order of a model's life."""

from typing import Annotated

import typer

from mlray.cli import aside, begin, cluster, contract, crawl, data, doctor, life, lineage, look, profile, sweep, upkeep
from mlray.cli._frame import verb

__all__ = ["app"]

EPILOG = """\
\b
Exit codes:
  0    done
  1    an error that mlray does not know; --debug shows where
  2    the input is wrong: a project file, a file, an option
  3    something is unavailable or damaged; the same command may succeed later
  4    refused: over budget, a gate failed, not allowed; the journal tells why
  130  stopped by Ctrl-C; what was started has been ended

Commands that read take --json. PROJECT is a folder or its mlray.yaml; the default is the current folder.
"""

# Plain help: typer's own with rich takes three times the CPU.
app = typer.Typer(
    name="mlray",
    help="The whole life of a machine-learning model on one Ray cluster: data, training, release, watch, retraining.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

for _function in (
    begin.init,
    begin.check,
    life.run,
    life.ingest,
    crawl.crawl,
    life.feasibility,
    life.train,
    life.deploy,
    life.watch,
    life.promote,
    life.rollback,
    life.stop,
    cluster.submit,
    look.status,
    look.journal,
    look.cost,
    profile.profile,
    lineage.lineage,
    doctor.doctor,
):
    verb(app, _function)

_source = typer.Typer(help="Sources that the crawler has paused.", no_args_is_help=True, rich_markup_mode=None)
verb(_source, crawl.resume)
app.add_typer(_source, name="source")

_data = typer.Typer(
    help="Versions of data: what changed, by whom, and what it takes up.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for _of_versions in (
    data.log,
    data.diff,
    data.tag,
    data.branch,
    data.checkout,
    data.export,
    data.mirror,
    data.rollback,
    upkeep.squash,
    upkeep.recover,
    upkeep.verify,
    upkeep.du,
    upkeep.gc,
    upkeep.compact,
):
    verb(_data, _of_versions)
verb(_data, aside.aside)
verb(_data, contract.replay)
app.add_typer(_data, name="data")

_contract = typer.Typer(
    help="What data must look like: drafted, mapped, compared, shared.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
verb(_contract, contract.infer)
verb(_contract, contract.mapped, "map")
verb(_contract, contract.diff)
verb(_contract, contract.lint)
verb(_contract, contract.show)
verb(_contract, contract.listed, "list")
verb(_contract, contract.push)
verb(_contract, contract.pull)
app.add_typer(_contract, name="contract")


_sweep = typer.Typer(
    help="Sweeps: begun, listed, looked at, ended, taken up again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
verb(_sweep, sweep.run)
verb(_sweep, sweep.listed, "list")
verb(_sweep, sweep.show)
verb(_sweep, sweep.stop)
verb(_sweep, sweep.resume)
verb(_sweep, sweep.replay)
app.add_typer(_sweep, name="sweep")


def _version(wanted: bool) -> None:  # noqa: FBT001 (typer's callback)
    if wanted:
        from importlib.metadata import version

        typer.echo(f"mlray {version('mlray')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """The whole life of a machine-learning model on one Ray cluster: data, training, release, watch, retraining."""
