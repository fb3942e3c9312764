"""Carry a decision out. Every step may be repeated after a crash: what is already so is left as it is."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Protocol, assert_never

from mlray.coordinator.failpoints import Failpoints
from mlray.ids import Json
from mlray.records import Act, Decision, Endpoint, ModelVersion, Spend, Stage

__all__ = ["Hands", "Outcome", "act", "table_after"]


@dataclass(frozen=True)
class Outcome:
    """What came of a decision."""

    result: str
    """One plain sentence."""
    version: ModelVersion | None = None
    """The model that a retraining brought."""
    spend: Spend | None = None
    failed: bool = False
    """Whether it could not be done and will not be tried again; nothing in the world has changed then."""
    suggested: bool = False
    """Whether it was left to a person."""

    def to_json(self, decision: Decision) -> dict[str, Json]:
        """Return what the journal keeps."""
        amount = self.spend.amount if self.spend else Decimal(0)
        return {
            "decision": decision.id,
            "act": decision.act,
            "result": self.result,
            "cost": str(amount),
            "failed": self.failed,
            "suggested": self.suggested,
        }


class Hands(Protocol):
    """What the coordinator can do in the world."""

    def train(self, decision: Decision) -> tuple[ModelVersion, Spend]:
        """Return the model that `decision` asked for; a training that is running or done is taken up, not repeated."""
        ...

    def endpoint(self) -> Endpoint:
        """Return which versions answer now."""
        ...

    def set_endpoint(self, endpoint: Endpoint) -> Endpoint:
        """Make the endpoint answer like this; an equal table is left alone."""
        ...

    def alias(self, alias: str, version: int | None) -> None:
        """Point the registry's `alias` at `version`, or remove it."""
        ...


def act(decision: Decision, hands: Hands, failpoints: Failpoints) -> Outcome:
    """Carry out `decision` and return what came of it."""
    match decision.act:
        case Act.HOLD | Act.DEFER | Act.REFUSE | Act.ALARM:
            return Outcome("nothing was started")
        case Act.REJECT:
            return Outcome("kept in the registry, never served")
        case Act.RETRAIN:
            version, spend = hands.train(decision)
            return Outcome(f"v{version.number} was trained: {version.scorecard}", version, spend)
        case Act.SHADOW | Act.CANARY | Act.PROMOTE | Act.ROLL_BACK:
            table = hands.set_endpoint(table_after(decision, hands.endpoint()))
            _aliases(decision, table, hands)
            failpoints.hit("rollout")
            return Outcome(_told(decision, table))
        case _:
            assert_never(decision.act)


def table_after(decision: Decision, table: Endpoint) -> Endpoint:
    """Return the endpoint's table once `decision` holds; the same table when it already does."""
    version = int(str(decision.evidence["version"]))
    share = float(str(decision.evidence.get("share", 0.0)))
    match decision.act:
        case Act.SHADOW:
            wanted = replace(table, candidate=version, stage=Stage.SHADOW, share=0.0)
        case Act.CANARY:
            wanted = replace(table, candidate=version, stage=Stage.CANARY, share=share)
        case Act.PROMOTE:
            wanted = replace(table, live=version, candidate=None, stage=Stage.NONE, share=0.0)
        case _:
            wanted = replace(table, candidate=None, stage=Stage.NONE, share=0.0)
    if version not in wanted.versions:
        wanted = replace(wanted, versions=(*wanted.versions, version))
    return wanted if wanted == table else replace(wanted, generation=table.generation + 1)


def _aliases(decision: Decision, table: Endpoint, hands: Hands) -> None:
    hands.alias("candidate", table.candidate)
    if decision.act is Act.PROMOTE:
        hands.alias("live", table.live)


def _told(decision: Decision, table: Endpoint) -> str:
    version = decision.evidence["version"]
    match decision.act:
        case Act.SHADOW:
            return f"v{version} answers copies; v{table.live} stays live"
        case Act.CANARY:
            return f"v{version} answers {table.share:.0%} of the traffic"
        case Act.PROMOTE:
            return f"v{version} is live"
        case _:
            return f"v{version} is out; v{table.live} answers everything"
