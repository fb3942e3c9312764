"""What a sweep searches, and what it tries first."""

import pytest

from mlray.errors import InputError, SpecError
from mlray.experiments import (
    Dimension,
    check_space,
    grid,
    nearest,
    placed,
    size,
    space_of,
    spaces,
    within,
)
from mlray.spec import Choice, Model, Range


def model(**trainers):
    return Model.model_validate({"trainers": trainers or {"xgboost": {}}})


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


def test_parameters_left_out_keep_good_values_and_constants_their_own():
    (space,) = spaces(model(xgboost={"max_depth": [3, 5], "subsample": 0.7}))
    assert set(space.searched) == {"max_depth"}
    assert space.fixed["subsample"] == 0.7
    assert space.fixed["learning_rate"] == 0.1
    assert "max_depth" not in space.fixed


def test_a_configuration_is_moved_into_the_ranges():
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
    found = placed(space, {"max_depth": 6, "learning_rate": 0.1}).params
    assert found["max_depth"] == 4
    assert found["learning_rate"] == 0.2
    assert found["gamma"] == 2  # nothing is known: the middle, on the scale that is searched
    assert found["max_delta_step"] == 5
    assert isinstance(found["max_depth"], int)


def test_a_choice_takes_the_value_where_it_is_offered_and_else_the_closest():
    (space,) = spaces(
        Model(trainers={"xgboost": {"max_depth": Choice(choices=(3, 6)), "gamma": Choice(choices=(2, 5))}})
    )
    assert placed(space, {"max_depth": 6, "gamma": 4}).params["max_depth"] == 6
    assert placed(space, {"max_depth": 6, "gamma": 4}).params["gamma"] == 5
    assert placed(space, {}).params["gamma"] == 2


def test_whole_numbers_stay_whole_only_where_both_ends_are():
    (space,) = spaces(Model(trainers={"xgboost": {"min_child_weight": Range(low=1.0, high=4.0)}}))
    found = placed(space, {"min_child_weight": 8}).params["min_child_weight"]
    assert (found, type(found)) == (4.0, float)


NESTED = {
    "grow_policy": {"choices": {"depthwise": {"max_depth": [3, 10]}, "lossguide": {"max_leaves": [8, 256, "log"]}}},
    "booster": {"choices": ["gbtree", "dart"]},
    "rate_drop": {"range": [0.0, 0.5], "when": {"booster": "dart"}},
    "skip_drop": {"choices": [0.0, 0.5], "when": {"booster": ["dart"]}},
}


def test_what_hangs_on_a_choice_counts_only_with_it():
    (space,) = spaces(model(xgboost=NESTED))
    deep = placed(space, {"grow_policy": "depthwise", "booster": "gbtree"}).params
    wide = placed(space, {"grow_policy": "lossguide", "booster": "dart"}).params
    assert {"max_depth", "max_leaves", "rate_drop", "skip_drop"} & set(deep) == {"max_depth"}
    assert {"max_depth", "max_leaves", "rate_drop", "skip_drop"} & set(wide) == {"max_leaves", "rate_drop", "skip_drop"}


def test_a_condition_may_stand_before_what_it_depends_on():
    (space,) = spaces(model(xgboost=dict(reversed(NESTED.items()))))
    assert placed(space, {"booster": "dart"}).params["rate_drop"] == 0.25


def test_the_same_parameter_may_have_another_range_in_each_branch():
    (space,) = spaces(
        model(
            xgboost={
                "grow_policy": {"choices": {"depthwise": {"max_depth": [3, 6]}, "lossguide": {"max_depth": [10, 20]}}}
            }
        )
    )
    assert placed(space, {"grow_policy": "lossguide", "max_depth": 8}).params["max_depth"] == 10
    assert [each.key for each in space.dimensions] == [
        "grow_policy",
        "grow_policy=depthwise.max_depth",
        "grow_policy=lossguide.max_depth",
    ]


