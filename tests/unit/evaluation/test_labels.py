"""Confident learning against cleanlab, on labels that were turned round on purpose."""

import numpy as np
import pytest
from cleanlab.filter import find_label_issues
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlray.errors import DataError
from mlray.evaluation import label_problems
from mlray.evaluation.on_sklearn import label_study
from mlray.records import Record


def noisy(y, rate, seed=3):
    """Return labels of which the share `rate` is another class now, and which they are."""
    rng, classes = np.random.default_rng(seed), y.max() + 1
    wrong = rng.random(len(y)) < rate
    return np.where(wrong, (y + rng.integers(1, classes, len(y))) % classes, y), wrong


def out_of_fold(x, y):
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return cross_val_predict(model, x, y, cv=folds, method="predict_proba")


def hits(found, wrong):
    """Return precision and recall of the rows found."""
    named = np.zeros(len(wrong), dtype=bool)
    named[found] = True
    return (named & wrong).sum() / max(named.sum(), 1), (named & wrong).sum() / wrong.sum()


def made(seed=1):
    return make_classification(2000, 20, n_informative=8, class_sep=1.5, flip_y=0, random_state=seed)


SETS = {
    "digits": lambda: load_digits(return_X_y=True),
    "cancer": lambda: load_breast_cancer(return_X_y=True),
    "made": made,
}


@pytest.mark.parametrize("rate", [0.05, 0.2])
@pytest.mark.parametrize("name", SETS)
def test_the_same_probabilities_find_as_many_wrong_labels_as_cleanlab_finds(name, rate):
    x, y = SETS[name]()
    given, wrong = noisy(y, rate)
    p = out_of_fold(x, given)
    ours = hits(label_problems(given, p).rows, wrong)
    theirs = hits(np.flatnonzero(find_label_issues(given, p, n_jobs=1)), wrong)
    told = f"ours: precision {ours[0]:.3f}, recall {ours[1]:.3f}; cleanlab: {theirs[0]:.3f}, {theirs[1]:.3f}"
    assert ours[0] >= theirs[0] - 0.01, told
    assert ours[1] >= theirs[1] - 0.04, told
    assert sum(ours) >= sum(theirs) - 0.04, told


@pytest.mark.parametrize("name", ["cancer", "made"])
def test_a_second_round_names_wrong_labels_more_surely_than_cleanlab_does_in_one(name):
    x, y = SETS[name]()
    given, wrong = noisy(y, 0.2)
    x = x.astype(np.float32)
    progress = []
    first, _ = label_study(x, given.astype(float), [], seed=0, rounds=1, progress=lambda *_: None)
    _, found = label_study(x, given.astype(float), [], seed=0, progress=lambda *told: progress.append(told))
    ours = hits(found.rows, wrong)
    theirs = hits(np.flatnonzero(find_label_issues(given, np.column_stack([1 - first, first]), n_jobs=1)), wrong)
    told = f"ours: precision {ours[0]:.3f}, recall {ours[1]:.3f}; cleanlab: {theirs[0]:.3f}, {theirs[1]:.3f}"
    assert sum(ours) > sum(theirs), told
    assert found.noise == pytest.approx(0.2, abs=0.05)
    assert progress[-1][:2] == (10, 10)


def test_clean_labels_that_a_model_agrees_with_are_left_alone():
    given = np.array([0, 1] * 50)
    p = np.where(given == 1, 0.9, 0.1)
    found = label_problems(given, np.column_stack([1 - p, p]))
    assert not len(found.rows)
    assert found.noise == 0
    assert found.joint.sum() == pytest.approx(100)


def test_the_most_suspicious_row_stands_first_and_says_what_it_seems_to_be():
    given = np.array([0] * 20 + [1] * 20 + [2] * 20)
    p = np.full((60, 3), 0.05)
    p[np.arange(60), given] = 0.9
    p[5], p[45] = (0.01, 0.98, 0.01), (0.03, 0.95, 0.02)
    found = label_problems(given, p)
    assert found.rows.tolist() == [5, 45]
    assert found.meant.tolist() == [1, 1]
    assert found.quality[5] == pytest.approx(-0.97)


def test_of_a_class_with_a_handful_of_rows_nothing_is_said():
    given = np.array([0] * 50 + [1] * 3)
    p = np.column_stack([np.full(53, 0.95), np.full(53, 0.05)])
    assert not len(label_problems(given, p).rows)


@pytest.mark.parametrize(
    ("labels", "p", "said"),
    [
        ([0, 1], [[0.5, 0.5]], "shape"),
        ([0, 2], [[0.5, 0.5]] * 2, "0 to 1"),
        ([0, 1], [[0.5, np.nan], [0.5, 0.5]], "missing"),
        ([], np.empty((0, 2)), "shape"),
    ],
    ids=["lengths", "no such class", "not a number", "empty"],
)
def test_what_cannot_be_judged_is_refused(labels, p, said):
    with pytest.raises(DataError, match=said):
        label_problems(np.array(labels, dtype=int), np.array(p))


def test_the_result_is_no_record_since_it_holds_every_row():
    assert not isinstance(label_problems(np.array([0, 1]), np.eye(2)), Record)
