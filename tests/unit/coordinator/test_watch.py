from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import pytest

from mlray.coordinator.policy import Facts
from mlray.coordinator.watch import Senses, Watch
from mlray.journal import Journal, open_journal
from mlray.records import Act, Decision, Endpoint, GateResult, ModelVersion, Scorecard, Spend
from mlray.serving.rollout import Evidence
from tests.unit.coordinator.facts import DAY, NOON, WEEK, budget, facts, performance, price, spec, table

GOOD, BAD = GateResult("baseline", True, "better"), GateResult("champion", False, "worse")


class PowerCutError(Exception):
    """The process is gone."""


@dataclass
class World:
    """Registry, endpoint and trainer that outlive the coordinator; the power can be cut before any touch."""

    table: Endpoint = field(default_factory=lambda: table(live=None, versions=()))
    models: dict[str, ModelVersion] = field(default_factory=dict)
    trainings: list[str] = field(default_factory=list)
    gates: tuple[GateResult, ...] = (GOOD,)
    cut_at: int = -1
    touches: int = 0

    def _touch(self) -> None:
        self.touches += 1
        if self.touches == self.cut_at:
            raise PowerCutError

    def train(self, decision: Decision) -> tuple[ModelVersion, Spend]:
        self._touch()
        if decision.id not in self.models:
            self.trainings.append(decision.id)
            card = Scorecard({}, {}, None, (), self.gates, 10, NOON, NOON)
            number = len(self.models) + 1
            self.models[decision.id] = ModelVersion(
                "flights", number, "d@v1", "x", "f", "e", card, "a", "g", decision.at, decision.id
            )
        self._touch()
        spend = Spend("default", "flights", "training", Decimal("0.01"), "USD", decision.at, 20.0, {"CPU": 2})
        return self.models[decision.id], spend

    def endpoint(self) -> Endpoint:
        return self.table

    def set_endpoint(self, endpoint: Endpoint) -> Endpoint:
        self._touch()
        self.table = endpoint
        self._touch()
        return endpoint

    def alias(self, alias: str, version: int | None) -> None:
        self._touch()


def good(rows: int = 100_000) -> Evidence:
    return replace(Evidence(), rows=rows)


def watch(journal: Journal, world: World, seen: Facts | None = None, **more: object) -> Watch:
    def look(state: object, now: datetime) -> Facts:
        return replace(seen or facts(performance=performance(-0.01)), now=now)

    senses = Senses(look, lambda state, now: good(), lambda now: (price(), budget()))
    return Watch(spec(**more), journal, senses, world)


def acts(journal: Journal) -> list[str]:
    return [str(entry.data["act"]) for entry in journal.entries(kind="decision")]


def test_the_first_look_trains_and_promotes():
    journal, world = open_journal("memory://"), World()
    state = watch(journal, world).tick(NOON)
    assert (state.live, world.table.live, state.open) == (1, 1, ())
    assert acts(journal) == ["retrain", "promote"]
    assert [entry.kind for entry in journal.entries()] == [
        "decision",
        "promise",
        "spend",
        "decision",
        "outcome",
        "outcome",
    ]


def test_a_release_costs_what_a_person_costs_and_a_refused_model_only_its_compute():
    for gates, amount in (((GOOD,), "40.01"), ((BAD,), "0.01")):
        journal = open_journal("memory://")
        watch(journal, World(gates=gates)).tick(NOON)
        (spent,) = journal.entries(kind="spend")
        assert Decimal(str(spent.data["amount"])) == Decimal(amount)


def test_asking_again_about_the_same_moment_does_nothing_more():
    journal, world = open_journal("memory://"), World()
    coordinator = watch(journal, world)
    coordinator.tick(NOON)
    coordinator.tick(NOON + DAY)
    before = journal.entries()
    coordinator.tick(NOON + DAY)
    assert journal.entries() == before


def test_a_refused_first_model_is_not_tried_again_at_once():
    journal, world = open_journal("memory://"), World(gates=(BAD,))
    coordinator = watch(journal, world)
    coordinator.tick(NOON)
    coordinator.tick(NOON + DAY)
    assert acts(journal) == ["retrain", "reject"]
    coordinator.tick(NOON + WEEK)
    assert acts(journal) == ["retrain", "reject"] * 2


@pytest.mark.parametrize("cut", range(1, 7))
def test_wherever_the_power_is_cut_nothing_is_lost_and_nothing_trained_twice(cut):
    journal, world = open_journal("memory://"), World(cut_at=cut)
    with pytest.raises(PowerCutError):
        watch(journal, world).tick(NOON)
    state = watch(journal, world).tick(NOON)
    assert len(world.trainings) == 1
    assert (state.live, world.table.live, state.open) == (1, 1, ())
    assert acts(journal) == ["retrain", "promote"]
    assert len(journal.entries(kind="spend")) == 1


def test_a_retraining_goes_by_shadow():
    journal, world = open_journal("memory://"), World()
    coordinator = watch(journal, world, facts())
    coordinator.tick(NOON)
    state = coordinator.tick(NOON + WEEK)
    assert acts(journal) == ["retrain", "promote", "retrain", "shadow"]
    assert state.rollout is not None
    assert (world.table.live, world.table.candidate) == (1, 2)


def test_a_project_that_only_suggests_starts_nothing():
    journal, world = open_journal("memory://"), World()
    watch(journal, world, mode="suggest").tick(NOON)
    assert world.trainings == []
    (outcome,) = journal.entries(kind="outcome")
    assert "suggested" in str(outcome.data["result"])


def test_an_injected_fault_is_said_in_the_decision():
    journal, world = open_journal("memory://"), World()
    senses = Senses(
        lambda state, now: replace(facts(), now=now), lambda state, now: good(), lambda now: (price(), budget())
    )
    coordinator = Watch(spec(), journal, senses, world, fault=(2, "inverted_labels"))
    coordinator.tick(NOON)
    coordinator.tick(NOON + WEEK)
    told = [entry.data for entry in journal.entries(kind="decision") if entry.data["act"] == Act.RETRAIN]
    assert ["fault" in str(data["evidence"]) for data in told] == [False, True]
    assert "on purpose" in str(told[1]["because"])


def test_what_a_person_decides_is_written_down_first_and_done():
    journal, world = open_journal("memory://"), World()
    coordinator = watch(journal, world)
    coordinator.tick(NOON)
    asked = Decision("by hand", NOON + DAY, Act.SHADOW, "flights/v2", "asked for", {"version": 2})
    state = coordinator.release(asked)
    assert state.rollout is not None
    assert world.table.candidate == 2
    assert journal.find("by hand") is not None
