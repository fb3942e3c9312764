"""Scores of each kind of question, against scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    ndcg_score,
    r2_score,
    roc_auc_score,
)

from mlray.errors import DataError, SpecError
from mlray.experiments import METRICS, TASKS, default_metric, higher_is_better, metrics_of, point_score

WEIGHTED = pytest.mark.parametrize("weighted", [False, True], ids=["all alike", "weighted"])
TIED = pytest.mark.parametrize("tied", [False, True], ids=["all different", "many ties"])


def draw(rows=300, seed=3):
    chance = np.random.default_rng(seed)
    return chance, chance.random(rows) + 0.1


@WEIGHTED
@TIED
def test_yes_or_no_is_scored_as_by_scikit_learn(tied, weighted):
    chance, w = draw()
    w = w if weighted else None
    y = (chance.random(300) < 0.4).astype(float)
    p = np.clip(chance.random(300) * 0.7 + 0.3 * y, 0.01, 0.99)
    p = np.round(p, 1) * 0.98 + 0.01 if tied else p
    assert point_score("auc", y, p, w) == pytest.approx(roc_auc_score(y, p, sample_weight=w))
    assert point_score("accuracy", y, p, w) == pytest.approx(accuracy_score(y, p > 0.5, sample_weight=w))
    assert point_score("brier", y, p, w) == pytest.approx(brier_score_loss(y, p, sample_weight=w))
    assert point_score("log_loss", y, p, w) == pytest.approx(log_loss(y, p, sample_weight=w))


@WEIGHTED
@TIED
def test_several_classes_are_scored_as_by_scikit_learn(tied, weighted):
    chance, w = draw()
    w = w if weighted else None
    y = chance.integers(0, 4, 300)
    p = chance.random((300, 4)) + np.eye(4)[y] * 0.5
    p = np.round(p, 1) + 0.1 if tied else p
    p /= p.sum(axis=1, keepdims=True)
    assert point_score("accuracy", y, p, w) == pytest.approx(accuracy_score(y, p.argmax(axis=1), sample_weight=w))
    assert point_score("log_loss", y, p, w) == pytest.approx(log_loss(y, p, sample_weight=w))
    theirs = roc_auc_score(y, p, sample_weight=w, multi_class="ovr", average="macro")
    assert point_score("auc", y, p, w) == pytest.approx(theirs)


@WEIGHTED
def test_numbers_are_scored_as_by_scikit_learn(weighted):
    chance, w = draw()
    w = w if weighted else None
    y = chance.normal(size=300) * 10
    p = y + chance.normal(size=300)
    assert point_score("rmse", y, p, w) ** 2 == pytest.approx(mean_squared_error(y, p, sample_weight=w))
    assert point_score("mae", y, p, w) == pytest.approx(mean_absolute_error(y, p, sample_weight=w))
    assert point_score("r2", y, p, w) == pytest.approx(r2_score(y, p, sample_weight=w))


@WEIGHTED
@TIED
def test_rankings_are_scored_as_by_scikit_learn(tied, weighted):
    chance, w = draw()
    groups = np.sort(chance.integers(0, 30, 300))
    y = np.where(chance.random(300) < 0.6, 0, chance.integers(1, 5, 300)).astype(float)
    p = chance.random(300) + 0.1 * y
    p = np.round(p, 1) if tied else p
    lists = [groups == group for group in np.unique(groups)]
    told = [mine for mine in lists if y[mine].any()]
    each = [w[mine].mean() if weighted else 1.0 for mine in told]
    ndcg = np.average([ndcg_score([y[mine]], [p[mine]]) for mine in told], weights=each)
    precision = np.average([average_precision_score(y[mine] > 0, p[mine]) for mine in told], weights=each)
    w = w if weighted else None
    assert point_score("ndcg", y, p, w, groups) == pytest.approx(ndcg)
    assert point_score("map", y, p, w, groups) == pytest.approx(precision)


def test_lists_without_a_relevant_row_say_nothing():
    y, p, groups = [1, 0, 0, 0], [0.2, 0.9, 0.5, 0.1], [7, 7, 3, 3]
    assert point_score("map", y, p, groups=groups) == pytest.approx(0.5)
    assert point_score("ndcg", y, p, groups=groups) == pytest.approx(1 / np.log2(3))


def test_a_class_that_does_not_occur_is_left_out_of_the_mean_area():
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]])
    assert point_score("auc", [0, 1, 0], p) == 1.0


def test_certainty_that_is_wrong_has_a_finite_log_loss():
    assert point_score("log_loss", [1], [0.0]) == pytest.approx(-np.log(1e-15))
    assert point_score("log_loss", [1, 0], [[1.0, 0.0], [1.0, 0.0]]) == pytest.approx(-np.log(1e-15) / 2)


def test_every_metric_says_which_way_is_up():
    lower = {"log_loss", "brier", "rmse", "mae"}
    assert {name for name in METRICS if not higher_is_better(name)} == lower
    assert {metric for metrics in TASKS.values() for metric in metrics} == set(METRICS)


def test_each_task_has_a_usual_metric():
    assert {task: default_metric(task) for task in TASKS} == {
        "binary": "auc",
        "multiclass": "accuracy",
        "regression": "rmse",
        "ranking": "ndcg",
    }


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (lambda: higher_is_better("f1"), r"'f1' is not a metric\.\nKnown: auc, accuracy"),
        (
            lambda: higher_is_better("rms", "regression"),
            r"not a metric of a regression question\.\nDid you mean 'rmse'",
        ),
        (
            lambda: higher_is_better("auc", "ranking"),
            r"'auc' is not a metric of a ranking question\.\nKnown: ndcg, map",
        ),
        (lambda: metrics_of("regresion"), r"'regresion' is not a kind of question\.\nDid you mean 'regression'"),
    ],
    ids=["nothing close", "close", "of another task", "no task"],
)
def test_what_does_not_exist_is_answered_with_what_does(asked, says):
    with pytest.raises(SpecError, match=says):
        asked()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (lambda: point_score("auc", [0, 1], [0.5]), "2 answers, 1 predictions and 2 weights"),
        (lambda: point_score("mae", [], []), "0 answers"),
        (lambda: point_score("mae", [1, 2], [1, 2], weights=[1]), "2 answers, 2 predictions and 1 weights"),
        (lambda: point_score("auc", [1, 1], [0.5, 0.6]), "hold one only"),
        (lambda: point_score("auc", [0, 0], [[0.5, 0.5], [0.4, 0.6]]), "hold one only"),
        (lambda: point_score("map", [0, 1], [0.5, 0.6]), "no row says which list"),
        (lambda: point_score("map", [0, 0], [0.5, 0.6], groups=[1, 1]), "No list holds a relevant row"),
        (lambda: point_score("r2", [2, 2], [0.5, 0.6]), "all the same"),
    ],
    ids=["lengths", "no rows", "weights", "one answer", "one class", "no lists", "nothing relevant", "no spread"],
)
def test_what_has_no_score_is_refused(asked, says):
    with pytest.raises(DataError, match=says):
        asked()
