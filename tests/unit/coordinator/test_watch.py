from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from threading import Event, Thread

import pytest

from mlray.coordinator.act import Outcome
from mlray.coordinator.policy import Facts
from mlray.coordinator.state import State
from mlray.coordinator.watch import Senses, Watch
from mlray.costs import promise
from mlray.costs import state as budget_state
from mlray.errors import DataError, RequestError, UnavailableError
from mlray.journal import Journal, open_journal
from mlray.records import (
    Act,
    Decision,
    Endpoint,
    GateResult,
    ModelVersion,
    Scorecard,
    SourceState,
    Spend,
    Verdict,
)
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
    trouble: Exception | None = None

    def _touch(self) -> None:
        self.touches += 1
        if self.touches == self.cut_at:
            raise PowerCutError

    def train(self, decision: Decision) -> tuple[ModelVersion, Spend]:
        if self.trouble:
            raise self.trouble
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
        if endpoint.live == 99:
            raise RequestError("Version 99 cannot be loaded.")
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


def test_sources_are_looked_at_first_and_only_where_the_project_asks_for_it():
    journal, world, looks = open_journal("memory://"), World(), []

    def looking(state: State, now: datetime) -> None:
        assert not acts(journal)
        looks.append(now)
        found = Verdict("rows", SourceState.BREAKING, "no column 'x'", now)
        journal.append("crawl", "flights/rows", found.to_json(), at=now)

    senses = replace(watch(journal, world)._senses, crawl=looking)
    Watch(spec(), open_journal("memory://"), senses, World()).tick(NOON)
    assert looks == []
    state = Watch(spec(crawl={}), journal, senses, world).tick(NOON)
    assert (looks, world.trainings, state.sources["rows"].paused) == ([NOON], [], "no column 'x'")
    (held,) = journal.entries(kind="decision")
    assert held.data["act"] == "hold"
    assert held.data["because"] == "nothing is live yet, but the source 'rows' is paused: no column 'x'"
    assert state.last_look == NOON


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


def results(journal: Journal) -> list[str]:
    return [str(entry.data["result"]) for entry in journal.entries(kind="outcome")]


def left(journal: Journal) -> Decimal:
    found = budget_state(spec().costs.budget, "flights", journal.entries(), NOON)
    assert found is not None
    return found.left


def test_a_training_that_fails_for_good_is_closed_and_its_money_given_back():
    journal, world = open_journal("memory://"), World(trouble=DataError("the holdout has one class"))
    coordinator = watch(journal, world)
    state = coordinator.tick(NOON)
    assert state.open == ()
    assert results(journal) == ["failed: the holdout has one class"]
    assert left(journal) == 100
    coordinator.tick(NOON + DAY)
    assert acts(journal) == ["retrain"], "the cool-down holds off the next try"
    world.trouble = None
    assert coordinator.tick(NOON + WEEK).live == 1


def test_what_does_not_answer_is_tried_again_until_the_cool_down_is_over():
    journal, world = open_journal("memory://"), World(trouble=UnavailableError("no workshop"))
    coordinator = watch(journal, world)
    for day in range(7):
        with pytest.raises(UnavailableError, match="no workshop"):
            coordinator.tick(NOON + day * DAY)
    assert results(journal) == []
    assert len(coordinator.state.open) == 1
    assert left(journal) < 60, "the money stays promised meanwhile"
    with pytest.raises(UnavailableError):  # given up, and asked anew
        coordinator.tick(NOON + WEEK)
    assert results(journal) == ["given up: no workshop"]
    assert acts(journal) == ["retrain", "retrain"]
    assert len(journal.entries(kind="release")) == 1


def test_a_trouble_that_passes_costs_nothing():
    journal, world = open_journal("memory://"), World(trouble=UnavailableError("a moment, please"))
    coordinator = watch(journal, world)
    with pytest.raises(UnavailableError):
        coordinator.tick(NOON)
    world.trouble = None
    assert coordinator.tick(NOON + DAY).live == 1
    assert acts(journal) == ["retrain", "promote"]


def test_a_promotion_that_cannot_be_done_does_not_lock_the_person_out():
    journal, world = open_journal("memory://"), World()
    coordinator = watch(journal, world)
    coordinator.tick(NOON)
    bad = Decision("p99", NOON + DAY, Act.PROMOTE, "flights/v99", "asked for", {"version": 99})
    assert coordinator.release(bad).live == 1
    assert "cannot be loaded" in results(journal)[-1]
    good = Decision("p2", NOON + DAY, Act.PROMOTE, "flights/v2", "asked for", {"version": 2})
    assert coordinator.release(good).live == 2


