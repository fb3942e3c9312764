"""The drift matrix: how far each column moved in each week, and what was decided that week."""

from collections.abc import Sequence

from mlray.console.markup import Safe, join, tag
from mlray.console.story import Decided, Story
from mlray.console.words import day
from mlray.records import Act, ColumnDrift, DriftReport

__all__ = ["LEVELS", "drift_matrix", "heat"]

LEVELS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Multiples of the threshold at which the colour changes; from 1 on the column counts as drifting."""

_SIGNS = {
    Act.RETRAIN: ("▲", "retrain"),
    Act.DEFER: ("◆", "defer"),
    Act.REFUSE: ("◆", "refuse"),
    Act.ALARM: ("!", "alarm"),
    Act.HOLD: ("·", "hold"),
}


def heat(psi: float, threshold: float) -> int:
    """Return the colour step of a cell, 0 (calm) to 5 (four thresholds and more); 3 and above are beyond the threshold.

    >>> [heat(psi, 0.25) for psi in (0.0, 0.2, 0.25, 0.5, 9.0)]
    [0, 2, 3, 4, 5]
    """
    return sum(psi >= level * threshold for level in LEVELS)


def drift_matrix(story: Story) -> Safe:
    """Return the matrix as a table: columns of the data downwards, the farthest first, and weeks to the right."""
    reports = sorted(story.drift, key=lambda report: report.start)
    names = sorted(
        {c.column for report in reports for c in report.columns}, key=lambda name: (-_highest(reports, name), name)
    )
    caption = "Population stability index by column and week; the columns that moved most come first"
    body = [_line(name, reports) for name in names]
    body.append(
        tag("tr", tag("th", "decided", scope="row"), *(_decided(story, report) for report in reports), class_="acts")
    )
    matrix = tag(
        "table",
        tag("caption", caption, class_="unseen"),
        tag("thead", _months(reports)),
        tag("tbody", *body),
        class_="heat",
    )
    scroll = tag("div", matrix, class_="scroll", tabindex="0", role="region", aria_label=caption)
    return tag("figure", _legend(reports[-1].threshold), scroll)


def _highest(reports: Sequence[DriftReport], name: str) -> float:
    return max(c.psi for report in reports for c in report.columns if c.column == name)


def _months(reports: Sequence[DriftReport]) -> Safe:
    """Return the head: each month over its weeks."""
    months: list[list[DriftReport]] = []
    for report in reports:
        if months and (months[-1][0].start.year, months[-1][0].start.month) == (report.start.year, report.start.month):
            months[-1].append(report)
        else:
            months.append([report])
    heads = (
        tag("th", f"{month[0].start:%b}" if len(month) > 1 else "", colspan=str(len(month)), scope="colgroup")
        for month in months
    )
    return tag("tr", tag("td"), *heads)


def _line(name: str, reports: Sequence[DriftReport]) -> Safe:
    cells, before = [], reports[0].version
    for report in reports:
        found = next((c for c in report.columns if c.column == name), None)
        cells.append(_cell(found, report, fresh=report.version != before))
        before = report.version
    return tag("tr", tag("th", name, scope="row"), *cells)


def _cell(column: ColumnDrift | None, report: DriftReport, *, fresh: bool) -> Safe:
    """Return one cell; a thicker left edge marks the week from which a new version is the yardstick."""
    edge = " fresh" if fresh else ""
    if column is None:
        return tag("td", class_=f"none{edge}")
    step = heat(column.psi, report.threshold)
    beside = f", {column.missing:.0%} missing" if column.missing >= 0.005 else ""
    beside += f", {column.unseen:.0%} unseen" if column.unseen >= 0.005 else ""
    tip = f"{column.column}, week of {day(report.start)}: PSI {column.psi:.2f}{beside}"
    moved = " moved" if column.drifting else ""
    return tag("td", tag("span", f"{column.psi:.2f}"), class_=f"h{step}{moved}{edge}", title=tip)


def _decided(story: Story, report: DriftReport) -> Safe:
    """Return what was decided on the day of the report; a retraining outweighs what else was said."""
    same = [
        told
        for told in story.decisions
        if told.decision.at.date() == report.seen_at.date() and told.decision.act in _SIGNS
    ]
    if not same:
        return tag("td")
    # A candidate's rollout may be judged on the same day: what the report itself led to comes first.
    told: Decided = min(same, key=lambda t: (t.decision.subject != report.endpoint, list(_SIGNS).index(t.decision.act)))
    sign, kind = _SIGNS[told.decision.act]
    unseen = tag("span", kind, class_="unseen")
    return tag(
        "td",
        tag("span", sign, aria_hidden="true"),
        unseen,
        class_=kind,
        title=f"{day(told.decision.at)}: {told.decision}",
    )


def _legend(threshold: float) -> Safe:
    bounds = [0.0, *(level * threshold for level in LEVELS)]
    steps = (
        tag(
            "li",
            tag("i", class_=f"swatch h{step}{' moved' if step >= 3 else ''}"),
            f"{low:.2f}" + (" threshold" if step == 3 else ""),
        )
        for step, low in enumerate(bounds)
    )
    signs = (tag("li", tag("b", sign, class_=name), name) for sign, name in _SIGNS.values() if name != "refuse")
    fresh = tag("li", tag("i", class_="swatch fresh"), "a new live version is the yardstick from here")
    return join(
        tag("ul", tag("li", "PSI from"), *steps, class_="legend"),
        tag("ul", tag("li", "decided:"), *signs, fresh, class_="legend"),
    )
