"""Whether a file has the shape of the Open Data Contract Standard: every unknown key and wrong type, with its path.

The standard's model lets unknown keys through; a misspelt `requierd` would silently make a column nullable.
"""

import typing
from collections.abc import Iterator, Mapping
from types import UnionType

from pydantic import BaseModel, ValidationError

from mlray.ids import Json
from mlray.spec._words import closest, did_you_mean, shown
from mlray.spec._yaml import Path, dotted

__all__ = ["VERSION", "faults_of_shape"]

VERSION = "v3.2.0"
"""The version of the standard that is written."""
_ROOT = ("version", "apiVersion", "kind", "id")
_WANTED = {
    "string_type": "a text",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "list_type": "a list",
    "dict_type": "a section of `key: value` lines",
    "model_type": "a section of `key: value` lines",
}

Said = tuple[Path, str]


def faults_of_shape(value: Json) -> list[Said]:
    """Return path and description of each place where `value` is not what the standard describes."""
    from open_data_contract_standard.model import OpenDataContractStandard

    if not isinstance(value, Mapping):
        return [((), "the contract is not a section of `key: value` lines")]
    found = list(_root(value))
    found += _unknown(OpenDataContractStandard, value, ())
    told = {path for path, _ in found}
    try:
        OpenDataContractStandard.model_validate(value, strict=True)
    except ValidationError as error:
        for said in error.errors(include_url=False):
            path = _within(value, said["loc"])
            if said["type"] == "extra_forbidden" or path in told:
                continue
            told.add(path)
            wanted = _WANTED.get(said["type"])
            what = f"it is {shown(said['input'])}, not {wanted}" if wanted else said["msg"]
            found.append((path, f"{dotted(path)}: {what}"))
    return found


def _root(value: Mapping[str, Json]) -> Iterator[Said]:
    for name in _ROOT:
        if value.get(name) in (None, ""):
            example = {"apiVersion": VERSION, "kind": "DataContract", "version": "1.0.0"}.get(name, "departures")
            yield (), f"the contract lacks '{name}', as in `{name}: {example}`"
    version, kind = value.get("apiVersion"), value.get("kind")
    if version is not None and not str(version).startswith("v3."):
        yield ("apiVersion",), f"apiVersion is {shown(version)}; this reads v3, such as {VERSION}"
    if kind is not None and kind != "DataContract":
        yield ("kind",), f"kind is {shown(kind)}; a contract's is 'DataContract'"


def _unknown(model: type[BaseModel], value: Mapping[str, Json], path: Path) -> Iterator[Said]:
    known = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    for name, part in value.items():
        here = (*path, name)
        if name not in known:
            section = dotted(path) or "the contract"
            near = closest(name, known)
            yield here, f"unknown key '{name}' in {section}; {did_you_mean(name, [near] if near else known)}"
            continue
        for inner in _models(known[name]):
            if isinstance(part, Mapping):
                yield from _unknown(inner, part, here)
            elif isinstance(part, list):
                for number, item in enumerate(part):
                    if isinstance(item, Mapping):
                        yield from _unknown(inner, item, (*here, number))
            break


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation speaks of, such as that of a list's items."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif typing.get_origin(annotation) in (list, typing.Union, UnionType):
        for part in typing.get_args(annotation):
            yield from _models(part)


def _within(value: Json, location: tuple[int | str, ...]) -> Path:
    """Leave out of pydantic's location the names of a union's branches."""
    path: list[str | int] = []
    for step in location:
        if isinstance(value, Mapping) and step in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            continue
        path.append(step)
    return tuple(path)
