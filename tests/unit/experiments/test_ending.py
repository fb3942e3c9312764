"""When a sweep ends, and when it does not begin."""

import math
from decimal import Decimal

import numpy as np
import pytest

from mlray.errors import OverBudget
from mlray.experiments import Problem
from mlray.experiments._ending import COMMAND, DONE, EXHAUSTED, Standing, check_budget, ending, goes_on, least_seconds
from mlray.experiments._plan import Plan


def plan(**changes):
    return Plan("sweep-1", "auc", 120, 10, **changes)


def standing(begun=5, done=4, failed=0, spent="0", now=10.0, gain=math.inf):
    return Standing(begun, done, failed, Decimal(spent), now, gain)


@pytest.mark.parametrize(
    ("limits", "seen", "because"),
    [
        ({}, {}, ""),
        ({}, {"begun": 10}, "all trials done"),
        ({}, {"failed": 4}, "every trial failed"),
        ({}, {"done": 2, "failed": 2}, ""),
        ({}, {"done": 9, "failed": 8}, ""),
        ({"budget": Decimal(2)}, {"spent": "1.99"}, ""),
        ({"budget": Decimal(2)}, {"spent": "2"}, "the budget of 2.00 USD is spent"),
        ({"budget": Decimal("0.005")}, {"spent": "0.0051"}, "the budget of 0.005 USD is spent"),
        ({"seconds": 30.0}, {"now": 29.9}, ""),
        ({"seconds": 30.0}, {"now": 30.0}, "the time of 30 s is over"),
        ({"plateau": 0.001}, {"gain": 0.002}, ""),
        ({"plateau": 0.001}, {"gain": 0.0009}, "the best auc is expected to improve by less than 0.001"),
        ({"plateau": 0.001}, {"gain": 0.0, "begun": 10}, "all trials done"),
        ({"budget": Decimal(2), "seconds": 30.0}, {"spent": "3", "now": 99.0}, "the budget of 2.00 USD is spent"),
    ],
    ids=[
        "nothing special", "trials", "hopeless", "too few failed to tell", "one did not fail", "money left", "money gone",
        "little money", "time left", "time over", "still rising", "flat", "flat at the end", "money before time",
    ],
)  # fmt: skip
def test_the_first_rule_that_applies_ends_the_sweep(limits, seen, because):
    assert ending(plan(**limits), standing(**seen)) == because


def test_a_sweep_of_two_trials_is_hopeless_after_two_failures():
    assert ending(Plan("sweep-1", "auc", 120, 2), standing(2, 2, 2)) == "every trial failed"


@pytest.mark.parametrize("because", ["", DONE, EXHAUSTED])
def test_what_runs_goes_on_when_only_nothing_new_is_left(because):
    assert goes_on(because)


@pytest.mark.parametrize("because", [COMMAND, "the time of 30 s is over", "every trial failed"])
def test_what_runs_is_stopped_as_well_on_every_other_reason(because):
    assert not goes_on(because)


def test_a_budget_below_the_price_of_one_trial_is_refused_with_both_figures():
    with pytest.raises(
        OverBudget, match=r"budget of 0.01 USD is below the price of one trial, about 0.034 USD"
    ) as caught:
        check_budget(Decimal("0.01"), Decimal("0.03412"))
    assert "model.budget" in caught.value.remedy


@pytest.mark.parametrize("budget", [None, Decimal("0.03412"), Decimal(1)])
def test_a_budget_that_pays_for_one_trial_is_enough(budget):
    check_budget(budget, Decimal("0.03412"))


def test_the_least_time_of_a_trial_grows_with_rows_columns_rounds_and_folds():
    x = np.zeros((50_000, 30), np.float32)
    y = (np.arange(50_000) % 2).astype(np.float32)
    problem = Problem(x, y, x[:10], y[:10], tuple(f"c{i}" for i in range(30)), (), "auc", 0)
    one = least_seconds(problem, 100)
    assert 0.05 < one < 0.9  # a real one takes about a second
    assert least_seconds(problem, 200, folds=5) == pytest.approx(10 * one)
