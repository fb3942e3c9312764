"""Whatever the tree of a space looks like: what is drawn from it lies in it, and what counts is there."""

from random import Random as Chance

from hypothesis import given, settings
from hypothesis import strategies as st

from mlray.experiments import First, Listed, Random, compose, grid, placed, sample, size, space_of, within
from mlray.records import Trial
from mlray.spec import Choice, Range

ends = st.tuples(st.integers(1, 50), st.integers(1, 50)).map(lambda two: (min(two), min(two) + max(two)))
ranges = st.one_of(
    st.builds(lambda two, scale: Range(low=two[0], high=two[1], scale=scale), ends, st.sampled_from(["linear", "log"])),
    st.builds(
        lambda two, scale: Range(low=two[0] / 7, high=two[1] / 7, scale=scale), ends, st.sampled_from(["linear", "log"])
    ),
    st.builds(
        lambda two, step: Range(low=two[0], high=two[1], step=min(step, two[1] - two[0])), ends, st.integers(1, 9)
    ),
    st.builds(lambda two: Range(low=two[0] / 10, high=two[1] / 10, step=0.1), ends),
)
words = st.lists(st.sampled_from(["red", "green", "blue", "grey"]), unique=True, min_size=1)


@st.composite
def trees(draw, names=("a", "b", "c", "d", "e", "f"), depth=2):
    """A space in which no name comes twice, branches and conditions included."""
    names, domains = list(names), {}
    for name in names[: draw(st.integers(1, 3))]:
        kind = draw(st.sampled_from(["range", "choice", "nested", "constant"]))
        if kind == "range":
            domains[name] = draw(ranges)
        elif kind == "constant":
            domains[name] = draw(st.sampled_from([3, "word", True, 0.5]))
        elif kind == "choice" or not depth:
            domains[name] = Choice(choices=tuple(draw(words)))
        else:
            values = draw(words)
            branches = {
                value: draw(trees(tuple(f"{name}{position}{inner}" for inner in "xyz"), depth - 1))
                for position, value in enumerate(values)
            }
            domains[name] = Choice(choices=branches)
    choices = [name for name, domain in domains.items() if isinstance(domain, Choice)]
    for name, domain in domains.items():
        if isinstance(domain, Range) and choices and draw(st.booleans()):
            other = draw(st.sampled_from(choices))
            when = {other: draw(st.sampled_from(domains[other].values))}
            domains[name] = domain.model_copy(update={"when": when})
    return domains


@settings(deadline=None, max_examples=60)
@given(trees(), st.integers())
def test_what_is_drawn_lies_within_the_space(domains, seed):
    space = space_of("mine", domains)
    drawn = sample(space, Chance(seed))
    assert within(space, drawn.params)
    assert placed(space, drawn.params) == drawn


@settings(deadline=None, max_examples=60)
@given(trees(), st.dictionaries(st.sampled_from("abcdef"), st.integers(-99, 99) | st.text(max_size=3)))
def test_anything_can_be_moved_into_the_space(domains, params):
    space = space_of("mine", domains)
    assert within(space, placed(space, params).params)


@settings(deadline=None, max_examples=60)
@given(trees(), st.integers())
def test_a_parameter_is_there_exactly_when_its_conditions_are_met(domains, seed):
    space = space_of("mine", domains)
    params = sample(space, Chance(seed)).params
    for dimension in space.dimensions:
        met = all(params.get(name) in values for name, values in dimension.when if name in params) and all(
            name in params for name, _ in dimension.when
        )
        assert met == (dimension.name in params)


@settings(deadline=None, max_examples=60)
@given(trees())
def test_a_finite_space_has_as_many_configurations_as_its_size_says(domains):
    space = space_of("mine", domains)
    count = size(space)
    if count is not None and count < 60:
        found = list(grid(space))
        assert len({str(each) for each in found}) == count
        assert all(within(space, each.params) for each in found)
        search = Random([space], 0)
        asked = [search.ask(number) for number in range(count + 1)]
        assert asked[-1] is None
        assert {str(each) for each in asked[:-1]} == {str(each) for each in found}


@settings(deadline=None, max_examples=60)
@given(trees(), st.integers(0, 9), st.lists(st.booleans(), max_size=20))
def test_the_same_asks_and_tells_give_the_same_configurations(domains, seed, tells):
    def run():
        space = space_of("mine", domains)
        planned = [placed(space, {})]
        search = First(planned, Random([space], seed))
        asked = []
        for number, told in enumerate(tells):
            asked.append(search.ask(number))
            if told and asked[-1]:
                search.tell(Trial(number, "mine", asked[-1].params, 0.1, 1, 1.0, "finished"))
        return asked

    assert run() == run()


@settings(deadline=None, max_examples=60)
@given(trees())
def test_every_parameter_is_picked_after_those_it_depends_on(domains):
    space = space_of("mine", domains)
    picked = []

    def pick(dimension):
        assert {name for name, _ in dimension.when} <= {*space.fixed, *picked}
        picked.append(dimension.name)
        return placed(space, {}).params.get(dimension.name, (dimension.values or (dimension.domain,))[0])

    compose(space, pick)
    assert len(picked) == len(set(picked))


def test_a_list_ends():
    assert Listed([]).ask(0) is None
