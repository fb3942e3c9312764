"""How the search of a sweep is made, and made again."""

import json

import pytest

from mlray.errors import InputError, SpecError
from mlray.experiments import Configuration, Grid, Listed, Planned, Recipe
from mlray.records import Trial
from mlray.spec import Choice, Model, Range


def recipe(model=None, **keys):
    return Recipe.of(model or Model(), **{"seed": 1, "higher": True, "trials": 6, **keys})


def again(found):
    return Recipe.from_json(json.loads(json.dumps(found.to_json())))


def asked(search, count=6):
    configurations = []
    for number in range(count):
        configuration = search.ask(number)
        configurations.append(configuration)
        search.tell(Trial(number, configuration.trainer, configuration.params, number / 10, 1, 1.0, "finished"))
    return configurations


@pytest.mark.parametrize("searcher", ["tpe", "random"])
def test_a_search_that_is_made_again_from_the_journal_asks_for_the_same(searcher):
    model = Model(searcher=searcher, trainers={"xgboost": {"gamma": Range(low=0.1, high=2.0), "max_depth": 5}})

    assert asked(again(recipe(model)).search(), 9) == asked(recipe(model).search(), 9)


def test_earlier_trials_are_written_down_since_they_change_later():
    warm = [Trial(0, "xgboost", {"max_depth": 4}, 0.9, 10, 1.0, "finished")]

    found = again(recipe(warm=warm))

    assert Planned("xgboost", {"max_depth": 4}) in found.first
    assert Configuration("xgboost", {"max_depth": 4}) in asked(found.search(), 3)


def test_the_parameters_of_a_function_are_its_own():
    model = Model(
        trainers={"train": {"rate": Range(low=0.1, high=1.0, scale="log"), "kind": Choice(choices=("a", "b"))}}
    )
    found = again(Recipe(model.model_dump(mode="json", exclude_defaults=True), 0, higher=False, free=True))

    for configuration in asked(found.search(), 4):
        assert configuration.trainer == "train"
        assert 0.1 <= configuration.params["rate"] <= 1.0
        assert configuration.params["kind"] in ("a", "b")


def test_a_grid_is_tried_from_end_to_end():
    model = Model(trainers={"train": {"a": Choice(choices=(1, 2)), "b": Choice(choices=(3, 4))}})
    found = Recipe(model.model_dump(mode="json", exclude_defaults=True), 0, higher=True, free=True, grid=("a", "b"))

    search = again(found).search()
    assert isinstance(search, Grid)
    assert {tuple(one.params.values()) for one in asked(search, 4)} == {(1, 3), (1, 4), (2, 3), (2, 4)}


def test_a_search_of_the_caller_s_own_is_not_made_again():
    found = again(recipe(own="Mine"))

    assert found.first == ()
    with pytest.raises(InputError, match="a search of its caller, Mine"):
        found.search()


class Mine:
    def __init__(self, spaces, seed):
        self.spaces, self.seed = spaces, seed

    def ask(self, number):
        return Configuration(self.spaces[0].trainer, {"max_depth": 3 + number + self.seed})

    def tell(self, trial):
        pass


READY = Listed([Configuration("xgboost", {"max_depth": 3})])
NOTHING = 7


def test_a_search_is_found_by_its_import_path(monkeypatch):
    import sys
    from types import ModuleType

    module = ModuleType("searches_of_mine")
    module.Mine, module.READY, module.NOTHING = Mine, READY, NOTHING
    monkeypatch.setitem(sys.modules, "searches_of_mine", module)

    def search(name):
        return Recipe(Model(searcher=f"searches_of_mine:{name}").model_dump(mode="json"), 1, higher=True).search()

    assert search("Mine").ask(2).params == {"max_depth": 6}
    assert search("READY").ask(0).params == {"max_depth": 3}
    with pytest.raises(SpecError, match="makes a int, which has no ask and tell"):
        search("NOTHING")
    with pytest.raises(SpecError, match="searcher: 'searches_of_mine:Gone' cannot be imported"):
        search("Gone")
