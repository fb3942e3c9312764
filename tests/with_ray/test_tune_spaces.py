"""Ray Tune's spaces and searchers; nothing here starts a Ray."""

import numpy as np
import pytest

from mlray.errors import InputError, SpecError
from mlray.experiments import Configuration, Grid, placed, space_of, within
from mlray.records import Trial
from mlray.spec import Choice, Range, read_domains

pytestmark = [pytest.mark.ray]

tune = pytest.importorskip("ray.tune")

FLAT = read_domains({"rate": (0.01, 1.0, "log"), "depth": (1, 9), "kind": {"choices": ["a", "b"]}})


def from_tune(space):
    from mlray.experiments.tune.on_ray import from_tune

    return from_tune(space)


def tuned(searcher, *spaces, **options):
    from mlray.experiments.tune.on_ray import Tuned

    return Tuned(searcher, spaces or [space_of("mine", FLAT)], seed=0, **options)


def trial(number, configuration, score, **more):
    state = "failed" if score is None else "finished"
    return Trial(number, configuration.trainer, configuration.params, score, 10, 1.0, state, **more)


@pytest.mark.parametrize(
    ("domain", "ours"),
    [
        (lambda: tune.uniform(0.0, 1.0), Range(low=0.0, high=1.0)),
        (lambda: tune.uniform(0, 1), Range(low=0.0, high=1.0)),
        (lambda: tune.loguniform(1e-4, 1e-1), Range(low=1e-4, high=1e-1, scale="log")),
        (lambda: tune.quniform(0.1, 1.0, 0.1), Range(low=0.1, high=1.0, step=0.1)),
        (lambda: tune.qloguniform(1.0, 9.0, 1.0), Range(low=1.0, high=9.0, scale="log", step=1.0)),
        (lambda: tune.randint(3, 10), Range(low=3, high=9)),
        (lambda: tune.lograndint(8, 257), Range(low=8, high=256, scale="log")),
        (lambda: tune.qrandint(3, 10, 2), Range(low=4, high=10, step=2)),
        (lambda: tune.randint(3, 4), 3),
        (lambda: tune.choice(["a", None, 3, True]), Choice(choices=("a", None, 3, True))),
        (lambda: tune.choice(np.array([1, 2])), Choice(choices=(1, 2))),
        (lambda: tune.grid_search([1, 2]), Choice(choices=(1, 2))),
        (lambda: (3, 9), Range(low=3, high=9)),
        (lambda: {"range": [0.0, 0.5], "when": {"x": 1}}, Range(low=0.0, high=0.5, when={"x": 1})),
        (lambda: "word", "word"),
        (lambda: Range(low=1, high=2), Range(low=1, high=2)),
    ],
)
def test_a_domain_of_tune_becomes_ours(domain, ours):
    found = from_tune({"it": domain()})["it"]
    assert found == ours
    if isinstance(ours, Range):
        assert (type(found.low), type(found.high)) == (type(ours.low), type(ours.high))


def test_domains_of_tune_may_hang_on_a_choice():
    domains = from_tune(
        {"booster": {"choices": {"gbtree": {}, "dart": {"rate_drop": tune.uniform(0.0, 0.5), "one_drop": 1}}}}
    )
    space = space_of("xgboost", domains)
    assert placed(space, {"booster": "dart"}).params["rate_drop"] == 0.25
    assert "rate_drop" not in placed(space, {"booster": "gbtree"}).params


def test_groups_of_parameters_come_back_as_groups():
    from mlray.experiments.tune.on_ray import crossed, nested

    theirs = {"optimizer": {"rate": tune.uniform(0.0, 1.0), "kind": tune.grid_search(["a", "b"])}, "layers": 3}
    space = space_of("mine", from_tune(theirs))
    assert crossed(theirs) == ("optimizer/kind",)
    search = Grid(space, crossed(theirs), 0)
    found = [nested(search.ask(number).params) for number in range(2)]
    assert [each["optimizer"]["kind"] for each in found] == ["a", "b"]
    assert all(0 <= each["optimizer"]["rate"] <= 1 and each["layers"] == 3 for each in found)


@pytest.mark.parametrize(
    ("domain", "says"),
    [
        (lambda: tune.sample_from(lambda: 3), "space.it: sample_from is a function, which no search can learn"),
        (lambda: tune.randn(0.0, 1.0), "space.it: a normal distribution has no ends"),
        (lambda: tune.choice([(1, 2), (3, 4)]), "space.it: tuple (1, 2) cannot be a choice"),
        (lambda: tune.choice([{"a": 1}]), "space.it: dict {'a': 1} cannot be a choice"),
        (lambda: [3], "space.it: a range is written [low, high]"),
    ],
)
def test_a_domain_without_counterpart_is_told_with_what_to_write(domain, says):
    with pytest.raises(SpecError) as caught:
        from_tune({"it": domain(), "fine": 3})
    assert caught.value.problems[0].startswith(says)
    assert caught.value.remedy


