from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from mlray.monitoring import Calibration, calibration, estimate, excess, measure

START, END = datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 8, tzinfo=UTC)


def scored(count, seed=0, power=1.0):
    """Outcomes and scores; with power 1 the scores are the true probabilities."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(1, 3, count)
    return (rng.random(count) < truth).astype(float), truth**power


def measured(y, p, **settings):
    window = {"endpoint": "flights", "version": 1, "start": START, "end": END}
    return measure(**window, **{"scores": p, "labelled_scores": p, "labels": y, **settings})


def test_with_few_distinct_scores_the_calibration_is_the_isotonic_regression():
    rng = np.random.default_rng(0)
    p = rng.choice(np.linspace(0.05, 0.95, 12), 3_000)
    y = (rng.random(3_000) < p**2).astype(float)
    ours = calibration(y, p).apply(p)
    assert ours == pytest.approx(IsotonicRegression(y_min=0, y_max=1).fit(p, y).predict(p))


def test_a_calibration_never_falls_and_survives_json():
    y, p = scored(20_000, power=2)
    made = calibration(y, p)
    assert list(made.rates) == sorted(made.rates)
    assert sum(made.rows) == 20_000
    assert Calibration.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    ("y", "p", "at", "rates"),
    [
        ([], [], [0.2, 0.8], [0.5, 0.5]),
        ([1.0], [0.3], [0.2, 0.8], [1.0, 1.0]),
        ([1, 0], [0.1, 0.9], [0.2, 0.8], [0.5, 0.5]),
        ([0, 1, np.nan, 1], [0.1, 0.9, 0.5, np.nan], [0.05, 0.95], [0.0, 1.0]),
        ([0, 1] * 50, [0.4] * 100, [0.0, 1.0], [0.5, 0.5]),
    ],
    ids=["none", "one", "upside down", "with gaps", "constant"],
)
def test_a_calibration_is_made_of_whatever_is_there(y, p, at, rates):
    assert calibration(y, p).apply(at).tolist() == rates


def test_the_estimate_is_near_the_true_error_although_the_scores_are_not_calibrated():
    made = calibration(*scored(20_000, seed=1, power=2))
    y, p = scored(20_000, seed=2, power=2)
    wrong = np.mean((p >= 0.5) != (y > 0))
    found = estimate(p, made)
    assert found.value == pytest.approx(wrong, abs=0.01)
    assert found.low < wrong < found.high


def test_the_interval_of_the_estimate_keeps_its_promise():
    inside = 0
    for seed in range(300):
        made = calibration(*scored(3_000, seed=1_000 + seed, power=2))
        y, p = scored(500, seed=seed, power=2)
        found = estimate(p, made)
        inside += found.low <= np.mean((p >= 0.5) != (y > 0)) <= found.high
    assert inside / 300 == pytest.approx(0.95, abs=0.04)


def test_the_estimate_follows_the_mix_of_rows_and_is_blind_to_concept_drift():
    made = calibration(*scored(20_000))
    y, p = scored(20_000, seed=3)
    sure, unsure = p[(p < 0.1)], p[(p > 0.4) & (p < 0.6)]
    assert estimate(sure, made).value < 0.1
    assert estimate(unsure, made).value > 0.4
    flipped = np.mean((p >= 0.5) != (1 - y > 0))
    assert estimate(p, made).high < flipped


def test_nothing_to_go_by_is_the_widest_interval():
    found = estimate([np.nan], calibration(*scored(100)))
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


def test_measured_figures_are_those_of_scipy_and_sklearn():
    y, p = scored(800)
    found = measured(y, p).measured
    wrong = int(np.sum((p >= 0.5) != (y > 0)))
    exact = binomtest(wrong, 800).proportion_ci(0.95, "wilson")
    assert (found["error"].low, found["error"].high) == pytest.approx((exact.low, exact.high))
    assert found["brier"].value == pytest.approx(brier_score_loss(y, p))
    assert found["auc"].value == pytest.approx(roc_auc_score(y, p))


def test_the_auc_interval_has_the_variance_of_delong():
    y, p = scored(60)
    p = np.round(p, 1)  # ties
    hits, misses = p[y > 0], p[y == 0]
    wins = (hits[:, None] > misses) + 0.5 * (hits[:, None] == misses)
    spread = wins.mean(1).var(ddof=1) / len(hits) + wins.mean(0).var(ddof=1) / len(misses)
    found = measured(y, p).measured["auc"]
    assert found.value == pytest.approx(wins.mean())
    assert (found.high - found.value) / 1.959964 == pytest.approx(spread**0.5, rel=1e-5)


def test_one_label_or_one_class_gives_what_can_be_said():
    assert set(measured([1.0], [0.7]).measured) == {"error", "brier"}
    one_each = measured([1.0, 0.0], [0.7, 0.2]).measured["auc"]
    assert (one_each.value, one_each.low) == (1.0, pytest.approx(0.0, abs=0.4))
    assert measured([], []).measured == {}


def test_rows_that_could_not_be_scored_are_left_out():
    found = measured([1.0, 0.0, 1.0], [0.7, 0.2, np.nan])
    assert (found.rows, found.labelled) == (3, 2)


def test_estimated_and_measured_stand_side_by_side():
    y, p = scored(2_000)
    made = calibration(*scored(5_000, seed=9))
    other = excess(y, p, 1 - p)
    found = measured(y, p, calibration=made, excess=other)
    assert found.estimated == estimate(p, made)
    assert found.excess == other
    assert measured([], [], calibration=made).estimated is None
    assert measured(y, p).estimated is None


def test_excess_is_the_paired_difference_in_error_rates():
    y, live, fresh = [1, 1, 0, 0] * 4, [0.9, 0.1, 0.9, 0.1] * 4, [0.9, 0.9, 0.1, 0.1] * 4
    found = excess(y, live, fresh)
    assert found.value == 0.5
    assert found.high - found.value == pytest.approx(1.959964 * np.std([0, 1] * 8, ddof=1) / 4, rel=1e-5)
    assert (excess(y, fresh, live).value, excess(y, fresh, live).low) == (-0.5, pytest.approx(-found.high))


def test_days_that_agree_in_themselves_widen_the_interval_of_the_excess():
    rng = np.random.default_rng(0)
    days = np.repeat(np.arange(20), 100)
    bad_day = np.repeat(rng.random(20) < 0.5, 100)
    y = np.ones(2_000)
    live = np.where(bad_day, 0.1, 0.9)
    plain, clustered = excess(y, live, y), excess(y, live, y, days.tolist())
    assert clustered.value == plain.value
    assert clustered.high - clustered.low > 5 * (plain.high - plain.low)


@pytest.mark.parametrize(("count", "low"), [(0, -1.0), (1, -1.0)])
def test_too_few_rows_leave_the_excess_open(count, low):
    assert excess(np.ones(count), np.zeros(count), np.ones(count)).low == low


def test_a_single_day_is_treated_as_independent_rows():
    y, live = [1, 1, 0, 0], [0.9, 0.1, 0.9, 0.1]
    assert excess(y, live, y, ["monday"] * 4) == excess(y, live, y)
