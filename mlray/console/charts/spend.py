"""Money over time: what was spent against each window of the budget, and what would have gone beyond it."""

from datetime import datetime, timedelta
from decimal import Decimal

from mlray.console.charts.frame import WIDE, Key, Panel, Picture, figure, line, marker, time_axis, time_scale
from mlray.console.markup import Safe, join, tag
from mlray.console.scales import Scale
from mlray.console.story import Decided, Story
from mlray.console.tables import Column, table
from mlray.console.totals import asked, spent_by, window_spent
from mlray.console.words import day, money
from mlray.records import Act, Budget

__all__ = ["promised_at", "spend_figure"]


_INSTANT = timedelta(microseconds=1)


def spend_figure(story: Story) -> Safe:
    """Return the chart of spend by budget window."""
    keys = [Key("line", "served", "spent in the window"), Key("ring", "served", "promised to work that starts")]
    if story.budgets:
        keys.insert(0, Key("dash", "ink", "the window's budget"))
    if _waited(story):
        keys.append(Key("cross", "bad", "what it would have come to: deferred or refused"))
    return figure(
        "spend",
        "Money spent over time against the budget of each window",
        _spoken(story),
        lambda width: _draw(story, width),
        keys=keys,
        data=_data(story),
        note="The line falls to zero where a new window begins.",
    )


def promised_at(story: Story, start: datetime, until: datetime) -> Decimal:
    """Return the money that was promised since `start` and neither spent nor given back by `until`."""
    open_promises: dict[str, Decimal] = {}
    for event in sorted(story.money, key=lambda event: event.at):
        if not start <= event.at <= until:
            continue
        if event.kind == "promise":
            open_promises[event.decision] = open_promises.get(event.decision, Decimal(0)) + event.amount
        else:
            open_promises.pop(event.decision, None)
    return sum(open_promises.values(), Decimal(0))


def _windows(story: Story) -> list[tuple[datetime, datetime, Budget | None]]:
    """Return each window as far as the story reaches; one for all where there is no budget."""
    if not story.budgets:
        return [(story.start, story.end, None)]
    return [(budget.start, min(budget.end, story.end), budget) for budget in story.budgets if budget.start <= story.end]


def _waited(story: Story) -> list[Decided]:
    return [
        told for told in story.decisions if told.decision.act in (Act.DEFER, Act.REFUSE) and asked(told.decision) > 0
    ]


def _level(story: Story, at: datetime) -> Decimal:
    """Return what the window of `at` had spent and promised by then."""
    start = max((window for window, _, _ in _windows(story) if window <= at), default=story.start)
    return spent_by(story, start, at) + promised_at(story, start, at)


def _draw(story: Story, width: int) -> Picture:
    left, right = (58, width - 12) if width == WIDE else (48, width - 6)
    windows = _windows(story)
    start, end = min(story.start, windows[0][0]), story.end
    heights = [_level(story, told.decision.at) + asked(told.decision) for told in _waited(story)]
    heights += [budget.limit for budget in story.budgets] + [_level(story, event.at) for event in story.money]
    top, bottom = 26.0, 26.0 + (230 if width == WIDE else 200)
    panel = Panel(
        time_scale(start, end, left, right), Scale(0, float(max(heights, default=Decimal(1))) * 1.06 or 1, bottom, top)
    )
    parts = [
        panel.grid(lambda value, digits: _tick(value, digits, story.currency)),
        time_axis(panel.x, start, end, bottom),
    ]
    parts += [_promise(story, panel, event.at) for event in story.money if event.kind == "promise"]
    parts += [_window(story, panel, *window) for window in windows]
    parts += [_beyond(story, panel, told) for told in _waited(story)]
    return Picture(width, bottom + 26, join(*parts))


def _tick(value: float, digits: int, currency: str) -> str:
    """Write an amount on the axis: whole where the ticks are whole, and finer than cents where they are."""
    return money(Decimal(str(value)), currency).removesuffix(".00") if digits <= 2 else f"{value:.{digits}f}"


