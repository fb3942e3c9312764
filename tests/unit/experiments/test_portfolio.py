"""What a sweep tries before it searches."""

import pytest

from mlray.experiments import check_space, first_configurations, portfolio, space_of
from mlray.experiments._portfolio import _listed
from mlray.records import Trial
from mlray.spec import Model, Range

BOTH = {"xgboost": {}, "hist_gradient_boosting": {}}


def model(**trainers):
    return Model.model_validate({"trainers": trainers or {"xgboost": {}}})


def trial(number=0, trainer="xgboost", **params):
    return Trial(number, trainer, params or {"max_depth": 3}, 0.7, 50, 1.0, "finished")


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression", "ranking"])
def test_xgboost_has_eight_strong_configurations_for_every_task(task):
    listed = portfolio("xgboost", task)
    assert len(listed) == 8
    for entry in listed:
        check_space(Model.model_validate({"trainers": {"xgboost": entry}}))


def test_every_table_finds_a_list_whatever_its_size():
    assert all(portfolio("xgboost", "binary", rows) for rows in (0, 1_000, 50_000, 10**9))


def test_each_trainer_begins_with_its_best_configuration():
    chosen = first_configurations(model(**BOTH), 8)
    assert [entry.trainer for entry in chosen] == ["xgboost", "hist_gradient_boosting"] * 2
    assert [entry.params for entry in chosen[:2]] == [portfolio("xgboost")[0], portfolio("hist_gradient_boosting")[0]]


def test_lists_take_at_most_half_of_the_trials():
    assert len(first_configurations(model(**BOTH), 4)) == 2
    assert len(first_configurations(model(**BOTH), 1)) == 1
    assert len(first_configurations(model(), 10_000)) == 8


def test_what_earlier_sweeps_found_comes_after_one_of_each_list():
    warm = [trial(0, "xgboost", max_depth=3), trial(1, "hist_gradient_boosting", max_leaf_nodes=9)]
    chosen = first_configurations(model(**BOTH), 6, warm)
    assert [entry.trainer for entry in chosen] == ["xgboost", "hist_gradient_boosting"] * 2 + ["xgboost"]
    assert [entry.params for entry in chosen[2:4]] == [{"max_depth": 3}, {"max_leaf_nodes": 9}]


def test_no_configuration_is_tried_twice():
    first = first_configurations(model(), 6)[0]
    warm = [trial(0, "xgboost", **first.params), trial(1), trial(2)]
    chosen = first_configurations(model(), 6, warm)
    assert len(chosen) == 4
    assert len({str(entry.params) for entry in chosen}) == 4


def test_list_entries_that_the_ranges_make_alike_come_once():
    assert len(first_configurations(model(xgboost={"max_depth": {"choices": [4]}}), 100)) == 1


def test_list_entries_are_moved_into_ranges_that_somebody_wrote():
    chosen = first_configurations(model(xgboost={"max_depth": [2, 3], "gamma": 2.0}), 100)
    assert {entry.params["max_depth"] for entry in chosen} <= {2, 3}
    assert {entry.params["gamma"] for entry in chosen} == {2.0}
    assert {entry.params["learning_rate"] for entry in chosen} == {0.1}


def test_a_trainer_without_a_list_begins_in_the_middle():
    (only,) = _listed(space_of("mine", {"depth": Range(low=2, high=6)}), "binary", None)
    assert only.params == {"depth": 4}


def test_warm_trials_of_a_dropped_trainer_are_left_out():
    chosen = first_configurations(model(), 6, [trial(0, "hist_gradient_boosting")])
    assert {entry.trainer for entry in chosen} == {"xgboost"}


def test_never_more_configurations_than_trials():
    warm = [trial(number, max_depth=number + 1) for number in range(9)]
    assert len(first_configurations(model(), 4, warm)) == 4
