from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from mlray.records import Act, Endpoint, Stage
from mlray.serving.rollout import MIN_ROWS, Batch, Evidence, step
from mlray.spec import Serving

START = datetime(2013, 4, 1, tzinfo=UTC)
SERVING = Serving(shadow="3 days", canary=(0.1, 0.5), step="2 days", error_rate=0.05)
PLENTY = Evidence(rows=5_000)


def days(*differences, rows=900):
    """Evidence with these daily differences in Brier score, on top of a live score of 0.17."""
    batches = tuple(Batch(date(2013, 4, 1 + i), rows, 0.17, 0.17 + d) for i, d in enumerate(differences))
    return Evidence(rows=rows * len(batches), batches=batches)


def trial(stage=Stage.SHADOW, share=0.0, candidate=2):
    return Endpoint("flights", "", live=1, candidate=candidate, stage=stage, share=share, versions=(1, 2))


@pytest.mark.parametrize(
    ("endpoint", "evidence", "after", "act", "share", "because"),
    [
        (trial(candidate=None), PLENTY, 9, Act.HOLD, 0.0, "no candidate is on trial"),
        (trial(Stage.NONE), PLENTY, 0, Act.SHADOW, 0.0, "v2 answers copies of all requests first"),
        (
            trial(),
            PLENTY,
            1,
            Act.HOLD,
            0.0,
            "nothing speaks against v2 so far; it stays in shadow until 2013-04-04 00:00",
        ),
        (trial(), PLENTY, 3, Act.CANARY, 0.1, "no outcome is known yet"),
        (trial(), days(-0.01, -0.02), 3, Act.CANARY, 0.1, "Brier score 0.1550 against 0.1700 on 1,800 rows"),
        (trial(Stage.CANARY, 0.1), PLENTY, 1, Act.HOLD, 0.1, "it stays in canary until 2013-04-03 00:00"),
        (trial(Stage.CANARY, 0.1), PLENTY, 2, Act.CANARY, 0.5, "it answers 50% of requests"),
        (
            trial(Stage.CANARY, 0.5),
            PLENTY,
            2,
            Act.PROMOTE,
            1.0,
            "after 2 days on trial (no outcome is known yet); it goes live",
        ),
        (trial(), days(0.3), 3, Act.HOLD, 0.0, "v2 looks worse so far (Brier score 0.4700 against 0.1700"),
        (trial(Stage.CANARY, 0.5), days(0.004), 8, Act.HOLD, 0.5, "more labels must tell"),
        (trial(Stage.CANARY, 0.5), days(0.003), 2, Act.PROMOTE, 1.0, "it goes live"),
        (trial(Stage.CANARY, 0.5), days(0.3), 16, Act.ROLL_BACK, 0.0, "too few labels came in 16 days"),
        (trial(Stage.CANARY, 0.5), days(*[0.05, -0.03] * 3, 0.03), 2, Act.PROMOTE, 1.0, "it goes live"),
        (trial(), Evidence(rows=12), 3, Act.HOLD, 0.0, "v2 has scored 12 rows beside v1, 200 are needed; it waits"),
        (trial(), Evidence(rows=12), 24, Act.ROLL_BACK, 0.0, "200 are needed; given up after 24 days in shadow"),
        (
            trial(),
            Evidence(rows=9_000, candidate_failures=8),
            0,
            Act.ROLL_BACK,
            0.0,
            "v2 failed on 8 requests that v1 could",
        ),
        (trial(), Evidence(rows=9_000, candidate_failures=8, live_failures=8), 1, Act.HOLD, 0.0, "nothing speaks"),
        (
            trial(Stage.CANARY, 0.5),
            days(0.1, 0.11, 0.09, 0.1),
            9,
            Act.ROLL_BACK,
            0.0,
            "v2 is worse than v1: Brier score 0.2700 against 0.1700 on the same 3,600 rows of 4 days",
        ),
    ],
    ids=[
        "no candidate",
        "new",
        "young shadow",
        "old shadow, no labels",
        "old shadow, better",
        "young canary",
        "next share",
        "last share",
        "in doubt after a day",
        "in doubt at the last share",
        "a hair worse",
        "in doubt and never told",
        "in doubt and told enough",
        "too little traffic",
        "never any traffic",
        "fails",
        "both fail",
        "worse",
    ],
)
def test_the_first_rule_that_applies_decides(endpoint, evidence, after, act, share, because):
    now = START + timedelta(days=after)
    chosen = step(endpoint, evidence, SERVING, START, START, now)
    assert (chosen.act, chosen.share) == (act, share)
    assert because in chosen.because


