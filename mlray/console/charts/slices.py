"""The slices: how good a version is for each carrier, airport or whatever the project names."""

from mlray.console.charts.frame import WIDE, Key, Picture, figure, label, marker, plain_tick, whisker
from mlray.console.markup import Safe, join, tag
from mlray.console.scales import Scale, decimals, padded, round_ticks
from mlray.console.story import Judged
from mlray.console.tables import SCORE_COLUMNS, Column, score_cells, table
from mlray.console.words import figure as digits
from mlray.console.words import metric_name
from mlray.records import Interval

__all__ = ["slices_figure"]


def slices_figure(judged: Judged, metric: str) -> Safe:
    """Return the scores by slice as dots with intervals, beside the score on all rows."""
    card = judged.scorecard
    whole = card.metrics.get(metric)
    data = table(
        f"{metric_name(metric)} of {judged.version} by slice",
        [Column("Slice"), Column("Rows", numeric=True), *SCORE_COLUMNS],
        [[f"{s.column} {s.value}", f"{s.rows:,}", *score_cells(s.score)] for s in card.slices],
    )
    keys = [Key("dot", "served", f"{metric_name(metric)} on the slice, with its interval")]
    if whole is not None:
        keys.append(Key("dash", "ink", f"on all {card.rows:,} rows: {digits(whole.value)}"))
    spoken = "; ".join(f"{s.column} {s.value}: {digits(s.score.value)}" for s in card.slices)
    name = "slices-" + "".join(c if c.isascii() and c.isalnum() else "-" for c in judged.version)
    return figure(
        name,
        f"{metric_name(metric)} of {judged.version} by slice",
        spoken,
        lambda w: _draw_slices(judged, whole, w),
        keys=keys,
        data=data,
    )


def _draw_slices(judged: Judged, whole: Interval | None, width: int) -> Picture:
    slices = sorted(judged.scorecard.slices, key=lambda s: (s.column, -s.score.value))
    left, right = (150, width - 90) if width == WIDE else (104, width - 54)
    values = [end for s in slices for end in (s.score.low, s.score.high)] + ([whole.value] if whole is not None else [])
    low, high = padded(min(values), max(values), 0.03)
    x, step, height = Scale(low, high, left, right), 20.0, 12.0
    parts, column = [], ""
    for one in slices:
        height += 12 if column and one.column != column else 0
        column = one.column
        middle = height + step / 2
        parts.append(tag("path", d=f"M{left:.1f} {middle:.1f}H{right:.1f}", class_="lane"))
        parts.append(
            label(left - 8, middle + 4, f"{one.column} {one.value}"[: 22 if width == WIDE else 15], anchor="end")
        )
        parts.append(whisker(middle, x(one.score.low), x(one.score.high), "served", flat=True))
        parts.append(
            marker(
                "dot",
                x(one.score.value),
                middle,
                "served",
                f"{one.column} {one.value}: {one.score} on {one.rows:,} rows",
            )
        )
        parts.append(label(right + 8, middle + 4, f"{one.rows:,}"))
        height += step
    if whole is not None:
        parts.append(tag("path", d=f"M{x(whole.value):.1f} 8V{height + 4:.1f}", class_="limit"))
    ticks = round_ticks(low, high)
    parts += [label(x(tick), height + 19, plain_tick(tick, decimals(ticks)), anchor="middle") for tick in ticks]
    parts.append(label(right + 8, height + 19, "rows"))
    return Picture(width, height + 26, join(*parts))
