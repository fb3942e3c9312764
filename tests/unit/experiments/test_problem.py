"""The question that a sweep is asked: what is refused before anything starts, and its folds."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from mlray.errors import DataError, SpecError
from mlray.experiments import Problem, k_folds, point_score

ANSWERS = {
    "binary": (np.array([0.0, 1.0] * 10), np.array([0.0, 1.0] * 3), "auc"),
    "multiclass": (np.arange(20.0) % 3, np.arange(6.0) % 3, "log_loss"),
    "regression": (np.arange(20.0), np.arange(6.0) + 0.5, "rmse"),
    "ranking": (np.arange(20.0) % 4, np.arange(6.0) % 2, "ndcg"),
}


def problem(task="binary", **changes):
    draw = np.random.default_rng(0)
    train_y, valid_y, metric = ANSWERS.get(task, ANSWERS["binary"])
    parts = {
        "train_x": draw.normal(size=(20, 3)).astype("f4"),
        "train_y": train_y,
        "valid_x": draw.normal(size=(6, 3)).astype("f4"),
        "valid_y": valid_y,
        "names": ("a", "b", "c"),
        "categorical": (),
        "metric": metric,
        "seed": 0,
        "task": task,
    }
    if task == "ranking":
        parts |= {"train_groups": np.arange(20) // 4, "valid_groups": np.arange(6) // 3}
    return Problem(**{**parts, **changes})


@pytest.mark.parametrize(
    ("task", "changes", "says"),
    [
        ("binary", {"train_y": np.array([0.0, 1.0])}, r"training matrix has shape \(20, 3\), with 2 answers"),
        ("binary", {"names": ("a", "b")}, "2 column names"),
        ("binary", {"valid_x": np.zeros(6, "f4")}, r"validation matrix has shape \(6,\)"),
        ("binary", {"train_y": np.zeros(20)}, "training rows hold one answer only: 0 of 20"),
        ("binary", {"valid_y": np.ones(6)}, "validation rows hold one answer only: 6 of 6"),
        ("binary", {"train_y": np.arange(20.0) % 3}, "An answer of the training rows is 2.0.*'multiclass'"),
        ("binary", {"train_w": np.ones(4)}, r"20 training rows, and weights of shape \(4,\)"),
        ("binary", {"valid_w": -np.ones(6)}, "validation rows lie between -1 and -1"),
        ("binary", {"train_w": np.zeros(20)}, "training rows lie between 0 and 0"),
        ("binary", {"train_w": np.full(20, np.nan)}, "A weight is a finite number"),
        ("multiclass", {"train_y": np.arange(20.0) / 2}, "classes have the codes 0, 1, 2 and so on"),
        ("multiclass", {"train_y": np.arange(20.0) - 1}, "lie between -1 and 18"),
        ("multiclass", {"classes": 2}, "lie between 0 and 2; classes have the codes 0 to 1"),
        ("multiclass", {"train_y": np.ones(20)}, "training rows hold one class only: all 20 are 1"),
        ("regression", {"train_y": np.full(20, 3.0)}, "Every answer of the training rows is 3"),
        ("regression", {"train_y": np.array([np.nan, *range(19)])}, "1 of 20 training rows have no finite answer"),
        ("regression", {"valid_x": np.zeros((0, 3), "f4"), "valid_y": np.zeros(0)}, "no validation rows"),
        ("ranking", {"train_y": np.arange(20.0) - 5}, "relevance of the training rows lies between -5 and 14"),
        ("ranking", {"valid_y": np.zeros(6)}, "relevance of the validation rows lies between 0 and 0"),
        ("ranking", {"train_groups": None}, "nothing says which list each of the training rows"),
        ("ranking", {"train_groups": np.arange(20) % 4}, "4 lists begin 20 times"),
        ("ranking", {"train_groups": np.arange(20)}, "Each of the 20 lists of the training rows holds one row"),
        ("ranking", {"valid_groups": np.zeros(5)}, r"6 validation rows, and groups of shape \(5,\)"),
    ],
)
def test_what_cannot_be_learnt_is_refused(task, changes, says):
    with pytest.raises(DataError, match=says):
        problem(task, **changes)


@pytest.mark.parametrize(
    ("task", "metric", "says"),
    [
        ("binary", "f1", "Known: auc, accuracy, log_loss, brier"),
        ("regression", "auc", "'auc' is not a metric of a regression question"),
        ("grading", "auc", "'grading' is not a kind of question"),
    ],
)
def test_a_metric_that_the_question_does_not_have_is_refused(task, metric, says):
    with pytest.raises(SpecError, match=says):
        problem(metric=metric, task=task)


def test_the_number_of_classes_is_told_by_the_answers():
    assert [problem(task).classes for task in ANSWERS] == [2, 3, 0, 0]
    assert problem("multiclass", valid_y=np.array([0, 4, 1, 2, 0, 1])).classes == 5
    assert problem("multiclass", classes=9).classes == 9


def test_each_fold_is_a_problem_of_its_own():
    weights, scored = np.arange(1, 21, dtype="f4"), np.arange(21, 41, dtype="f4")
    folds = k_folds(20, 4, 0, y=ANSWERS["binary"][0])
    asked = problem(valid_x=np.zeros((0, 3)), valid_y=np.zeros(0), folds=folds, train_w=weights, valid_w=scored)
    parts = asked.parts()
    assert [len(part.valid_y) for part in parts] == [5, 5, 5, 5]
    for part, (learn, choose) in zip(parts, folds, strict=True):
        assert (part.train_x == asked.train_x[learn]).all()
        assert (part.valid_x == asked.train_x[choose]).all()
        assert (part.train_w == weights[learn]).all()
        assert (part.valid_w == scored[choose]).all()
        assert part.parts() == (part,)
    y, w, groups = asked.truth()
    assert (y == np.concatenate([part.valid_y for part in parts])).all()
    assert (w == np.concatenate([part.valid_w for part in parts])).all()
    assert groups is None


def test_lists_stay_with_their_rows_in_folds():
    groups = np.arange(20) // 4
    asked = problem("ranking", folds=k_folds(20, 2, 0, groups=groups))
    first, second = asked.parts()
    assert set(first.train_groups) == set(second.valid_groups)
    assert set(first.valid_groups) == set(second.train_groups)
    assert (asked.truth()[2] == np.concatenate([first.valid_groups, second.valid_groups])).all()


@pytest.mark.parametrize(
    ("task", "folds", "says"),
    [
        ("binary", [(np.arange(10), np.arange(10, 21))], "Fold 1 names row 20 of 20"),
        ("binary", [(np.arange(10), np.arange(9, 20))], "Fold 1 learns from rows that it chooses by"),
        ("binary", [(np.arange(1, 20, 2), np.arange(0, 20, 2))], r"learning \(fold 1\) rows hold one answer only"),
        ("ranking", [(np.array([1, 2, 3, 5, 6]), np.arange(9, 9))], r"There are no validation \(fold 1\) rows"),
        ("ranking", [(np.array([1, 5, 9]), np.arange(12, 20))], r"Each of the 3 lists of the learning \(fold 1\)"),
    ],
    ids=["no such row", "on both sides", "one answer", "nothing to choose by", "nothing to rank"],
)
def test_folds_that_teach_nothing_are_refused(task, folds, says):
    with pytest.raises(DataError, match=says):
        problem(task, folds=tuple(folds))


def test_weights_of_folds_are_those_of_all_rows():
    folds = k_folds(20, 2, 0, y=ANSWERS["binary"][0])
    with pytest.raises(DataError, match=r"20 validation rows, and weights of shape \(6,\)"):
        problem(folds=folds, valid_w=np.ones(6))


def test_a_problem_scores_the_predictions_for_its_validation_rows():
    weights, p = np.array([1, 2, 1, 2, 1, 5], "f4"), np.array([0.1, 0.2, 0.6, 0.7, 0.2, 0.4])
    asked = problem(valid_w=weights, metric="brier")
    assert asked.score(p) == point_score("brier", asked.valid_y, p, weights)
    ranked = problem("ranking")
    assert ranked.score(p) == point_score("ndcg", ranked.valid_y, p, groups=ranked.valid_groups)


def test_a_last_training_needs_nothing_to_choose_by():
    assert problem(valid_x=np.zeros((0, 3)), valid_y=np.zeros(0), final=True).truth()[1] is None


def test_rows_are_prepared_once_for_equal_problems_and_again_for_others():
    asked = problem()
    assert asked.key == problem().key == pickle.loads(pickle.dumps(asked)).key
    others = [
        problem(train_x=asked.train_x + 1),
        problem(train_w=np.ones(20, "f4")),
        problem(categorical=(1,)),
        problem(device="cuda"),
        problem("regression", train_y=asked.train_y, valid_y=asked.valid_y),
        problem(folds=k_folds(20, 2, 0, y=asked.train_y)),
    ]
    assert len({asked.key, *(other.key for other in others)}) == 7


def test_a_given_digest_stands_for_the_rows():
    folds = k_folds(20, 2, 0, y=ANSWERS["binary"][0])
    asked = problem(dataset="departures@v1", folds=folds)
    assert asked.key == "departures@v1"
    assert [part.key for part in asked.parts()] == ["departures@v1/0", "departures@v1/1"]
    assert replace(asked, seed=1).key == "departures@v1"
