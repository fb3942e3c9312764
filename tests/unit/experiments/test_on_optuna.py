"""Optuna as a search."""

import pytest

from mlray.experiments import Configuration, First, Search, placed, space_of, within
from mlray.experiments.on_optuna import FULL, Optuna
from mlray.records import Trial
from mlray.spec import Range, read_domains

FLAT = space_of("mine", read_domains({"rate": (0.01, 1.0, "log"), "depth": (1, 9), "kind": {"choices": ["a", "b"]}}))
NESTED = space_of(
    "deep",
    read_domains(
        {
            "kind": {"choices": {"tree": {"depth": (2, 9)}, "line": {"penalty": {"choices": [None, 1, True]}}}},
            "drop": {"range": (0.0, 0.5), "when": {"kind": "line"}},
            "even": {"low": 2, "high": 9, "step": 3},
            "size": {"low": 16, "high": 512, "scale": "log", "step": 16},
        }
    ),
)


def trial(number, configuration, score, **objectives):
    state = "failed" if score is None else "finished"
    return Trial(number, configuration.trainer, configuration.params, score, 10, 1.0, state, objectives=objectives)


def good(configuration):
    """A bowl whose bottom is at rate 0.1, depth 6, kind b."""
    params = configuration.params
    return -abs(params["rate"] - 0.1) - 0.1 * abs(params["depth"] - 6) - 0.3 * (params["kind"] == "a")


def run(search, count, score=good, lanes=3, **objectives):
    """Ask and tell as `lanes` lanes would, each told when the next but `lanes` is asked."""
    asked = []
    for number in range(count):
        asked.append(search.ask(number))
        if number >= lanes:
            done = asked[number - lanes]
            search.tell(trial(number - lanes, done, score(done), **{k: f(done) for k, f in objectives.items()}))
    return asked


def test_it_is_a_search_and_stays_within_the_spaces():
    search: Search = Optuna([FLAT, NESTED], 0)
    asked = run(search, 30, score=lambda configuration: len(configuration.params))
    assert {each.trainer for each in asked} == {"mine", "deep"}
    for each in asked:
        assert within(FLAT if each.trainer == "mine" else NESTED, each.params)


def test_a_conditional_parameter_is_there_only_when_it_counts():
    for each in run(Optuna([NESTED], 0), 12, score=lambda configuration: configuration.params["even"]):
        tree = each.params["kind"] == "tree"
        assert ("depth" in each.params) is tree
        assert ("drop" in each.params) is not tree
        assert each.params["even"] in (2, 5, 8)
        assert each.params["size"] % 16 == 0


def test_the_same_asks_and_tells_give_the_same_configurations():
    assert run(Optuna([FLAT, NESTED], 3), 15, score=lambda c: 1.0 * len(c.params)) == run(
        Optuna([FLAT, NESTED], 3), 15, score=lambda c: 1.0 * len(c.params)
    )


def test_it_finds_the_bottom_of_a_bowl_better_than_chance_would():
    asked = run(Optuna([FLAT], 0), 40)
    assert max(map(good, asked)) > -0.15
    assert sum(map(good, asked[20:])) > sum(map(good, asked[:20])) + 1


def test_lower_is_better_where_somebody_says_so():
    asked = run(Optuna([FLAT], 0, {"score": "minimize"}), 40, score=lambda each: -good(each))
    assert sum(map(good, asked[20:])) > sum(map(good, asked[:20])) + 1


def test_planned_trials_and_those_of_earlier_sweeps_teach_it():
    first = [Configuration("mine", {"rate": 0.1, "depth": depth, "kind": "b", "more": 1}) for depth in (5, 6, 7)]
    far = [Configuration("mine", {"rate": 0.9, "depth": depth, "kind": "a"}) for depth in (1, 2, 3, 9)]
    optuna = Optuna([FLAT], 0)
    search = First([*first, *far], optuna)
    for number in range(7):
        each = search.ask(number)
        search.tell(trial(number, each, good(each)))
    search.tell(trial(90, Configuration("mine", {"rate": 5.0, "depth": 3, "kind": "a"}), 9.0))  # outside
    search.tell(trial(91, Configuration("other", {"rate": 0.5}), 9.0))
    assert within(FLAT, search.ask(7).params)
    learnt = optuna._study.trials
    assert [each.value for each in learnt[:-1]] == [good(each) for each in (*first, *far)]
    assert learnt[0].params == {"mine.rate": 0.1, "mine.depth": 5, "mine.kind": "b"}


def test_a_failed_trial_and_one_without_an_objective_teach_nothing_but_stop_nothing():
    search = Optuna([FLAT], 0, {"score": "maximize", "latency": "minimize"})
    for number in range(8):
        each = search.ask(number)
        told = [trial(number, each, None), trial(number, each, 0.5), trial(number, each, 0.5, latency=float("nan"))]
        search.tell(told[number % 3])
    assert within(FLAT, search.ask(8).params)


def test_several_objectives_are_searched_for_their_front():
    search = Optuna([FLAT], 0, {"score": "maximize", "latency": "minimize"})
    asked = run(search, 60, latency=lambda each: each.params["depth"])
    assert {each.params["depth"] for each in asked[30:]} >= {1, 6}
    assert sum(each.params["depth"] > 7 for each in asked[30:]) <= 6  # neither good nor quick


def test_a_small_space_is_tried_from_end_to_end_each_once():
    few = space_of("few", {"depth": Range(low=1, high=4), "kind": Range(low=1, high=2)})
    search = Optuna([few], 0)
    found = []
    for number in range(8):
        found.append(search.ask(number))
        search.tell(trial(number, found[-1], 0.1 * number))
    assert len({str(each) for each in found}) == 8
    assert search.ask(8) is None


def test_nothing_to_search_is_nothing_left():
    assert Optuna([space_of("mine", {"depth": 3})], 0).ask(0) is None


@pytest.mark.slow
@pytest.mark.parametrize("directions", [{"score": "maximize"}, {"score": "maximize", "latency": "minimize"}])
def test_the_study_stays_small_and_what_is_under_way_is_carried_over(directions):
    search = Optuna([FLAT, NESTED], 0, directions)
    for number in range(FULL + 20):  # of an earlier sweep: no need to be asked for
        each = placed(FLAT, {"rate": 0.1 + number / 1000, "depth": number % 9 + 1, "kind": "b"})
        search.tell(trial(10_000 + number, each, good(each), latency=1.0 * (number % 9)))
    asked = run(search, 8, score=lambda each: -9.0 if each.trainer == "deep" else good(each), latency=lambda _: 4.0)
    assert len(search._study.trials) < FULL
    assert max(good(each) for each in asked if each.trainer == "mine") > -0.3