def _window(story: Story, panel: Panel, start: datetime, end: datetime, budget: Budget | None) -> Safe:
    """Draw one window: its limit, its spend as steps with a tinted area, and a dot for each payment."""
    left, right, zero = panel.x.at(start), panel.x.at(end), panel.y(0)
    # The end of a window belongs to the next one; the end of the story belongs to the story.
    until = end if budget is None or budget.end > end else end - _INSTANT
    spends = sorted(
        (event for event in story.money if event.kind == "spend" and start <= event.at <= until), key=lambda e: e.at
    )
    steps, height, dots = [(left, zero)], Decimal(0), []
    for event in spends:
        height += event.amount
        steps.append((panel.x.at(event.at), panel.y(float(height))))
        tip = f"{day(event.at)}: {money(event.amount, story.currency)} spent on {event.purpose or 'work'}"
        dots.append(marker("dot", *steps[-1], "served", tip))
    if budget is not None and not story.money:
        steps.append((left, panel.y(float(budget.spent))))
    steps.append((right, steps[-1][1]))
    area = "".join(f"H{x:.1f}V{y:.1f}" for x, y in steps)
    parts = [
        tag("path", d=f"M{left:.1f} {zero:.1f}{area}V{zero:.1f}Z", class_="area served"),
        line(steps, "served", stepped=True),
    ]
    if budget is not None:
        limit = panel.y(float(budget.limit))
        used = f"{money(window_spent(story, budget), budget.currency)} of {money(budget.limit, budget.currency)}"
        said = f"{day(budget.start)} to {day(budget.end)}: {used}"
        parts.append(tag("path", tag("title", said), d=f"M{left + 1:.1f} {limit:.1f}H{right - 1:.1f}", class_="limit"))
        parts.append(tag("path", d=f"M{left:.1f} {zero:.1f}V{limit:.1f}", class_="grid"))
    return join(*parts, *dots)


def _promise(story: Story, panel: Panel, at: datetime) -> Safe:
    height = _level(story, at)
    return marker(
        "ring",
        panel.x.at(at),
        panel.y(float(height)),
        "served",
        f"{day(at)}: {money(height, story.currency)} spent or promised",
    )


def _beyond(story: Story, panel: Panel, told: Decided) -> Safe:
    """Draw how far a deferred retraining would have gone: from where the money stood to where it would stand."""
    decision = told.decision
    before = _level(story, decision.at)
    x, low, high = panel.x.at(decision.at), panel.y(float(before)), panel.y(float(before + asked(decision)))
    price, stood = money(asked(decision), decision.currency), money(before, decision.currency)
    tip = f"{day(decision.at)}, {decision.act}: {price} on top of {stood}"
    return join(tag("path", d=f"M{x:.1f} {low:.1f}V{high:.1f}", class_="beyond"), marker("cross", x, high, "bad", tip))


def _data(story: Story) -> Safe:
    columns = [Column("Date"), Column("What"), Column("Amount", numeric=True), Column("For")]
    rows: list[tuple[datetime, str, Decimal, str]] = [(e.at, e.kind, e.amount, e.purpose) for e in story.money]
    rows += [(t.decision.at, f"{t.decision.act}, not spent", asked(t.decision), "") for t in _waited(story)]
    shown = [
        [f"{at:%Y-%m-%d}", what, money(amount, story.currency), purpose]
        for at, what, amount, purpose in sorted(rows, key=lambda r: r[0])
    ]
    return table("Money promised, spent, given back and withheld", columns, shown)


def _spoken(story: Story) -> str:
    said = [
        f"{b.start:%B %Y}: {money(window_spent(story, b), b.currency)} of {money(b.limit, b.currency)}"
        for b in story.budgets
    ]
    return "; ".join(said) or f"{money(spent_by(story, story.start, story.end), story.currency)} spent without a budget"
