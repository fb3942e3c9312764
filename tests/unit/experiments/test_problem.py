"""The question that a sweep is asked, and its scores."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

from mlray.errors import DataError, SpecError
from mlray.experiments import METRICS, Problem, higher_is_better, point_score


def problem(**changes):
    draw = np.random.default_rng(0)
    parts = {
        "train_x": draw.normal(size=(20, 3)).astype("f4"),
        "train_y": np.array([0.0, 1.0] * 10),
        "valid_x": draw.normal(size=(6, 3)).astype("f4"),
        "valid_y": np.array([0.0, 1.0] * 3),
        "names": ("a", "b", "c"),
        "categorical": (),
        "metric": "auc",
        "seed": 0,
    }
    return Problem(**{**parts, **changes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"train_y": np.array([0.0, 1.0])}, r"training matrix has shape \(20, 3\), with 2 answers"),
        ({"names": ("a", "b")}, "2 column names"),
        ({"valid_x": np.zeros(6, "f4")}, r"validation matrix has shape \(6,\)"),
        ({"train_y": np.zeros(20)}, "training rows hold one answer only: 0 of 20"),
        ({"valid_y": np.ones(6)}, "validation rows hold one answer only: 6 of 6"),
    ],
    ids=["answers", "names", "not a matrix", "nobody", "everybody"],
)
def test_what_cannot_be_learnt_is_refused(changes, says):
    with pytest.raises(DataError, match=says):
        problem(**changes)


def test_a_problem_with_an_unknown_metric_is_refused():
    with pytest.raises(SpecError, match="Known: auc, accuracy"):
        problem(metric="f1")


@pytest.mark.parametrize("rounded", [False, True], ids=["all different", "many ties"])
def test_scores_agree_with_scikit_learn(rounded):
    draw = np.random.default_rng(3)
    y = (draw.random(300) < 0.4).astype(float)
    p = np.clip(draw.random(300) * 0.7 + 0.3 * y, 0.01, 0.99)
    p = np.round(p, 1) * 0.98 + 0.01 if rounded else p
    assert point_score("auc", y, p) == pytest.approx(roc_auc_score(y, p))
    assert point_score("accuracy", y, p) == pytest.approx(accuracy_score(y, p > 0.5))
    assert point_score("brier", y, p) == pytest.approx(brier_score_loss(y, p))
    assert point_score("log_loss", y, p) == pytest.approx(log_loss(y, p))


def test_certainty_that_is_wrong_has_a_finite_log_loss():
    assert point_score("log_loss", [1], [0.0]) == pytest.approx(-np.log(1e-15))


def test_every_metric_says_which_way_is_up():
    lower = {"log_loss", "brier", "rmse", "mae"}
    assert {name for name in METRICS if not higher_is_better(name)} == lower
