from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from mlray.coordinator.candidates import Candidate, better, candidates, scores
from mlray.experiments import load_model
from mlray.features import Matrix
from mlray.records import Experiment, Trial

TRIALS = tuple(Trial(n, "xgboost", {"max_depth": n + 1}, 0.7 - n / 100, 8, 1.0, "finished") for n in range(3))
SWEEP = Experiment("sweep-1", "orders@v1", "auc", TRIALS, TRIALS[0], Decimal(0), 1.0, "all trials done", 0)
BLENDED = replace(SWEEP, ensemble=((0, 0.6), (2, 0.4)), ensemble_score=0.71)


def matrix(rows=200):
    x = np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)
    return Matrix(x, ("a", "b", "c"), ()), (x[:, 0] * x[:, 1] > 0).astype(float)


def test_a_sweep_proposes_its_best_trial_and_its_ensemble():
    assert candidates(SWEEP) == (Candidate(((TRIALS[0], 1.0),)),)
    single, blend = candidates(BLENDED)
    assert (single.trainer, blend.trainer) == ("xgboost", "ensemble")
    assert blend.members == ((TRIALS[0], 0.6), (TRIALS[2], 0.4))


def test_what_is_judged_is_what_is_fitted():
    x, y = matrix()
    for candidate, told in zip(candidates(BLENDED), scores(candidates(BLENDED), x, y, 0, x), strict=True):
        served = load_model(candidate.trainer, candidate.fit(x, y, 0)).predict(x.values)
        np.testing.assert_allclose(served, told)


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ([[0.1, 0.9, 0.4, 0.6]], 0),
        ([[0.1, 0.9, 0.6, 0.4], [0.1, 0.9, 0.4, 0.6]], 1),
        ([[0.1, 0.9, 0.4, 0.6], [0.1, 0.9, 0.6, 0.4]], 0),
        ([[0.1, 0.9, 0.4, 0.6], [0.2, 0.8, 0.3, 0.7]], 0),
    ],
    ids=["one alone", "the blend is better", "the blend is worse", "as good: the simpler one"],
)
def test_the_better_one_on_later_rows_is_taken(told, place):
    assert better("auc", np.array([0.0, 1.0, 0.0, 1.0]), [np.array(one) for one in told]) == place


def test_a_loss_is_better_when_it_is_lower():
    y = np.array([0.0, 1.0, 0.0, 1.0])
    assert better("brier", y, [np.full(4, 0.5), np.array([0.1, 0.9, 0.1, 0.9])]) == 1


def test_weights_reach_every_member():
    x, y = matrix()
    weights = np.where(y > 0, 9.0, 1.0).astype(np.float32)
    for even, weighed in zip(
        scores(candidates(BLENDED), x, y, 0, x), scores(candidates(BLENDED), x, y, 0, x, weights), strict=True
    ):
        assert weighed.mean() > even.mean() + 0.05
