"""The decisions as a table that sorts, filters and shows what led to what."""

from mlray.console.markup import Safe, join, tag
from mlray.console.story import Decided, Story
from mlray.console.tables import Cell, Column, table
from mlray.console.totals import asked
from mlray.console.words import money, span
from mlray.ids import Json
from mlray.records import Act

__all__ = ["decisions_table", "names"]

names = {act: act.value.replace("_", " ") for act in Act}
"""How each act is called in front of people."""


def decisions_table(story: Story) -> Safe:
    """Return the filter by act, the search field and the table; all rows are there without a script as well."""
    counts = {act: sum(told.decision.act is act for told in story.decisions) for act in Act}
    chips = [_chip("", "all", len(story.decisions), pressed=True)]
    if counts[Act.HOLD]:
        chips.append(_chip("!hold", "all but hold", len(story.decisions) - counts[Act.HOLD]))
    chips += [_chip(act.value, names[act], counts[act]) for act in Act if counts[act]]
    search = tag(
        "label",
        tag("span", "Search", class_="unseen"),
        tag("input", type="search", placeholder="search the reasons", id="decision-search"),
    )
    tools = tag("div", *chips, search, tag("output", id="decision-count", aria_live="polite"), class_="tools")
    columns = [
        Column("Date"),
        Column("Decision"),
        Column("Reason", class_="long"),
        Column("Cost", numeric=True),
        Column("Result", class_="long"),
    ]
    rows = [_row(story, told) for told in story.decisions]
    ids = {told.decision.id: f"d{index}" for index, told in enumerate(story.decisions)}
    attributes = [
        {"id": ids[told.decision.id], "data_act": told.decision.act.value}
        | ({"class_": "injected"} if told.decision.id in story.injected else {})
        for told in story.decisions
    ]
    linked = [_linked(row, told, ids) for row, told in zip(rows, story.decisions, strict=True)]
    caption = "Every decision with its reason, its price and what came of it"
    return tag(
        "div",
        tools,
        table(caption, columns, linked, id_="decision-table", sortable=True, attributes=attributes),
        class_="decisions",
    )


def _chip(act: str, name: str, count: int, *, pressed: bool = False) -> Safe:
    number = tag("span", f"{count:,}", class_="count")
    return tag(
        "button",
        name,
        " ",
        number,
        type="button",
        class_="chip",
        data_act=act,
        aria_pressed="true" if pressed else "false",
    )


def _row(story: Story, told: Decided) -> list[str | Cell]:
    decision = told.decision
    act = tag("span", names[decision.act], class_=f"act {decision.act.value}")
    subject = tag("span", decision.subject, class_="subject") if decision.subject != story.project else None
    fault = tag("span", "injected fault", class_="fault") if decision.id in story.injected else None
    return [
        Cell(f"{decision.at.day} {decision.at:%b %Y}", f"{decision.at:%Y-%m-%dT%H:%M}"),
        Cell(join(act, subject, fault), decision.act.value),
        Cell(decision.because),
        _cost(told),
        Cell(told.result),
    ]


def _cost(told: Decided) -> Cell:
    """Return the price asked, and what was really paid where that is known; what was not spent stands in brackets."""
    decision = told.decision
    price = asked(decision)
    shown = money(price, decision.currency)
    if told.spent is not None:
        beside = tag("small", f"priced {shown}", class_="below") if price and told.spent != price else None
        return Cell(join(money(told.spent, decision.currency), beside), float(told.spent))
    if not price:
        return Cell("–", 0.0)
    return Cell(f"({shown})" if decision.act in (Act.DEFER, Act.REFUSE) else shown, float(price))


def _linked(row: list[str | Cell], told: Decided, ids: dict[str, str]) -> list[str | Cell]:
    """Add to the reason what stands behind it: the figures it was taken on and the decision that led to it."""
    decision = told.decision
    cause = ids.get(decision.caused_by)
    known = [(name, value) for name, value in decision.evidence.items() if value not in (None, "", [], ())]
    parts = [tag("div", f"{name.replace('_', ' ')}: {_value(value)}") for name, value in known]
    if decision.gain is not None:
        parts.append(
            tag(
                "div",
                f"expected gain: {decision.gain.value:.2f} {decision.currency}, {span(decision.gain, 2)}",
            )
        )
    if cause is not None:
        parts.append(tag("a", "the decision that led to this one", href=f"#{cause}"))
    if not parts:
        return row
    parts.append(tag("div", f"id {decision.id}"))
    behind = tag("details", tag("summary", decision.because), tag("div", *parts, class_="evidence"))
    return [*row[:2], Cell(behind), *row[3:]]


def _value(value: Json) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_value(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(one)}" for key, one in value.items())
    return str(value)