def test_a_person_overrules_what_is_still_open():
    journal, world = open_journal("memory://"), World()
    coordinator = watch(journal, world)
    coordinator.tick(NOON)
    old = Decision("old", NOON + DAY, Act.PROMOTE, "flights/v2", "decided before the crash", {"version": 2})
    journal.append("decision", old.subject, old.to_json(), at=old.at, key=old.id)
    back = Decision("back", NOON + DAY, Act.ROLL_BACK, "flights/v2", "no", {"version": 2})
    state = coordinator.release(back)
    assert (state.live, world.table.live, state.open) == (1, 1, ())
    assert any("overruled by a person: no" in result for result in results(journal))


def test_a_person_need_not_wait_for_a_training():
    journal, world = open_journal("memory://"), World()
    coordinator = watch(journal, world, facts())
    coordinator.tick(NOON)
    began, go_on = Event(), Event()
    train = world.train

    def slow(decision: Decision) -> tuple[ModelVersion, Spend]:
        began.set()
        assert go_on.wait(30)
        return train(decision)

    world.train = slow  # type: ignore[method-assign]
    ticking = Thread(target=coordinator.tick, args=(NOON + WEEK,))
    ticking.start()
    assert began.wait(30)
    asked = Decision("by hand", NOON + WEEK, Act.PROMOTE, "flights/v7", "now", {"version": 7})
    assert coordinator.release(asked).live == 7
    go_on.set()
    ticking.join(30)
    assert world.trainings == [world.trainings[0], f"flights:{(NOON + WEEK).isoformat()}:retrain"]
    assert coordinator.state.open == ()
    assert journal.verify() == len(journal.entries())


def test_another_projects_decisions_in_the_same_journal_are_none_of_ours():
    journal, world = open_journal("memory://"), World()
    other = Decision("x", NOON, Act.PROMOTE, "weather/v5", "theirs", {"version": 5})
    journal.append("decision", other.subject, other.to_json(), at=NOON, key=other.id)
    coordinator = watch(journal, world)
    assert coordinator.state.open == ()
    assert coordinator.tick(NOON).live == 1


def test_money_that_others_took_meanwhile_closes_the_decision():
    journal, world = open_journal("memory://"), World()
    promise(journal, "other", Decimal(90), scope="flights", purpose="training", at=NOON)
    state = watch(journal, world).tick(NOON)
    assert world.trainings == []
    assert state.open == ()
    assert "10.00" in results(journal)[0]


def test_a_suggestion_to_go_on_is_made_once_for_each_step():
    journal, world = open_journal("memory://"), World()
    coordinator = watch(journal, world, mode="suggest")
    coordinator.release(Decision("p1", NOON, Act.PROMOTE, "flights/v1", "asked for", {"version": 1}))
    coordinator.release(Decision("s2", NOON, Act.SHADOW, "flights/v2", "asked for", {"version": 2}))
    for day in range(3, 9):
        coordinator.tick(NOON + day * DAY)
    assert acts(journal).count("canary") == 1
    assert world.table.share == 0.0


def test_a_candidate_goes_step_by_step_and_waiting_is_no_entry():
    journal, world = open_journal("memory://"), World()
    coordinator = watch(journal, world)
    coordinator.tick(NOON)
    coordinator.release(Decision("s2", NOON, Act.SHADOW, "flights/v2", "asked for", {"version": 2}))
    seen = len(journal.entries())
    coordinator.tick(NOON + DAY)
    assert len(journal.entries()) == seen, "its time was not up"
    for day in range(3, 12):
        coordinator.tick(NOON + day * DAY)
    assert [act for act in acts(journal) if act != "hold"] == [
        "retrain",
        "promote",
        "shadow",
        "canary",
        "canary",
        "promote",
    ]
    assert world.table.live == 2


def test_a_refused_first_model_waits_for_the_cool_down_however_often_one_looks():
    journal, world = open_journal("memory://"), World(gates=(BAD,))
    coordinator = watch(journal, world, drift={"every": "2 days"})
    for day in range(7):
        coordinator.tick(NOON + day * DAY)
    assert acts(journal) == ["retrain", "reject"]


def test_a_first_model_that_is_too_dear_now_waits_for_the_next_window():
    journal, world = open_journal("memory://"), World()
    senses = Senses(
        lambda state, now: replace(facts(), now=now), lambda state, now: good(), lambda now: (price(), budget("70"))
    )
    coordinator = Watch(spec(), journal, senses, world)
    coordinator.tick(NOON)
    coordinator.tick(NOON + WEEK)
    assert acts(journal) == ["defer"]
    assert world.trainings == []


def test_what_is_closed_stays_closed():
    journal, world = open_journal("memory://"), World()
    coordinator = watch(journal, world)
    coordinator.tick(NOON)
    seen = len(journal.entries())
    first = Decision.from_json(journal.entries(kind="decision")[0].data)
    assert coordinator._close(first, Outcome("again"), NOON) is None
    assert len(journal.entries()) == seen
