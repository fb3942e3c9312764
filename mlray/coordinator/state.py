"""What the journal says is the case. Pure: a restarted coordinator folds the same entries and knows the same things."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from mlray.coordinator.watched import CRAWL, NOTICE, RESUME, Watched
from mlray.coordinator.watched import after as watched_after
from mlray.ids import Json
from mlray.records import Act, Decision, Stage

__all__ = ["Fact", "Rollout", "State", "after", "fold"]


class Fact(Protocol):
    """A journal entry, as far as the fold reads it."""

    @property
    def seq(self) -> int:
        """Its place in the journal."""
        ...

    @property
    def kind(self) -> str:
        """What it tells: `decision`, `outcome` and others."""
        ...

    @property
    def data(self) -> Mapping[str, Json]:
        """What it says."""
        ...


@dataclass(frozen=True, slots=True)
class Rollout:
    """A candidate on its way."""

    candidate: int
    stage: Stage
    share: float
    started: datetime
    step_started: datetime
    cause: str
    """The decision that asked for the candidate."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the next decision needs to remember."""

    seq: int = 0
    open: tuple[Decision, ...] = ()
    """Decided, but without an outcome: to be taken up again after a crash."""
    last_look: datetime | None = None
    """When the question "retrain?" was last asked."""
    last_retraining: datetime | None = None
    retrainings: int = 0
    deferred_until: datetime | None = None
    accumulated: float = 0.0
    """Wrong answers given so far that a fresh model would have avoided, since the live model went live."""
    rollout: Rollout | None = None
    live: int | None = None
    live_since: datetime | None = None
    sources: Mapping[str, Watched] = field(default_factory=dict)
    """The project's sources that were ever looked at."""


def fold(entries: Iterable[Fact], state: State | None = None) -> State:
    """Return the state after `entries`, in their order, starting from `state` or from nothing."""
    state = state or State()
    for entry in entries:
        state = after(state, entry)
    return state


def after(state: State, entry: Fact) -> State:
    """Return the state after one more entry; kinds that decide nothing only move `seq`."""
    state = replace(state, seq=max(state.seq, entry.seq))
    if entry.kind == "decision":
        return _decided(state, Decision.from_json(entry.data))
    if entry.kind == "outcome":
        return _done(state, entry.data)
    if entry.kind in (CRAWL, RESUME, NOTICE):
        return replace(state, sources=watched_after(state.sources, entry))
    return state


def _decided(state: State, decision: Decision) -> State:
    state = replace(state, open=(*state.open, decision))
    if "accumulated" in decision.evidence:
        state = replace(state, last_look=decision.at, accumulated=_number(decision.evidence["accumulated"]))
        if state.deferred_until is not None and decision.at >= state.deferred_until:
            state = replace(state, deferred_until=None)  # asked again in the new window, whatever came of it
    match decision.act:
        case Act.RETRAIN:
            return replace(state, deferred_until=None)
        case Act.DEFER:
            until = decision.evidence.get("until")
            return replace(state, deferred_until=datetime.fromisoformat(str(until)) if until else None)
        case _:
            return state


def _done(state: State, outcome: Mapping[str, Json]) -> State:
    done = [decision for decision in state.open if decision.id == outcome["decision"]]
    state = replace(state, open=tuple(decision for decision in state.open if decision not in done))
    if outcome.get("suggested"):
        return state
    for decision in done:
        if decision.act is Act.RETRAIN:  # one that failed counts too: the cool-down holds off the next try
            state = replace(state, last_retraining=decision.at, retrainings=state.retrainings + 1)
        if not outcome.get("failed"):
            state = _effect(state, decision)
    return state


def _effect(state: State, decision: Decision) -> State:
    """What is different in the world once `decision` was carried out."""
    version = int(_number(decision.evidence.get("version", 0)))
    match decision.act:
        case Act.SHADOW:
            rollout = Rollout(version, Stage.SHADOW, 0.0, decision.at, decision.at, decision.caused_by)
            return replace(state, rollout=rollout)
        case Act.CANARY if state.rollout is not None:
            share = _number(decision.evidence["share"])
            return replace(
                state, rollout=replace(state.rollout, stage=Stage.CANARY, share=share, step_started=decision.at)
            )
        case Act.PROMOTE:
            return replace(state, rollout=None, live=version, live_since=decision.at, accumulated=0.0)
        case Act.ROLL_BACK:
            return replace(state, rollout=None)
        case Act.REJECT:
            # The evidence said that fresh data would help, and the gate has shown that they did not: it starts anew.
            return replace(state, accumulated=0.0)
        case _:
            return state


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
