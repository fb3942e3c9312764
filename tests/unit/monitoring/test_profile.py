from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from mlray.monitoring import describe
from mlray.sketches import Reference, profile

RNG = np.random.default_rng(11)


def described(values, before=None, kind=None):
    rows = pa.table({"c": pa.array(values, kind)})
    reference = Reference.of(rows)
    earlier = profile(pa.table({"c": pa.array(before, kind)}), reference) if before is not None else None
    (column,) = describe(profile(rows, reference), earlier)
    return column


@pytest.mark.parametrize(
    "values",
    [RNG.normal(50, 9, 20_000), RNG.lognormal(2, 1, 20_000), RNG.integers(0, 2_359, 20_000).astype(float)],
    ids=["even", "skewed", "whole numbers"],
)
def test_figures_agree_with_those_of_numpy_and_scipy(values):
    found = described(values)
    spread = stats.iqr(values)
    assert found.quartiles == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]), abs=0.01 * spread)
    assert (found.low, found.high) == (values.min(), values.max())
    assert found.mean == pytest.approx(values.mean(), abs=0.02 * spread)


@pytest.mark.parametrize("values", [RNG.normal(0, 1, 5_000), RNG.lognormal(0, 0.5, 5_000)], ids=["even", "skewed"])
def test_outliers_are_those_beyond_six_times_the_half_spread_on_their_side(values):
    values = np.concatenate([values, [90.0, -90.0, 95.0]])
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    expected = (values < low - 6 * (middle - low)) | (values > high + 6 * (high - middle))
    assert described(values).outliers == pytest.approx(expected.sum(), abs=2)


def test_a_column_that_is_mostly_one_value_has_no_fence():
    found = described([0.0] * 90 + [1.0] * 10)
    assert found.fence is None
    assert found.outliers == 0


@pytest.mark.parametrize(
    "values",
    [RNG.normal(size=3_000), RNG.normal(size=3_000) ** 5, [1.0] * 5, [2.0, 3.0], RNG.choice(9, 500).astype(float)],
    ids=["normal", "far out", "constant", "two", "few"],
)
def test_every_value_lies_in_exactly_one_bar(values):
    found = described(values)
    assert sum(bar.rows for bar in found.bars) == len(values)


def test_few_values_have_a_bar_each():
    found = described([3.0, 1.0, 3.0, 2.0])
    assert [(bar.label, bar.rows) for bar in found.bars] == [("1", 1), ("2", 1), ("3", 2)]
    assert found.distinct == 3


def test_another_version_is_counted_in_the_same_bars():
    found = described(RNG.normal(size=1_000), before=RNG.normal(3, 1, 400))
    assert sum(bar.before for bar in found.bars) == 400
    assert max(found.bars, key=lambda bar: bar.before) is found.bars[-1] or found.bars[-1].before > 0


def test_words_stand_by_how_often_they_occur_and_the_rare_ones_together():
    words = [letter for place, letter in enumerate("abcdefghijklmnop") for _ in range(20 - place)]
    found = described(words, before=["a", "p", "new"])
    assert [bar.label for bar in found.bars] == [*"abcdefghijkl", "(other)"]
    assert found.bars[-1].rows == sum(20 - place for place in range(12, 16))
    assert sum(bar.before for bar in found.bars) == 3
    assert found.distinct == 16


def test_words_that_come_back_with_others_beside_them_are_not_counted():
    rows = pa.table({"c": ["a", "b"]})
    (found,) = describe(profile(pa.table({"c": ["a", "z"]}), Reference.of(rows)))
    assert found.distinct is None


@pytest.mark.parametrize(
    ("values", "kind", "constant"),
    [
        ([5.0, 5.0, None], pa.float64(), True),
        (["a", "a"], pa.string(), True),
        ([5.0, 6.0], pa.float64(), False),
        ([None, None], pa.float64(), False),
    ],
    ids=["one number", "one word", "two", "none at all"],
)
def test_a_column_with_one_value_is_constant(values, kind, constant):
    found = described(values, kind=kind)
    assert found.constant is constant
    assert found.missing == sum(value is None for value in values)


def test_times_are_told_by_day_and_truths_by_name():
    days = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(900)]
    found = described(days, kind=pa.timestamp("us", "UTC"))
    assert found.bars[0].label.startswith("2024-01-01")
    assert found.fence is None
    assert [bar.label for bar in described([True, False, True]).bars] == ["false", "true"]


def test_a_column_of_nothing_has_no_bars():
    found = described([None, None], kind=pa.float64())
    assert (found.bars, found.missing, found.low) == ((), 2, None)


def test_infinities_are_no_place_for_a_bar():
    found = described([1.0, 2.0, float("inf")])
    assert found.high is None
    assert sum(bar.rows for bar in found.bars) == 2
