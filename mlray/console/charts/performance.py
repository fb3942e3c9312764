"""The live model's error by week: estimated before any label, measured after, and above a fresh challenger."""

from mlray.console.charts.frame import (
    WIDE,
    Key,
    Panel,
    Picture,
    figure,
    line,
    marker,
    percent_tick,
    points_tick,
    time_axis,
    time_scale,
)
from mlray.console.headline import signed
from mlray.console.markup import Safe, join, tag
from mlray.console.scales import Scale, padded
from mlray.console.story import Story
from mlray.console.words import day, percent
from mlray.records import Performance

__all__ = ["performance_figure"]


def performance_figure(story: Story) -> Safe:
    """Return the weekly error: estimated from the scores alone, then measured, and above a fresh challenger."""
    keys = [Key("ring", "trial", "estimated before any label"), Key("dot", "served", "measured when the labels came")]
    if any(p.excess is not None for p in story.performance):
        keys.append(Key("bar", "bad", "error above a fresh challenger's, beyond chance"))
        keys.append(Key("bar", "unsure", "within chance"))
    spoken = "; ".join(
        f"{day(p.start)}: {percent(p.measured['error'].value)} measured"
        for p in story.performance
        if "error" in p.measured
    )
    return figure(
        "performance",
        "Error of the live model by week, estimated and measured",
        spoken,
        lambda width: _draw_performance(story, width),
        keys=keys,
        note="The estimate needs no labels and is blind to a change of what the answer depends on; the excess over a"
        " challenger is not, and it is what a retraining is weighed by.",
    )


def _draw_performance(story: Story, width: int) -> Picture:
    left, right = (52, width - 12) if width == WIDE else (44, width - 6)
    weeks = sorted(story.performance, key=lambda p: p.start)
    x = time_scale(story.start, max(story.end, weeks[-1].end), left, right)
    errors = [i for p in weeks for i in (p.estimated, p.measured.get("error")) if i is not None]
    parts, bottom = [], 10.0
    if errors:
        low, high = padded(min(i.value for i in errors), max(i.value for i in errors), 0.12)
        panel = Panel(x, Scale(low, high, bottom + 170, bottom))
        parts += [panel.grid(percent_tick), _weeks(panel, weeks)]
        bottom += 170
    excess = [p for p in weeks if p.excess is not None]
    if excess:
        parts.append(_excess(x, excess, bottom + 40))
        bottom += 40 + 70
    parts.append(time_axis(x, story.start, story.end, bottom))
    return Picture(width, bottom + 26, join(*parts))


def _weeks(panel: Panel, weeks: list[Performance]) -> Safe:
    parts = []
    for shape, colour, said, found in (
        ("ring", "trial", "estimated", [(p, p.estimated) for p in weeks if p.estimated is not None]),
        ("dot", "served", "measured", [(p, p.measured["error"]) for p in weeks if "error" in p.measured]),
    ):
        at = [(panel.x.at(p.start + (p.end - p.start) / 2), panel.y(value.value)) for p, value in found]
        parts.append(line(at, colour, dashed=shape == "ring"))
        parts += [
            marker(
                shape,
                *place,
                colour,
                f"{day(p.start)}–{day(p.end)}, v{p.version}: error {percent(value.value, 2)} {said}",
            )
            for place, (p, value) in zip(at, found, strict=True)
        ]
    return join(*parts)


def _excess(x: Scale, weeks: list[Performance], top: float) -> Safe:
    intervals = [(p, p.excess) for p in weeks if p.excess is not None]
    low, high = min(0.0, *(i.value for _, i in intervals)), max(0.0, *(i.value for _, i in intervals))
    panel = Panel(x, Scale(*padded(low, high), top + 70, top))
    zero, parts = panel.y(0), [panel.heading("Error above a fresh challenger's, points"), panel.grid(points_tick, 3)]
    for p, interval in intervals:
        left, right = x.at(p.start) + 1.5, max(x.at(p.start) + 3, x.at(p.end) - 1.5)
        height = panel.y(interval.value)
        tip = f"{day(p.start)}–{day(p.end)}: {signed(interval)} points"
        sure = "bad" if interval.low > 0 else "unsure"
        size = {"x": left, "y": min(zero, height), "width": right - left, "height": max(1.0, abs(zero - height))}
        parts.append(tag("rect", tag("title", tip), class_=f"bar {sure}", **size))
    parts.append(tag("path", d=f"M{x.start:.0f} {zero:.1f}H{x.stop:.0f}", class_="zero"))
    return join(*parts)
