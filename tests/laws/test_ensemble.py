"""A blend keeps its promises for any predictions, answers and metric."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlray.experiments.after._ensemble import LEAST, MOST, best_single, blend, ensemble, greedy
from mlray.experiments.after._truth import Part, Truth

quick = settings(deadline=None, max_examples=15)
METRICS = {
    "binary": ("auc", "accuracy", "log_loss", "brier"),
    "multiclass": ("accuracy", "log_loss", "auc"),
    "regression": ("rmse", "mae", "r2"),
    "ranking": ("ndcg", "map"),
}


@st.composite
def cases(draw, most=6, rows=24):
    """Return answers that trials guess more or less well, and what each of them guesses."""
    task = draw(st.sampled_from(sorted(METRICS)))
    metric = draw(st.sampled_from(METRICS[task]))
    chance = np.random.default_rng(draw(st.integers(0, 9_999)))
    numbers = draw(st.lists(st.integers(0, 99), min_size=2, max_size=most, unique=True))
    folds = draw(st.integers(1, 2))
    parts = tuple(_part(task, rows, chance, weighted=draw(st.booleans())) for _ in range(folds))
    truth = Truth(parts, metric, task, 3 if task == "multiclass" else 2)
    y = np.concatenate([part.y for part in parts])
    noise = draw(st.sampled_from([0.2, 1.0, 5.0]))
    return truth, {number: _guess(task, y, noise, chance) for number in numbers}


def _part(task, rows, chance, *, weighted):
    weights = chance.random(rows) + 0.1 if weighted else None
    if task == "ranking":
        return Part(np.tile([0.0, 1.0, 2.0], rows // 3), weights, np.repeat(np.arange(rows // 3), 3))
    if task == "regression":
        return Part(chance.normal(size=rows), weights)
    return Part(chance.permutation(np.arange(rows) % (3 if task == "multiclass" else 2)).astype(float), weights)


def _guess(task, y, noise, chance):
    if task == "multiclass":
        raw = np.exp(np.eye(3)[y.astype(int)] + noise * chance.normal(size=(len(y), 3)))
        return (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)
    raw = y + noise * chance.normal(size=len(y))
    return (1 / (1 + np.exp(0.5 - raw)) if task == "binary" else raw).astype(np.float32)


@quick
@given(cases())
def test_a_path_is_never_worse_than_the_best_single_on_its_own_rows(case):
    truth, predictions = case
    best = truth.gain(predictions[best_single(predictions, truth)])
    assert truth.gain(blend(predictions, greedy(predictions, truth))) >= best - 1e-9


@quick
@given(cases(most=4), st.randoms(use_true_random=False))
def test_the_order_in_which_trials_are_told_does_not_matter(case, chance):
    truth, predictions = case
    shuffled = list(predictions.items())
    chance.shuffle(shuffled)
    assert greedy(dict(shuffled), truth) == greedy(predictions, truth)
    assert ensemble(dict(shuffled), truth, 0) == ensemble(predictions, truth, 0)


@quick
@given(cases(most=12))
def test_shares_are_positive_few_and_sum_to_one(case):
    truth, predictions = case
    shares = greedy(predictions, truth)
    assert sum(share for _, share in shares) == pytest.approx(1)
    assert all(share > 0 for _, share in shares)
    assert 1 <= len(shares) <= MOST
    assert len(dict(shares)) == len(shares)


@quick
@given(cases(most=4), st.integers(1, 6), st.integers(1, 4))
def test_every_step_is_the_best_of_all_that_could_be_taken(case, steps, most):
    truth, predictions = case
    assert dict(greedy(predictions, truth, steps=steps, most=most)) == pytest.approx(
        dict(_by_enumeration(predictions, truth, steps, most))
    )


def _by_enumeration(predictions, truth, steps, most):
    """Write out all that could be taken at each step, with nothing remembered from the step before."""
    path, seen = [], []
    for _ in range(steps):
        nexts = [[*path, number] for number in sorted(predictions) if len({*path, number}) <= most]
        path = max(
            nexts, key=lambda taken: truth.gain(sum(predictions[one].astype(float) for one in taken) / len(taken))
        )
        seen.append(path)
    best = max(seen, key=lambda taken: truth.gain(sum(predictions[one].astype(float) for one in taken) / len(taken)))
    return [(number, best.count(number) / len(best)) for number in set(best)]


@quick
@given(cases())
def test_an_ensemble_is_better_than_the_best_single_and_says_what_it_scores(case):
    truth, predictions = case
    built = ensemble(predictions, truth, 1)
    if built is None:
        return
    sign = truth.gain(predictions[built.weights[0][0]]) / truth.score_of(truth.gain(predictions[built.weights[0][0]]))
    assert sign * built.score > sign * built.single
    mixed = truth.score_of(truth.gain(blend(predictions, built.weights)))
    assert mixed == pytest.approx(built.score, rel=1e-6, abs=0.03 if truth.task == "ranking" else 1e-6)
    assert len(built.weights) > 1
    if truth.task != "ranking":
        assert min(share for _, share in built.weights) >= LEAST


@quick
@given(st.floats(0.1, 0.9))
def test_two_opposite_errors_are_weighed_by_what_enumeration_finds(share):
    chance = np.random.default_rng(3)
    y, error = chance.normal(size=60), chance.normal(size=60)
    truth = Truth((Part(y),), "rmse", "regression")
    # The errors cancel where `share` of the first meets the rest of the second.
    predictions = {0: y + (1 - share) * error, 1: y - share * error}
    found = dict(greedy(predictions, truth, steps=40))
    errors = [truth.gain(blend(predictions, [(0, taken / 40), (1, 1 - taken / 40)])) for taken in range(41)]
    mixed = truth.gain(blend(predictions, list(found.items())))
    assert mixed >= max(errors) - 0.02
    assert found[0] == pytest.approx(share, abs=0.03)
