import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import nct, norm, t

from mlray.serving.sequential import EFFECTS, MARGIN, effect_ratio, failures_e, worse_e


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("differences", [(0.1, 0.2), (0.3, -0.1, 0.4), (0.2, 0.21, 0.19, 0.22, 0.2), (-1.0, -2.0, 0.5)])
def test_equal_days_give_the_ratio_of_noncentral_to_central_t(effect, differences):
    x, n = np.array(differences), len(differences)
    statistic = x.mean() / (x.std(ddof=1) / math.sqrt(n))
    exact = nct.pdf(statistic, n - 1, effect * math.sqrt(n)) / t.pdf(statistic, n - 1)
    ours = effect_ratio(effect, x.sum() / math.sqrt(x @ x), n, n)
    assert ours == pytest.approx(exact, rel=1e-5, abs=1e-12)


def test_unequal_days_give_the_ratio_with_the_spread_integrated_out():
    x, rows, effect = np.array([0.03, 0.05, 0.01, 0.04]), np.array([100, 900, 400, 50]), 1.0
    size = np.sqrt(rows / rows.mean())

    def density(sigma, mean):
        return float(np.prod(norm.pdf(x, mean * sigma, sigma / size))) / sigma

    top, bottom = (quad(density, 0, np.inf, args=(mean,), limit=200)[0] for mean in (effect, 0.0))
    scaled = x * size
    ours = effect_ratio(effect, float(scaled @ size) / math.sqrt(float(scaled @ scaled)), float(size @ size), len(x))
    assert ours == pytest.approx(top / bottom, rel=1e-4)


def test_one_day_says_nothing():
    assert worse_e([], []) == 1.0
    assert worse_e([0.5], [1000]) == 1.0


def test_a_consistent_difference_within_the_margin_never_counts():
    assert worse_e([MARGIN / 2] * 30, [900] * 30) < 1
    assert worse_e([0.0] * 30, [900] * 30) < 1
    assert worse_e([MARGIN] * 30, [900] * 30) == pytest.approx(worse_e([MARGIN] * 30, [1] * 30))


def test_a_better_candidate_is_never_called_worse():
    assert worse_e([-0.05, -0.04, -0.06, -0.05], [900] * 4) < 1


def test_days_with_more_rows_weigh_more():
    differences = [0.05, 0.05, 0.05, -0.05]
    assert worse_e(differences, [900, 900, 900, 10]) > worse_e(differences, [900, 900, 900, 900])


def test_the_unit_of_the_loss_does_not_matter_beyond_the_margin():
    small = np.array([0.02, 0.03, 0.025, 0.01])
    assert worse_e(list(small + MARGIN), [9] * 4) == pytest.approx(worse_e(list(10 * small + MARGIN), [9] * 4))


@pytest.mark.parametrize(("candidate", "live"), [(0, 0), (1, 0), (0, 1), (5, 2), (30, 30), (8, 0)])
def test_failures_are_a_beta_mixture_over_the_candidates_share(candidate, live):
    exact = quad(lambda p: 2 * p**candidate * (1 - p) ** live * 2.0 ** (candidate + live), 0.5, 1)[0]
    assert failures_e(candidate, live) == pytest.approx(exact, rel=1e-6)


def test_many_failures_do_not_overflow():
    assert failures_e(100_000, 0) > 1e100
