"""Where a project stands, as plain values."""

from datetime import datetime

from mlray.coordinator.evidence import money
from mlray.coordinator.state import State
from mlray.coordinator.watched import CHECKUP, Watched
from mlray.coordinator.workspace import Workspace
from mlray.ids import Json
from mlray.records import Checkup

__all__ = ["cost", "status"]


def status(space: Workspace, state: State) -> dict[str, Json]:
    """Return data, models, endpoint, and what is under way."""
    from mlray.coordinator.cluster import read_kept

    newest = space.journal.head()
    head = space.store.head(space.spec.data.table)
    kept = read_kept(space.root / "ray.json")
    endpoint = space.journal.entries(kind="endpoint", subject=space.name)
    health = [Checkup.from_json(entry.data) for entry in space.journal.entries(kind=CHECKUP, subject=space.name)[-1:]]
    return {
        "project": space.name,
        "endpoint": str(endpoint[-1].data["url"]) if endpoint else None,
        "dataset": str(head) if head else None,
        "models": sorted(space.models()),
        "live": state.live,
        "live_since": state.live_since.isoformat() if state.live_since else None,
        "candidate": state.rollout.candidate if state.rollout else None,
        "stage": state.rollout.stage if state.rollout else None,
        "retrainings": state.retrainings,
        "deferred_until": state.deferred_until.isoformat() if state.deferred_until else None,
        "sources": {name: _shown(watched) for name, watched in state.sources.items()},
        "damaged": list(health[0].damaged) if health else [],
        "unfinished": [decision.id for decision in state.open],
        "ray": kept.address if kept else None,
        "journal_entries": newest.seq if newest else 0,
    }


def _shown(watched: Watched) -> str:
    """Return what the last look at a source found, and since when it is paused."""
    verdict = watched.verdict
    found = f"{verdict.state} ({verdict.at:%Y-%m-%d %H:%M}): {verdict.because}"
    return f"paused since {watched.since:%Y-%m-%d %H:%M}, last look: {found}" if watched.since else found


def cost(space: Workspace, now: datetime) -> dict[str, Json]:
    """Return the price of a retraining, the budget's state at `now`, and every spend so far."""
    price, budget = money(space, now)
    return {
        "at": now.isoformat(),
        "price": price.to_json(),
        "budget": {**budget.to_json(), "left": str(budget.left)} if budget else None,
        "spends": [dict(entry.data) for entry in space.journal.entries(kind="spend", subject=space.name)],
    }
