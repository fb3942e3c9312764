"""The learning curve: what a quick model reaches on more and more rows, between the trivial answer and the goal."""

from math import log10

from mlray.console.charts.frame import WIDE, Key, Panel, Picture, figure, label, line, marker, plain_tick, whisker
from mlray.console.markup import Safe, join, tag
from mlray.console.scales import Scale, padded
from mlray.console.tables import SCORE_COLUMNS, Column, score_cells, table
from mlray.console.words import figure as digits
from mlray.console.words import metric_name
from mlray.records import Feasibility

__all__ = ["curve_figure"]


def curve_figure(feasibility: Feasibility) -> Safe:
    """Return the learning curve between the trivial answer and the goal."""
    said = f"{metric_name(feasibility.metric)} {feasibility.expected} expected on all the data"
    keys = [
        Key("dot", "served", f"a quick model's {metric_name(feasibility.metric)}, with its interval"),
        Key("diamond", "trial", "expected of a tuned one"),
    ]
    return figure(
        "curve",
        "Learning curve before any sweep",
        said,
        lambda width: _draw_curve(feasibility, width),
        keys=keys,
        data=_curve_data(feasibility),
    )


def _draw_curve(feasibility: Feasibility, width: int) -> Picture:
    left, right = (52, width - 130) if width == WIDE else (44, width - 92)
    lines = [("trivial", feasibility.trivial.value), ("linear", feasibility.linear.value)]
    if feasibility.goal is not None:
        lines.append(("goal", feasibility.goal))
    intervals = [*(point.score for point in feasibility.curve), feasibility.expected]
    values = [value for _, value in lines] + [end for i in intervals for end in (i.low, i.high)]
    top, bottom = 14.0, 214.0
    low, high = padded(min(values), max(values))
    rows = [log10(max(1, point.rows)) for point in feasibility.curve] or [0.0]
    # The expected score stands one step beyond the curve: it is a forecast, not a measurement.
    x = Scale(min(rows) - 0.08, max(rows) + 0.3, left, right)
    panel = Panel(x, Scale(low, high, bottom, top))
    parts = [panel.grid(plain_tick), *_levels(panel, lines)]
    parts.append(line([(x(log10(p.rows)), panel.y(p.score.value)) for p in feasibility.curve], "served"))
    for index, point in enumerate(feasibility.curve):
        at = x(log10(point.rows))
        parts.append(whisker(at, panel.y(point.score.low), panel.y(point.score.high), "served"))
        parts.append(marker("dot", at, panel.y(point.score.value), "served", f"{point.rows:,} rows: {point.score}"))
        if width == WIDE or index % 2 == (len(feasibility.curve) - 1) % 2:
            parts.append(label(at, bottom + 17, _rows(point.rows), anchor="middle"))
    at, expected = x(max(rows) + 0.18), feasibility.expected
    parts.append(whisker(at, panel.y(expected.low), panel.y(expected.high), "trial"))
    parts.append(
        marker("diamond", at, panel.y(expected.value), "trial", f"expected when tuned, on all the data: {expected}")
    )
    parts.append(label((left + right) / 2, bottom + 33, "rows learnt from", anchor="middle"))
    return Picture(width, bottom + 40, join(*parts))


def _levels(panel: Panel, lines: list[tuple[str, float]]) -> list[Safe]:
    """Draw the levels to compare with, their names right of the frame and moved apart where they would overlap."""
    parts, free = [], float("inf")
    for name, value in sorted(lines, key=lambda named: named[1]):
        height = panel.y(value)
        free = min(height + 4, free - 14)
        kind = "limit" if name == "goal" else "level"
        parts.append(tag("path", d=f"M{panel.x.start:.1f} {height:.1f}H{panel.x.stop:.1f}", class_=kind))
        parts.append(
            label(panel.x.stop + 6, free, f"{name} {digits(value)}", class_="strong" if name == "goal" else None)
        )
    return parts


def _rows(rows: int) -> str:
    return f"{rows / 1000:.0f}k" if rows >= 1000 else str(rows)


def _curve_data(feasibility: Feasibility) -> Safe:
    rows = [[f"{point.rows:,} rows", *score_cells(point.score)] for point in feasibility.curve]
    named = (
        ("trivial answer", feasibility.trivial),
        ("linear model", feasibility.linear),
        ("expected when tuned", feasibility.expected),
    )
    rows += [[name, *score_cells(interval)] for name, interval in named]
    return table("Scores before any sweep", [Column("Of"), *SCORE_COLUMNS], rows)
