"""Questions made of what people have at hand."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from mlray.errors import DataError, SpecError
from mlray.experiments import Parting, problem_of, task_of
from mlray.experiments._table import column, table


def rows(n=40):
    return np.random.default_rng(0).normal(size=(n, 3))


def test_a_matrix_and_answers_are_a_question():
    asked = problem_of(rows(), np.arange(40) % 2)
    assert (asked.task, asked.metric, asked.names, asked.categorical) == ("binary", "auc", ("f0", "f1", "f2"), ())
    assert (asked.train_x.shape, asked.valid_x.shape, asked.train_x.dtype) == ((30, 3), (10, 3), np.float32)
    assert (asked.train_y.sum(), asked.valid_y.sum(), asked.labels) == (15, 5, (0, 1))


@pytest.mark.parametrize(
    ("y", "task"),
    [
        ([True, False], "binary"),
        ([1.0, 0.0], "binary"),
        (["no", "yes"], "binary"),
        (["no", None, "yes", "perhaps"], "multiclass"),
        ([0, 1, 2], "multiclass"),
        ([0.5, 1.0], "regression"),
        (list(range(21)), "regression"),
    ],
)
def test_answers_tell_what_kind_of_question_it_is(y, task):
    assert task_of(column(y)) == task


def test_words_become_codes():
    frame = pd.DataFrame(
        {
            "carrier": ["UA", "AA", None] * 12,
            "kind": pd.Categorical(["b", "a", "c"] * 12),
            "late": [True, False, True] * 12,
            "seats": pd.array([1, None, 3] * 12, dtype="Int64"),
            "code": pd.array(["x", pd.NA, "y"] * 12, dtype="string"),
            "miles": [1.5, np.nan, 2.0] * 12,
            "any": pd.Series([1, 2, 3] * 12, dtype=object),
        }
    )
    found = table(frame, categorical=["seats"])
    assert found.names == ("carrier", "kind", "late", "seats", "code", "miles", "any")
    assert found.categorical == (0, 1, 3, 4, 6)
    expected = [[1, 1, 1, 1, 0, 1.5, 0], [0, 0, 0, np.nan, np.nan, np.nan, 1], [np.nan, 2, 1, 3, 1, 2, 2]]
    np.testing.assert_array_equal(found.matrix[:3], np.array(expected, dtype="f4"))
    assert found.matrix.dtype == np.float32
    asked = problem_of(frame, pd.Series(["yes", "no"] * 18))
    assert asked.labels == ("no", "yes")
    assert asked.categorical == (0, 1, 4, 6)


def test_a_frame_of_somebody_else_is_read_by_its_columns():
    class Frame:
        columns = ("a", "b", "c")

        def __getitem__(self, name):
            return {"a": np.array([1, 2]), "b": np.array(["x", "y"]), "c": Lazy()}[name]

    class Lazy:
        dtype = "numbers"

        def to_numpy(self):
            return np.array([0.5, 1.5])

    found = table(Frame())
    assert found.matrix.tolist() == [[1.0, 0.0, 0.5], [2.0, 1.0, 1.5]]
    assert found.categorical == (1,)


def test_times_part_the_past_from_what_came_later():
    times = np.random.default_rng(1).permutation(40)
    asked = problem_of(times[:, None], np.arange(40) % 2, parting=Parting(times=times, gap=3))
    assert asked.train_x.max() + 3 < asked.valid_x.min() == 30
    asked = problem_of(np.arange(40)[:, None], np.arange(40) % 2, parting=Parting(split="time", folds=3))
    assert [(len(learn), choose.tolist()) for learn, choose in asked.folds][-1] == (30, list(range(30, 40)))
    assert len(asked.valid_y) == 0


def test_folds_share_out_classes_and_keep_groups_whole():
    y, groups = np.repeat([0, 1], [30, 10]), np.arange(40) // 2
    asked = problem_of(rows(), y, parting=Parting(folds=5))
    assert [part.valid_y.sum() for part in asked.parts()] == [2] * 5
    asked = problem_of(rows(), y, parting=Parting(folds=5, groups=groups))
    assert all(not set(groups[learn]) & set(groups[choose]) for learn, choose in asked.folds)


def test_weights_of_classes_steer_the_training_and_those_of_rows_the_score_too():
    y = np.repeat(["no", "yes"], [30, 10])
    asked = problem_of(rows(), y, class_weights={"yes": 3})
    assert set(asked.train_w[asked.train_y == 1]) == {3.0}
    assert asked.valid_w is None
    asked = problem_of(rows(), y, class_weights="balanced", weights=np.full(40, 2.0))
    assert asked.train_w[asked.train_y == 0] == pytest.approx(4 / 3)
    assert set(asked.valid_w) == {2.0}
    asked = problem_of(rows(), y, weights=np.arange(1, 41), parting=Parting(folds=2))
    assert asked.parts()[0].valid_w.tolist() == (asked.folds[0][1] + 1).tolist()


@pytest.mark.parametrize("split", [None, "time"])
def test_lists_of_a_ranking_stay_whole_and_together(split):
    lists = np.array(["b", "a", "d", "c"])[np.arange(40) // 5 % 4]
    weights = np.arange(40) + 1.0
    asked = problem_of(
        np.arange(40)[:, None],
        np.arange(40) % 3,
        task="ranking",
        parting=Parting(groups=lists, split=split),
        weights=weights,
    )
    assert not set(asked.train_groups) & set(asked.valid_groups)
    assert (asked.train_w == asked.train_x[:, 0] + 1).all()
    assert (asked.valid_w == asked.valid_x[:, 0] + 1).all()
    if split:
        assert set(asked.valid_x[:, 0]) == {*range(15, 20), *range(35, 40)}  # list c, whose last row is the last of all


def test_lists_are_as_old_as_their_last_row():
    times = pd.Series(pd.to_datetime(["2013-01-01", "2013-01-09", "2013-01-02", "2013-01-03"] * 10))
    lists = np.array([0, 1, 2, 3] * 10)
    asked = problem_of(
        rows(), np.arange(40) // 4 % 2, task="ranking", parting=Parting(groups=lists, times=times, share=0.2)
    )
    assert set(asked.valid_groups) == {1}


def test_numbers_are_asked_as_they_are():
    asked = problem_of(rows(), np.linspace(0, 1, 40), metric="mae", device="cuda", seed=4, dataset="d")
    assert (asked.task, asked.metric, asked.device, asked.seed, asked.key) == ("regression", "mae", "cuda", 4, "d")
    assert asked.labels == ()


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        (lambda: problem_of(rows(), [0, 1]), DataError, "There are 40 rows and 2 answers"),
        (lambda: problem_of(rows(3), [0, None, 1]), DataError, "1 of 3 rows have no answer"),
        (lambda: problem_of(rows(3), [0, 1, 2], task="binary"), SpecError, "two answers; here are 3: 0, 1, 2"),
        (lambda: problem_of(rows(2), ["a", "b"], task="regression"), SpecError, "are numbers; one of them is 'a'"),
        (lambda: problem_of(rows(40), np.arange(40), class_weights="balanced"), SpecError, "has no classes"),
        (lambda: problem_of(rows(40), np.arange(40) % 3, task="ranking"), DataError, "says which list"),
        (lambda: problem_of(rows(40), np.zeros(40)), DataError, "hold one answer only: 0 of 30"),
        (
            lambda: problem_of(rows(2), [0, 1], parting=Parting(split="random", times=[1, 2])),
            SpecError,
            "Rows with times cannot be split at random",
        ),
        (lambda: column(np.zeros((2, 2))), DataError, r"this one has the shape \(2, 2\)"),
        (lambda: table(np.zeros(3)), DataError, r"not a matrix of numbers: shape \(3,\)"),
        (lambda: table([["a"]]), DataError, "Give a frame where columns hold words"),
        (lambda: table(rows(), names=["a"]), DataError, "There are 3 columns and 1 names"),
        (lambda: table(rows(), categorical=["z"]), SpecError, "'z' is not a column.\nColumns: f0, f1, f2"),
        (lambda: table(rows(), categorical=[3]), SpecError, "'3' is not a column"),
        (lambda: table(pd.DataFrame({"when": [datetime(2013, 1, 1)]})), DataError, "'when' holds moments"),  # noqa: DTZ001
    ],
)
def test_what_is_no_question_is_refused(asked, error, says):
    with pytest.raises(error, match=says):
        asked()


def test_a_frame_without_columns_has_no_columns():
    assert table(pd.DataFrame(index=range(3))).matrix.shape == (3, 0)
