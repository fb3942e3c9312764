from dataclasses import replace
from decimal import Decimal

import pytest

from mlray.console import Month, Phase
from mlray.console import headline as h
from mlray.records import Act, Interval

MINUS = "\N{MINUS SIGN}"


def around(value, half):
    return Interval(value, value - half, value + half)


def one_month(story, served, kept, half):
    """Return the story with a single month of the given errors."""
    month = Month(
        story.start,
        story.end,
        10_000,
        {"error": around(served, 0.01)},
        {"error": around(kept, 0.01)},
        around(kept - served, half),
    )
    return replace(story, months=(month,))


def without(story, *phases):
    return replace(story, versions=tuple(e for e in story.versions if e.phase not in phases))


def test_the_whole_is_told_in_four_sentences_with_figures(sample_story):
    traffic, decided, paid, gained = h.sentences(sample_story())
    assert traffic == (
        "From 1 April 2013 to 31 December 2013 the endpoint answered 2,192 requests;"
        " the true outcome of 253,296 rows is known by now."
    )
    assert decided == (
        "Of 56 decisions, each written down before it was acted on: four retrainings started, v2, v3 and v5 went live,"
        " v4 was rolled back and three retrainings were deferred for money."
    )
    assert paid == "$200.09 was spent of the $540.00 that nine budget windows allowed, and none was exceeded."
    assert gained == (
        "Retraining lowered the error from 26.9% to 25.9% (by 0.94 points, 95% interval 0.87 to 1.02):"
        " 2,385 fewer wrong answers, worth $1,192.50 at $0.50 each, more than the $200.09 it cost."
    )


@pytest.mark.parametrize(
    ("served", "kept", "half", "price", "said"),
    [
        (
            0.25,
            0.26,
            0.02,
            "0",
            "Retraining moved the error from 26.0% to 25.0%, which 10,000 rows cannot tell from chance.",
        ),
        (
            0.25,
            0.26,
            0.002,
            "0",
            "Retraining lowered the error from 26.0% to 25.0% (by 1.00 points, 95% interval 0.80 to 1.20).",
        ),
        (
            0.26,
            0.25,
            0.002,
            "0",
            "Retraining raised the error from 25.0% to 26.0% (by 1.00 points, 95% interval 0.80 to 1.20).",
        ),
        (
            0.26,
            0.25,
            0.002,
            "1",
            "Retraining raised the error from 25.0% to 26.0% (by 1.00 points, 95% interval 0.80 to 1.20): 100 more wrong answers, worth $100.00 at $1.00 each.",
        ),
        (
            0.25,
            0.26,
            0.002,
            "1",
            "Retraining lowered the error from 26.0% to 25.0% (by 1.00 points, 95% interval 0.80 to 1.20): 100 fewer wrong answers, worth $100.00 at $1.00 each, less than the $200.09 it cost.",
        ),
    ],
    ids=["chance", "lowered", "raised", "raised, priced", "lowered, but too dear"],
)
def test_a_gain_is_claimed_as_far_as_its_interval_carries(sample_story, served, kept, half, price, said):
    story = one_month(sample_story(error_price=Decimal(price)), served, kept, half)
    assert h.sentences(story)[3] == said


def test_a_gain_without_a_measured_interval_says_so(sample_story):
    story = sample_story(months=tuple(replace(m, saved=None) for m in sample_story().months))
    assert "nobody measured how sure" in h.sentences(story)[3]
    assert h.months_title(story) == "The error by month, with and without retraining"


def test_without_a_replacement_nothing_is_claimed(sample_story):
    story = sample_story()
    story = replace(story, versions=tuple(e for e in story.versions if e.version == "v1"))
    assert h.sentences(story)[3] == "No version replaced the first one: the error of 25.9% is that of version 1."
    assert h.months_title(story) == "Version 1 answered throughout"


def test_an_empty_story_promises_nothing(empty_story):
    assert h.sentences(empty_story) == [
        "From 1 April 2013 to 31 December 2013 no true outcome is known yet.",
        "No decision was taken.",
        "$0.00 was spent; no budget was set.",
        "Whether retraining paid cannot be said before the true outcomes arrive.",
    ]
    assert [tile.label for tile in h.tiles(empty_story)] == [
        "Decisions",
        "Retrainings",
        "Deferred or refused",
        "Candidates stopped",
    ]


def test_requests_without_labels_are_told_as_that(empty_story):
    said = h.sentences(replace(empty_story, requests=12))[0]
    assert said.endswith("the endpoint answered 12 requests, and no true outcome is known yet.")


def test_rows_without_requests_are_told_as_that(sample_story):
    assert h.sentences(sample_story(requests=0))[0].endswith(
        "answered 253,296 rows whose true outcome is known by now."
    )


