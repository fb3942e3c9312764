"""The trainers on a small table: what they learn, that scores on the way are those of the model, and what they survive."""

import os

import numpy as np
import pytest

from mlray.errors import SpecError
from mlray.experiments import Problem, fit, load_model, point_score, trainer
from mlray.experiments._trainers import BUILT_IN, threads_for

SMALL = {
    "xgboost": {"learning_rate": 0.2, "max_depth": 3, "min_child_weight": 1},
    "hist_gradient_boosting": {"learning_rate": 0.2, "max_leaf_nodes": 8, "min_samples_leaf": 5},
}


def problem(rows=600, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 4)).astype(np.float32)
    x[:, 1] = draw.integers(0, 4, size=rows)
    x[draw.random(rows) < 0.1, 2] = np.nan
    x[:, 3] = np.nan
    y = (draw.random(rows) < 1 / (1 + np.exp(-2 * x[:, 0] - (x[:, 1] == 2)))).astype(float)
    cut = rows * 2 // 3
    return Problem(x[:cut], y[:cut], x[cut:], y[cut:], ("a", "b", "c", "d"), (1,), "auc", 0)


@pytest.fixture(params=BUILT_IN)
def name(request):
    return request.param


def test_a_model_survives_its_bytes_and_answers_probabilities(name):
    asked = problem()
    content = fit(name, asked.train_x, asked.train_y, asked.categorical, SMALL[name], 30, 0)
    p = load_model(name, content).predict(asked.valid_x)
    assert isinstance(content, bytes)
    assert p.shape == (200,)
    assert p.dtype == np.float64
    assert ((p > 0) & (p < 1)).all()
    assert point_score("auc", asked.valid_y, p) > 0.8


def test_the_same_seed_brings_the_same_answers(name):
    asked = problem()
    params = {**SMALL[name], **({"subsample": 0.7} if name == "xgboost" else {"max_features": 0.5})}
    first, second = (
        load_model(name, fit(name, asked.train_x, asked.train_y, (1,), params, 10, 3)).predict(asked.valid_x)
        for _ in range(2)
    )
    assert (first == second).all()


def test_scores_on_the_way_are_those_of_a_model_with_so_many_rounds(name):
    asked, learner = problem(), trainer(name)
    run = learner.start(learner.prepare(asked, 1), SMALL[name], asked.seed, 1)
    seen = dict(run.advance([3, 7])) | dict(run.advance([12, 20]))
    assert list(seen) == [3, 7, 12, 20]
    for rounds, probabilities in seen.items():
        content = fit(name, asked.train_x, asked.train_y, asked.categorical, SMALL[name], rounds, asked.seed)
        assert probabilities == pytest.approx(load_model(name, content).predict(asked.valid_x), abs=1e-5)


def test_one_row_is_answered_as_in_a_batch(name):
    asked = problem()
    model = load_model(name, fit(name, asked.train_x, asked.train_y, (1,), SMALL[name], 10, 0))
    together = model.predict(asked.valid_x)
    alone = np.concatenate([model.predict(asked.valid_x[row : row + 1]) for row in range(20)])
    assert alone == pytest.approx(together[:20], abs=1e-9)


def test_codes_and_gaps_that_training_never_had_are_answered(name):
    asked = problem()
    model = load_model(name, fit(name, asked.train_x, asked.train_y, (1,), SMALL[name], 10, 0))
    strange = np.array([[np.nan, np.nan, np.nan, 1.0], [0.5, 3.0, 1e30, -5.0]], dtype=np.float32)
    assert np.isfinite(model.predict(strange)).all()


def test_rows_that_may_not_be_written_to_are_fine(name):
    asked = problem()
    for part in (asked.train_x, asked.train_y, asked.valid_x):
        part.setflags(write=False)
    learner = trainer(name)
    run = learner.start(learner.prepare(asked, 1), SMALL[name], 0, 1)
    assert len(list(run.advance([2]))) == 1


def test_a_column_with_very_many_codes_is_learnt_from():
    draw = np.random.default_rng(0)
    x = draw.integers(0, 400, size=(800, 1)).astype(np.float32)
    y = (x[:, 0] > 200).astype(float)
    for name, params in SMALL.items():
        model = load_model(name, fit(name, x, y, (0,), params, 20, 0))
        assert point_score("auc", y, model.predict(x)) > 0.8


def test_an_unknown_trainer_is_answered_with_the_closest():
    with pytest.raises(SpecError, match=r"'xgbost' is not a trainer.\nDid you mean 'xgboost'\?"):
        trainer("xgbost")
    with pytest.raises(SpecError, match="Known: xgboost, hist_gradient_boosting"):
        fit("zzz", np.zeros((1, 1)), np.zeros(1), (), {}, 1, 0)


def test_small_tables_are_trained_on_one_thread_and_large_ones_on_all_cores():
    assert threads_for(np.zeros((1000, 14), np.int8)) == 1
    large = np.lib.stride_tricks.as_strided(np.zeros(1, np.int8), (10**9, 14), (0, 0))
    assert threads_for(large) == len(os.sched_getaffinity(0))
