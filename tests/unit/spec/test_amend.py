"""A mapping added to a file by one line; everything else stays, comments as well."""

import pytest

from mlray.errors import SpecError
from mlray.spec import MappingSpec, parse_contract, with_mapping
from mlray.spec._yaml import read_yaml
from tests.unit.spec.conftest import GOOD
from tests.unit.spec.test_odcs import GOOD as CONTRACT

NEW = MappingSpec(files="new-*.csv", rename={"mass (kg)": "weight"}, values={"channel": {"1e5": "web", "no": "web"}})


def added(text, after):
    """Return the lines that are new, after checking that all others stay in order."""
    old, new = text.splitlines(), after.splitlines()
    fresh = [line for line in new if line not in old]
    assert [line for line in new if line in old] == old
    return fresh


def test_a_mapping_joins_those_of_a_project():
    after = with_mapping(GOOD, NEW)

    assert len(added(GOOD, after)) == 1
    mappings = read_yaml(after).value["data"]["mappings"]
    assert len(mappings) == 2
    assert MappingSpec.model_validate(mappings[1]) == NEW


def test_a_mapping_joins_those_of_a_contract():
    after = with_mapping(CONTRACT, NEW, table="orders")

    assert len(added(CONTRACT, after)) == 1
    assert parse_contract(after, "x").data.mappings[-1] == NEW


@pytest.mark.parametrize(
    "text",
    [
        "data: {source: a}",
        "data: {source: a, mappings: []}",
        "data:\n  source: a   # where from\n\n# the rest\nmodel: {}\n",
        "data:\n  mappings: [{files: b}]\n",
        "data:\n  mappings:\n  - files: b\n    rename: {c: d}   # as they call it\n  source: a\n",
    ],
)
def test_it_does_not_matter_how_a_project_is_laid_out(text):
    after = read_yaml(with_mapping(text, NEW)).value

    assert after["data"]["mappings"][-1]["files"] == "new-*.csv"
    before = read_yaml(text).value
    before["data"]["mappings"] = after["data"]["mappings"]
    assert after == before


@pytest.mark.parametrize(
    "text",
    [
        "schema:\n- name: a\n  properties: []\n",
        "schema:\n- name: a\n  customProperties:\n  - {property: mlray.time, value: at}\n",
        "schema:\n- name: z\n- name: a\n  customProperties: [{property: mlray.sources, value: [{files: b}]}]\n",
    ],
)
def test_it_does_not_matter_how_a_contract_is_laid_out(text):
    (part,) = [one for one in read_yaml(with_mapping(text, NEW, table="a")).value["schema"] if one["name"] == "a"]
    (sources,) = [one for one in part["customProperties"] if one["property"] == "mlray.sources"]

    assert sources["value"][-1]["files"] == "new-*.csv"


@pytest.mark.parametrize(
    "text", ["", "- a", "data: 1", "data: {mappings: 1}", "data: [", "schema: []", "data: {mappings: }"]
)
def test_a_file_that_is_something_else_is_left_to_a_person(text):
    with pytest.raises(SpecError, match=r"cannot be added.*\n*.*Write it by hand: \{files: new-"):
        with_mapping(text, NEW)
