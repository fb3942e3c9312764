"""Class weights reach the model that goes live, as they reached the trials of its sweep."""

import numpy as np
import pytest

from mlray.coordinator.candidates import Candidate, scores
from mlray.experiments import class_weights, load_model
from mlray.features import Matrix
from mlray.records import Trial


def trial(number, **params):
    return Trial(number=number, trainer="xgboost", params=params, score=0.7, rounds=10, seconds=1.0, state="finished")


@pytest.mark.parametrize("members", [1, 2], ids=["a trial", "an ensemble"])
def test_a_candidate_is_trained_with_the_weights_of_its_sweep(members):
    draw = np.random.default_rng(0)
    x = Matrix(draw.normal(size=(400, 2)).astype("f4"), ("a", "b"), ())
    y = (x.values[:, 0] + draw.normal(size=400) > 1.5).astype(float)
    weights = class_weights(y, "balanced")
    chosen = Candidate(tuple((trial(number, max_depth=number + 2), 1 / members) for number in range(members)))
    plain, weighed = (load_model(chosen.trainer, chosen.fit(x, y, 0, own)).predict(x.values) for own in (None, weights))
    assert plain.mean() == pytest.approx(y.mean(), abs=0.03)
    assert weighed.mean() > 2 * y.mean()
    assert scores([chosen], x, y, 0, x, weights)[0] == pytest.approx(weighed, abs=1e-6)
