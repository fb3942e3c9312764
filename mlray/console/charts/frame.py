"""What all charts share: two widths, axes, dots, intervals and the figure around them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlray.console.markup import Safe, join, tag
from mlray.console.scales import Scale, days_between, decimals, months_between, round_ticks, seconds
from mlray.console.words import day, percent

__all__ = [
    "NARROW",
    "WIDE",
    "Key",
    "Panel",
    "Picture",
    "figure",
    "label",
    "line",
    "marker",
    "time_axis",
    "time_scale",
    "whisker",
]

WIDE = 880
"""Pixels of a chart on a desk; the page stretches it a little, never below reading size."""
NARROW = 380
"""Pixels of the same chart on a phone, drawn anew: a shrunken wide one could not be read."""
_LETTER = 6.4
"""Pixels that a letter of an axis takes, on average."""
_FEW = 3
"""Months from which an axis counts in months."""
_MANY = 60
"""Ticks from which only those with a word are drawn."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing and the size it took."""

    width: float
    height: float
    marks: Safe


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend: the shape and the colour class of a mark, and what it stands for."""

    shape: str
    """`dot`, `ring`, `square`, `diamond`, `up`, `cross`, `bar`, `shadow`, `canary`, `line` or `dash`."""
    colour: str
    """The style's class: `served`, `kept`, `trial`, `good`, `bad`, `unsure`, `soft` or `ink`."""
    meaning: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A frame with a scale for each direction."""

    x: Scale
    y: Scale

    def grid(self, write: Callable[[float, int], str], about: int = 4) -> Safe:
        """Return the horizontal lines at round values, each labelled left of the frame by `write(value, digits)`."""
        ticks = round_ticks(self.y.low, self.y.high, about)
        digits = decimals(ticks)
        return join(
            *(
                join(
                    tag("path", d=f"M{self.x.start:.0f} {self.y(tick):.1f}H{self.x.stop:.0f}", class_="grid"),
                    label(self.x.start - 6, self.y(tick) + 4, write(tick, digits), anchor="end"),
                )
                for tick in ticks
            )
        )

    def heading(self, text: str) -> Safe:
        """Return the name of the frame, above it."""
        return label(self.x.start, self.y.stop - 10, text, class_="heading")

    def rule(self, moment: datetime, text: str = "") -> Safe:
        """Return a vertical line at a moment, with a word at its head."""
        x = self.x.at(moment)
        word = label(x + 4, self.y.stop + 9, text, class_="rule-word") if text else None
        return join(tag("path", d=f"M{x:.1f} {self.y.start:.1f}V{self.y.stop:.1f}", class_="rule"), word)


def percent_tick(value: float, digits: int) -> str:
    """Write a share on an axis as a percentage."""
    return percent(value, max(0, digits - 2))


def points_tick(value: float, digits: int) -> str:
    """Write a difference of shares on an axis, in hundredths."""
    return percent(value, max(0, digits - 2)).removesuffix("%")


def plain_tick(value: float, digits: int) -> str:
    """Write a number on an axis."""
    return f"{value:.{digits}f}"


def time_scale(start: datetime, end: datetime, left: float, right: float) -> Scale:
    """Return the scale of a time axis."""
    return Scale(seconds(start), seconds(end), left, right)


def time_axis(x: Scale, start: datetime, end: datetime, bottom: float) -> Safe:
    """Return the dates below a frame, as many as fit: months, or days where the time is short."""
    months = months_between(start, end)
    ticks = months if len(months) >= _FEW else days_between(start, end)
    # The widest word, a date with its year, decides for all of them: uneven gaps would look like missing data.
    room = (x.stop - x.start) / max(1, len(ticks))
    longest = len("Sep 2013 ") if ticks is months else len("29 Sep 2013 ")
    steps = (1, 2, 3, 6, 12, 24, 60, 120) if ticks is months else (1, 2, 7, 14, 28)
    every = next((step for step in steps if room * step >= longest * _LETTER), 1_000_000)
    marks = []
    for index, tick in enumerate(ticks):
        at = x.at(tick)
        if len(ticks) < _MANY or index % every == 0:
            marks.append(tag("path", d=f"M{at:.1f} {bottom:.1f}v5", class_="grid"))
        text = _date(tick, first=index == 0, months=ticks is months)
        if index % every == 0 and at + len(text) * _LETTER <= x.stop + 10:
            marks.append(label(at + 3, bottom + 16, text))
    return join(*marks)


def _date(tick: datetime, *, first: bool, months: bool) -> str:
    """Return the word at a tick; the year stands with the first one and with each January."""
    if months:
        return f"{tick:%b %Y}" if first or tick.month == 1 else f"{tick:%b}"
    return f"{day(tick)} {tick.year}" if first else day(tick)


def label(x: float, y: float, text: str, *, anchor: str | None = None, class_: str | None = None) -> Safe:
    """Return a word in a chart; `anchor` is `middle` or `end`, else it begins at `x`."""
    return tag("text", text, x=x, y=y, text_anchor=anchor, class_=class_)


def line(points: Iterable[tuple[float, float]], colour: str, *, dashed: bool = False, stepped: bool = False) -> Safe:
    """Return a line through points; a stepped one keeps its height until the next point."""
    path = []
    for index, (x, y) in enumerate(points):
        if index and stepped:
            path.append(f"H{x:.1f}V{y:.1f}")
        else:
            path.append(f"{'L' if index else 'M'}{x:.1f} {y:.1f}")
    return tag("path", d="".join(path), class_=f"line {colour}{' dashed' if dashed else ''}")


def whisker(x: float, low: float, high: float, colour: str, *, flat: bool = False) -> Safe:
    """Return an interval as a bar with short ends: upright at `x`, or lying at height `x` when `flat`."""
    d = (
        f"M{low:.1f} {x - 3:.1f}v6m0 -3H{high:.1f}m0 -3v6"
        if flat
        else f"M{x - 3:.1f} {low:.1f}h6m-3 0V{high:.1f}m-3 0h6"
    )
    return tag("path", d=d, class_=f"whisker {colour}")


def marker(shape: str, x: float, y: float, colour: str, tip: str = "") -> Safe:
    """Return a mark by the name of its shape (see `Key`); `tip` shows when somebody points at it."""
    title = tag("title", tip) if tip else None
    match shape:
        case "dot" | "ring":
            return tag("circle", title, cx=x, cy=y, r=4.2, class_=f"{shape} {colour}")
        case "square":
            return tag("rect", title, x=x - 3.8, y=y - 3.8, width=7.6, height=7.6, class_=f"dot {colour}")
        case "bar" | "shadow" | "canary":
            return tag("rect", title, x=x - 8, y=y - 5, width=16, height=10, rx=2, class_=f"{shape} {colour}")
        case _:
            return tag(
                "path",
                title,
                d=_PATHS[shape].format(x=f"{x:.1f}", y=f"{y:.1f}"),
                class_=f"{_KINDS.get(shape, 'dot')} {colour}",
            )


_PATHS = {
    "diamond": "M{x} {y}m0 -5.4l5.4 5.4l-5.4 5.4l-5.4 -5.4z",
    "cross": "M{x} {y}m-4 -4l8 8m0 -8l-8 8",
    "up": "M{x} {y}m0 -5l5 9h-10z",
    "line": "M{x} {y}m-8 0h16",
    "dash": "M{x} {y}m-8 0h16",
}
_KINDS = {"cross": "line", "line": "line", "dash": "line dashed"}


def figure(
    name: str,
    title: str,
    description: str,
    draw: Callable[[int], Picture],
    *,
    keys: Sequence[Key] = (),
    data: Safe | None = None,
    note: str = "",
) -> Safe:
    """Return a chart in both widths with its legend, and the figures behind it as a table to unfold.

    `title` and `description` are what a screen reader says instead of the picture.
    """
    legend = tag("ul", *(_legend(key) for key in keys), class_="legend") if keys else None
    pictures = [
        tag("div", _svg(draw(width), f"{name}-{kind}", title, description), class_=kind)
        for kind, width in (("wide", WIDE), ("narrow", NARROW))
    ]
    table = tag("details", tag("summary", "The figures as a table"), data, class_="data") if data is not None else None
    return tag("figure", legend, *pictures, tag("figcaption", note) if note else None, table)


def _svg(picture: Picture, name: str, title: str, description: str) -> Safe:
    return tag(
        "svg",
        tag("title", title, id=f"{name}-t"),
        tag("desc", description, id=f"{name}-d"),
        picture.marks,
        viewBox=f"0 0 {picture.width:.0f} {picture.height:.0f}",
        role="img",
        aria_labelledby=f"{name}-t {name}-d",
    )


def _legend(key: Key) -> Safe:
    sign = tag("svg", marker(key.shape, 9, 7, key.colour), viewBox="0 0 18 14", class_="key", aria_hidden="true")
    return tag("li", sign, key.meaning)
