"""What a caller of mlray.sweep says is checked before anything starts."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mlray
from mlray.errors import DataError, InputError, MlrayError, NotFoundError, OverBudget, SpecError
from mlray.experiments import Listed, Problem
from mlray.project.sweeps._asked import by_trainer, domains_of, journal_of, price_of, search_of, spec_of
from mlray.project.sweeps._tables import TableAsked, lane, problem_from
from mlray.spec import Choice, Range

CHANCE = np.random.default_rng(0)
X = CHANCE.normal(size=(80, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "day": np.arange(80), "shop": np.arange(80) % 8, "late": Y})


def model(**keys):
    return spec_of(keys, {"xgboost": {}})


@pytest.mark.parametrize(
    ("space", "found"),
    [
        (None, {"mine": {}}),
        ({}, {"mine": {}}),
        ({"depth": [1, 2]}, {"mine": {"depth": [1, 2]}}),
        ({"kind": {"choices": ["a"]}}, {"mine": {"kind": {"choices": ["a"]}}}),
        (
            {"rate": {"range": [0, 1], "when": {"kind": "a"}}},
            {"mine": {"rate": {"range": [0, 1], "when": {"kind": "a"}}}},
        ),
        ({"xgboost": {"depth": [1, 2]}}, {"xgboost": {"depth": [1, 2]}}),
        ({"xgboost": {}, "other": {"a": 1}}, {"xgboost": {}, "other": {"a": 1}}),
    ],
)
def test_a_space_is_of_one_trainer_or_of_several(space, found):
    assert by_trainer(space, "mine") == found


@pytest.mark.parametrize(
    ("space", "problem"),
    [
        ([1], r"space is \[1\], not parameter"),
        (
            {"xgboost": {"depth": [1, 2]}, "rate": [0.1, 1.0]},
            r"trainers \(xgboost\) and parameters \(rate\) side by side",
        ),
    ],
)
def test_a_space_that_is_none_is_refused(space, problem):
    with pytest.raises(SpecError, match=problem):
        by_trainer(space, "mine")


def test_plain_forms_become_domains():
    found = domains_of({"rate": (0.01, 1.0, "log"), "kind": {"choices": ["a", "b"]}, "depth": 3})

    assert found == {"rate": Range(low=0.01, high=1.0, scale="log"), "kind": Choice(choices=("a", "b")), "depth": 3}


@pytest.mark.parametrize(
    ("price", "second"),
    [("3.60 USD", "0.001"), (36, "0.01"), (Decimal("7.2"), "0.002"), (0, "0")],
)
def test_a_price_is_for_an_hour(price, second):
    assert price_of(price) == Decimal(second)


def test_without_a_price_the_laptop_s_is_taken():
    assert price_of(None) > 0


@pytest.mark.parametrize("price", ["cheap", -1, True, "nan", "2 EUR"])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(InputError, match="not what a CPU costs"):
        price_of(price)


def test_a_search_is_one_that_asks_and_tells():
    mine = Listed([])

    assert search_of(mine, (), 0, higher=True) is mine
    assert search_of("tpe", (), 0, higher=True) is None
    assert search_of(None, (), 0, higher=True) is None
    with pytest.raises(InputError, match="search is 7, which cannot search"):
        search_of(7, (), 0, higher=True)


def test_a_sweep_to_resume_is_found_by_name_or_file(tmp_path):
    (tmp_path / "sweep-1.jsonl").touch()

    assert journal_of(None, tmp_path) is None
    assert journal_of("sweep-1", tmp_path) == tmp_path / "sweep-1.jsonl"
    assert journal_of(tmp_path / "sweep-1.jsonl", Path("elsewhere")) == tmp_path / "sweep-1.jsonl"
    with pytest.raises(NotFoundError) as caught:
        journal_of("sweep-2", tmp_path)
    assert caught.value.remedy == "Did you mean 'sweep-1'?"


@pytest.mark.parametrize(
    ("resources", "keys"),
    [(None, {}), ({"cpu": 2}, {"threads": 2, "gpus": None}), ({"gpu": 0.5}, {"threads": 1, "gpus": 0.5})],
)
def test_a_lane_is_threads_and_gpus(resources, keys):
    assert lane(resources) == keys


@pytest.mark.parametrize("resources", [[{"cpu": 1}, {"cpu": 1}], {"cpu": 0.5}, {"cpu": 1, "memory": 1e9}])
def test_a_lane_cannot_be_made_of_everything(resources):
    with pytest.raises(InputError, match="does not make a lane"):
        lane(resources)


def test_arrays_and_frames_pose_the_same_problem():
    of_arrays = problem_from((FRAME[["a", "b"]].to_numpy(), Y), model(), TableAsked())
    of_frame = problem_from(FRAME[["a", "b", "late"]], model(), TableAsked(target="late"))
    of_arrow = problem_from(pa.Table.from_pandas(FRAME[["a", "b", "late"]]), model(), TableAsked(target="late"))

    assert of_frame.names == of_arrow.names == ("a", "b")
    for other in (of_frame, of_arrow):
        assert np.array_equal(of_arrays.train_x, other.train_x)
        assert np.array_equal(of_arrays.valid_y, other.valid_y)
    assert (of_arrays.task, of_arrays.metric) == ("binary", "auc")


def test_columns_that_say_when_and_whose_are_not_learnt_from():
    found = problem_from(FRAME, model(folds=3), TableAsked(target="late", groups="shop", weights="day"))

    assert found.names == ("a", "b")
    for learn, choose in found.folds:
        assert not set(learn % 8) & set(choose % 8)


def test_by_time_nothing_later_is_learnt_from():
    found = problem_from(FRAME, model(), TableAsked(target="late", times="day", split="time"))

    assert found.names == ("a", "b", "shop")
    assert np.array_equal(found.train_x[:, 0], X[: len(found.train_x), 0])


def test_a_problem_that_is_made_already_is_taken_as_it_is():
    made = problem_from((X, Y), model(), TableAsked(seed=3))

    assert problem_from(made, model(), TableAsked()) is made
    changed = problem_from(made, model(), TableAsked(metric="log_loss", seed=5))
    assert (changed.metric, changed.seed) == ("log_loss", 5)
    with pytest.raises(InputError, match="split: the problem says that itself"):
        problem_from(made, model(), TableAsked(split="time"))
    with pytest.raises(InputError, match="class_weights: the problem says that itself"):
        problem_from(made, model(), TableAsked(class_weights="balanced"))


@pytest.mark.parametrize(
    ("data", "asked", "kind", "problem", "remedy"),
    [
        (7, {}, InputError, "There is nothing to learn from in a int.", "Pass (x, y), a frame"),
        (FRAME, {}, InputError, "Which column holds the answers?", "Pass target= one of a, b, day, shop, late."),
        (FRAME, {"target": "lat"}, InputError, "target: no column is called 'lat'.", "Did you mean 'late'?"),
        (FRAME[["late"]], {"target": "late"}, InputError, "No column is left to learn from.", "Pass a frame"),
        ((X, Y), {"target": "late"}, InputError, "target: arrays have no names.", "Pass the column itself"),
        ((X, Y), {"metric": "rmse"}, SpecError, "rmse", ""),
        ((X, np.ones(80)), {}, DataError, "one", ""),
    ],
)
def test_rows_that_pose_no_problem_are_told(data, asked, kind, problem, remedy):
    with pytest.raises(kind) as caught:
        problem_from(data, model(), TableAsked(**asked))

    assert problem in caught.value.problem
    assert caught.value.remedy.startswith(remedy)


def train(config):
    raise AssertionError("nothing may start")


@pytest.mark.parametrize(
    ("data", "space", "keys", "problem"),
    [
        ((X, Y), {"xgbost": {}}, {}, "'xgbost' is not a trainer"),
        ((X, Y), {"max_dept": (3, 9)}, {}, "max_dept: no such parameter; did you mean 'max_depth'?"),
        ((X, Y), {"max_depth": (9, 3)}, {}, "the low end must lie below the high end"),
        ((X, Y), None, {"trials": 0}, "trials is 0; it must be at least 1"),
        ((X, Y), None, {"time": "soon"}, "'soon' is not a duration"),
        ((X, Y), None, {"budget": "2 EUR"}, "only USD is known"),
        ((X, Y), None, {"metric": "auk"}, "metric is 'auk'; did you mean 'auc'?"),
        ((X, Y), None, {"task": "ranking", "metric": "ndcg"}, ""),
        ((X, Y), None, {"search": "anneal"}, "searcher is 'anneal'"),
        ((X, Y), None, {"mode": "max"}, "mode: said of functions only, and data is a table."),
        ((X, Y), None, {"resume": "sweep-9"}, "There is no sweep to resume"),
        ((X, Y), None, {"resources": {"gpu": 1.5}}, "a fraction is of one GPU"),
        (train, {"x": (0.0, 1.0)}, {"metric": "loss", "folds": 3}, "folds: said of tables only, and data is a function."),
        (train, {"x": (0.0, 1.0)}, {"metric": "speed"}, "Whether more or less of 'speed' is better is not known."),
        (train, None, {"metric": "loss"}, "it is empty"),
        (train, {"x": (0.0, 1.0)}, {"metric": "loss", "resources": "2"}, "does not say what a trial needs"),
        (lambda: None, {"x": (0.0, 1.0)}, {"metric": "loss"}, "does not take a configuration"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_before_anything_starts(tmp_path, data, space, keys, problem):
    with pytest.raises(MlrayError) as caught:
        mlray.sweep(data, space, folder=tmp_path, **keys)

    assert problem in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_budget_below_the_price_of_one_trial_is_refused(tmp_path):
    with pytest.raises(OverBudget, match="below the price of one trial"):
        mlray.sweep((X, Y), budget="0.000001 USD", price="1000 USD", folder=tmp_path)
    with pytest.raises(OverBudget, match="below the price of one trial"):
        mlray.sweep(train, {"x": (0.0, 1.0)}, metric="loss", budget="0.000001 USD", folder=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_the_problem_s_own_type_is_told_from_a_function():
    assert not callable(Problem(X, Y, X, Y, ("a", "b", "c"), (), "auc", 0))
