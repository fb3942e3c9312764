"""Searches that need no library."""

from mlray.experiments import Configuration, First, Grid, Listed, Random, space_of
from mlray.records import Trial
from mlray.spec import Choice, Range

A, B = Configuration("mine", {"depth": 2}), Configuration("mine", {"depth": 5})
RATES = space_of("mine", {"rate": Range(low=0.01, high=1.0, scale="log")})
FEW = space_of("mine", {"depth": Range(low=1, high=3), "kind": Choice(choices=("a", "b"))})


def trial(number, configuration, score=0.5):
    return Trial(number, configuration.trainer, configuration.params, score, 10, 1.0, "finished")


def asked(search, count, start=0):
    return [search.ask(number) for number in range(start, start + count)]


def test_a_list_is_given_in_its_order_and_then_nothing():
    search = Listed([A, B])
    search.tell(trial(0, A))
    assert asked(search, 3) == [A, B, None]


def test_planned_configurations_come_first_and_teach_the_other_search():
    told = []

    class Told(Listed):
        def tell(self, trial):
            told.append(trial.number)

    search = First([A], Told([B]))
    assert asked(search, 3) == [A, B, None]
    search.tell(trial(0, A))
    assert told == [0]


def test_chance_depends_on_the_seed_and_the_number_alone():
    assert asked(Random([RATES], 1), 5) == asked(Random([RATES], 1), 5)
    assert asked(Random([RATES], 1), 5) != asked(Random([RATES], 2), 5)
    assert Random([RATES], 1).ask(3) == asked(Random([RATES], 1), 5)[3]


def test_a_logarithmic_range_is_drawn_as_often_below_as_above_a_factor():
    drawn = [each.params["rate"] for each in asked(Random([RATES], 0), 400)]
    assert 150 < sum(rate < 0.1 for rate in drawn) < 250
    assert all(0.01 <= rate <= 1 for rate in drawn)


def test_the_ends_of_a_whole_range_are_drawn_as_often_as_the_rest():
    space = space_of("mine", {"depth": Range(low=1, high=4), "rate": Range(low=0.0, high=1.0)})
    drawn = [each.params["depth"] for each in asked(Random([space], 0), 800)]
    assert all(140 < drawn.count(depth) < 260 for depth in (1, 2, 3, 4))


def test_a_small_space_is_tried_from_end_to_end_each_once():
    search = Random([FEW], 0)
    found = asked(search, 6)
    assert len({str(each) for each in found}) == 6
    assert search.ask(6) is None


def test_what_was_tried_elsewhere_is_not_tried_again():
    search = Random([FEW], 0)
    search.tell(trial(9, Configuration("mine", {"depth": 1, "kind": "a"})))
    found = [each for each in asked(search, 8) if each]
    assert len(found) == 5
    assert Configuration("mine", {"depth": 1, "kind": "a"}) not in found


def test_what_was_told_of_other_spaces_uses_nothing_up():
    search = Random([FEW], 0)
    for number in range(6):
        search.tell(trial(number, Configuration("other", {"depth": number})))
    assert len([each for each in asked(search, 9) if each]) == 6


def test_a_grid_combines_some_parameters_and_draws_the_rest():
    space = space_of(
        "mine",
        {
            "depth": Choice(choices=(1, 2)),
            "kind": Choice(choices=("a", "b")),
            "rate": Range(low=0.0, high=1.0),
        },
    )
    search = Grid(space, ["depth", "kind"], 0)
    found = asked(search, 5)
    assert found[4] is None
    assert [(each.params["depth"], each.params["kind"]) for each in found[:4]] == [
        (1, "a"),
        (1, "b"),
        (2, "a"),
        (2, "b"),
    ]
    assert len({each.params["rate"] for each in found[:4]}) == 4
    search.tell(trial(0, found[0]))


def test_the_last_of_a_small_space_are_found_although_chance_repeats_itself():
    space = space_of("mine", {"depth": Range(low=1, high=300)})
    found = asked(Random([space], 0), 301)
    assert {each.params["depth"] for each in found[:-1]} == set(range(1, 301))
    assert found[-1] is None
