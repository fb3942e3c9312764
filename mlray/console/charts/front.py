"""Several objectives at once: what every trial reached, and those that no other beats in all of them."""

from collections.abc import Sequence

from mlray.console.charts.frame import WIDE, Key, Panel, Picture, figure, label, line, marker, plain_tick
from mlray.console.charts.sweeps import dust, params, tip
from mlray.console.markup import Safe, join, tag
from mlray.console.scales import Scale, decimals, padded, round_ticks
from mlray.console.tables import Cell, Column, table
from mlray.console.words import count, metric_name
from mlray.records import Experiment, Trial

__all__ = ["front_figure", "has_front"]

_UNITS = {"latency": "ms per 1,000 rows", "cost": "USD", "seconds": "s"}


def has_front(experiment: Experiment) -> bool:
    """Return whether the sweep had several objectives, and figures to draw."""
    return bool(experiment.front) and bool(_objectives(experiment))


def front_figure(experiment: Experiment) -> Safe:
    """Return the score against each other objective, with the trials of the front and the chosen one."""
    names = _objectives(experiment)
    best = sorted(_front(experiment), key=lambda trial: trial.objectives.get(names[0], 0.0))
    keys = [Key("dot", "served", "no other trial is better in everything"), Key("dot", "soft", "beaten by another")]
    columns = [Column("Trial", numeric=True), Column(metric_name(experiment.metric), numeric=True)]
    columns += [Column(_named(name), numeric=True) for name in names]
    rows = [
        [
            str(trial.number),
            Cell(f"{trial.score:.4f}" if trial.score is not None else "–", trial.score),
            *(Cell(f"{trial.objectives[n]:.4g}", trial.objectives[n]) if n in trial.objectives else "–" for n in names),
            params(trial),
        ]
        for trial in best
    ]
    return figure(
        f"front-{experiment.id}",
        f"{metric_name(experiment.metric)} against {' and '.join(names)} of the trials on {experiment.dataset}",
        "; ".join(tip(experiment, trial) for trial in best),
        lambda width: _draw(experiment, names, width),
        keys=[*keys, Key("ring", "ink", "chosen")],
        data=table(
            f"The front of the sweep on {experiment.dataset}", [*columns, Column("Parameters", class_="long")], rows
        ),
        note=f"{count(len(best), 'trial').capitalize()} of {len(experiment.trials):,} on the front: whatever another"
        " gains over one of them in one objective, it loses in another.",
    )


def _objectives(experiment: Experiment) -> list[str]:
    return sorted({name for trial in experiment.trials for name in trial.objectives})


def _front(experiment: Experiment) -> list[Trial]:
    wanted = set(experiment.front)
    return [trial for trial in experiment.trials if trial.number in wanted and trial.score is not None]


def _named(name: str) -> str:
    return f"{name}, {_UNITS[name]}" if name in _UNITS else name


def _draw(experiment: Experiment, names: Sequence[str], width: int) -> Picture:
    """Draw a panel per objective: beside each other on a desk, below each other on a phone."""
    left, right, top, height = (52.0, width - 12.0, 14.0, 230.0) if width == WIDE else (44.0, width - 8.0, 14.0, 200.0)
    beside = len(names) if width == WIDE else 1
    gap = 64.0
    share = (right - left - gap * (beside - 1)) / beside
    parts, below = [], top
    for place, name in enumerate(names):
        x = left + (share + gap) * (place % beside)
        below = top + (height + 60) * (place // beside)
        parts.append(_panel(experiment, name, (x, x + share), (below, below + height), only=len(names) == 1))
    return Picture(width, below + height + 40, join(*parts))


def _panel(
    experiment: Experiment, name: str, across: tuple[float, float], upright: tuple[float, float], *, only: bool
) -> Safe:
    known = [
        (t, t.objectives[name], t.score) for t in experiment.trials if t.score is not None and name in t.objectives
    ]
    if not known:
        return join()
    x = Scale(*padded(min(v for _, v, _ in known), max(v for _, v, _ in known), 0.05), *across)
    low, high = padded(min(s for _, _, s in known), max(s for _, _, s in known), 0.08)
    y = Scale(low, high, upright[1], upright[0])
    ticks = round_ticks(x.low, x.high, 4)
    parts = [Panel(x, y).grid(plain_tick)]
    parts += [label(x(t), upright[1] + 17, plain_tick(t, decimals(ticks)), anchor="middle") for t in ticks]
    parts.append(label(across[1], upright[1] + 33, _named(name), anchor="end", class_="heading"))
    front = set(experiment.front)
    parts.append(dust([(x(value), y(score)) for t, value, score in known if t.number not in front], "soft"))
    best = sorted(((t, x(v), y(s)) for t, v, s in known if t.number in front), key=lambda one: one[1])
    if only:  # with three objectives the front is a surface, and a line through it would lie
        parts.append(line([(at, up) for _, at, up in best], "served", stepped=True))
    for trial, at, up in best:
        parts.append(marker("dot", at, up, "served", tip(experiment, trial)))
    chosen = [(x(v), y(s)) for t, v, s in known if t.number == experiment.best.number]
    parts += [tag("circle", cx=at, cy=up, r=8, class_="ring ink") for at, up in chosen]
    return join(*parts)
