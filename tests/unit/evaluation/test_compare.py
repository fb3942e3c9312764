"""Two models on the same rows."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from mlray.errors import DataError
from mlray.evaluation import compare


def two_models(rows=500, seed=0, better=0.5):
    """Return answers and two models that share most of what they find hard."""
    draw = np.random.default_rng(seed)
    y = (draw.random(rows) < 0.4).astype(float)
    shared = draw.normal(size=rows)
    mine = shared + 0.3 * draw.normal(size=rows) + (1 + better) * y
    theirs = shared + 0.3 * draw.normal(size=rows) + y
    return y, 1 / (1 + np.exp(-mine)), 1 / (1 + np.exp(-theirs))


def test_the_gain_in_auc_is_the_difference_of_two_areas():
    y, mine, theirs = two_models()
    seen = compare("auc", y, mine, theirs)
    assert seen.gain.value == pytest.approx(roc_auc_score(y, mine) - roc_auc_score(y, theirs))
    assert (seen.candidate, seen.other) == pytest.approx((roc_auc_score(y, mine), roc_auc_score(y, theirs)))
    assert seen.rows == 500


def test_the_standard_error_of_the_gain_is_delongs():
    y, mine, theirs = two_models(rows=90)

    def parts(p):
        pairs = np.array([[(a > b) + 0.5 * (a == b) for b in p[y == 0]] for a in p[y == 1]])
        return pairs.mean(axis=1), pairs.mean(axis=0)

    (m10, m01), (t10, t01) = parts(mine), parts(theirs)
    covariance = np.cov(m10, t10) / len(m10) + np.cov(m01, t01) / len(m01)
    error = (covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]) ** 0.5
    seen = compare("auc", y, mine, theirs)
    assert seen.gain.high - seen.gain.value == pytest.approx(1.959964 * error, rel=1e-6)


@pytest.mark.parametrize(("metric", "sign"), [("brier", -1), ("log_loss", -1), ("accuracy", 1), ("error", -1)])
def test_a_gain_is_positive_where_the_candidate_is_better(metric, sign):
    y, mine, theirs = two_models(better=1.5)
    seen = compare(metric, y, mine, theirs)
    assert seen.gain.value == pytest.approx(sign * (seen.candidate - seen.other))
    assert seen.gain.value > 0


def test_the_excess_loss_is_a_paired_difference_of_squares():
    y, mine, theirs = two_models()
    difference = (mine - y) ** 2 - (theirs - y) ** 2
    seen = compare("auc", y, mine, theirs)
    expected = stats.norm.interval(0.95, difference.mean(), stats.sem(difference))
    assert seen.excess_loss.value == pytest.approx(difference.mean())
    assert (seen.excess_loss.low, seen.excess_loss.high) == pytest.approx(expected)


def test_the_gain_of_equal_models_is_covered_as_often_as_it_says():
    covered = 0
    for seed in range(500):
        seen = compare("auc", *two_models(rows=200, seed=seed, better=0))
        covered += seen.gain.low <= 0 <= seen.gain.high
    assert stats.binomtest(covered, 500, 0.95).pvalue > 0.01


def test_a_detectable_gain_is_seen_in_four_of_five_cases():
    gains = [compare("brier", *two_models(rows=300, seed=seed, better=0.25)) for seed in range(400)]
    truth = float(np.mean([seen.gain.value for seen in gains]))
    spread = float(np.std([seen.gain.value for seen in gains]))
    detectable = float(np.mean([seen.detectable for seen in gains]))
    assert detectable == pytest.approx((1.96 + 0.8416) * spread, rel=0.1)
    shifted = sum(seen.gain.low + (detectable - truth) > 0 for seen in gains)
    assert stats.binomtest(shifted, 400, 0.8).pvalue > 0.01


def test_a_model_gains_nothing_over_itself():
    y, mine, _ = two_models()
    seen = compare("auc", y, mine, mine)
    assert (seen.gain.low, seen.gain.value, seen.gain.high, seen.detectable) == (0, 0, 0, 0)


def test_predictions_of_another_length_are_refused():
    with pytest.raises(DataError, match="2 answers and 3 probabilities"):
        compare("auc", [0, 1], [0.1, 0.2], [0.1, 0.2, 0.3])
