from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from mlray.coordinator.act import act, table_after
from mlray.coordinator.failpoints import Failpoints
from mlray.records import Act, Decision, Endpoint, ModelVersion, Spend, Stage
from tests.unit.coordinator.facts import decision, table


@dataclass
class World:
    """An endpoint's table and aliases, kept in memory."""

    now: Endpoint = field(default_factory=table)
    aliases: dict[str, int | None] = field(default_factory=dict)
    writes: int = 0

    def train(self, asked: Decision) -> tuple[ModelVersion, Spend]:
        raise AssertionError(asked)

    def endpoint(self) -> Endpoint:
        return self.now

    def set_endpoint(self, endpoint: Endpoint) -> Endpoint:
        self.writes += endpoint != self.now
        self.now = endpoint
        return endpoint

    def alias(self, alias: str, version: int | None) -> None:
        self.aliases[alias] = version


@pytest.mark.parametrize(
    ("chosen", "live", "candidate", "stage", "share"),
    [
        (decision(Act.SHADOW), 1, 2, Stage.SHADOW, 0.0),
        (decision(Act.CANARY, share=0.5), 1, 2, Stage.CANARY, 0.5),
        (decision(Act.PROMOTE), 2, None, Stage.NONE, 0.0),
        (decision(Act.ROLL_BACK), 1, None, Stage.NONE, 0.0),
    ],
    ids=lambda value: str(value.act) if isinstance(value, Decision) else "",
)
def test_a_decision_becomes_a_table(chosen, live, candidate, stage, share):
    world = World()
    outcome = act(chosen, world, Failpoints())
    seen = world.now
    assert (seen.live, seen.candidate, seen.stage, seen.share) == (live, candidate, stage, share)
    assert seen.generation == 1 or chosen.act is Act.ROLL_BACK
    assert 2 in seen.versions
    assert "v2" in outcome.result
    assert world.aliases["candidate"] == candidate


@pytest.mark.parametrize(
    "chosen", [decision(a, share=0.5) for a in (Act.SHADOW, Act.CANARY, Act.PROMOTE, Act.ROLL_BACK)]
)
def test_doing_it_twice_changes_nothing_more(chosen):
    world = World()
    act(chosen, world, Failpoints())
    before = world.now
    act(chosen, world, Failpoints())
    assert world.now == before
    assert world.writes <= 1


def test_only_a_promotion_moves_the_live_alias():
    world = World()
    act(decision(Act.SHADOW), world, Failpoints())
    assert "live" not in world.aliases
    act(decision(Act.PROMOTE), world, Failpoints())
    assert world.aliases["live"] == 2


@pytest.mark.parametrize("quiet", [Act.HOLD, Act.DEFER, Act.REFUSE, Act.ALARM, Act.REJECT])
def test_some_decisions_leave_the_world_alone(quiet):
    world = World()
    outcome = act(decision(quiet), world, Failpoints())
    assert world.writes == 0
    assert outcome.version is None
    assert outcome.to_json(decision(quiet))["cost"] == str(Decimal(0))


def test_the_generation_rises_only_with_a_change():
    seen = table_after(decision(Act.SHADOW), table(generation=7))
    assert seen.generation == 8
    assert table_after(decision(Act.SHADOW), seen) == seen
    assert table_after(decision(Act.SHADOW), replace(seen, url="other")).generation == 8