def test_numbers_as_keys_of_a_nested_choice_are_numbers():
    (space,) = spaces(model(xgboost={"max_depth": {"choices": {"3": {}, "6": {"gamma": [0, 1]}}}}))
    assert placed(space, {"max_depth": 6}).params["max_depth"] == 6
    assert "gamma" in placed(space, {"max_depth": 6}).params


def test_a_constant_in_a_branch_is_set_and_not_searched():
    (space,) = spaces(model(xgboost={"booster": {"choices": {"gbtree": {}, "dart": {"rate_drop": 0.1}}}}))
    assert set(space.searched) == {"booster"}
    assert placed(space, {"booster": "dart"}).params["rate_drop"] == 0.1


@pytest.mark.parametrize(
    ("domains", "says"),
    [
        (
            {"rate_drop": {"range": [0, 1], "when": {"boster": "dart"}}, "booster": {"choices": ["gbtree", "dart"]}},
            "rate_drop.when: the space has no parameter 'boster'; did you mean 'booster'?",
        ),
        (
            {"rate_drop": {"range": [0, 1], "when": {"booster": "drat"}}, "booster": {"choices": ["gbtree", "dart"]}},
            "rate_drop.when: booster is never 'drat'; did you mean 'dart'?",
        ),
        (
            {"gamma": {"range": [0, 1], "when": {"max_depth": 12}}, "max_depth": [2, 9]},
            "gamma.when: max_depth is never 12; it is searched over 2 to 9.",
        ),
        (
            {"gamma": {"range": [0, 1], "when": {"gamma": 1}}},
            "gamma.when: gamma cannot depend on itself.",
        ),
        (
            {
                "gamma": {"range": [0, 1], "when": {"max_depth": 3}},
                "max_depth": {"range": [1, 9], "when": {"gamma": 1}},
            },
            "gamma: gamma, max_depth depend on each other in a circle; let one of them count always.",
        ),
        (
            {
                "booster": {
                    "choices": {"gbtree": {}, "dart": {"rate_drop": {"range": [0, 1], "when": {"booster": "gbtree"}}}}
                }
            },
            "booster.choices.dart.rate_drop: it can never count: its conditions exclude each other.",
        ),
        (
            {"max_depth": [1, 9], "grow_policy": {"choices": {"depthwise": {"max_depth": [3, 6]}, "lossguide": {}}}},
            "grow_policy.choices.depthwise.max_depth: max_depth is given twice: model.trainers.xgboost.max_depth can"
            " count at the same time.",
        ),
        (
            {"grow_policy": {"choices": {"depthwise": {"max_dept": [3, 6]}}}},
            "grow_policy.choices.depthwise.max_dept: no such parameter; did you mean 'max_depth'?",
        ),
        ({"max_depth": {"choices": [3, 3.0]}}, "max_depth: 3.0 is listed twice."),
        (
            {"booster": {"choices": ["gbtree", "drat"]}},
            "booster: 'drat' is not one of gbtree, dart; did you mean 'dart'?",
        ),
        ({"booster": [1, 2]}, "booster: 1 is not one of gbtree, dart."),
        ({"booster": 3}, "booster: 3 is not one of gbtree, dart."),
        ({"max_depth": {"choices": [None, 3]}}, "max_depth: 'None' is not a number."),
        ({"max_depth": True}, "max_depth: 'True' is not a number."),
    ],
    ids=[
        "no such parameter",
        "no such value",
        "beyond the range",
        "itself",
        "a circle",
        "a contradiction",
        "twice",
        "misspelt in a branch",
        "a value twice",
        "a word",
        "numbers for words",
        "a number for a word",
        "nothing for a number",
        "true for a number",
    ],
)
def test_a_fault_in_a_condition_is_told_with_its_place(domains, says):
    assert faults(xgboost=domains) == (f"model.trainers.xgboost.{says}",)