def test_an_exceeded_budget_is_told_and_coloured(sample_story):
    budgets = tuple(replace(b, limit=Decimal(10)) for b in sample_story().budgets)
    story = sample_story(budgets=budgets)
    assert h.sentences(story)[2].endswith("and five of them exceeded.")
    assert next(tile for tile in h.tiles(story) if tile.label == "Spent").mood == "bad"
    one = sample_story(budgets=budgets[1:2])
    assert h.sentences(one)[2].endswith("that one budget window allowed, which was exceeded.")


def test_rejected_and_refused_are_counted(sample_story):
    story = sample_story()
    versions = tuple(replace(e, phase=Phase.REJECTED) if e.phase is Phase.ROLLED_BACK else e for e in story.versions)
    told = tuple(
        replace(t, decision=replace(t.decision, act=Act.REFUSE)) if t.decision.act is Act.DEFER else t
        for t in story.decisions
    )
    decided = h.sentences(replace(story, versions=versions, decisions=told))[1]
    assert decided.endswith("v4 was rejected at the gates and three refused.")


def test_the_error_tile_is_green_or_red_only_beyond_chance(sample_story):
    moods = [
        next(t for t in h.tiles(one_month(sample_story(), served, kept, half)) if t.label == "Error as served").mood
        for served, kept, half in ((0.2, 0.3, 0.01), (0.3, 0.2, 0.01), (0.2, 0.21, 0.05))
    ]
    assert moods == ["good", "bad", ""]


@pytest.mark.parametrize(
    ("title", "said"),
    [
        (h.months_title, "Retraining made six of nine months measurably better and none worse"),
        (h.money_title, "37% of the budget was used; three retrainings waited for the next window"),
        (h.versions_title, "Five versions: v1, v2, v3 and v5 went live, v4 stopped before it took over"),
        (h.drift_title, "37 of 39 drift reports passed the threshold; four of them came with a retraining"),
    ],
)
def test_titles_state_the_finding(sample_story, title, said):
    assert title(sample_story()) == said


@pytest.mark.parametrize(
    ("title", "said"),
    [
        (h.months_title, "No true outcome is known yet"),
        (h.money_title, "$0.00 spent, no budget set"),
        (h.versions_title, "No version has been deployed yet"),
        (h.drift_title, "No drift report was made"),
        (h.model_title, "Nothing has been trained yet"),
    ],
)
def test_titles_of_nothing_say_so(empty_story, title, said):
    assert title(empty_story) == said


@pytest.mark.parametrize(
    ("verdict", "goal", "said"),
    [
        ("reachable", 0.7, "The goal, AUC 0.7, was reachable: 0.722 was expected before any sweep"),
        ("out of reach", 0.9, "The goal, AUC 0.9, was out of reach: 0.722 was expected before any sweep"),
        ("no goal", None, "Expected before any sweep: AUC 0.722; no goal was set"),
    ],
)
def test_the_model_title_is_the_verdict(sample_story, verdict, goal, said):
    feasibility = replace(sample_story().feasibility, verdict=verdict, goal=goal)
    assert h.model_title(sample_story(feasibility=feasibility)) == said


def test_without_a_verdict_the_model_title_is_the_first_sweep(sample_story):
    assert h.model_title(sample_story(feasibility=None)) == "The first sweep reached AUC 0.719 in ten trials"


@pytest.mark.parametrize(
    ("served", "kept", "said"),
    [
        (0.2, 0.3, "measurably better"),
        (0.3, 0.2, "measurably worse"),
        (0.2, 0.201, "neither better nor worse beyond chance"),
    ],
)
def test_a_single_month_is_told_as_one(sample_story, served, kept, said):
    assert (
        h.months_title(one_month(sample_story(), served, kept, 0.01))
        == f"Retraining made the one month known so far {said}"
    )


def test_no_month_better_is_none(sample_story):
    months = tuple(replace(m, saved=around(0.0, 0.01)) for m in sample_story().months)
    assert (
        h.months_title(sample_story(months=months))
        == "Retraining made none of nine months measurably better and none worse"
    )


def test_a_small_share_of_the_budget_is_not_rounded_to_nothing(sample_story):
    budgets = tuple(replace(b, limit=Decimal(10_000)) for b in sample_story().budgets)
    assert h.money_title(sample_story(budgets=budgets)).startswith("0.2% of the budget")


def test_calm_traffic_has_a_title_as_well(sample_story):
    calm = tuple(replace(r, columns=tuple(replace(c, drifting=False) for c in r.columns)) for r in sample_story().drift)
    assert h.drift_title(sample_story(drift=calm)) == "No column passed its threshold in 39 reports"


def test_a_budget_of_zero_does_not_divide(sample_story):
    budgets = tuple(replace(b, limit=Decimal(0)) for b in sample_story().budgets)
    assert h.money_title(sample_story(budgets=budgets)).startswith("0% of the budget")


def test_a_difference_is_written_with_its_signs():
    assert h.signed(Interval(-0.002, -0.004, 0.001)) == f"{MINUS}0.20 [{MINUS}0.40, +0.10]"
