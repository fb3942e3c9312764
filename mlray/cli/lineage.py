"""What was made from what: `mlray lineage X`, from rows to endpoints and back."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlray.cli import _show
from mlray.cli._frame import Here, Json, opened

if TYPE_CHECKING:
    from mlray.registry.lineage import Link, Node, Trace

__all__ = ["lineage"]

_MANY = 12
"""Things of one kind that are listed; of more, the first are, and the rest are counted."""
_PLURAL = {
    "source": "sources",
    "dataset": "versions",
    "experiment": "experiments",
    "model": "models",
    "endpoint": "endpoints",
}


def lineage(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A source file, departures@v2, flights/v3, an endpoint, or the start of a digest.",
            show_default=False,
        ),
    ],
    project: Here = Path(),
    *,
    json: Json = False,
) -> None:
    """Show what something was made from, and what was made from it.

    Which endpoints learnt from rows of this file? Which files is this endpoint's answer owed to?
    """
    with opened(project) as found:
        trace = found.lineage(what)
    if json:
        _show.json_out(trace)
        return
    for node in trace.asked:
        about = f"  {node.about}" if node.about else ""
        digest = f"  {node.digest[:12]}" if node.digest else ""
        typer.echo(f"{node.kind} {node.name}{digest}{about}")
    _show.fields({"from": _told(trace.upstream, trace), "into": _told(trace.downstream, trace)})


def _told(nodes: "Iterable[Node]", trace: "Trace") -> "Mapping[str, str] | str":
    by_kind: dict[str, list[str]] = {}
    for node in nodes:
        by_kind.setdefault(_PLURAL[node.kind], []).append(_node(node, trace))
    return {kind: _listed(lines) for kind, lines in by_kind.items()} or "nothing"


def _listed(lines: list[str]) -> str:
    more = [f"and {len(lines) - _MANY:,} more (--json lists all)"] if len(lines) > _MANY else []
    return "\n".join([*lines[:_MANY], *more])


def _node(node: "Node", trace: "Trace") -> str:
    if node.kind == "endpoint":
        steps = [link for link in trace.links if link.end == node.id]
        return "\n".join(f"{node.name}: {_release(link)}" for link in sorted(steps, key=_when))
    about = node.about.partition(":")[0]  # of a refused model the verdict alone; --json has the reason
    if node.kind == "source":
        # The same rows go into version after version; the largest has them all.
        rows = max((link.rows for link in trace.links if link.start == node.id), default=0)
        about = f"{rows:,} rows" if rows else ""
    return "  ".join(part for part in (node.name, node.digest[:12], about) if part)


def _release(link: "Link") -> str:
    version = link.start.rpartition("/")[2]
    since = f" since {link.since:%Y-%m-%d}" if link.since else ""
    if link.until is None:
        return f"{version} is {link.how}{since}"
    return f"{version} {link.how}{since.replace('since', 'from')} to {link.until:%Y-%m-%d}"


def _when(link: "Link") -> tuple[bool, str]:
    """Return the order for people: what holds now first, then the newest."""
    return (link.until is not None, "" if link.since is None else link.since.isoformat())
