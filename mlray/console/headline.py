"""What happened, in sentences with figures. A claim is made only as far as its interval carries it."""

from dataclasses import dataclass

from mlray.console.story import Story
from mlray.console.totals import Totals, totals, window_spent
from mlray.console.words import comma, count, day, figure, metric_name, money, number, percent, points
from mlray.records import Act, Feasibility, Interval

__all__ = [
    "Tile",
    "drift_title",
    "model_title",
    "money_title",
    "months_title",
    "sentences",
    "tiles",
    "versions_title",
]


@dataclass(frozen=True, slots=True)
class Tile:
    """One key figure: what it is, how much, and what to compare it with."""

    label: str
    value: str
    beside: str
    mood: str = ""
    """`good`, `bad` or nothing: only where an interval, a limit or a gate says so."""


def sentences(story: Story) -> list[str]:
    """Return four sentences for somebody who reads nothing else: the traffic, the decisions, the money, the gain."""
    total = totals(story)
    return [_traffic(story, total), _decided(total), _paid(story, total), _gained(story, total)]


def tiles(story: Story) -> list[Tile]:
    """Return the key figures in the order of the sentences."""
    total = totals(story)
    found = [Tile("Decisions", f"{total.decisions:,}", _beside_decisions(total))]
    if total.served is not None and total.kept is not None:
        found.append(
            Tile(
                "Error as served",
                percent(total.served.value),
                f"{percent(total.kept.value)} without retraining",
                _mood(total.saved),
            )
        )
    replaced = f"{comma(total.replacements)} went live" if total.replacements else "none went live"
    found.append(Tile("Retrainings", f"{total.retrainings:,}", replaced))
    if total.limit is not None:
        over = total.spent > total.limit
        found.append(
            Tile(
                "Spent",
                money(total.spent, story.currency),
                f"of {money(total.limit, story.currency)}",
                "bad" if over else "",
            )
        )
    delayed = total.acts[Act.DEFER] + total.acts[Act.REFUSE]
    found.append(
        Tile(
            "Deferred or refused",
            f"{delayed:,}",
            f"{total.acts[Act.DEFER]:,} deferred, {total.acts[Act.REFUSE]:,} refused",
        )
    )
    stopped = len(total.rolled_back) + len(total.rejected)
    names = comma([*total.rolled_back, *total.rejected]) or "every candidate passed"
    found.append(Tile("Candidates stopped", f"{stopped:,}", names))
    return found


def _beside_decisions(total: Totals) -> str:
    return (
        f"{total.acts[Act.HOLD]:,} of them to change nothing"
        if total.acts[Act.HOLD]
        else "on the record, each with its reason"
    )


def _traffic(story: Story, total: Totals) -> str:
    when = f"From {day(story.start, year=True)} to {day(story.end, year=True)}"
    if not total.rows:
        asked = f"the endpoint answered {story.requests:,} requests, and " if story.requests else ""
        return f"{when} {asked}no true outcome is known yet."
    if not story.requests:
        return f"{when} the endpoint answered {total.rows:,} rows whose true outcome is known by now."
    known = f"the true outcome of {total.rows:,} rows is known by now"
    return f"{when} the endpoint answered {story.requests:,} requests; {known}."


def _decided(total: Totals) -> str:
    if not total.decisions:
        return "No decision was taken."
    parts = [f"{count(total.retrainings, 'retraining')} started"]
    if total.replacements:
        parts.append(f"{comma(total.replacements)} went live")
    if total.rolled_back:
        parts.append(f"{comma(total.rolled_back)} {_was(total.rolled_back)} rolled back")
    if total.rejected:
        parts.append(f"{comma(total.rejected)} {_was(total.rejected)} rejected at the gates")
    if total.acts[Act.DEFER]:
        deferred = total.acts[Act.DEFER]
        parts.append(f"{count(deferred, 'retraining')} {'was' if deferred == 1 else 'were'} deferred for money")
    if total.acts[Act.REFUSE]:
        parts.append(f"{number(total.acts[Act.REFUSE])} refused")
    return f"Of {count(total.decisions, 'decision')}, each written down before it was acted on: {comma(parts)}."


def _was(names: tuple[str, ...]) -> str:
    return "was" if len(names) == 1 else "were"


def _paid(story: Story, total: Totals) -> str:
    spent = money(total.spent, story.currency)
    if total.limit is None:
        return _sentence(f"{spent} was spent; no budget was set.")
    windows = count(len(story.budgets), "budget window")
    exceeded = [budget for budget in story.budgets if window_spent(story, budget) > budget.limit]
    kept = "and none was exceeded" if not exceeded else f"and {number(len(exceeded))} of them exceeded"
    if len(story.budgets) == 1:
        kept = "which was exceeded" if exceeded else "which was kept"
    return _sentence(f"{spent} was spent of the {money(total.limit, story.currency)} that {windows} allowed, {kept}.")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _gained(story: Story, total: Totals) -> str:
    if total.served is None or total.kept is None:
        return "Whether retraining paid cannot be said before the true outcomes arrive."
    if not total.replacements:
        return f"No version replaced the first one: the error of {percent(total.served.value)} is that of version 1."
    change = f"from {percent(total.kept.value)} to {percent(total.served.value)}"
    if total.saved is None:
        return f"With retraining the error went {change}; nobody measured how sure that is."
    if total.saved.low <= 0 <= total.saved.high:
        unsure = f"which {total.rows:,} rows cannot tell from chance"
        return f"Retraining moved the error {change}, {unsure}{_worth(story, total)}."
    verb = "lowered" if total.saved.value > 0 else "raised"
    return f"Retraining {verb} the error {change} ({_interval_in_points(total.saved)}){_worth(story, total)}."


