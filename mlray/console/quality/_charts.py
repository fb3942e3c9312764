"""The larger charts of a profile: columns by what they know of the answer, and the answers by time."""

from collections.abc import Sequence

from mlray.console.charts.frame import (
    WIDE,
    Key,
    Panel,
    Picture,
    figure,
    label,
    line,
    marker,
    percent_tick,
    plain_tick,
    time_axis,
    time_scale,
    whisker,
)
from mlray.console.markup import Safe, join, tag
from mlray.console.scales import Scale, padded
from mlray.console.tables import SCORE_COLUMNS, Column, score_cells, table
from mlray.console.words import day, percent
from mlray.records import Balance, LeakageSuspect

__all__ = ["balance_figure", "leakage_figure"]

SUSPECT, CERTAIN = 0.9, 0.99
SHOWN = 20


def leakage_figure(found: Sequence[LeakageSuspect]) -> Safe:
    """Return how well each column tells the answer alone, the best first."""
    shown = found[:SHOWN]
    data = table(
        "AUC of each column alone",
        [Column("Column"), *SCORE_COLUMNS, Column("Verdict")],
        [[one.column, *score_cells(one.auc), one.verdict] for one in found],
    )
    spoken = "; ".join(f"{one.column}: {one.auc.value:.3f}" for one in shown)
    more = f" The best {SHOWN} of {len(found)} are shown." if len(found) > SHOWN else ""
    return figure(
        "leakage",
        "How well each column alone tells the answer",
        spoken,
        lambda width: _draw_leakage(shown, width),
        keys=[
            Key("dot", "served", "AUC of the column alone, with its interval"),
            Key("dot", "bad", "too good to be honest"),
            Key("dash", "ink", "0.9: suspect; 0.99: certain"),
        ],
        data=data,
        note="0.5 tells nothing, 1.0 everything. A table of the column's values, learnt on one half of the rows, is"
        f" judged on the other half.{more}",
    )


def _draw_leakage(found: Sequence[LeakageSuspect], width: int) -> Picture:
    left, right = (190, width - 60) if width == WIDE else (128, width - 46)
    low = min(0.5, *(one.auc.low for one in found)) - 0.01
    x, step, height = Scale(low, 1.0, left, right), 20.0, 8.0
    parts = []
    for one in found:
        middle, colour = height + step / 2, "served" if one.verdict == "fine" else "bad"
        parts += [
            tag("path", d=f"M{left:.1f} {middle:.1f}H{right:.1f}", class_="lane"),
            label(left - 8, middle + 4, _short(one.column, 28 if width == WIDE else 18), anchor="end"),
            whisker(middle, x(one.auc.low), x(one.auc.high), colour, flat=True),
            marker("dot", x(one.auc.value), middle, colour, f"{one.column}: AUC {one.auc}"),
            label(right + 8, middle + 4, f"{one.auc.value:.3f}"),
        ]
        height += step
    parts += [tag("path", d=f"M{x(at):.1f} 6V{height + 4:.1f}", class_="limit") for at in (SUSPECT, CERTAIN)]
    ticks = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    parts += [label(x(tick), height + 19, plain_tick(tick, 1), anchor="middle") for tick in ticks]
    return Picture(width, height + 26, join(*parts))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def balance_figure(balance: Balance, target: str) -> Safe:
    """Return the share of true answers over time."""
    data = table(
        f"{target} by period",
        [Column("From"), Column("To"), Column("Rows", numeric=True), Column("True", numeric=True)],
        [
            [f"{one.start:%Y-%m-%d}", f"{one.end:%Y-%m-%d}", f"{one.rows:,}", percent(one.share.value)]
            for one in balance.periods
        ],
    )
    spoken = "; ".join(f"{day(one.start)}: {percent(one.share.value)}" for one in balance.periods)
    return figure(
        "balance",
        f"How often {target} is true, over time",
        spoken,
        lambda width: _draw_balance(balance, width),
        keys=[
            Key("dot", "served", "share of true answers in the period, with its interval"),
            Key("dash", "ink", f"in all rows: {percent(balance.share.value)}"),
        ],
        data=data,
    )


def _draw_balance(balance: Balance, width: int) -> Picture:
    left, right, top, bottom = 44.0, width - 14.0, 14.0, 170.0
    ends = [end for one in balance.periods for end in (one.share.low, one.share.high)] + [balance.share.value]
    low, high = padded(max(0.0, min(ends)), min(1.0, max(ends)))
    start, stop = balance.periods[0].start, balance.periods[-1].end
    panel = Panel(time_scale(start, stop, left, right), Scale(max(0.0, low), min(1.0, high), bottom, top))
    points, marks = [], []
    for one in balance.periods:
        at = panel.x.at(one.start + (one.end - one.start) / 2)
        points.append((at, panel.y(one.share.value)))
        tip = f"{day(one.start)} to {day(one.end)}: {percent(one.share.value)} of {one.rows:,} rows"
        marks += [
            whisker(at, panel.y(one.share.low), panel.y(one.share.high), "served"),
            marker("dot", at, panel.y(one.share.value), "served", tip),
        ]
    whole = panel.y(balance.share.value)
    return Picture(
        width,
        bottom + 26,
        join(
            panel.grid(percent_tick),
            tag("path", d=f"M{left:.1f} {whole:.1f}H{right:.1f}", class_="limit"),
            line(points, "served"),
            *marks,
            time_axis(panel.x, start, stop, bottom),
        ),
    )
