"""How much better the best score will still become."""

import math
from random import Random

import pytest

from mlray.experiments._plateau import FEWEST, PATIENCE, WINDOW, Plateau, expected_gain


def exponential(seed, count):
    chance = Random(seed)
    return [0.8 + 0.01 * chance.expovariate(1.0) for _ in range(count)]


def test_too_few_scores_promise_everything():
    assert expected_gain([0.8] * (FEWEST - 1), 0.8, 32) == math.inf


def test_scores_that_are_all_alike_promise_nothing():
    assert expected_gain([0.8] * FEWEST, 0.8, 32) == 0.0


@pytest.mark.parametrize("ahead", [8, 32, 2000])
def test_the_expected_gain_is_the_average_gain_of_more_draws(ahead):
    expected, seen = [], []
    for seed in range(200):
        scores = exponential(seed, WINDOW)
        best = max(scores)
        expected.append(expected_gain(scores, best, ahead))
        seen.append(max(0.0, max(exponential(f"{seed} more", ahead)) - best))
    assert math.fsum(expected) == pytest.approx(math.fsum(seen), rel=0.2)


def test_a_best_far_beyond_the_others_is_not_expected_to_improve():
    scores = exponential(1, WINDOW)
    assert expected_gain(scores, max(scores) + 0.1, 32) < expected_gain(scores, max(scores), 32) / 1000


def test_more_trials_promise_more():
    scores = exponential(1, WINDOW)
    gains = [expected_gain(scores, max(scores), ahead) for ahead in (1, 8, 64, 512, 4096)]
    assert gains == sorted(gains)
    assert gains[0] > 0


@pytest.mark.parametrize(("higher", "better"), [(True, 0.9), (False, 0.1)])
def test_a_best_that_rose_of_late_may_rise_again(higher, better):
    plateau = Plateau(higher=higher)
    for _ in range(40):
        plateau.add(0.5)
    assert plateau.gain() == 0.0
    plateau.add(better)
    assert plateau.gain() == math.inf
    for _ in range(PATIENCE):
        plateau.add(0.5)
    assert plateau.gain() < 0.001


def test_of_a_long_sweep_only_the_latest_scores_are_looked_at():
    plateau = Plateau(higher=True)
    for score in exponential(3, 500):
        plateau.add(score)
    plateau.add(9.0)
    for _ in range(WINDOW):
        plateau.add(0.1)
    assert plateau.gain() == 0.0
