"""The JSON Schema: shipped as it is made, and of one mind with the reader."""

import json
from pathlib import Path

import jsonschema
import pytest
from pydantic import TypeAdapter, ValidationError

import mlray
from mlray.spec import SCHEMA, ProjectSpec, json_schema
from mlray.spec._data import Column
from mlray.spec._forms import Domain, Duration, Money
from mlray.spec._schema import meaning, placeholder, schema_text
from mlray.spec._yaml import read_yaml

FLIGHTS = Path(mlray.__file__).parent.parent / "jobs" / "flights" / "mlray.yaml"


def test_the_shipped_file_is_what_the_models_make():
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), "run `make schema`"


def test_the_schema_is_one_and_says_what_every_key_is_for():
    schema = json_schema()

    jsonschema.Draft202012Validator.check_schema(schema)
    parts = [schema, *schema["$defs"].values()]
    silent = [
        f"{part.get('title')}.{name}"
        for part in parts
        for name, key in part.get("properties", {}).items()
        if "description" not in key and "$ref" not in key
    ]
    assert silent == []


def test_the_example_project_is_valid_by_the_schema():
    jsonschema.validate(read_yaml(FLIGHTS.read_text(encoding="utf-8")).value, json_schema())


def test_the_example_points_the_editor_at_a_schema_that_is_there():
    first = FLIGHTS.read_text(encoding="utf-8").splitlines()[0]

    assert (FLIGHTS.parent / first.partition("$schema=")[2]).resolve() == SCHEMA.resolve()


def test_the_schema_refuses_an_unknown_key_and_the_reader_s_own_field():
    value = read_yaml(FLIGHTS.read_text(encoding="utf-8")).value

    for wrong in ({"folder": "x"}, {"projct": "x"}):
        with pytest.raises(jsonschema.ValidationError, match="Additional properties"):
            jsonschema.validate({**value, **wrong}, json_schema())


@pytest.mark.parametrize(
    ("form", "value", "good"),
    [
        (Column, "string", True),
        (Column, "text", False),
        (Column, {"type": "number", "min": 0}, True),
        (Column, {"type": "number", "mni": 0}, False),
        (Domain, [0.03, 0.3, "log"], True),
        (Domain, [3, 9], True),
        (Domain, [3], False),
        (Domain, [3, 9, "lgo"], False),
        (Domain, ["a", "b"], False),
        (Domain, {"low": 1, "high": 2}, True),
        (Domain, {"choices": ["a", 1, True]}, True),
        (Domain, {"choices": []}, False),
        (Domain, "gbtree", True),
        (Domain, 7, True),
        (Domain, True, True),
        (Domain, None, False),
        (Money, "40 USD", True),
        (Money, "0.50 USD", True),
        (Money, 40, True),
        (Money, 0.5, True),
        (Money, "40 EUR", False),
        (Money, -1, False),
        (Money, "-1 USD", False),
        (Money, None, False),
        (Money, True, False),
        (Duration, "14 days", True),
        (Duration, "1 week", True),
        (Duration, "14days", False),
        (Duration, "two days", False),
        (Duration, 14, False),
    ],
)
def test_reader_and_schema_agree_on_every_short_form(form, value, good):
    adapter = TypeAdapter(form)
    strict = tuple(value) if isinstance(value, list) else value
    if isinstance(value, dict) and "choices" in value:
        strict = {"choices": tuple(value["choices"])}

    def read() -> bool:
        try:
            adapter.validate_python(strict, strict=True)
        except ValidationError:
            return False
        return True

    schema = jsonschema.Draft202012Validator(adapter.json_schema())

    assert (read(), schema.is_valid(value)) == (good, good)


def test_a_key_can_be_explained_and_stood_in_for():
    assert meaning(("data", "time")) == " (The column with the event time)"
    assert meaning(("nothing", 0, "known")) == ""
    assert [placeholder(path) for path in [("live", "end"), ("project",), ("model", "trials"), ("data",)]] == [
        "2000-01-01",
        "x",
        1,
        None,
    ]


def test_regenerating_writes_the_same_file(tmp_path, monkeypatch):
    import runpy

    target = tmp_path / "schema.json"
    monkeypatch.setattr("mlray.spec._schema.SCHEMA", target)
    runpy.run_module("mlray.spec", run_name="__main__")

    assert json.loads(target.read_text(encoding="utf-8")) == json_schema()


def test_every_part_is_frozen():
    spec = ProjectSpec.model_validate(
        {
            "project": "a",
            "data": {
                "source": "x.csv",
                "time": "t",
                "columns": {"t": "timestamp", "y": {"type": "boolean", "known": "later"}},
                "target": {"name": "y", "column": "y"},
            },
        }
    )

    with pytest.raises(ValidationError, match="frozen"):
        spec.project = "b"
