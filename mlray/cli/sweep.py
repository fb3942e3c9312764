"""Sweeps from the command line: begun, listed, looked at, ended, taken up again, and asked over again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlray.cli import _show
from mlray.cli._frame import Here, Json, opened
from mlray.errors import InputError

if TYPE_CHECKING:
    from mlray.experiments import History
    from mlray.project.sweeps import Sight
    from mlray.records import Experiment, Trial

__all__ = ["listed", "replay", "resume", "run", "show", "stop"]

Sweep = Annotated[
    str | None,
    typer.Argument(metavar="SWEEP", help="Its name, or the end of it; the newest by default.", show_default=False),
]
Folder = Annotated[
    Path | None,
    typer.Option("--folder", metavar="FOLDER", help="Journals of mlray.sweep, instead of a project's."),
]
Trials = Annotated[int | None, typer.Option(min=1, help="Configurations to try; the project's by default.")]
Time = Annotated[str | None, typer.Option(metavar="DURATION", help="How long at most, such as '10 minutes'.")]
Budget = Annotated[str | None, typer.Option(metavar="MONEY", help="Money at most, such as '2 USD'.")]

BEST = 10
"""Trials that are shown."""
PAUSE = 1.0
"""Seconds between two looks at a sweep that is followed."""


def run(
    project: Here = Path(), *, trials: Trials = None, time: Time = None, budget: Budget = None, json: Json = False
) -> None:
    """Search for the best configuration; no model is registered.

    It ends on trials, time, money, a plateau, or `mlray sweep stop`, and keeps the best so far.
    """
    _search(project, json=json, trials=trials, time=time, budget=budget)


def resume(
    sweep: Sweep = None,
    project: Here = Path(),
    *,
    trials: Trials = None,
    time: Time = None,
    budget: Budget = None,
    json: Json = False,
) -> None:
    """Take a sweep up where it ended or was cut off.

    Nothing is trained twice. Limits that are not given again: trials as before, time and money as the project says.
    """
    from mlray.project.sweeps import find

    with opened(project) as found:
        name = find(found.sweeps_folder, sweep).stem
    _search(project, json=json, trials=trials, time=time, budget=budget, resume=name)


def _search(project: Path, *, json: bool, **asked: Any) -> None:  # noqa: ANN401 (as `Project.sweep` takes them)
    from mlray.cli.progress import narrator

    with opened(project) as found, narrator(_show.console(err=True)) as told:
        experiment = found.sweep(progress=told.stage("sweep", 1.0), **asked)
    if json:
        _show.json_out(experiment)
    else:
        _told(experiment)


def _told(experiment: "Experiment") -> None:
    scored = [trial for trial in experiment.trials if trial.score is not None]
    best = experiment.best.score or 0.0
    # Whether more is better is seen from which one is the best.
    ranked = sorted(scored, key=lambda trial: abs((trial.score or 0.0) - best))
    typer.echo(str(experiment))
    _trials(ranked[:BEST])
    typer.echo(f"\n{experiment.spend:.4f} USD; `mlray sweep show {experiment.id}` shows it again.")


def listed(project: Here = Path(), *, folder: Folder = None, json: Json = False) -> None:
    """List sweeps, the newest first."""
    from mlray.project.sweeps import sights

    with _journals(project, folder) as place:
        found = sights(place)
    if json:
        _show.json_out(found)
    elif not found:
        typer.echo(f"There is no sweep in {place}. `mlray sweep run` begins one.")
    else:
        _show.table(("sweep", "state", "when", "tried", "failed", "best", "by", "s", "USD"), map(_row, found))


def _row(sight: "Sight") -> tuple[str, ...]:
    best = "–" if sight.best is None else f"{sight.best:.4f} {sight.metric}"
    return (
        sight.id,
        sight.state,
        f"{sight.at:%Y-%m-%d %H:%M}",
        f"{sight.done}/{sight.trials}",
        str(sight.failed),
        best,
        sight.trainer,
        f"{sight.seconds:.0f}",
        f"{sight.spent:.4f}",
    )


def show(
    sweep: Sweep = None,
    project: Here = Path(),
    *,
    folder: Folder = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on looking until it ends.")] = False,
    json: Json = False,
) -> None:
    """Show how far a sweep is, its best trials and errors."""
    from mlray.project.sweeps import find, ranked, sight

    with _journals(project, folder) as place:
        path = find(place, sweep)
    if follow:
        _follow(path)
    history = _read(path)
    seen, best = sight(path, history), ranked(history)[:BEST]
    errors = _errors(history)
    if json:
        _show.json_out({"sweep": seen, "best": list(best), "errors": errors})
        return
    plan = history.plan
    _show.fields(
        {
            "sweep": str(seen),
            "journal": str(path),
            "rows": seen.dataset or "–",
            "took": f"{seen.seconds:.0f} s, {history.spent_seconds:.0f} s of lanes, {seen.spent:.4f} USD",
            "limits": ", ".join(_limits(plan)),
        }
    )
    _trials(best)
    for error, count in errors.items():
        typer.secho(f"{count} × {error}", fg="yellow")


def _limits(plan: Any) -> Iterator[str]:  # noqa: ANN401 (experiments.Plan)
    yield f"{plan.trials} trials"
    if plan.seconds is not None:
        yield f"{plan.seconds:g} s"
    if plan.budget is not None:
        yield f"{plan.budget} USD"
    if plan.plateau is not None:
        yield f"plateau {plan.plateau:g}"


def _errors(history: "History") -> dict[str, int]:
    """Return each error once, and how many trials ended with it."""
    counts: dict[str, int] = {}
    for trial in history.trials:
        if trial.error:
            counts[trial.error] = counts.get(trial.error, 0) + 1
    return counts


def _follow(path: Path) -> None:
    """Say how far the sweep is whenever that has changed, until nobody writes its journal any more."""
    from threading import Event

    from mlray.project.sweeps import sight

    told = ""
    while True:
        seen = sight(path, _read(path))
        if str(seen) != told:
            told = str(seen)
            typer.echo(told, err=True)
        if seen.state != "running":
            return
        Event().wait(PAUSE)


def stop(sweep: Sweep = None, project: Here = Path(), *, folder: Folder = None, json: Json = False) -> None:
    """End a running sweep; it keeps its best so far."""
    from mlray.experiments import ask_stop
    from mlray.project.sweeps import find, writing

    with _journals(project, folder) as place:
        path = find(place, sweep)
    running = writing(path)
    if running:
        ask_stop(path)
    if json:
        _show.json_out({"sweep": path.stem, "stopping": running})
    elif running:
        typer.echo(f"{path.stem} ends at the next look of its lanes.")
    else:
        typer.echo(f"{path.stem} has ended already.")


def replay(sweep: Sweep = None, project: Here = Path(), *, folder: Folder = None, json: Json = False) -> None:
    """Ask a sweep's search again: are the trials the same?

    Nothing is trained: the results are those of the journal. Exit code 2 when the search asks for something else.
    """
    from mlray.experiments import Recipe
    from mlray.experiments import replay as asked_again
    from mlray.project.sweeps import find

    with _journals(project, folder) as place:
        path = find(place, sweep)
    recipe = Recipe.from_json(_read(path).model)
    found = asked_again(path, recipe.search())
    if json:
        difference = str(found.first_difference) if found.first_difference else None
        _show.json_out({"sweep": path.stem, "asked": found.asked, "same": found.same, "difference": difference})
        if not found.same:
            raise typer.Exit(InputError.exit_code)
    elif found.same:
        typer.echo(f"{path.stem}: all {found.asked} configurations are asked for again, in the same order.")
    else:
        raise InputError(
            f"{path.stem} is not asked for again: {found.first_difference}",
            remedy="Was the sweep made by another version of mlray or of Optuna?",
        )


def _read(path: Path) -> "History":
    from mlray.experiments import read

    return read(path)


@contextmanager
def _journals(project: Path, folder: Path | None) -> Iterator[Path]:
    """Yield the folder of journals that is meant."""
    if folder is not None:
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}.", remedy="mlray.sweep writes to .mlray/sweeps by default.")
        yield folder
        return
    with opened(project) as found:
        yield found.sweeps_folder


def _trials(trials: "list[Trial] | tuple[Trial, ...] | Any") -> None:  # noqa: ANN401 (any sequence)
    rows = [
        (
            trial.number,
            trial.trainer,
            f"{trial.score:.4f}" if trial.score is not None else "–",
            trial.rounds,
            f"{trial.seconds:.1f}",
            trial.state,
            ", ".join(f"{name} {_brief(value)}" for name, value in trial.params.items()),
        )
        for trial in trials
    ]
    if rows:
        _show.table(("#", "trainer", "score", "rounds", "s", "state", "parameters"), rows)


def _brief(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
