"""Looking: where the project stands, what happened, what it costs. Nothing here starts or changes anything."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from mlray.cli import _show
from mlray.cli._frame import Here, Json, moment, opened

__all__ = ["cost", "journal", "status"]


def status(project: Here = Path(), *, json: Json = False) -> None:
    """Show data, models, endpoint, and what is under way."""
    with opened(project) as found:
        facts = found.status()
    if json:
        _show.json_out(facts)
    else:
        _show.fields(facts)


def journal(
    project: Here = Path(),
    *,
    kind: Annotated[str | None, typer.Option(help="Only entries of this kind, such as decision or spend.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every entry, not only decisions and what came of them.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check the chain of digests first.")] = False,
    last: Annotated[int, typer.Option(help="Only the last so many; 0 is all.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Show decisions with their reasons and results."""
    with opened(project) as found:
        if verify:
            checked = found.space.journal.verify()
            typer.echo(f"The chain is whole: {checked:,} entries checked.", err=True)
        entries = found.journal(kind=kind)
        if kind and not entries:
            known = sorted({entry.kind for entry in found.journal()})
            typer.echo(f"The journal has no entry of kind '{kind}'; it has {', '.join(known) or 'none'}.", err=True)
    if json:
        wanted = entries if everything or kind else [e for e in entries if e.kind in ("decision", "outcome")]
        _show.json_out([_entry(entry) for entry in wanted[-last:]])
    elif everything or kind:
        rows = [(e.seq, f"{e.at:%Y-%m-%d %H:%M}", e.kind, e.subject, _brief(e.data)) for e in entries[-last:]]
        _show.table(("#", "at", "kind", "subject", "what"), rows)
    else:
        _decisions(entries, last)


def _decisions(entries: Any, last: int) -> None:  # noqa: ANN401 (journal.Entry, a list)
    from mlray.console import decision_table
    from mlray.records import Decision

    decisions = [Decision.from_json(entry.data) for entry in entries if entry.kind == "decision"]
    outcomes = {str(e.data["decision"]): str(e.data["result"]) for e in entries if e.kind == "outcome"}
    if not decisions:
        typer.echo("Nothing was decided yet. `mlray run` lives the whole life of the project.")
        return
    injected = frozenset(decision.id for decision in decisions if decision.evidence.get("fault"))
    _show.console().print(decision_table(decisions[-last:], outcomes, injected=injected))


def _entry(entry: Any) -> dict[str, Any]:  # noqa: ANN401 (journal.Entry)
    return {
        "seq": entry.seq,
        "at": entry.at.isoformat(),
        "kind": entry.kind,
        "subject": entry.subject,
        "key": entry.key,
        "data": _show.plain(entry.data),
        "digest": entry.digest,
    }


def _brief(data: object) -> str:
    from json import dumps

    text = dumps(_show.plain(data), ensure_ascii=False)
    return text if len(text) <= 90 else f"{text[:89]}…"


def cost(
    project: Here = Path(),
    *,
    at: Annotated[str | None, typer.Option(metavar="DATE", help="The moment; by default the journal's newest.")] = None,
    json: Json = False,
) -> None:
    """Show what a retraining costs, and what the budget has left."""
    with opened(project) as found:
        facts = found.cost(moment(at) if at else None)
    if json:
        _show.json_out(facts)
        return
    price: Any = facts["price"]
    budget: Any = facts["budget"]
    spends: Any = facts["spends"]
    by_purpose: dict[str, Decimal] = {}
    for spend in spends:
        purpose = str(spend.get("purpose", ""))
        by_purpose[purpose] = by_purpose.get(purpose, Decimal(0)) + Decimal(str(spend.get("amount", 0)))
    _show.fields(
        {
            "at": facts["at"],
            "a retraining costs": f"{_money(price['amount'])} {price['currency']} ({price['basis']})",
            "budget": f"{_money(budget['limit'])} {budget['currency']} until {budget['end'][:10]}"
            if budget
            else "none",
            **({name: _money(budget[name]) for name in ("spent", "promised", "left")} if budget else {}),
            "spent so far": {purpose: _money(amount) for purpose, amount in sorted(by_purpose.items())} or "nothing",
        }
    )


def _money(amount: object) -> str:
    value = Decimal(str(amount))
    return f"{value:,.2f}" if value >= Decimal("0.01") or not value else f"{value:.6f}"
