"""What can be expected, and the sentence about it."""

import numpy as np
import pytest
from scipy import stats

from mlray.evaluation import Period, expected_score, judge_goal
from mlray.records import CurvePoint, Interval


def point(rows, value, spread=0.01):
    return CurvePoint(rows, Interval(value, value - spread, value + spread))


FLAT = [point(rows, 0.70) for rows in (1000, 2000, 4000)]
RISING = [point(rows, 0.80 - 4 * rows**-0.5) for rows in (1000, 2000, 4000, 8000)]
EVEN = [Period(rows, 0.70) for rows in (1000, 2000, 3000, 4000)]


def test_more_rows_bring_a_rising_curve_higher():
    near, far = (expected_score("auc", RISING, [], rows).value for rows in (8000, 64_000))
    assert far > near + 0.01
    assert far < 0.81


def test_a_flat_curve_promises_what_tuning_brings_and_no_more():
    assert expected_score("auc", FLAT, [], 64_000).value == pytest.approx(0.705)


def test_losses_are_expected_to_fall():
    curve = [point(rows, 0.40 + 4 * rows**-0.5) for rows in (1000, 2000, 4000)]
    assert expected_score("log_loss", curve, [], 8000).value < curve[-1].score.value


def test_with_few_periods_only_the_test_rows_are_uncertain():
    found = expected_score("auc", FLAT, EVEN[:2], 4000)
    assert found.high - found.value == pytest.approx(np.hypot(0.01, 1.96 * 0.0025), rel=1e-3)


def test_periods_that_differ_widen_the_interval_for_the_next_one():
    scores = [0.62, 0.70, 0.66, 0.74]
    found = expected_score("auc", FLAT, [Period(4000, value) for value in scores], 4000)
    margin = stats.t.ppf(0.975, 3) * np.std(scores, ddof=1) * (1 + 1 / 4) ** 0.5
    assert found.value == pytest.approx(np.mean(scores) + 0.005)
    assert found.high - found.value == pytest.approx(np.hypot(margin, 1.96 * 0.0025), rel=1e-3)


def test_the_interval_covers_the_next_period_as_often_as_it_says():
    draw = np.random.default_rng(0)
    covered = 0
    for _ in range(500):
        *past, following = draw.normal(0.7, 0.03, size=8)
        found = expected_score("auc", FLAT, [Period(4000, value) for value in past], 4000)
        covered += found.low <= following + 0.005 <= found.high
    assert stats.binomtest(covered, 500, 0.95).pvalue > 0.01


def test_early_periods_are_carried_along_the_curve():
    flat = expected_score("auc", FLAT, EVEN, 8000).value
    rising = expected_score("auc", RISING, EVEN, 8000).value
    assert rising > flat


def test_a_share_stays_between_nothing_and_everything():
    found = expected_score("accuracy", [point(1000, 0.99)], [Period(1000, v) for v in (0.999, 0.99, 0.9, 0.97)], 4000)
    assert found.high == 1.0
    assert expected_score("brier", [point(1000, 0.001)], [], 4000).low == 0.0


@pytest.mark.parametrize(
    ("metric", "goal", "expected", "verdict", "opening"),
    [
        ("auc", None, (0.70, 0.65, 0.75), "no goal", "No goal was set; after tuning expect 0.700 (0.650 to 0.750)"),
        ("auc", 0.60, (0.70, 0.65, 0.75), "reachable", "The goal of 0.6 is reachable: "),
        (
            "auc",
            0.68,
            (0.70, 0.65, 0.75),
            "uncertain",
            "The goal of 0.68 is uncertain, more likely reached than missed",
        ),
        (
            "auc",
            0.72,
            (0.70, 0.65, 0.75),
            "uncertain",
            "The goal of 0.72 is uncertain, more likely missed than reached",
        ),
        (
            "auc",
            0.80,
            (0.70, 0.65, 0.75),
            "out of reach",
            "The goal of 0.8 is out of reach with these columns and rows",
        ),
        ("log_loss", 0.80, (0.70, 0.65, 0.75), "reachable", "The goal of 0.8 is reachable: "),
        ("log_loss", 0.60, (0.70, 0.65, 0.75), "out of reach", "The goal of 0.6 is out of reach"),
    ],
)
def test_the_goal_is_judged_against_the_interval(metric, goal, expected, verdict, opening):
    trivial, linear = Interval(0.5, 0.5, 0.5), Interval(0.6, 0.59, 0.61)
    found, sentence = judge_goal(metric, goal, trivial, linear, RISING, [], Interval(*expected))
    assert found == verdict
    assert sentence.startswith(opening)


def test_the_sentence_names_baselines_periods_and_advice():
    periods = [Period(4000, value) for value in (0.62, 0.70, 0.74)]
    expected = expected_score("auc", RISING, periods, 8000)
    _, sentence = judge_goal("auc", 0.7, Interval(0.5, 0.5, 0.5), Interval(0.6, 0.59, 0.61), RISING, periods, expected)
    assert "since 3 past periods in a row brought between 0.620 and 0.740." in sentence
    assert "looks at nothing reaches an AUC of 0.500, a linear model 0.600" in sentence
    assert "learnt from 8,000 rows 0.755." in sentence
    assert "More rows still help: from 4,000 to 8,000 rows the score moved by +0.019." in sentence


def test_the_advice_says_when_a_linear_model_is_enough():
    _, sentence = judge_goal(
        "auc", None, Interval(0.5, 0.5, 0.5), Interval(0.70, 0.69, 0.71), FLAT, [], Interval(0.7, 0.6, 0.8)
    )
    assert "A linear model does about as well. More rows alone will hardly help" in sentence


def test_one_point_is_no_curve():
    one = [point(150, 0.6)]
    assert expected_score("auc", one, [], 300).value == pytest.approx(0.605)
    _, sentence = judge_goal(
        "auc", None, Interval(0.5, 0.5, 0.5), Interval(0.5, 0.4, 0.6), one, [], Interval(0.6, 0.5, 0.7)
    )
    assert sentence.endswith("There are too few rows for a learning curve.")
