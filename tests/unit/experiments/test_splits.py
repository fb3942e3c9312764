"""How rows are parted."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from mlray.errors import DataError, SpecError
from mlray.experiments import holdout, k_folds, time_folds, time_holdout


def test_a_holdout_has_its_share_of_rows_and_of_each_class():
    y = np.repeat([0, 1], [90, 10])
    learn, choose = holdout(100, 0.3, 0, y=y)
    assert (len(learn), len(choose), y[choose].sum()) == (70, 30, 3)
    assert sorted([*learn, *choose]) == list(range(100))
    assert len(holdout(7, 0.25, 0)[1]) == 2


def test_a_holdout_of_groups_keeps_each_whole():
    groups = np.random.default_rng(0).integers(0, 12, 200)
    learn, choose = holdout(200, 0.25, 0, groups=groups)
    assert not set(groups[learn]) & set(groups[choose])
    assert 35 <= len(choose) <= 65


def test_a_share_smaller_than_every_group_gets_the_smallest():
    groups = np.repeat(["large", "small", "larger"], [40, 3, 57])
    assert set(groups[holdout(100, 0.01, 0, groups=groups)[1]]) == {"small"}


def test_folds_have_the_same_number_of_rows_and_of_each_class():
    y = np.repeat(["a", "b", "c"], [17, 31, 5])
    for learn, choose in k_folds(53, 4, 1, y=y):
        assert len(choose) in (13, 14)
        assert len(learn) + len(choose) == 53
        assert all(count in (ours, ours + 1) for count, ours in zip(_counts(y[choose]), (4, 7, 1), strict=True))


def _counts(values):
    return [int((values == value).sum()) for value in ("a", "b", "c")]


def test_folds_of_groups_share_out_rows_and_classes():
    chance = np.random.default_rng(0)
    groups = chance.integers(0, 60, 1000)
    y = (chance.random(60) < 0.3)[groups]
    for learn, choose in k_folds(1000, 5, 0, y=y, groups=groups):
        assert not set(groups[learn]) & set(groups[choose])
        assert 150 <= len(choose) <= 250
        assert y[choose].mean() == pytest.approx(y.mean(), abs=0.08)


def test_the_seed_decides():
    first, again, other = (k_folds(30, 3, seed)[0][1].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_moments_may_be_datetimes_and_the_gap_a_span():
    days = [datetime(2013, 1, 1) + timedelta(days=day) for day in range(10)]  # noqa: DTZ001
    learn, choose = time_holdout(days, 0.3, gap=timedelta(days=2))
    assert (learn.tolist(), choose.tolist()) == ([0, 1, 2, 3, 4], [7, 8, 9])
    as_numpy = np.array(days, dtype="datetime64[s]")
    assert (time_holdout(as_numpy, 0.3, gap=np.timedelta64(2, "D"))[0] == learn).all()


def test_folds_over_a_moment_that_nearly_all_rows_share_move_to_its_edges():
    folds = time_folds([0, 1, *[2] * 98], 2)
    assert [[len(side) for side in fold] for fold in folds] == [[1, 1], [2, 98]]
    folds = time_folds([*[0] * 98, 1, 2], 2)
    assert [[len(side) for side in fold] for fold in folds] == [[98, 1], [99, 1]]


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        (lambda: holdout(10, 1.0, 0), SpecError, "A holdout of 1 of 10 rows leaves a side empty"),
        (lambda: holdout(10, 0.01, 0), SpecError, "leaves a side empty"),
        (lambda: time_holdout([1, 2], 0.0), SpecError, "leaves a side empty"),
        (lambda: k_folds(10, 1, 0), SpecError, "There are 1 folds"),
        (lambda: k_folds(3, 4, 0), DataError, "3 rows cannot be cut into 4 parts"),
        (lambda: k_folds(6, 3, 0, groups=[1, 1, 1, 2, 2, 2]), DataError, "2 groups cannot be cut into 3 parts"),
        (lambda: time_folds([1, 1, 2, 2], 2), DataError, "2 moments cannot be cut into 3 parts"),
        (lambda: time_folds([1, 2, 3], 2, gap=5), DataError, "learn from before 2, with a gap of 5"),
        (lambda: time_holdout([3, 3, 3, 3], 0.25), DataError, "Nothing is left to learn from before 3."),
        (lambda: time_folds([1, np.nan, 3], 2), DataError, "1 of 3 rows have no time"),
        (lambda: time_folds([], 2), DataError, "no rows to put in order"),
    ],
)
def test_what_cannot_be_parted_is_refused(asked, error, says):
    with pytest.raises(error, match=says):
        asked()
