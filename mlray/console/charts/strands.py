"""Every trial as a line across its parameters and its score (parallel coordinates): where the good ones meet."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from mlray.console.charts.frame import WIDE, Key, Picture, figure, label
from mlray.console.charts.sweeps import tip
from mlray.console.markup import Safe, join, tag
from mlray.console.words import metric_name
from mlray.records import Experiment, Trial, is_loss

__all__ = ["has_strands", "strands_figure"]

_AXES = 7
"""Parameters beside the score; more of them would be a tangle, and the important ones come first."""
_FAINT = 300
"""Lines of the rest: beyond it they are one grey anyway, and a page of thousands would be slow."""
_BRIGHT = 30
_FEWEST = 4
_LETTER = 7.7
"""Pixels that a letter of an axis' name takes, on average."""
_DECADE = 10.0
"""What spans so much was searched by orders of magnitude, and is drawn so."""

Value = float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: what it is called, where the trials lie on it (0 to 1), and its words."""

    name: str
    places: tuple[float, ...]
    """Of each trial drawn."""
    words: tuple[tuple[float, str], ...]


def has_strands(experiment: Experiment) -> bool:
    """Return whether there is enough to see: a few scored trials of one trainer, and a parameter that varied."""
    return len(_ranked(experiment)) >= _FEWEST and bool(_varied(experiment, _ranked(experiment)))


def strands_figure(experiment: Experiment) -> Safe:
    """Return the trials of the best one's trainer as lines; those of another have other parameters."""
    ranked = _ranked(experiment)
    bright = min(_BRIGHT, max(_FEWEST, len(ranked) // 10))
    rest = ranked[bright:]
    faint = [rest[place * len(rest) // min(len(rest), _FAINT)] for place in range(min(len(rest), _FAINT))]
    drawn = [*faint, *reversed(ranked[:bright])]
    axes = [*(_axis(name, [t.params.get(name, _MISSING) for t in drawn]) for name in _varied(experiment, ranked))]
    axes.append(_score_axis(experiment, drawn))
    tips = [""] * len(faint) + [tip(experiment, trial) for trial in drawn[len(faint) :]]
    name = metric_name(experiment.metric)
    return figure(
        f"strands-{experiment.id}",
        f"Parameters and {name} of the trials by {experiment.best.trainer} on {experiment.dataset}",
        f"{len(ranked)} trials; the best: {tip(experiment, ranked[0])}",
        lambda width: _across(axes, tips, width) if width == WIDE else _down(axes, tips, width),
        keys=[
            Key("line", "ink", "the best"),
            Key("line", "served", f"the next {bright - 1}"),
            *([Key("line", "soft", "the others")] if faint else []),
        ],
        note=_note(experiment, ranked, drawn),
    )


_MISSING = "\N{EM DASH}"
"""In place of a value that a trial does not have."""
_BELOW = 0.14
"""How far below the scale it lies."""


def _ranked(experiment: Experiment) -> list[Trial]:
    """Return the scored trials of the best one's trainer, the best first."""
    sign = 1.0 if is_loss(experiment.metric) else -1.0
    known = [(sign * t.score, t) for t in experiment.trials if t.score is not None]
    mine = [(score, t) for score, t in known if t.trainer == experiment.best.trainer]
    return [trial for _, trial in sorted(mine, key=lambda pair: (pair[0], pair[1].number))]


def _varied(experiment: Experiment, ranked: Sequence[Trial]) -> list[str]:
    """Return the parameters that had more than one value, the important ones first, as many as can be drawn."""
    names = dict.fromkeys(name for trial in ranked for name in trial.params)
    varied = [name for name in names if len({repr(trial.params.get(name, _MISSING)) for trial in ranked}) > 1]
    weight, trainer = experiment.importance, experiment.best.trainer
    return sorted(varied, key=lambda name: -weight.get(name, weight.get(f"{trainer}.{name}", 0.0)))[:_AXES]


def _note(experiment: Experiment, ranked: Sequence[Trial], drawn: Sequence[Trial]) -> str:
    parts = (
        [f"{len(drawn)} of {len(ranked)} trials are drawn, the best among them."] if len(drawn) < len(ranked) else []
    )
    if any(name not in trial.params for name in _varied(experiment, ranked) for trial in drawn):
        parts.append(f"{_MISSING}: the trial does not have the parameter.")
    others = sum(t.score is not None and t.trainer != experiment.best.trainer for t in experiment.trials)
    if others:
        parts.append(f"Trials of other trainers ({others}) have other parameters.")
    return " ".join(parts)


def _axis(name: str, values: Sequence[Value]) -> Axis:
    told = [value for value in values if value != _MISSING]
    numbers = [value for value in told if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(told):
        return _words(name, [str(value) for value in values])
    low, high = min(numbers), max(numbers)
    floor = _BELOW if len(told) < len(values) else 0.0

    def place(value: Value) -> float:
        if not isinstance(value, int | float):
            return 0.0
        logs = low > 0 and high / low >= _DECADE
        share = log(value / low) / log(high / low) if logs else (value - low) / ((high - low) or 1)
        return floor + (1 - floor) * share

    ends = [(place(end), _write(end)) for end in dict.fromkeys([low, high])]
    return Axis(name, tuple(map(place, values)), (*ends, *([(0.0, _MISSING)] if floor else [])))


def _words(name: str, values: Sequence[str]) -> Axis:
    known = sorted(set(values))
    places = {word: (place + 0.5) / len(known) for place, word in enumerate(known)}
    return Axis(name, tuple(places[value] for value in values), tuple((at, word) for word, at in places.items()))


def _score_axis(experiment: Experiment, drawn: Sequence[Trial]) -> Axis:
    """Return the score's axis: better is further, for a loss as well."""
    scores = [trial.score or 0.0 for trial in drawn]
    worst, best = (max(scores), min(scores)) if is_loss(experiment.metric) else (min(scores), max(scores))
    places = tuple((score - worst) / (best - worst) if best != worst else 0.5 for score in scores)
    ends = ((0.0, f"{worst:.3f}"), (1.0, f"{best:.3f}")) if best != worst else ((0.5, f"{best:.3f}"),)
    return Axis(metric_name(experiment.metric), places, ends)


def _write(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def _across(axes: Sequence[Axis], tips: Sequence[str], width: int) -> Picture:
    """Draw the axes upright beside each other, as a desk has room for."""
    left, right, top, height = 64.0, width - 64.0, 52.0, 250.0
    at = [left + (right - left) * place / (len(axes) - 1) for place in range(len(axes))]
    room = int((right - left) / (len(axes) - 1) / _LETTER)
    stagger = any(len(axis.name) > room for axis in axes)  # long names on two lines in turn have twice the room
    room = 2 * room if stagger else room
    lines = [
        [(x, top + height * (1 - axis.places[n])) for x, axis in zip(at, axes, strict=True)] for n in range(len(tips))
    ]
    parts = [_strands(lines, tips)]
    for place, (x, axis) in enumerate(zip(at, axes, strict=True)):
        parts.append(tag("path", d=f"M{x:.1f} {top:.0f}v{height:.0f}", class_="axis"))
        up = 38 if stagger and place % 2 else 22
        parts.append(label(x, top - up, _fit(axis.name, room), anchor="middle", class_="heading"))
        last = place == len(axes) - 1
        for share, word in axis.words:
            y = top + height * (1 - share) + (-6 if share == 1 else 14 if share == 0 else 4)
            parts.append(_word(x, y, word, share, last=last))
    return Picture(width, top + height + 22, join(*parts))


def _word(x: float, y: float, word: str, share: float, *, last: bool) -> Safe:
    """Return a value's word: at an end of its axis in line with it, else beside it."""
    if share in (0, 1):
        return label(x, y, word, anchor="middle", class_="on")
    return label(x + 6 if last else x - 6, y, word, anchor=None if last else "end", class_="on")


def _down(axes: Sequence[Axis], tips: Sequence[str], width: int) -> Picture:
    """Draw the axes lying below each other, as a phone has room for: lines run downwards."""
    left, right, top, step = 12.0, width - 12.0, 26.0, 62.0
    at = [top + step * place for place in range(len(axes))]
    lines = [
        [(left + (right - left) * axis.places[n], y) for y, axis in zip(at, axes, strict=True)]
        for n in range(len(tips))
    ]
    parts = [_strands(lines, tips)]
    for y, axis in zip(at, axes, strict=True):
        parts.append(tag("path", d=f"M{left:.0f} {y:.1f}H{right:.0f}", class_="axis"))
        parts.append(label(left, y - 8, axis.name, class_="heading on"))
        for share, word in axis.words:
            anchor = None if share == 0 else "end" if share == 1 else "middle"
            parts.append(label(left + (right - left) * share, y + 15, word, anchor=anchor, class_="on"))
    return Picture(width, at[-1] + 26, join(*parts))


def _strands(lines: Sequence[Sequence[tuple[float, float]]], tips: Sequence[str]) -> Safe:
    """Return the lines: those without a tip as one element, then the bright ones, the best last and so on top."""
    faint = "".join(_path(points) for points, said in zip(lines, tips, strict=True) if not said)
    parts = [tag("path", d=faint, class_="strand soft")] if faint else []
    bright = [(points, said) for points, said in zip(lines, tips, strict=True) if said]
    for place, (points, said) in enumerate(bright):
        kind = "strand best ink" if place == len(bright) - 1 else "strand bright served"
        parts.append(tag("path", tag("title", said), d=_path(points), class_=kind))
    return join(*parts)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in points)


def _fit(name: str, letters: int) -> str:
    return name if len(name) <= letters else f"{name[: letters - 1]}…"