def _interval_in_points(saved: Interval) -> str:
    ends = sorted((abs(saved.low), abs(saved.high)))
    return (
        f"by {abs(saved.value) * 100:.2f} points, {saved.level:.0%} interval {ends[0] * 100:.2f} to {ends[1] * 100:.2f}"
    )


def _worth(story: Story, total: Totals) -> str:
    """Say what the saved answers are worth beside what they cost, whichever is more."""
    if total.answers_saved is None or not story.error_price:
        return ""
    amount = abs(round(total.answers_saved))
    worth = story.error_price * amount
    less = "fewer" if total.answers_saved >= 0 else "more"
    verdict = ""
    if total.spent and total.answers_saved >= 0:
        verdict = f", {'more' if worth > total.spent else 'less'} than the {money(total.spent, story.currency)} it cost"
    price = money(story.error_price, story.currency)
    return f": {amount:,} {less} wrong answers, worth {money(worth, story.currency)} at {price} each{verdict}"


def _mood(saved: Interval | None) -> str:
    if saved is None or saved.low <= 0 <= saved.high:
        return ""
    return "good" if saved.value > 0 else "bad"


def months_title(story: Story) -> str:
    """Return what the months say about retraining."""
    measured = [month for month in story.months if month.saved is not None and month.rows]
    better = sum(month.saved.low > 0 for month in measured if month.saved is not None)
    worse = sum(month.saved.high < 0 for month in measured if month.saved is not None)
    if not story.months:
        return "No true outcome is known yet"
    if not measured:
        return "The error by month, with and without retraining"
    if not totals(story).replacements:
        return "Version 1 answered throughout"
    if len(measured) == 1:
        how = (
            "measurably better" if better else "measurably worse" if worse else "neither better nor worse beyond chance"
        )
        return f"Retraining made the one month known so far {how}"
    said = (
        f"Retraining made {number(better) if better else 'none'} of {count(len(measured), 'month')} measurably better"
    )
    return f"{said} and {number(worse) if worse else 'none'} worse"


def money_title(story: Story) -> str:
    """Return what the money says."""
    total = totals(story)
    if total.limit is None:
        return f"{money(total.spent, story.currency)} spent, no budget set"
    used = float(total.spent / total.limit) if total.limit else 0.0
    delayed = total.acts[Act.DEFER]
    waited = f"; {count(delayed, 'retraining')} waited for the next window" if delayed else ""
    return f"{percent(used, 1 if 0 < used < 0.01 else 0)} of the budget was used{waited}"


def versions_title(story: Story) -> str:
    """Return what became of the versions."""
    total = totals(story)
    names = dict.fromkeys(episode.version for episode in story.versions)
    if not names:
        return "No version has been deployed yet"
    stopped = [*total.rolled_back, *total.rejected]
    ended = f", {comma(stopped)} stopped before {'it' if len(stopped) == 1 else 'they'} took over" if stopped else ""
    return f"{count(len(names), 'version').capitalize()}: {comma(total.went_live) or 'none'} went live{ended}"


def drift_title(story: Story) -> str:
    """Return how often the traffic drifted, and how often a retraining was decided on the same day."""
    if not story.drift:
        return "No drift report was made"
    moved = [report for report in story.drift if report.drifting]
    if not moved:
        return f"No column passed its threshold in {count(len(story.drift), 'report')}"
    retrained = {told.decision.at.date() for told in story.decisions if told.decision.act is Act.RETRAIN}
    led = sum(report.seen_at.date() in retrained for report in moved)
    reports = f"{number(len(moved)).capitalize()} of {count(len(story.drift), 'drift report')} passed the threshold"
    return f"{reports}; {number(led)} of them came with a retraining"


def model_title(story: Story) -> str:
    """Return the feasibility verdict, or what the first sweep reached."""
    if story.feasibility is not None:
        return _verdict(story.feasibility)
    if story.experiments:
        first = story.experiments[0]
        reached = figure(first.best.score) if first.best.score is not None else "no score"
        return f"The first sweep reached {metric_name(first.metric)} {reached} in {count(len(first.trials), 'trial')}"
    return "Nothing has been trained yet"


def _verdict(feasibility: Feasibility) -> str:
    name, expected = metric_name(feasibility.metric), figure(feasibility.expected.value)
    if feasibility.goal is None:
        return f"Expected before any sweep: {name} {expected}; no goal was set"
    return f"The goal, {name} {feasibility.goal:g}, was {feasibility.verdict}: {expected} was expected before any sweep"


def signed(saved: Interval) -> str:
    """Return a paired difference in points with its interval, for tables.

    >>> signed(Interval(0.012, 0.004, 0.02))
    '+1.20 [+0.40, +2.00]'
    """
    return f"{points(saved.value)} [{points(saved.low)}, {points(saved.high)}]"
