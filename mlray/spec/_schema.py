"""The JSON Schema of the project file: for editors, and for the words of an error message."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path as File
from typing import Any, cast

from mlray.ids import Json
from mlray.spec._model import ProjectSpec
from mlray.spec._yaml import Path

__all__ = ["SCHEMA", "fields", "json_schema", "meaning", "placeholder", "schema_at", "schema_text"]

SCHEMA = File(__file__).with_name("mlray.schema.json")
"""Where the schema lies in the installed package."""


@cache
def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of `mlray.yaml`, its short forms included."""
    made = ProjectSpec.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mlray.yaml",
        "description": "A whole project of mlray: data, model, gates, serving, drift, costs.",
        **{name: part for name, part in made.items() if name not in ("title", "description")},
    }


def schema_text() -> str:
    """Return the schema as the file in the package has it."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def schema_at(path: Path) -> Mapping[str, object]:
    """Return the part of the JSON Schema that describes `path`; empty where it branches too far to say."""
    schema = json_schema()
    parts = cast("Mapping[str, Mapping[str, object]]", schema.get("$defs", {}))
    here: Mapping[str, object] = schema
    for step in path:
        here = _whole(here, parts)
        within = here.get("items") if isinstance(step, int) else _property(here, step)
        here = cast("Mapping[str, object]", within) if isinstance(within, Mapping) else {}
    return _whole(here, parts)


def _property(here: Mapping[str, object], name: str) -> object:
    properties = cast("Mapping[str, object]", here.get("properties", {}))
    return properties.get(name, here.get("additionalProperties"))


def _whole(here: Mapping[str, object], parts: Mapping[str, Mapping[str, object]]) -> Mapping[str, object]:
    """Follow references, and of several forms take the long one: the section with keys."""
    described = here.get("description")
    while True:
        forms = here.get("anyOf") or here.get("oneOf")
        if "$ref" in here:
            here = parts[str(here["$ref"]).rpartition("/")[2]]
        elif isinstance(forms, list):
            here = next((form for form in forms if "$ref" in form or "anyOf" in form), forms[0])
        else:
            return {**here, "description": described} if described else here


def fields(path: Path) -> list[str]:
    """Return the keys that the section at `path` knows."""
    return list(cast("Mapping[str, object]", schema_at(path).get("properties", {})))


def meaning(path: Path) -> str:
    """Return what the key at `path` is for, in brackets; nothing where the schema does not say."""
    described = str(schema_at(path).get("description", ""))
    return f" ({described.splitlines()[0].rstrip('.')})" if described else ""


def placeholder(path: Path) -> Json:
    """Return some value for a missing key, or None, so that its absence does not hide what else is wrong."""
    here = schema_at(path)
    if here.get("format") == "date":
        return "2000-01-01"
    said = _property(schema_at(path[:-1]), str(path[-1])) if path else None
    if isinstance(said, Mapping) and {"type": "string"} in said.get("oneOf", ()):
        return "x"
    match here.get("type"):
        case "string":
            return "x"
        case "integer" | "number":
            return 1
        case _:
            return None
