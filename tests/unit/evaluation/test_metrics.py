"""Scores and their intervals, against scikit-learn, scipy, the definition and simulation."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

from mlray.errors import DataError, SpecError
from mlray.evaluation import HIGHER_IS_BETTER, metrics, score
from mlray.evaluation._metrics import auc_parts, wilson


def sample(rows=400, seed=0, ties=False):
    draw = np.random.default_rng(seed)
    y = (draw.random(rows) < 0.3).astype(float)
    p = 1 / (1 + np.exp(-(draw.normal(size=rows) + y - 0.7)))
    return y, np.round(p, 1) if ties else p


@pytest.mark.parametrize("ties", [False, True], ids=["all different", "many ties"])
def test_scores_agree_with_scikit_learn(ties):
    y, p = sample(ties=ties)
    found = metrics(y, p)
    assert found["auc"].value == pytest.approx(roc_auc_score(y, p))
    assert found["accuracy"].value == pytest.approx(accuracy_score(y, p > 0.5))
    assert found["error"].value == pytest.approx(1 - accuracy_score(y, p > 0.5))
    assert found["brier"].value == pytest.approx(brier_score_loss(y, p))
    inside = np.clip(p, 1e-15, 1 - 1e-15)
    assert found["log_loss"].value == pytest.approx(log_loss(y, inside))


@pytest.mark.parametrize("ties", [False, True], ids=["all different", "many ties"])
def test_the_parts_of_the_auc_are_those_of_the_definition(ties):
    y, p = sample(rows=80, ties=ties)
    pairs = np.array([[(a > b) + 0.5 * (a == b) for b in p[y == 0]] for a in p[y == 1]])
    value, positives, negatives = auc_parts(y, p)
    assert value == pytest.approx(pairs.mean())
    assert positives == pytest.approx(pairs.mean(axis=1))
    assert negatives == pytest.approx(pairs.mean(axis=0))


def test_the_auc_of_coarse_scores_is_the_mann_whitney_statistic():
    y, p = sample(ties=True)
    statistic = stats.mannwhitneyu(p[y == 1], p[y == 0]).statistic
    assert score("auc", y, p).value == pytest.approx(statistic / (y.sum() * (1 - y).sum()))


def test_the_interval_of_the_auc_covers_the_truth_as_often_as_it_says():
    draw = np.random.default_rng(1)
    y = np.repeat([1.0, 0.0], [40, 80])
    truth = stats.norm.cdf(1.8 / 2**0.5)
    covered = 0
    for _ in range(600):
        found = score("auc", y, 1 / (1 + np.exp(-(draw.normal(size=120) + 1.8 * y))))
        covered += found.low <= truth <= found.high
    assert stats.binomtest(covered, 600, 0.95).pvalue > 0.01


def test_the_interval_of_a_mean_loss_covers_the_truth_as_often_as_it_says():
    draw = np.random.default_rng(2)
    p = np.linspace(0.05, 0.95, 200)
    truth = float(np.mean(p * (1 - p)))
    covered = 0
    for _ in range(600):
        found = score("brier", (draw.random(200) < p).astype(float), p)
        covered += found.low <= truth <= found.high
    assert stats.binomtest(covered, 600, 0.95).pvalue > 0.01


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (1, 7), (13, 50), (50, 50)])
@pytest.mark.parametrize("level", [0.9, 0.99])
def test_wilson_agrees_with_scipy(hits, n, level):
    expected = stats.binomtest(hits, n).proportion_ci(confidence_level=level, method="wilson")
    found = wilson(hits, n, level=level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.low <= found.value <= found.high


def test_a_perfect_ranking_of_few_rows_is_no_proof():
    found = score("auc", [0] * 20 + [1] * 5, [0.1] * 20 + [0.9] * 5)
    assert found.value == 1
    assert found.low == pytest.approx(0.025 ** (1 / 5))
    assert found.high == 1


def test_a_ranking_upside_down_is_the_mirror_of_a_perfect_one():
    found = score("auc", [0] * 20 + [1] * 5, [0.9] * 20 + [0.1] * 5)
    assert (found.low, found.value) == (0, 0)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 5))


def test_one_row_of_an_answer_says_nothing_about_the_auc():
    found = score("auc", [0, 0, 1], [0.1, 0.9, 0.5])
    assert (found.value, found.low, found.high) == (0.5, 0, 1)


def test_a_constant_answer_ranks_like_a_coin():
    found = score("auc", [0, 0, 1, 1], [0.3] * 4)
    assert (found.low, found.value, found.high) == (0.5, 0.5, 0.5)


def test_one_row_has_a_loss_of_unknown_spread():
    found = score("brier", [1], [0.75])
    assert found.value == pytest.approx(0.0625)
    assert found.high == float("inf")


def test_certainty_that_is_wrong_has_a_finite_log_loss():
    assert score("log_loss", [1, 0], [0.0, 0.0]).value == pytest.approx(-np.log(1e-15) / 2)


@pytest.mark.parametrize(
    ("y", "p", "says"),
    [
        ([0, 1], [0.5], "2 answers and 1 probabilities"),
        ([], [], "0 answers"),
        ([0, 2], [0.5, 0.5], "2.0"),
        ([0, 1], [0.5, 1.5], "row 1 has 1.5"),
        ([0, 1], [float("nan"), 0.5], "row 0 has nan"),
        ([1, 1], [0.5, 0.6], "needs both answers; 2 of 2"),
    ],
    ids=["lengths", "nothing", "no answer", "no probability", "not a number", "one answer"],
)
def test_what_cannot_be_scored_is_refused_with_what_was_seen(y, p, says):
    with pytest.raises(DataError, match=says):
        score("auc", y, p)


def test_an_unknown_metric_is_answered_with_the_known():
    with pytest.raises(SpecError, match="accuracy") as caught:
        score("f1", [0, 1], [0.1, 0.9])
    assert all(name in str(caught.value) for name in HIGHER_IS_BETTER)
