"""What a user's function reports, read as looks."""

import pytest

from mlray.errors import InputError
from mlray.experiments._orders import Look
from mlray.experiments.functions import Reports, direction


@pytest.mark.parametrize(
    ("metric", "mode", "found"),
    [
        ("loss", None, "min"),
        ("val_loss", None, "min"),
        ("validation-error", None, "min"),
        ("logloss", None, "min"),
        ("RMSE", None, "min"),
        ("val/accuracy", None, "max"),
        ("episode_reward", None, "max"),
        ("auc", None, "max"),
        ("speed", "max", "max"),
        ("loss", "max", "max"),
    ],
)
def test_a_name_tells_which_way_is_better_and_a_mode_tells_it_anyway(metric, mode, found):
    assert direction(metric, mode) == found


def test_a_direction_that_nobody_tells_is_asked_for():
    with pytest.raises(InputError, match="'speed' is better is not known") as caught:
        direction("speed", None)
    assert caught.value.remedy == "Pass mode='max' or 'min'."

    with pytest.raises(InputError, match="mode is 'highest'"):
        direction("speed", "highest")


def test_a_report_is_a_look_at_its_iteration():
    assert Reports("loss").look({"loss": 0.5, "training_iteration": 3}) == Look(3, 0.5)


def test_a_result_without_any_figure_of_the_function_shows_nothing():
    assert Reports("loss").look({"training_iteration": 3, "done": True, "mlray_seconds": 1.0, "config/x": 1}) is None


@pytest.mark.parametrize(
    ("result", "problem", "remedy"),
    [
        ({"los": 1.0, "epoch": 2}, "It reported no 'loss'; it reported los, epoch.", "Pass metric='los'."),
        ({"epoch": 2}, "It reported no 'loss'; it reported epoch.", "Pass metric= one of epoch."),
        ({"loss": float("nan")}, "It reported loss = nan.", "Report a finite number."),
        ({"loss": "low"}, "It reported loss = 'low'.", "Report a finite number."),
        ({"loss": None}, "It reported loss = None.", "Report a finite number."),
    ],
)
def test_a_report_that_cannot_be_compared_is_told(result, problem, remedy):
    with pytest.raises(InputError) as caught:
        Reports("loss").look(result)

    assert (caught.value.problem, caught.value.remedy) == (problem, remedy)


def test_further_objectives_are_taken_where_they_are_numbers():
    reports = Reports("loss", ("latency", "size", "flag", "odd"))

    assert reports.others({"latency": 3, "size": "big", "flag": True, "odd": float("inf")}) == {"latency": 3.0}
