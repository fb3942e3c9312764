from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from mlray.coordinator.decide import after_training, due, on_first, on_retraining, on_rollout
from mlray.coordinator.state import Rollout, State
from mlray.records import Act, GateResult, Stage
from mlray.serving.rollout import Evidence
from tests.unit.coordinator.facts import (
    DAY,
    NOON,
    WEEK,
    budget,
    decision,
    drift,
    facts,
    performance,
    price,
    spec,
    table,
)

ROLLOUT = Rollout(2, Stage.CANARY, 0.1, NOON, NOON, "d1")


@pytest.mark.parametrize(
    ("seen", "state", "act", "word"),
    [
        (facts(), State(), Act.RETRAIN, "retraining costs"),
        (facts(drift=drift(0.9)), State(accumulated=0), Act.RETRAIN, "temp drifted"),
        (facts(drift=drift(0.9), performance=performance(0.001)), State(), Act.HOLD, "less than a retraining"),
        (facts(performance=performance(-0.01)), State(), Act.HOLD, "less than a retraining"),
        (facts(performance=performance(0.0001)), State(accumulated=500), Act.HOLD, "fades"),
        (facts(performance=performance(None, 0)), State(), Act.HOLD, "no labelled rows"),
        (facts(performance=None, drift=None), State(), Act.HOLD, "no traffic"),
        (facts(broken="broken feed: silence"), State(accumulated=500), Act.ALARM, "never triggers"),
        (facts(paused="the source 'x' is paused: no column"), State(accumulated=500), Act.HOLD, "is paused: no column"),
        (facts(), State(rollout=ROLLOUT), Act.HOLD, "already in canary"),
        (facts(), State(last_retraining=NOON - 6 * DAY), Act.HOLD, "less than 7 days old"),
        (facts(), State(last_retraining=NOON - WEEK), Act.RETRAIN, "should save"),
        (facts(budget=budget("70")), State(), Act.DEFER, "30.00"),
        (facts(budget=budget("70")), State(deferred_until=NOON + DAY), Act.HOLD, "deferred until 2013-05-16"),
        (facts(budget=budget(limit="30")), State(), Act.REFUSE, "whole budget"),
        (facts(budget=None), State(), Act.RETRAIN, "should save"),
    ],
    ids=[
        "loss pays",
        "loss pays, drift named",
        "drift alone",
        "fresh is no better",
        "faded",
        "no labels",
        "no traffic",
        "broken feed",
        "paused source",
        "rollout under way",
        "cool-down",
        "cool-down over",
        "too dear now",
        "still deferred",
        "never affordable",
        "no budget",
    ],
)
def test_the_first_rule_that_applies_decides(seen, state, act, word):
    decided = on_retraining(seen, state, spec())
    assert decided.act is act
    assert word in decided.because
    assert decided.cost == (seen.price.amount if act is Act.RETRAIN else 0)


def test_a_deferral_says_until_when():
    decided = on_retraining(facts(budget=budget("70")), State(), spec())
    assert decided.evidence["until"] == "2013-06-01T00:00:00+00:00"


def test_what_waiting_cost_is_remembered_in_the_evidence():
    decided = on_retraining(facts(), State(accumulated=10), spec())
    assert decided.evidence["accumulated"] == pytest.approx(10 + 0.02 * 6000)
    assert decided.evidence["lost"] == "65.00"


def test_the_same_question_at_the_same_hour_has_the_same_id():
    assert on_retraining(facts(), State(), spec()).id == on_retraining(facts(drift=None), State(), spec()).id


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State(), True),
        (State(last_look=NOON - WEEK), True),
        (State(last_look=NOON - 6 * DAY), False),
        (State(last_look=NOON - DAY, deferred_until=NOON), True),
        (State(last_look=NOON - DAY, deferred_until=NOON + timedelta(seconds=1)), False),
    ],
    ids=["never looked", "a week ago", "not yet", "the deferral ran out", "still deferred"],
)
def test_when_it_is_time_to_look(state, expected):
    assert due(state, WEEK, NOON) is expected


@pytest.mark.parametrize(
    ("money", "act"),
    [(budget(), Act.RETRAIN), (budget("70"), Act.DEFER), (budget(limit="30"), Act.REFUSE), (None, Act.RETRAIN)],
    ids=["affordable", "later", "never", "no budget"],
)
def test_only_money_speaks_against_a_first_model(money, act):
    decided = on_first("flights", price(), money, NOON)
    assert decided.act is act
    assert decided.because.startswith("nothing is live yet")
    assert decided.cost == (Decimal("40.01") if act is Act.RETRAIN else 0)


GOOD, BAD = GateResult("baseline", True, "it is better"), GateResult("champion", False, "it is worse by 0.01")


@pytest.mark.parametrize(
    ("gates", "live", "act", "word"),
    [
        ((GOOD,), None, Act.PROMOTE, "nothing is live"),
        ((GOOD,), 1, Act.SHADOW, "copies"),
        ((GOOD, BAD), 1, Act.REJECT, "it is worse by 0.01"),
        ((BAD,), None, Act.REJECT, "champion"),
    ],
    ids=["first", "next", "refused", "first refused"],
)
def test_what_becomes_of_a_trained_model(gates, live, act, word):
    decided = after_training(decision(), 2, gates, live, NOON)
    assert (decided.act, decided.caused_by, decided.subject) == (act, "d1", "flights/v2")
    assert word in decided.because


def test_a_gain_is_an_interval_in_money():
    decided = on_retraining(replace(facts(), rows_per_day=1000.0), State(), spec())
    assert decided.gain is not None
    assert decided.gain.value == pytest.approx(0.02 * 1000 * 28 * 0.5 * 0.5)
    assert decided.gain.low == pytest.approx(decided.gain.value / 2)


def test_rows_seen_by_an_earlier_look_are_not_counted_again():
    seen = facts(performance=performance(0.002))
    whole = on_retraining(seen, State(last_look=NOON - WEEK), spec()).evidence["accumulated"]
    soon = on_retraining(seen, State(last_look=NOON - DAY), spec()).evidence["accumulated"]
    assert whole == pytest.approx(12.0)
    assert soon == pytest.approx(12.0 / 7)


@pytest.mark.parametrize(
    ("evidence", "act"),
    [
        (Evidence(rows=5000), Act.CANARY),
        (Evidence(rows=5), Act.HOLD),
        (Evidence(rows=5000, candidate_failures=50), Act.ROLL_BACK),
    ],
    ids=["goes on", "waits", "goes back"],
)
def test_a_rollouts_step_becomes_a_decision(evidence, act):
    rollout = Rollout(2, Stage.SHADOW, 0.0, NOON - 4 * DAY, NOON - 4 * DAY, "d1")
    decided = on_rollout(table(), rollout, evidence, spec().serving, NOON)
    assert (decided.act, decided.caused_by, decided.evidence["version"]) == (act, "d1", 2)
    assert decided.subject == "flights/v2"
