"""The decisions as a table for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from rich.table import Table
from rich.text import Text

from mlray.console.decisions import names
from mlray.console.markup import plain
from mlray.console.totals import asked
from mlray.console.words import day, money
from mlray.records import Act, Decision

__all__ = ["decision_table"]

_STYLES = {
    Act.HOLD: "dim",
    Act.RETRAIN: "bold blue",
    Act.DEFER: "yellow",
    Act.REFUSE: "yellow",
    Act.ALARM: "bold red",
    Act.SHADOW: "magenta",
    Act.CANARY: "magenta",
    Act.PROMOTE: "bold green",
    Act.ROLL_BACK: "bold red",
    Act.REJECT: "bold red",
}
_FOLD = 3
"""Holds in a row from which they become one line."""


def decision_table(
    decisions: Sequence[Decision],
    outcomes: Mapping[str, str],
    *,
    injected: frozenset[str] = frozenset(),
    fold: bool = True,
) -> Table:
    """Return date, decision, reason, cost and result of each decision, in the order given.

    `outcomes` says what came of a decision, by its id; `injected` are the ids of decisions that dealt with a fault
    injected on purpose. Three and more holds in a row become one line, unless `fold` is false: a calm summer would push
    everything else off the screen. Texts are shown as they are: neither markup nor a terminal's control sequences in
    them take effect.
    """
    table = Table(title="Decisions", title_justify="left", expand=True, show_edge=False, pad_edge=False)
    table.add_column("Date", no_wrap=True)
    table.add_column("Decision", no_wrap=True)
    table.add_column("Reason", ratio=3)
    table.add_column("Cost", justify="right", no_wrap=True)
    table.add_column("Result", ratio=2)
    for run in _runs(decisions) if fold else ([one] for one in decisions):
        table.add_row(*_cells(run, outcomes, injected))
    return table


def _runs(decisions: Sequence[Decision]) -> Iterator[list[Decision]]:
    """Yield the decisions one by one, and holds in a row together once they are three."""
    for key, group in groupby(decisions, key=lambda one: (one.act is Act.HOLD, one.subject)):
        run = list(group)
        if key[0] and len(run) >= _FOLD:
            yield run
        else:
            yield from ([one] for one in run)


def _cells(run: Sequence[Decision], outcomes: Mapping[str, str], injected: frozenset[str]) -> list[Text]:
    last = run[-1]
    date = f"{last.at:%Y-%m-%d}" if len(run) == 1 else f"{run[0].at:%Y-%m-%d}\n{last.at:%Y-%m-%d}"
    act = Text(names[last.act], style=_STYLES[last.act])
    if len(run) > 1:
        act.append(f" ×{len(run)}")
    if any(one.id in injected for one in run):
        act.append("\ninjected fault", style="black on yellow")
    reason = last.because if len(run) == 1 else f"{day(last.at)}: {last.because}"
    return [
        Text(date, style="cyan"),
        act,
        Text(plain(reason)),
        Text(_cost(last)),
        Text(plain(outcomes.get(last.id, ""))),
    ]


def _cost(decision: Decision) -> str:
    """Return the price; what was not spent stands in brackets."""
    price = asked(decision)
    if not price:
        return "–"
    shown = money(price, decision.currency)
    return f"({shown})" if decision.act in (Act.DEFER, Act.REFUSE) else shown