def test_without_canary_shares_shadow_leads_to_live():
    serving = Serving(shadow="1 day", canary=(1.0,))
    assert step(trial(), PLENTY, serving, START, START, START + timedelta(days=1)).act is Act.PROMOTE


def test_a_stage_without_length_still_waits_a_week_for_traffic():
    serving = Serving(shadow="0 days")
    acts = [step(trial(), Evidence(), serving, START, START, START + timedelta(days=n)).act for n in (0, 6, 7)]
    assert acts == [Act.HOLD, Act.HOLD, Act.ROLL_BACK]


def test_huge_evidence_is_shown_briefly():
    chosen = step(trial(), Evidence(candidate_failures=5_000), SERVING, START, START, START)
    assert "evidence 1e+217 to 1, 40 is enough" in chosen.because


def rows(**changed):
    """Four rows of two requests on two days, scored by both versions, with labels."""
    columns = {
        "request_id": ["a", "a", "b", "b"],
        "at": [START, START, START + timedelta(days=1), START + timedelta(days=1)],
        "live": [1] * 4,
        "live_score": [0.5, 0.0, 1.0, 0.5],
        "live_failed": [False] * 4,
        "candidate": [2] * 4,
        "candidate_score": [1.0, 0.5, 0.5, 0.5],
        "candidate_failed": [False] * 4,
        "label": [True, False, True, False],
        **changed,
    }
    types = {
        "at": pa.timestamp("us", "UTC"),
        "live": pa.int32(),
        "candidate": pa.int32(),
        "label": pa.bool_(),
        "live_score": pa.float64(),
        "candidate_score": pa.float64(),
    }
    return pa.table({name: pa.array(values, types.get(name)) for name, values in columns.items()})


def test_evidence_pairs_the_losses_of_the_same_rows_by_day():
    evidence = Evidence.of(rows(), live=1, candidate=2)
    assert evidence == Evidence(
        rows=4,
        batches=(
            Batch(date(2013, 4, 1), 2, live_loss=0.125, candidate_loss=0.125),
            Batch(date(2013, 4, 2), 2, live_loss=0.125, candidate_loss=0.25),
        ),
    )
    assert evidence.labelled == 4


def test_rows_that_only_one_version_scored_or_nobody_labelled_are_no_pairs():
    seen = rows(candidate_score=[1.0, None, 0.5, 0.5], label=[True, True, None, None])
    evidence = Evidence.of(seen, live=1, candidate=2)
    assert (evidence.rows, evidence.labelled) == (3, 1)
    assert Evidence.of(rows(label=[None] * 4), live=1, candidate=2).batches == ()


def test_failures_are_counted_by_request_and_only_where_the_other_one_could_answer():
    seen = rows(candidate_failed=[True, True, True, False], live_failed=[True, False, False, False])
    evidence = Evidence.of(seen, live=1, candidate=2)
    assert (evidence.candidate_failures, evidence.live_failures) == (1, 0)


def test_rows_of_another_pair_are_left_out():
    assert Evidence.of(rows(), live=1, candidate=3) == Evidence()
    assert Evidence.of(rows(candidate=[None, None, 2, 2]), live=1, candidate=2).rows == 2


def test_a_promotion_needs_a_minimum_of_rows():
    now = START + timedelta(days=3)
    assert step(trial(), Evidence(rows=MIN_ROWS - 1), SERVING, START, START, now).act is Act.HOLD
    assert step(trial(), Evidence(rows=MIN_ROWS), SERVING, START, START, now).act is Act.CANARY
