"""Predictions and models of the best trials only."""

import math

import pytest

from mlray.experiments._kept import Shelf
from mlray.records import Trial


def trial(number, score):
    return Trial(number, "xgboost", {}, score, 10, 1.0, "finished")


def filled(scores, *, predictions=3, models=1, higher=True):
    shelf = Shelf(predictions, models, higher=higher)
    for number, score in enumerate(scores):
        shelf.put(trial(number, score), f"p{number}".encode(), f"m{number}".encode())
    return shelf


def test_the_best_keep_their_predictions_and_the_very_best_its_model():
    kept = filled([0.7, 0.9, 0.6, 0.8]).kept()
    assert [(entry.trial.number, entry.predictions, entry.model) for entry in kept] == [
        (1, b"p1", b"m1"),
        (3, b"p3", b""),
        (0, b"p0", b""),
    ]


def test_the_best_of_a_loss_are_the_lowest():
    assert [entry.trial.score for entry in filled([0.7, 0.9, 0.6, 0.8], higher=False).kept()] == [0.6, 0.7, 0.8]


def test_of_equal_scores_the_first_asked_is_kept():
    assert [entry.trial.number for entry in filled([0.5] * 5).kept()] == [0, 1, 2]


@pytest.mark.parametrize(
    ("scores", "threshold"), [([0.7, 0.9], None), ([0.7, 0.9, 0.6], 0.6), ([0.7, 0.9, 0.6, 0.8], 0.7)]
)
def test_once_full_the_worst_that_is_kept_is_the_score_to_beat(scores, threshold):
    assert filled(scores).threshold == threshold


def test_more_models_than_predictions_can_be_kept():
    kept = filled([0.7, 0.9, 0.6, 0.8], predictions=1, models=2).kept()
    assert [(entry.predictions, entry.model) for entry in kept] == [(b"p1", b"m1"), (b"", b"m3")]


def test_where_nothing_is_to_be_kept_nothing_is():
    shelf = filled([0.7, 0.9], predictions=0, models=0)
    assert (shelf.kept(), shelf.threshold) == ((), math.inf)


def test_a_trial_without_a_score_or_without_anything_to_keep_takes_no_room():
    shelf = Shelf(3, 1, higher=True)
    shelf.put(trial(0, None), b"p", b"m")
    shelf.put(trial(1, 0.7), b"", b"")
    assert shelf.kept() == ()


@pytest.mark.parametrize(
    ("models", "threshold"), [(1, 0.9), (2, 0.8), (5, None), (0, math.inf)], ids=["one", "two", "room", "none wanted"]
)
def test_a_model_must_beat_the_last_that_is_kept(models, threshold):
    assert filled([0.7, 0.9, 0.6, 0.8], models=models).model_threshold == threshold
