from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from mlray.coordinator.state import State, fold
from mlray.ids import Json
from mlray.records import Act, Decision, Stage
from tests.unit.coordinator.facts import DAY, NOON


@dataclass(frozen=True)
class Told:
    seq: int
    kind: str
    data: dict[str, Json] = field(default_factory=dict)


def decided(seq: int, act: Act, at: datetime = NOON, cause: str = "", **evidence: Json) -> Told:
    return Told(seq, "decision", Decision(f"d{seq}", at, act, "flights", "b", evidence, caused_by=cause).to_json())


def done(seq: int, of: int) -> Told:
    return Told(seq, "outcome", {"decision": f"d{of}", "result": "so", "cost": "0"})


@pytest.mark.parametrize(
    ("outcome", "retrainings"),
    [({}, 1), ({"failed": True}, 1), ({"suggested": True}, 0)],
    ids=["done", "failed", "suggested"],
)
def test_a_suggestion_is_no_retraining_but_a_failure_is_one(outcome, retrainings):
    told = [decided(1, Act.RETRAIN), Told(2, "outcome", {"decision": "d1", "result": "so", "cost": "0", **outcome})]
    assert fold(told).retrainings == retrainings
    assert (fold(told).last_retraining is None) is (retrainings == 0)


def test_what_failed_has_changed_nothing():
    told = [decided(1, Act.PROMOTE, version=2), Told(2, "outcome", {"decision": "d1", "failed": True})]
    assert fold(told) == State(seq=2)


def test_nothing_is_known_of_an_empty_journal():
    assert fold([]) == State()


def test_a_decision_stays_open_until_its_outcome():
    told = [decided(1, Act.RETRAIN, version=1)]
    assert [d.id for d in fold(told).open] == ["d1"]
    assert fold([*told, done(2, 1)]).open == ()


def test_folding_in_two_parts_gives_the_same_state():
    told = [
        decided(1, Act.RETRAIN, version=0, accumulated=0.0),
        decided(2, Act.PROMOTE, version=1),
        done(3, 1),
        done(4, 2),
        decided(5, Act.DEFER, NOON + DAY, until=(NOON + 9 * DAY).isoformat(), accumulated=12.0),
        Told(6, "drift"),
    ]
    for cut in range(len(told) + 1):
        assert fold(told[cut:], fold(told[:cut])) == fold(told)


def test_a_deferral_ends_with_the_next_retraining():
    told = [decided(1, Act.DEFER, until=(NOON + DAY).isoformat()), decided(2, Act.RETRAIN, NOON + DAY), done(3, 2)]
    assert fold(told[:1]).deferred_until == NOON + DAY
    assert fold(told).deferred_until is None
    assert fold(told).retrainings == 1


def test_a_rollout_goes_from_shadow_to_canary_to_live():
    told = [decided(1, Act.PROMOTE, version=1, accumulated=0.0), done(2, 1)]
    assert (fold(told).live, fold(told).rollout) == (1, None)
    told += [decided(3, Act.SHADOW, NOON + DAY, "d0", version=2), done(4, 3)]
    shadow = fold(told).rollout
    assert shadow is not None
    assert (shadow.candidate, shadow.stage, shadow.share, shadow.cause) == (2, Stage.SHADOW, 0.0, "d0")
    told += [decided(5, Act.CANARY, NOON + 3 * DAY, version=2, share=0.1), done(6, 5)]
    canary = fold(told).rollout
    assert canary is not None
    assert (canary.stage, canary.share, canary.started, canary.step_started) == (
        Stage.CANARY,
        0.1,
        NOON + DAY,
        NOON + 3 * DAY,
    )
    told += [decided(7, Act.PROMOTE, NOON + 9 * DAY, version=2), done(8, 7)]
    end = fold(told)
    assert (end.live, end.rollout, end.accumulated, end.live_since) == (2, None, 0.0, NOON + 9 * DAY)


@pytest.mark.parametrize("act", [Act.ROLL_BACK, Act.PROMOTE])
def test_a_rollout_ends_only_when_the_act_was_carried_out(act):
    told = [decided(1, Act.SHADOW, version=2), done(2, 1), decided(3, act, version=2)]
    assert fold(told).rollout is not None
    assert fold([*told, done(4, 3)]).rollout is None


def test_an_outcome_of_an_unknown_decision_changes_nothing():
    assert fold([done(1, 99)]) == State(seq=1)


def test_looking_is_remembered_by_its_moment_and_its_sum():
    state = fold([decided(1, Act.HOLD, NOON + timedelta(hours=1), accumulated=7.5)])
    assert (state.last_look, state.accumulated) == (NOON + timedelta(hours=1), 7.5)


def test_a_deferral_that_ran_out_is_not_asked_about_every_day():
    told = [
        decided(1, Act.DEFER, until=(NOON + DAY).isoformat(), accumulated=90.0),
        decided(2, Act.HOLD, NOON + DAY, accumulated=80.0),
    ]
    assert fold(told).deferred_until is None


def test_a_rejected_candidate_lets_the_evidence_start_anew():
    told = [
        decided(1, Act.RETRAIN, accumulated=120.0),
        decided(2, Act.REJECT, NOON, "d1", version=2),
        done(3, 1),
        done(4, 2),
    ]
    assert fold(told).accumulated == 0.0
