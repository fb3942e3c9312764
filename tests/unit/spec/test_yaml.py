"""YAML 1.2 as values with lines."""

import json
import math
from datetime import datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlray.spec._yaml import MOST_VALUES, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("off", "off"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("Null", None),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("-7", -7),
        ("1e-3", 0.001),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.inf", -math.inf),
        ("2013-04-01", "2013-04-01"),
        ("9E", "9E"),
        ('"on"', "on"),
        ("'5'", "5"),
        ("<<", "<<"),
        ("1" * 500, "1" * 500),
    ],
)
def test_scalars_are_read_as_yaml_1_2_has_them(text, value):
    source = read_yaml(f"a: {text}")

    assert source.value == {"a": value}
    assert type(source.value["a"]) is type(value)
    assert not source.faults


def test_not_a_number_is_read_as_such():
    assert math.isnan(read_yaml("a: .nan").value["a"])


def test_keys_are_texts_whatever_they_look_like():
    assert read_yaml("on: 1\nNO: 2\n1: 3\ntrue: 4\n~: 5").value == {"on": 1, "NO": 2, "1": 3, "true": 4, "~": 5}


def test_every_value_knows_its_line():
    source = read_yaml("a:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n")

    assert [source.line(path) for path in [(), ("a",), ("a", "b"), ("a", "c", 1), ("a", "c", 1, "d")]] == [
        1,
        1,
        2,
        5,
        5,
    ]
    assert source.line(("a", "c", 7, "unknown")) == 3


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: 2\na: 3", 3, "a appears twice; the first is in line 1"),
        ("x:\n  a: 1\n  a: 1", 3, "x.a appears twice; the first is in line 2"),
        ("a: 1\n? [1, 2]\n: 3", 2, "the file: a key must be a word"),
        ("a: !!python/object:os.system x", 1, "the tag python/object:os.system is not known here"),
        ("a: [1, 2", 1, "not YAML: expected ',' or ']', but got '<stream end>' while parsing a flow sequence"),
        (
            "a:\n\tb: 1",
            2,
            "not YAML: found character '\\t' that cannot start any token while scanning for the next token",
        ),
        ("a: 1\n---\nb: 2", 2, "not YAML: but found another document expected a single document in the stream"),
        ("a: 1\nb: \x00", 2, "not YAML: the character 0 is not allowed"),
        ("a: *gone", 1, "not YAML: found undefined alias 'gone'"),
        ("", 1, "the file is empty"),
        ("# only a comment", 1, "the file is empty"),
    ],
)
def test_a_faulty_text_is_told_with_its_line(text, line, what):
    (fault,) = read_yaml(text).faults

    assert fault.line == line
    assert fault.what.startswith(what)


def test_aliases_stand_for_what_they_name():
    assert read_yaml("a: &x {b: 1}\nc: *x").value == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]",
        "\n".join(["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]),
        "a: " + "[" * 60 + "]" * 60,
    ],
    ids=["an alias of itself", "aliases of aliases", "sixty brackets"],
)
def test_a_text_that_names_too_much_is_refused(text):
    source = read_yaml(text)

    assert f"more than {MOST_VALUES:,} values" in source.faults[0].what


@pytest.mark.parametrize(
    ("text", "told"),
    [("[" * 5000, "brackets are nested too deeply"), ("- " * 2000, "nested too deeply")],
    ids=["brackets", "hyphens"],
)
def test_thousands_of_levels_are_refused_without_a_crash(text, told):
    assert told in read_yaml(text).faults[0].what


_WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp"), exclude_characters="\ufeff")
)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _WORDS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=4),
        max_leaves=20,
    )
)
def test_json_is_yaml_and_is_read_as_what_it_says(value):
    assert read_yaml(json.dumps({"a": value}, ensure_ascii=False)).value == {"a": value}


def test_a_date_of_another_writer_stays_a_text():
    assert read_yaml(yaml.safe_dump({"a": datetime(2013, 4, 1)})).value == {"a": "2013-04-01 00:00:00"}  # noqa: DTZ001
