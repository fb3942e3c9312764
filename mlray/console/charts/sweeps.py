"""What was tried: every trial's score, sweep by sweep, and the best so far."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from mlray.console.charts.frame import WIDE, Key, Panel, Picture, figure, label, line, marker, plain_tick
from mlray.console.markup import Safe, join, tag
from mlray.console.scales import Scale, padded
from mlray.console.story import Story
from mlray.console.tables import Cell, Column, table
from mlray.console.words import comma, count, duration, metric_name, money, percent
from mlray.console.words import figure as digits
from mlray.records import Experiment, Trial, is_loss

__all__ = ["dust", "params", "shown", "sweeps_figure", "tip", "trials_table"]

_MARKED = 150
"""Trials of one sweep that are drawn as marks to point at; of more, only those that were the best so far."""
_LISTED = 60
"""Rows of a table that somebody still reads; of a longer sweep it holds the best."""

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
    best = list(accumulate((score for _, _, score in scored), min if is_loss(experiment.metric) else max))
    parts.append(
        line([(panel.x(i), panel.y(top)) for (i, _, _), top in zip(scored, best, strict=True)], "soft", stepped=True)
    )
    marked = scored
    if len(scored) > _MARKED:
        marked = [one for one, top, before in zip(scored, best, [None, *best], strict=False) if top != before]
        parts += _dusts(scored, trainers, panel)
    for i, trial, score in marked:
        shape, colour = _MARKS[trainers.index(trial.trainer) % len(_MARKS)]
        faded = " faded" if trial.state == "stopped early" else ""
        if trial.number == experiment.best.number:
            parts.append(tag("circle", cx=panel.x(i), cy=panel.y(score), r=8, class_="ring ink"))
        parts.append(marker(shape, panel.x(i), panel.y(score), colour + faded, tip(experiment, trial)))
    return join(*parts)


def _dusts(scored: Sequence[tuple[int, Trial, float]], trainers: Sequence[str], panel: Panel) -> list[Safe]:
    """Return all trials as dots too small to point at, by trainer."""
    return [
        dust(
            [(panel.x(i), panel.y(score)) for i, trial, score in scored if trial.trainer == name],
            _MARKS[place % len(_MARKS)][1],
        )
        for place, name in enumerate(trainers)
    ]


def dust(points: Sequence[tuple[float, float]], colour: str) -> Safe:
    """Return many small dots as one element: a thousand with a tip each would make the page heavy."""
    return tag("path", d="".join(f"M{x:.0f} {y:.0f}h0" for x, y in points), class_=f"dust {colour}")


def tip(experiment: Experiment, trial: Trial) -> str:
    """Return what is told of a trial when somebody points at it."""
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
    trials, left = _listed(experiment)
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
        for trial in trials
    ]
    summary = (
        f"On {experiment.dataset}: {count(len(experiment.trials), 'trial')} in {duration(experiment.seconds)},"
        f" {money(experiment.spend, currency)}, {experiment.stopped_because}"
    )
    return tag(
        "details",
        tag("summary", summary),
        _blended(experiment),
        table(f"Trials of the sweep on {experiment.dataset}{left}", columns, rows),
    )


def shown(experiment: Experiment) -> tuple[Trial, ...]:
    """Return the trials that a page keeps, without their curves: all of a short sweep, the best of a long one."""
    return tuple(replace(trial, curve=()) for trial in _listed(experiment)[0])


def _listed(experiment: Experiment) -> tuple[Sequence[Trial], str]:
    """Return the trials to list, and which they are where they are not all."""
    if len(experiment.trials) <= _LISTED:
        return experiment.trials, ""
    sign = 1.0 if is_loss(experiment.metric) else -1.0
    scored = [(sign * trial.score, trial.number, trial) for trial in experiment.trials if trial.score is not None]
    best = [trial for _, _, trial in sorted(scored)[:_LISTED]]
    return best, f": the best {len(best)} of {len(experiment.trials):,}; the sweep's journal holds them all"


def _blended(experiment: Experiment) -> Safe | None:
    """Return a sentence on the ensemble, where there is one."""
    if not experiment.ensemble or experiment.ensemble_score is None or experiment.best.score is None:
        return None
    shares = comma([f"{number} ({percent(share, 0)})" for number, share in experiment.ensemble])
    name = metric_name(experiment.metric)
    return tag(
        "p",
        f"A blend of the trials {shares} reached {name} {experiment.ensemble_score:.4f} on the rows that trials were"
        f" chosen by, the best trial alone {experiment.best.score:.4f}; on later rows the better one was judged.",
    )
