"""What was tried: every trial's score, sweep by sweep, and the best so far."""

from collections.abc import Sequence

from mlray.console.charts.frame import WIDE, Key, Panel, Picture, figure, label, line, marker, plain_tick
from mlray.console.markup import Safe, join, tag
from mlray.console.scales import Scale, padded
from mlray.console.story import Story
from mlray.console.tables import Cell, Column, table
from mlray.console.words import count, duration, metric_name, money
from mlray.console.words import figure as digits
from mlray.records import Experiment, Trial

__all__ = ["params", "sweeps_figure", "trials_table"]

_MARKS = (("dot", "served"), ("square", "kept"), ("diamond", "trial"), ("up", "good"))
"""Shape and colour of each trainer, in order of appearance: told apart without colour as well."""


def sweeps_figure(story: Story) -> Safe:
    """Return one chart of all sweeps beside each other, on one scale."""
    trainers = _trainers(story.experiments)
    keys = [Key(*_MARKS[index % len(_MARKS)], name) for index, name in enumerate(trainers)]
    keys += [Key("line", "soft", "best so far"), Key("ring", "ink", "chosen")]
    return figure(
        "sweeps",
        "Score of every trial in every sweep",
        "; ".join(f"{e.dataset}: {e}" for e in story.experiments),
        lambda width: _draw(story.experiments, trainers, width),
        keys=keys,
        note=_failed(story.experiments),
    )


def _trainers(experiments: Sequence[Experiment]) -> list[str]:
    return list(dict.fromkeys(trial.trainer for experiment in experiments for trial in experiment.trials))


def _failed(experiments: Sequence[Experiment]) -> str:
    failed = sum(trial.score is None for experiment in experiments for trial in experiment.trials)
    return f"Trials without a score ({failed}) are in the tables below only." if failed else ""


def _draw(experiments: Sequence[Experiment], trainers: Sequence[str], width: int) -> Picture:
    left, right, top, height = (52.0, width - 12.0, 40.0, 210.0) if width == WIDE else (44.0, width - 6.0, 40.0, 190.0)
    scores = [trial.score for experiment in experiments for trial in experiment.trials if trial.score is not None]
    low, high = padded(min(scores), max(scores), 0.1)
    y = Scale(low, high, top + height, top)
    total, gap = sum(len(experiment.trials) for experiment in experiments), 18.0
    room = right - left - gap * (len(experiments) - 1)
    parts = [Panel(Scale(0, 1, left, right), y).grid(plain_tick)]
    for experiment in experiments:
        share = room * len(experiment.trials) / total
        # Half a trial of air on both sides, so that a sweep of a single trial has a width.
        x = Scale(-0.5, len(experiment.trials) - 0.5, left, left + share)
        parts.append(_sweep(experiment, trainers, Panel(x, y), named=share > 60))
        left += share + gap
    return Picture(width, top + height + 24, join(*parts))


def _sweep(experiment: Experiment, trainers: Sequence[str], panel: Panel, *, named: bool) -> Safe:
    name = experiment.dataset.rpartition("@")[2] or experiment.id
    parts = [
        tag(
            "rect",
            x=panel.x.start,
            y=panel.y.stop,
            width=panel.x.stop - panel.x.start,
            height=panel.y.start - panel.y.stop,
            class_="field",
        ),
        label(panel.x.start + 6, panel.y.stop - 10, f"on data {name}" if named else name, class_="heading"),
        label(
            (panel.x.start + panel.x.stop) / 2,
            panel.y.start + 17,
            count(len(experiment.trials), "trial") if named else "",
            anchor="middle",
        ),
    ]
    scored = [(i, trial, trial.score) for i, trial in enumerate(experiment.trials) if trial.score is not None]
    best = min if experiment.metric in ("log_loss", "brier") else max
    so_far = [
        (panel.x(i), panel.y(best(score for _, _, score in scored[: n + 1]))) for n, (i, _, _) in enumerate(scored)
    ]
    parts.append(line(so_far, "soft", stepped=True))
    for i, trial, score in scored:
        shape, colour = _MARKS[trainers.index(trial.trainer) % len(_MARKS)]
        faded = " faded" if trial.state == "stopped early" else ""
        if trial.number == experiment.best.number:
            parts.append(tag("circle", cx=panel.x(i), cy=panel.y(score), r=8, class_="ring ink"))
        parts.append(marker(shape, panel.x(i), panel.y(score), colour + faded, _tip(experiment, trial)))
    return join(*parts)


def _tip(experiment: Experiment, trial: Trial) -> str:
    scored = digits(trial.score) if trial.score is not None else "no score"
    reached = f"{metric_name(experiment.metric)} {scored}, {trial.rounds} rounds, {trial.state}"
    return f"trial {trial.number}, {trial.trainer}: {reached}; {params(trial)}"


def params(trial: Trial) -> str:
    """Return a trial's parameters in one line, numbers to three digits."""
    return ", ".join(
        f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in trial.params.items()
    )


def trials_table(experiment: Experiment, currency: str) -> Safe:
    """Return the table of one sweep's trials, with a line that says how it ended."""
    columns = [
        Column("Trial", numeric=True),
        Column("Trainer"),
        Column(metric_name(experiment.metric), numeric=True),
        Column("Rounds", numeric=True),
        Column("Seconds", numeric=True),
        Column("State"),
        Column("Parameters", class_="long"),
    ]
    rows: list[list[str | Cell]] = [
        [
            str(trial.number),
            trial.trainer,
            Cell(f"{trial.score:.4f}" if trial.score is not None else "–", trial.score),
            str(trial.rounds),
            f"{trial.seconds:.1f}",
            trial.state + (" · chosen" if trial.number == experiment.best.number else ""),
            trial.error or params(trial),
        ]
        for trial in experiment.trials
    ]
    summary = (
        f"On {experiment.dataset}: {count(len(experiment.trials), 'trial')} in {duration(experiment.seconds)},"
        f" {money(experiment.spend, currency)}, {experiment.stopped_because}"
    )
    return tag("details", tag("summary", summary), table(f"Trials of the sweep on {experiment.dataset}", columns, rows))
