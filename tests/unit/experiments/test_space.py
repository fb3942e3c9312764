"""What a sweep searches, and what it tries first."""

import pytest

from mlray.errors import SpecError
from mlray.experiments import check_space, first_configurations, spaces
from mlray.records import Trial
from mlray.spec import Choice, Model, Range


def model(**trainers):
    return Model.model_validate({"trainers": trainers or {"xgboost": {}}})


def trial(number=0, trainer="xgboost", **params):
    return Trial(number, trainer, params or {"max_depth": 3}, 0.7, 50, 1.0, "finished")


def faults(**trainers):
    with pytest.raises(SpecError) as caught:
        check_space(model(**trainers))
    return caught.value.problems


@pytest.mark.parametrize(
    ("trainers", "says"),
    [
        ({"xgbost": {}}, "model.trainers: 'xgbost' is not a trainer; did you mean 'xgboost'?"),
        ({"zzz": {}}, "model.trainers: 'zzz' is not a trainer; known: xgboost, hist_gradient_boosting."),
        (
            {"xgboost": {"learning_rat": 0.1}},
            "model.trainers.xgboost.learning_rat: no such parameter; did you mean 'learning_rate'?",
        ),
        ({"xgboost": {"max_depth": [2.5, 9]}}, "model.trainers.xgboost.max_depth: 2.5 is not a whole number."),
        ({"xgboost": {"subsample": [0.5, 2.0]}}, "model.trainers.xgboost.subsample: 2.0 lies outside 0.01 to 1."),
        ({"xgboost": {"gamma": -1}}, "model.trainers.xgboost.gamma: -1 lies outside 0 to 1e+06."),
        ({"xgboost": {"max_depth": "deep"}}, "model.trainers.xgboost.max_depth: 'deep' is not a number."),
        (
            {"hist_gradient_boosting": {"max_bins": {"choices": [64, 999]}}},
            "model.trainers.hist_gradient_boosting.max_bins: 999 lies outside 2 to 255.",
        ),
    ],
    ids=["near", "far", "parameter", "whole", "range", "constant", "text", "choice"],
)
def test_a_fault_in_the_space_is_told_with_its_place(trainers, says):
    assert faults(**trainers) == (says,)


def test_all_faults_are_told_at_once():
    assert len(faults(xgbost={}, xgboost={"depth": 3, "gamma": -1})) == 3


def test_a_trainer_without_parameters_is_searched_over_good_ranges():
    (space,) = spaces(model(xgboost={}))
    assert set(space.searched) == {
        "learning_rate",
        "max_depth",
        "min_child_weight",
        "subsample",
        "colsample_bytree",
        "reg_lambda",
    }
    assert space.fixed == {}


def test_our_own_ranges_have_no_fault():
    for name in ("xgboost", "hist_gradient_boosting"):
        (space,) = spaces(model(**{name: {}}))
        check_space(Model(trainers={name: dict(space.searched)}))
        for good in space.good:
            check_space(Model(trainers={name: good}))


def test_parameters_left_out_keep_good_values_and_constants_their_own():
    (space,) = spaces(model(xgboost={"max_depth": [3, 5], "subsample": 0.7}))
    assert set(space.searched) == {"max_depth"}
    assert space.fixed["subsample"] == 0.7
    assert space.fixed["learning_rate"] == 0.1
    assert "max_depth" not in space.fixed


def test_good_configurations_are_moved_into_the_ranges():
    (space,) = spaces(
        model(
            xgboost={
                "max_depth": [2, 4],
                "learning_rate": [0.2, 0.3],
                "gamma": [1, 4, "log"],
                "max_delta_step": [0, 10],
            }
        )
    )
    first = space.good[0]
    assert first["max_depth"] == 4
    assert first["learning_rate"] == 0.2
    assert first["gamma"] == 2  # no good value is known: the middle, on the scale that is searched
    assert first["max_delta_step"] == 5
    assert isinstance(first["max_depth"], int)


def test_a_choice_takes_the_good_value_where_it_is_offered():
    (space,) = spaces(
        Model(trainers={"xgboost": {"max_depth": Choice(choices=(3, 6)), "gamma": Choice(choices=(2, 5))}})
    )
    assert space.good[0]["max_depth"] == 6
    assert space.good[0]["gamma"] == 2


def test_whole_numbers_stay_whole_only_where_both_ends_are():
    (space,) = spaces(Model(trainers={"xgboost": {"min_child_weight": Range(low=1.0, high=4.0)}}))
    assert space.good[0]["min_child_weight"] == 4.0
    assert isinstance(space.good[0]["min_child_weight"], float)


def test_each_trainer_starts_with_its_safest_configuration():
    chosen = first_configurations(model(xgboost={}, hist_gradient_boosting={}), 10)
    assert [entry.trainer for entry in chosen] == ["xgboost", "hist_gradient_boosting"] * 2


def test_defaults_take_at_most_half_of_the_trials():
    both = model(xgboost={}, hist_gradient_boosting={})
    assert len(first_configurations(both, 4)) == 2
    assert len(first_configurations(both, 1)) == 1


def test_what_earlier_sweeps_found_comes_after_one_default_each():
    both = model(xgboost={}, hist_gradient_boosting={})
    warm = [trial(0, "xgboost", max_depth=3), trial(1, "hist_gradient_boosting", max_leaf_nodes=9)]
    chosen = first_configurations(both, 6, warm)
    assert [entry.trainer for entry in chosen] == [
        "xgboost",
        "hist_gradient_boosting",
        "xgboost",
        "hist_gradient_boosting",
    ]
    assert chosen[2].params == {"max_depth": 3}


def test_no_configuration_is_tried_twice():
    first = first_configurations(model(), 6)[0]
    warm = [trial(0, "xgboost", **first.params), trial(1), trial(2)]
    chosen = first_configurations(model(), 6, warm)
    assert len(chosen) == 2


def test_warm_trials_of_a_dropped_trainer_are_left_out():
    assert {entry.trainer for entry in first_configurations(model(), 6, [trial(0, "hist_gradient_boosting")])} == {
        "xgboost"
    }


def test_never_more_configurations_than_trials():
    warm = [trial(number, max_depth=number + 1) for number in range(9)]
    assert len(first_configurations(model(), 4, warm)) == 4
