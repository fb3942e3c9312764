"""Which parameters mattered in a sweep, as bars."""

from mlray.console.charts.frame import WIDE, Picture, figure, label
from mlray.console.markup import Safe, join, tag
from mlray.console.tables import Column, table
from mlray.console.words import count, percent
from mlray.records import Experiment

__all__ = ["importance_figure"]

_SHOWN = 10
_ROW = 24.0


def importance_figure(experiment: Experiment) -> Safe:
    """Return a bar for each parameter of `experiment.importance`, the most important first; of many the first ten."""
    ranked = sorted(experiment.importance.items(), key=lambda item: -item[1])
    shown, rest = ranked[:_SHOWN], ranked[_SHOWN:]
    further = ""
    if rest:
        further = f" {count(len(rest), 'further parameter').capitalize()} together: {percent(sum(v for _, v in rest))}."
    return figure(
        f"importance-{experiment.id}",
        f"Which parameters mattered in the sweep on {experiment.dataset}",
        "; ".join(f"{name}: {percent(share)}" for name, share in shown),
        lambda width: _draw(shown, width),
        data=table(
            f"Importance of each parameter in the sweep on {experiment.dataset}",
            [Column("Parameter"), Column("Share", numeric=True)],
            [[name, percent(share)] for name, share in ranked],
        ),
        note="How much of what tells the best tenth of the trials from all of them lies in each parameter; shares of"
        f" 100%.{further}",
    )


def _draw(shown: list[tuple[str, float]], width: int) -> Picture:
    wide = width == WIDE
    left, right = (190.0, width - 60.0) if wide else (132.0, width - 48.0)
    longest, letters = max(share for _, share in shown) or 1.0, 28 if wide else 19
    parts, top = [], 4.0
    for name, share in shown:
        middle = top + _ROW / 2
        length = max(1.0, (right - left) * share / longest)
        tip = f"{name}: {percent(share)}"
        parts += [
            tag("path", d=f"M{left:.1f} {middle:.1f}H{right:.1f}", class_="lane"),
            label(left - 8, middle + 4, _short(name, letters), anchor="end", class_="name"),
            tag("rect", tag("title", tip), x=left, y=middle - 7, width=length, height=14, rx=2, class_="bar served"),
            label(left + length + 6, middle + 4, percent(share, 0 if share >= 0.01 else 1)),
        ]
        top += _ROW
    return Picture(width, top + 4, join(*parts))


def _short(name: str, letters: int) -> str:
    """Return a name that fits; of one with a trainer before it, the end says more than the beginning."""
    return name if len(name) <= letters else f"…{name[1 - letters :]}"