def test_a_parameter_that_may_be_none_says_so():
    assert faults(hist_gradient_boosting={"max_depth": "deep"}) == (
        "model.trainers.hist_gradient_boosting.max_depth: 'deep' is not a number from 1 to 100 or one of None.",
    )
    check_space(model(hist_gradient_boosting={"max_depth": {"choices": [None, 3]}}))


def test_a_trainer_that_cannot_be_imported_is_no_trainer():
    (said,) = faults(**{"no.such:Thing": {}})
    assert said.startswith("model.trainers: ")
    assert "no.such:Thing" in said


def test_the_space_of_a_function_takes_any_name_but_is_not_empty():
    assert space_of("mine", {"rate": Range(low=0.1, high=1.0), "layers": 3}).fixed == {"layers": 3}
    with pytest.raises(SpecError, match="space: it is empty; name a parameter and its range"):
        space_of("mine", {})
    with pytest.raises(SpecError, match=r"mine\.rate\.when: the space has no parameter 'x'"):
        space_of("mine", {"rate": Range(low=0.1, high=1.0, when={"x": 1})}, where="mine")


def test_within_asks_for_what_counts_and_for_nothing_else():
    (space,) = spaces(model(xgboost=NESTED))
    good = {"grow_policy": "depthwise", "max_depth": 4, "booster": "gbtree"}
    assert within(space, good)
    assert within(space, {**good, "gamma": 7.0, "rate_drop": 9.0})
    assert not within(space, {**good, "max_depth": 40})
    assert not within(space, {**good, "booster": "dart"})
    assert not within(space, {**good, "max_depth": "deep"})
    assert not within(space, {})


def test_a_finite_space_is_listed_from_end_to_end_and_others_are_not():
    space = space_of(
        "mine",
        {
            "depth": Range(low=2, high=6, step=2),
            "kind": Choice(choices={"a": {}, "b": {"rate": Range(low=0.0, high=0.5, step=0.25)}}),
        },
    )
    found = list(grid(space))
    assert len(found) == size(space) == 3 * (1 + 3)
    assert {each.params["depth"] for each in found} == {2, 4, 6}
    assert {each.params.get("rate") for each in found} == {None, 0.0, 0.25, 0.5}
    endless = space_of("mine", {"rate": Range(low=0.0, high=0.5)})
    assert size(endless) is None
    with pytest.raises(InputError, match="The range of 'rate' has no end of values"):
        next(grid(endless))
    assert size(space_of("mine", {"a": Range(low=0, high=10**9)})) is None


def test_the_numbers_of_a_stepped_range_are_a_sequence():
    steps = Dimension("rate", Range(low=0.1, high=0.95, step=0.2)).all_values
    assert list(steps) == [0.1, 0.3, 0.5, 0.7, 0.9]
    assert steps[1:3] == [0.3, 0.5]
    with pytest.raises(IndexError):
        steps[9]


def test_a_truth_is_not_a_number():
    flag = Dimension("flag", Choice(choices=(1, True)))
    assert nearest(flag, True) is True
    assert nearest(flag, "x") == 1
    assert not Dimension("x", 3, (("flag", (True,)),)).counts({"flag": 1})
    assert nearest(Dimension("kind", "always"), None) == "always"


def test_a_trainer_of_somebody_else_names_what_it_searches():
    own = "sklearn.linear_model:LogisticRegression"
    assert faults(**{own: {}}) == (
        f"model.trainers.{own}: nothing is searched; name a parameter and its range, as in `alpha: [0.01, 100, log]`.",
    )
    (space,) = spaces(model(**{own: {"C": [0.01, 100.0, "log"]}}))
    assert (space.trainer, set(space.searched)) == (own, {"C"})


def test_what_many_values_bring_is_not_counted_to_the_end():
    many = Range(low=1, high=10**9)
    hanging = Range(low=1, high=9, when={"many": 3})
    assert size(space_of("mine", {"many": many, "hanging": hanging})) is None
