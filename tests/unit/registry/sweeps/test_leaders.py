from mlray.records import Trial
from mlray.registry.sweeps.leaders import Leaders


def trials(*scores, first=0):
    return [Trial(first + n, "xgboost", {}, score, 9, 1.0, "finished") for n, score in enumerate(scores)]


def test_only_the_best_stay_and_of_equal_ones_the_first():
    leaders = Leaders("auc", 2)
    leaders.improvements(trials(0.7, 0.7, 0.7))
    assert [trial.number for trial in leaders.best] == [0, 1]
    leaders.improvements(trials(0.8, first=3))
    assert [trial.number for trial in leaders.best] == [3, 0]
    assert leaders.among([0, 1, 3, 9]) == [0, 3]


def test_a_loss_falls():
    leaders = Leaders("log_loss", 2)
    assert leaders.improvements(trials(0.5, 0.6, 0.4)) == [(0, 0.5), (2, 0.4)]
    assert [trial.score for trial in leaders.best] == [0.4, 0.5]


def test_failed_trials_take_a_place_but_are_none_of_the_best():
    leaders = Leaders("auc")
    assert leaders.improvements(trials(None, 0.5, None)) == [(1, 0.5)]
    assert leaders.improvements(trials(0.6, 0.6, first=3)) == [(3, 0.6)]
    assert [trial.number for trial in leaders.best] == [3, 4, 1]
