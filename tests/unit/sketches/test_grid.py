"""The aligned grid: cells in order of value, whatever float64 they come from."""

import numpy as np
import pytest

from mlray.sketches import _grid


def rank(value, centre=0.0, scale=1.0):
    return int(_grid.RANKS[_grid.codes_of(np.array([value], dtype=np.float64), centre, scale)[0]])


def test_ranks_follow_the_order_of_values():
    values = np.sort(np.random.default_rng(0).standard_cauchy(20_000) * 10)
    ranks = _grid.RANKS[_grid.codes_of(values, 0.0, 1.0)]
    assert np.all(np.diff(ranks) >= 0)


def test_a_cell_is_at_most_one_part_in_128_wide():
    step = np.diff(_grid.VALUES)
    normal = np.abs(_grid.VALUES[:-1]) > 1e-30
    assert np.max(step[normal] / np.maximum(np.abs(_grid.VALUES[:-1]), np.abs(_grid.VALUES[1:]))[normal]) <= 1 / 128


@pytest.mark.parametrize(
    ("value", "expected"), [(np.nan, -2), (-np.inf, -1), (np.inf, _grid.FINITE), (1e300, _grid.FINITE)]
)
def test_values_that_are_not_finite_float32_have_places_of_their_own(value, expected):
    assert rank(value) == expected


def test_zero_and_minus_zero_share_a_cell():
    assert rank(0.0) == rank(-0.0) == rank(5.0, centre=5.0) == rank(-1e-320)


def test_few_and_many_values_are_counted_alike():
    codes = np.random.default_rng(1).integers(0, 65_536, 10_000).astype(np.uint16)
    few = _grid.count(codes[:3_000])
    rest = _grid.count(codes[3_000:])
    whole = _grid.count(codes)
    added = _grid.add(few, rest)
    assert all(np.array_equal(one, other) for one, other in zip(added, whole, strict=True))