def test_optuna_s_searcher_proposes_and_is_told():
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    search = tuned(ConcurrencyLimiter(OptunaSearch(seed=0), max_concurrent=1))
    asked = []
    for number in range(20):
        asked.append(search.ask(number))
        if number >= 3:
            done = asked[number - 3]
            score = None if number == 7 else -abs(done.params["depth"] - 6.0)
            search.tell(trial(number - 3, done, score, curve=((5, -9.0), (10, score or 0.0))))
    space = space_of("mine", FLAT)
    assert all(within(space, each.params) for each in asked)
    study = search._searcher._ot_study
    states = [each.state.name for each in study.trials]
    assert (states.count("COMPLETE"), states.count("FAIL"), states.count("RUNNING")) == (16, 1, 3)
    assert study.trials[0].intermediate_values == {5: -9.0, 10: study.trials[0].value}


def test_it_learns_from_planned_trials_where_its_searcher_does():
    from ray.tune.search.optuna import OptunaSearch

    search = tuned(OptunaSearch(seed=0))
    search.tell(trial(90, Configuration("mine", {"rate": 0.1, "depth": 3, "kind": "a"}), 0.7))
    search.tell(trial(91, Configuration("mine", {"rate": 7.0, "depth": 3, "kind": "a"}), 0.7))
    search.tell(trial(92, Configuration("mine", {"rate": 0.1, "depth": 3, "kind": "a"}), None))
    assert [each.value for each in search._searcher._ot_study.trials] == [0.7]


def test_several_trainers_and_conditions_go_through_a_flat_searcher():
    from ray.tune.search.optuna import OptunaSearch

    deep = space_of(
        "deep",
        read_domains({"kind": {"choices": {"tree": {"depth": (2, 9)}, "line": {"penalty": (0.1, 10.0, "log")}}}}),
    )
    search = tuned(OptunaSearch(seed=0), space_of("mine", FLAT), deep)
    asked = [search.ask(number) for number in range(20)]
    assert {each.trainer for each in asked} == {"mine", "deep"}
    for each in asked:
        if each.trainer == "deep":
            assert set(each.params) == {"kind", "depth" if each.params["kind"] == "tree" else "penalty"}
    search.tell(trial(90, placed(deep, {"kind": "tree"}), 0.7))
    for number, each in enumerate(asked):
        search.tell(trial(number, each, 0.1))


def test_a_searcher_with_a_space_of_its_own_keeps_it():
    from ray.tune.search.optuna import OptunaSearch

    own = OptunaSearch({"group": {"alpha": tune.uniform(0.0, 1.0)}}, metric="auc", mode="max", seed=0)
    search = tuned(own, space_of("mine", {"depth": 3}))
    proposed = search.ask(0)
    assert set(proposed.params) == {"depth", "group/alpha"}
    search.tell(trial(0, proposed, 0.7))
    assert own._ot_study.best_value == 0.7


def test_a_searcher_that_waits_costs_no_lane_and_one_that_has_finished_ends():
    from ray.tune.search import Searcher

    class Waits(Searcher):
        def __init__(self):
            super().__init__()
            self.answers = [None, {"mine.rate": 0.5, "mine.depth": 2, "mine.kind": "b"}, Searcher.FINISHED]
            self.told = []

        def set_search_properties(self, metric, mode, config, **spec):
            return True

        def suggest(self, trial_id):
            return self.answers.pop(0)

        def on_trial_complete(self, trial_id, result=None, error=False):
            self.told.append((trial_id, result and result["score"], error))

    waits = Waits()
    search = tuned(waits)
    asked = [search.ask(number) for number in range(3)]
    assert within(space_of("mine", FLAT), asked[0].params)
    assert asked[1].params == {"rate": 0.5, "depth": 2, "kind": "b"}
    assert asked[2] is None
    for number, each in enumerate(asked[:2]):
        search.tell(trial(number, each, 0.7))
    assert waits.told == [("1", 0.7, False)]


def test_what_is_no_searcher_or_looks_the_other_way_is_refused():
    from ray.tune.search.basic_variant import BasicVariantGenerator
    from ray.tune.search.optuna import OptunaSearch

    with pytest.raises(InputError, match="BasicVariantGenerator is not a Searcher of Ray Tune"):
        tuned(BasicVariantGenerator())
    with pytest.raises(SpecError, match="made with mode='max', but of this metric min is better"):
        tuned(OptunaSearch({"a": tune.uniform(0.0, 1.0)}, metric="x", mode="max"), higher=False)


def test_a_searcher_of_several_objectives_is_told_all_of_them():
    from ray.tune.search.optuna import OptunaSearch

    search = tuned(OptunaSearch(metric=["auc", "latency"], mode=["max", "min"], seed=0))
    search.tell(trial(0, search.ask(0), 0.7, objectives={"latency": 2.0}))
    assert [each.values for each in search._searcher._ot_study.best_trials] == [[0.7, 2.0]]
