"""Laws of parting rows: nothing is learnt from what is judged, and nothing from the future."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from mlray.errors import DataError
from mlray.experiments import holdout, k_folds, point_score, time_folds, time_holdout

times = st.lists(st.integers(0, 40), min_size=3, max_size=80)
classes = st.lists(st.integers(0, 3), min_size=6, max_size=80)
seeds = st.integers(0, 5)


@given(times=times, k=st.integers(2, 6), gap=st.integers(0, 3))
def test_no_fold_learns_from_the_future(times, k, gap):
    values = np.array(times)
    try:
        folds = time_folds(times, k, gap=gap)
    except DataError:
        assume(False)
    assert len(folds) == k
    for learn, choose in folds:
        assert len(learn)
        assert len(choose)
        assert values[learn].max() + gap < values[choose].min()


@given(times=times, k=st.integers(2, 6))
def test_each_fold_learns_from_all_that_was_known_and_all_later_rows_are_judged_once(times, k):
    assume(len(set(times)) > k)
    values = np.array(times)
    folds = time_folds(times, k)
    for learn, choose in folds:
        assert set(learn) == set(np.flatnonzero(values < values[choose].min()))
    judged = np.concatenate([choose for _, choose in folds])
    assert sorted(judged) == sorted(set(range(len(times))) - set(folds[0][0]))


@given(times=times, share=st.floats(0.05, 0.95), gap=st.integers(0, 3))
def test_no_holdout_is_earlier_than_what_is_learnt_from(times, share, gap):
    assume(0 < round(len(times) * share) < len(times))
    values = np.array(times)
    try:
        learn, choose = time_holdout(times, share, gap=gap)
    except DataError:
        assume(False)
    assert values[learn].max() + gap < values[choose].min()
    assert len(choose) >= round(len(times) * share)


@given(y=classes, k=st.integers(2, 5), seed=seeds)
def test_every_row_is_judged_once_and_each_class_shared_out_alike(y, k, seed):
    answers = np.array(y)
    folds = k_folds(len(y), k, seed, y=y)
    assert sorted(np.concatenate([choose for _, choose in folds])) == list(range(len(y)))
    for code in set(y):
        counts = [int((answers[choose] == code).sum()) for _, choose in folds]
        assert max(counts) - min(counts) <= 1
    assert all(set(learn) | set(choose) == set(range(len(y))) for learn, choose in folds)


@given(groups=st.lists(st.integers(0, 9), min_size=6, max_size=60), k=st.integers(2, 4), seed=seeds, data=st.data())
def test_no_group_is_on_both_sides(groups, k, seed, data):
    assume(len(set(groups)) >= k)
    of = np.array(groups)
    y = data.draw(st.none() | st.lists(st.integers(0, 1), min_size=len(groups), max_size=len(groups)))
    folds = [*k_folds(len(groups), k, seed, y=y, groups=groups), holdout(len(groups), 0.4, seed, y=y, groups=groups)]
    for learn, choose in folds:
        assert len(learn)
        assert len(choose)
        assert not set(of[learn]) & set(of[choose])


@given(y=classes, seed=seeds, weight=st.integers(2, 4))
def test_a_weight_counts_as_so_many_rows(y, seed, weight):
    answers = np.array(y, dtype=float)
    p = np.round(np.random.default_rng(seed).random(len(y)), 1)
    binary = (answers > 1).astype(float)
    assume(0 < binary.sum() < len(y))
    weights = np.where(np.arange(len(y)) % 2, weight, 1)
    rows = np.repeat(np.arange(len(y)), weights)
    for metric, truth in (("auc", binary), ("brier", binary), ("log_loss", binary), ("rmse", answers), ("r2", answers)):
        assert np.isclose(point_score(metric, truth, p, weights), point_score(metric, truth[rows], p[rows]))
