from decimal import Decimal

import pytest

from mlray.coordinator.warm import warm_trials
from mlray.records import Experiment, Trial


def trial(number, score, state="finished"):
    return Trial(number, "xgboost", {"max_depth": number}, score, 10, 1.0, state)


def sweep(*trials, metric="auc"):
    return Experiment("s", "flights@v1", metric, trials, trials[0], Decimal(0), 1.0, "done", 0)


@pytest.mark.parametrize(("metric", "second"), [("auc", 3), ("accuracy", 3), ("log_loss", 2), ("brier", 2)])
def test_the_next_best_of_the_first_sweep_follows_the_metrics_direction(metric, second):
    best = trial(1, 0.9 if metric in ("auc", "accuracy") else 0.05)
    trials = [best, trial(2, 0.1), trial(3, 0.5), trial(4, None), trial(5, 0.99, "failed"), trial(6, 0.01, "failed")]
    assert [t.number for t in warm_trials([sweep(*trials, metric=metric)], metric, 5)] == [1, second]


def test_the_newest_sweeps_best_comes_first():
    sweeps = [sweep(trial(1, 0.7)), sweep(trial(2, 0.6)), sweep(trial(3, 0.5))]
    assert [t.number for t in warm_trials(sweeps, "auc", 2)] == [3, 2]


def test_sweeps_by_another_metric_say_nothing():
    assert warm_trials([sweep(trial(1, 0.7), metric="brier")], "auc", 3) == ()


def test_without_sweeps_there_is_nothing():
    assert warm_trials([], "auc", 3) == ()
