"""The first verbs: a project is made, and looked over before anything is started."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlray.cli import _show
from mlray.cli._frame import Here, Json
from mlray.errors import MlrayError, SpecError

if TYPE_CHECKING:
    from mlray.spec import ProjectSpec

__all__ = ["check", "init"]


def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    *,
    data: Annotated[
        str | None,
        typer.Option(help="Your table: a Parquet or CSV file, or a pattern of such files.", show_default=False),
    ] = None,
    target: Annotated[str | None, typer.Option(help="The column to predict.", show_default=False)] = None,
    time: Annotated[str | None, typer.Option(help="The column with the event time.", show_default=False)] = None,
) -> None:
    """Write a new project for your data, or a small example.

    Nothing that is there is overwritten: mlray.yaml, features.py and .gitignore are new files.
    """
    from mlray.cli._scaffold import scaffold

    made = scaffold(folder, data, target, time)
    for line in made.told:
        typer.echo(line)
    typer.echo(f"\nNext:\n  mlray check {folder}\n  mlray run {folder}")


def check(project: Here = Path(), *, json: Json = False) -> None:
    """List all problems of a project at once.

    Each has file and line, and the closest valid key or value. Nothing is started.
    """
    from mlray.spec import read_spec

    spec = read_spec(project, check=_deeper)
    facts = {
        "project": spec.project,
        "target": f"{spec.data.target.name}: {spec.data.target.column} above {spec.data.target.above:g}",
        "asked of a request": list(spec.data.request_columns),
        "trainers": list(spec.model.trainers),
        "workspace": str(spec.root),
    }
    if json:
        _show.json_out({"ok": True, **facts})
    else:
        typer.echo("Nothing is wrong.")
        _show.fields(facts)


def _deeper(spec: "ProjectSpec") -> None:
    """Ask the stages what only they know; raises a SpecError with all that they find."""
    from mlray.cli._columns import column_problems

    asked: list[tuple[str, Callable[[], object]]] = [
        ("model.trainers", lambda: _trainers(spec)),
        ("data", lambda: _contract(spec)),
        ("features", lambda: _features(spec)),
        ("costs.prices", lambda: _prices(spec)),
    ]
    problems = list(column_problems(spec))
    for path, ask in asked:
        try:
            ask()
        except SpecError as error:
            problems += [one if one.startswith(path) else f"{path}: {one}" for one in error.problems]
        except MlrayError as error:
            problems.append(f"{path}: {error}")
    if problems:
        raise SpecError(problems)


def _trainers(spec: "ProjectSpec") -> None:
    from mlray.experiments import check_space

    check_space(spec.model)


def _contract(spec: "ProjectSpec") -> None:
    from mlray.data import Contract

    Contract.compile(spec.data)


def _features(spec: "ProjectSpec") -> None:
    from mlray.features import FeaturePlan

    told = spec.features
    if not isinstance(told, str) or (spec.folder / told).is_file():  # that it is missing was told with the other files
        FeaturePlan.of(told, spec.folder)


def _prices(spec: "ProjectSpec") -> None:
    from mlray.costs import PriceBook

    PriceBook.load(spec.costs.prices, folder=spec.folder).node(spec.costs.node)
