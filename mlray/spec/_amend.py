"""A mapping written into a file that a person keeps: one line is added, all else stays as it was, comments as well."""

from collections.abc import Mapping
from typing import Any

import yaml

from mlray.errors import SpecError
from mlray.spec._data import MappingSpec
from mlray.spec._odcs_write import flow_text
from mlray.spec._yaml import loader

__all__ = ["with_mapping"]


def with_mapping(text: str, mapping: MappingSpec, *, table: str = "") -> str:
    """Return the text of a project file, or of a contract (`table` is its object), with one mapping more.

    Raises:
        SpecError: the file is not laid out so that a line can be added.
    """
    told = {"files": mapping.files, **mapping.model_dump(mode="json", exclude_defaults=True, exclude={"files"})}
    try:
        root = _section(yaml.compose(text, Loader=loader()))
        return _in_contract(text, root, told, table) if _value(root, "schema") else _in_project(text, root, told)
    except (_ElsewhereError, yaml.YAMLError) as error:
        raise SpecError(
            ["The mapping cannot be added to the file by itself."],
            remedy=f"Write it by hand: {flow_text(told)}",
        ) from error


class _ElsewhereError(Exception):
    """The file is laid out in a way that is not known here."""


def _in_project(text: str, root: yaml.MappingNode, told: Mapping[str, Any]) -> str:
    data = _section(_value(root, "data"))
    mappings = _value(data, "mappings")
    if mappings is None:
        return _add_key(text, data, "mappings", [told])
    return _add_item(text, mappings, told)


def _in_contract(text: str, root: yaml.MappingNode, told: Mapping[str, Any], table: str) -> str:
    objects = _value(root, "schema")
    if not isinstance(objects, yaml.SequenceNode) or not objects.value:
        raise _ElsewhereError
    named = [one for one in objects.value if table and _text(_value(one, "name")) == table]
    part = _section((named or objects.value)[0])
    own = _value(part, "customProperties")
    if own is None:
        return _add_key(text, part, "customProperties", [{"property": "mlray.sources", "value": [told]}])
    for one in own.value if isinstance(own, yaml.SequenceNode) else ():
        if _text(_value(one, "property")) == "mlray.sources":
            return _add_item(text, _value(one, "value"), told)
    return _add_item(text, own, {"property": "mlray.sources", "value": [told]})


def _add_item(text: str, items: yaml.Node | None, item: Mapping[str, Any]) -> str:
    if not isinstance(items, yaml.SequenceNode):
        raise _ElsewhereError
    if items.flow_style:
        end = items.end_mark.index - 1
        return text[:end].rstrip() + (", " if items.value else "") + flow_text(item) + text[end:]
    if not items.value:
        raise _ElsewhereError
    return _insert(text, _end(items), f"{' ' * items.start_mark.column}- {flow_text(item)}")


def _add_key(text: str, part: yaml.MappingNode, key: str, value: list[Any]) -> str:
    if part.flow_style:
        end = part.end_mark.index - 1
        return f"{text[:end].rstrip()}, {key}: {flow_text(value)}{text[end:]}"
    indent = " " * part.start_mark.column
    return _insert(text, _end(part), f"{indent}{key}:\n{indent}  - {flow_text(value[0])}")


def _insert(text: str, end: int, lines: str) -> str:
    """Put `lines` behind the line that has the place `end`; a comment at its end stays there."""
    stop = text.find("\n", end)
    return f"{text.rstrip()}\n{lines}\n" if stop < 0 else f"{text[:stop]}\n{lines}{text[stop:]}"


def _end(node: yaml.Node) -> int:
    """Return where a node's own text ends: PyYAML counts the blank lines and comments behind a block as its own."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.index)


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == name), None)


def _text(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _section(node: yaml.Node | None) -> yaml.MappingNode:
    if not isinstance(node, yaml.MappingNode):
        raise _ElsewhereError
    return node
