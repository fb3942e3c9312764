"""The error over the months, with retraining and without: the picture that says whether any of it was worth while."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from mlray.console.charts.frame import (
    WIDE,
    Key,
    Panel,
    Picture,
    figure,
    line,
    marker,
    percent_tick,
    plain_tick,
    points_tick,
    time_axis,
    time_scale,
    whisker,
)
from mlray.console.headline import signed
from mlray.console.markup import Safe, join, tag
from mlray.console.scales import Scale, padded
from mlray.console.story import Month, Phase, Story
from mlray.console.tables import Column, table
from mlray.console.words import figure as digits
from mlray.console.words import metric_name, percent
from mlray.records import Interval

__all__ = ["months_figure"]

_SERVED, _KEPT = "with retraining (as served)", "without (version 1 for ever)"


def months_figure(story: Story) -> Safe:
    """Return the chart of error, paired difference and AUC by month."""
    keys = [Key("dot", "served", _SERVED), Key("square", "kept", _KEPT)]
    note = "Both sides answer for the very same rows; the thin bars are intervals."
    if any(month.saved is not None for month in story.months):
        note += " The difference row by row tells more than two intervals that overlap: above zero, retraining helped."
    return figure(
        "months",
        "Error and AUC by month, with and without retraining",
        _spoken(story),
        lambda width: _draw(story, width),
        keys=keys,
        data=_data(story),
        note=note,
    )


def _spoken(story: Story) -> str:
    both = [month for month in story.months if "error" in month.served and "error" in month.kept]
    sides = [(month, percent(month.served["error"].value), percent(month.kept["error"].value)) for month in both]
    return "; ".join(
        f"{month.start:%B %Y}: error {served} with retraining, {kept} without" for month, served, kept in sides
    )


def _draw(story: Story, width: int) -> Picture:
    left, right = (52, width - 12) if width == WIDE else (44, width - 6)
    months = story.months
    start, end = min(m.start for m in months), max(m.end for m in months)
    x = time_scale(start, end, left, right)
    parts, top = [], 30.0
    for metric, heading, write, height in (
        ("error", "Error, share of rows answered wrongly", percent_tick, 210),
        ("saved", "Wrong answers avoided per 100 rows, paired on the rows", points_tick, 84),
        ("auc", "AUC, how well the scores rank", plain_tick, 130),
    ):
        values = _values(months, metric)
        if not values:
            continue
        low, high = padded(min(v.low for v in values), max(v.high for v in values))
        panel = Panel(
            x,
            Scale(
                min(low, 0) if metric == "saved" else low,
                max(high, 0) if metric == "saved" else high,
                top + height,
                top,
            ),
        )
        parts.append(panel.heading(heading if width == WIDE else heading.partition(",")[0]))
        parts.append(panel.grid(write, 3 if height < 100 else 4))
        parts.append(_takeovers(story, panel, named=metric == "error"))
        parts.append(_saved(panel, months) if metric == "saved" else _pair(panel, months, metric))
        top += height + 44
    bottom = top - 44
    parts.append(time_axis(x, start, end, bottom))
    return Picture(width, bottom + 26, join(*parts))


def _values(months: Sequence[Month], metric: str) -> list[Interval]:
    if metric == "saved":
        return [month.saved for month in months if month.saved is not None]
    return [side[metric] for month in months for side in (month.served, month.kept) if metric in side]


def _takeovers(story: Story, panel: Panel, *, named: bool) -> Safe:
    lives = [episode for episode in story.versions if episode.phase is Phase.LIVE]
    first = min((episode.start for episode in lives), default=None)
    return join(*(panel.rule(e.start, f"{e.version} live" if named else "") for e in lives if e.start != first))


def _middle(month: Month) -> datetime:
    return month.start + (month.end - month.start) / 2


def _pair(panel: Panel, months: Sequence[Month], metric: str) -> Safe:
    """Draw both sides beside each other, the one without retraining behind."""
    parts = []
    for side, shape, colour, shift, said in (
        (_kept, "square", "kept", 4, _KEPT),
        (_served, "dot", "served", -4, _SERVED),
    ):
        drawn = [(panel.x.at(_middle(m)) + shift, side(m)[metric], m) for m in months if metric in side(m)]
        parts.append(line([(x, panel.y(value.value)) for x, value, _ in drawn], colour, dashed=colour == "kept"))
        for x, value, month in drawn:
            parts.append(whisker(x, panel.y(value.low), panel.y(value.high), colour))
            parts.append(marker(shape, x, panel.y(value.value), colour, _tip(month, metric, value, said)))
    return join(*parts)


def _served(month: Month) -> Mapping[str, Interval]:
    return month.served


def _kept(month: Month) -> Mapping[str, Interval]:
    return month.kept


def _tip(month: Month, metric: str, value: Interval, side: str) -> str:
    shown = percent(value.value, 2) if metric == "error" else digits(value.value)
    ends = (
        f"{percent(value.low, 2)} to {percent(value.high, 2)}"
        if metric == "error"
        else f"{value.low:.3f} to {value.high:.3f}"
    )
    answered = f"; answered by {', '.join(month.versions)}" if month.versions and side == _SERVED else ""
    sure = f"{value.level:.0%} interval {ends}, {month.rows:,} rows"
    return f"{month.start:%B %Y}, {side}: {metric_name(metric)} {shown} ({sure}{answered})"


def _saved(panel: Panel, months: Sequence[Month]) -> Safe:
    zero = panel.y(0)
    parts = [tag("path", d=f"M{panel.x.start:.0f} {zero:.1f}H{panel.x.stop:.0f}", class_="zero")]
    for month in months:
        saved = month.saved
        if saved is None:
            continue
        x, height = panel.x.at(_middle(month)), panel.y(saved.value)
        sure = "good" if saved.low > 0 else "bad" if saved.high < 0 else "unsure"
        title = tag("title", f"{month.start:%B %Y}: {signed(saved)} wrong answers avoided per 100 rows")
        bar = tag(
            "rect",
            title,
            x=x - 9,
            y=min(zero, height),
            width=18,
            height=max(1.0, abs(zero - height)),
            class_=f"bar {sure}",
        )
        parts += [bar, whisker(x, panel.y(saved.low), panel.y(saved.high), "ink")]
    return join(*parts)


def _data(story: Story) -> Safe:
    columns = [Column("Month"), Column("Rows", numeric=True), Column("Answered by")]
    columns += [Column(f"{name} {side}", numeric=True) for name in ("Error", "AUC") for side in ("with", "without")]
    columns.append(Column("Avoided per 100 rows", numeric=True))
    rows = [
        [
            f"{month.start:%B %Y}",
            f"{month.rows:,}",
            ", ".join(month.versions),
            *(_shown(side, metric) for metric in ("error", "auc") for side in (month.served, month.kept)),
            signed(month.saved) if month.saved is not None else "–",
        ]
        for month in story.months
    ]
    return table("Error and AUC by month, with and without retraining, on the same rows", columns, rows)


def _shown(side: Mapping[str, Interval], metric: str) -> str:
    value = side.get(metric)
    if value is None:
        return "–"
    return percent(value.value) if metric == "error" else digits(value.value)
