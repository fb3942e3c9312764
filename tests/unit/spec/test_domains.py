"""Spaces that a Python program gives: the forms of the project file, and its words for what is wrong."""

import numpy as np
import pytest

from mlray.errors import SpecError
from mlray.spec import Choice, Range, read_domains


def faults(**space):
    with pytest.raises(SpecError) as caught:
        read_domains(space, where="space")
    assert caught.value.remedy
    return caught.value.problems


def test_every_form_of_the_file_is_read():
    assert read_domains(
        {
            "a": [1, 9],
            "b": (0.1, 1.0, "log"),
            "c": {"choices": ["x", None, 3]},
            "d": {"range": (1, 5), "step": 2, "when": {"c": "x", "e": [True, False]}},
            "e": True,
            "f": Range(low=1, high=2),
        }
    ) == {
        "a": Range(low=1, high=9),
        "b": Range(low=0.1, high=1.0, scale="log"),
        "c": Choice(choices=("x", None, 3)),
        "d": Range(low=1, high=5, step=2, when={"c": "x", "e": (True, False)}),
        "e": True,
        "f": Range(low=1, high=2),
    }


def test_values_that_bring_parameters_may_be_written_as_they_are():
    read = read_domains({"a": {"choices": {True: {"b": (1, 2)}, False: {}, 3: {}, 0.5: {}, None: {}, "x": {}}}})["a"]
    assert isinstance(read, Choice)
    assert read.values == (True, False, 3, 0.5, None, "x")
    assert [(key, value) for key, value, _ in read.branches] == [("true", True)]


def test_words_that_look_like_numbers_but_are_none_stay_words():
    assert Choice(choices={"nan": {}, "1e400": {}, "-3": {}}).values == ("nan", "1e400", -3)


def test_numbers_of_numpy_are_numbers():
    read = read_domains({"a": (np.int64(1), np.int64(9)), "b": np.float64(0.5)})
    assert read == {"a": Range(low=1, high=9), "b": 0.5}
    assert read["a"].whole


@pytest.mark.parametrize(
    ("domain", "says"),
    [
        ((9, 1), "space.a is [9, 1]; the low end must lie below the high end"),
        ((0, 1, "log"), "space.a is [0, 1, log]; a logarithmic range starts above 0"),
        ((0, 1, "lg"), "space.a is 'lg'; did you mean 'log'? Valid: linear, log"),
        ((1,), "space.a: a range is written [low, high] or [low, high, log]"),
        (["x", "y"], "space.a: a range is written [low, high] or [low, high, log]"),
        ({"range": [1]}, "space.a: a range is written [low, high] or [low, high, log]"),
        ({"depth": (1, 2)}, "space.a: a range is written [low, high] or [low, high, log]"),
        ({"low": 1}, "space.a lacks 'high'"),
        ({"low": 0.0, "high": 1.0, "step": 3.0}, "space.a.step is 3; a step is at most 1, the length of the range"),
        ({"low": 0.0, "high": 1.0, "stp": 0.5}, "unknown key 'stp' in space.a; did you mean 'step'?"),
        ({"choices": []}, "space.a.choices is []; it needs at least 1"),
        ({"choices": {}}, "space.a.choices is {}; it needs at least 1"),
        ({"choices": {"x": 3}}, "space.a.choices.x is 3, not a section of `key: value` lines"),
        ({"choices": {"x": {"b": [2, 1]}}}, "space.a.choices.x.b is [2, 1]; the low end must lie below the high end"),
        (None, "space.a is empty, not a text"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(domain, says):
    (said,) = faults(a=domain)
    assert said.startswith(says)


def test_all_faults_are_told_at_once():
    assert len(faults(a=(9, 1), b={"choices": []})) == 2


@pytest.mark.parametrize(
    ("range_", "value", "nearest"),
    [
        (Range(low=1, high=9), 3.6, 4),
        (Range(low=1, high=9), 99, 9),
        (Range(low=1, high=9, step=3), 9, 7),
        (Range(low=0.1, high=0.9, step=0.2), 0.46, 0.5),
        (Range(low=0.1, high=0.95, step=0.2), 2.0, 0.9),
        (Range(low=1.0, high=9.0), 3, 3.0),
    ],
)
def test_the_nearest_number_of_a_range(range_, value, nearest):
    found = range_.nearest(value)
    assert (found, type(found)) == (nearest, type(nearest))
