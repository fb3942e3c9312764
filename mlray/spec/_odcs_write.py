"""A contract written in the Open Data Contract Standard (ODCS 3), so that reading it gives the same terms."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from mlray.clock import parse_duration
from mlray.spec._data import ColumnSpec, Data, LookupSpec, MappingSpec
from mlray.spec._odcs import ARGUMENTS, OPERATORS
from mlray.spec._odcs_shape import VERSION
from mlray.spec._terms import Modes, QualityRule
from mlray.spec._yaml import is_value

__all__ = ["contract_text", "flow_text"]


def contract_text(
    data: Data,
    *,
    name: str = "",
    version: str = "1.0.0",
    status: str = "draft",
    purpose: str = "",
    target: bool = False,
) -> str:
    """Return the terms of `data` as a contract in YAML.

    Args:
        data: The terms.
        name: The contract's id; the table's name if empty.
        version: The contract's own version.
        status: `draft`, `active` and so on.
        purpose: What the data is for, in a sentence.
        target: Whether to say what is predicted as well; each project says so itself otherwise.
    """
    told: dict[str, Any] = {
        "apiVersion": VERSION,
        "kind": "DataContract",
        "id": name or data.table,
        "name": name or data.table,
        "version": version,
        "status": status,
    }
    if purpose:
        told["description"] = {"purpose": purpose}
    told["schema"] = [_table(data, target=target), *(_lookup(data, name, one) for name, one in data.lookups.items())]
    if data.freshness:
        told["slaProperties"] = [_sla(data)]
    if data.owner:
        told["team"] = {"name": data.owner}
    return yaml.dump(told, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Short values on one line, as a person writes them."""

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:  # noqa: ANN401, FBT001
        node = super().represent_mapping(tag, mapping, flow_style)
        node.flow_style = flow_style or (
            len(str(mapping)) < 90 and "properties" not in mapping and "schema" not in mapping
        )
        return node

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:  # noqa: ANN401, FBT001
        node = super().represent_sequence(tag, sequence, flow_style)
        node.flow_style = all(isinstance(item, str | int | float) for item in sequence)
        return node

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Quote what YAML 1.2 would take for a number: PyYAML thinks of YAML 1.1, where 1e5 is a text."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="'" if is_value(text) else None)

    def ignore_aliases(self, _data: object) -> bool:
        return True


_Dumper.add_representer(str, _Dumper.represent_text)


class _FlowDumper(_Dumper):
    """Everything on one line."""

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:  # noqa: ANN401, ARG002, FBT001
        return super().represent_mapping(tag, mapping, True)

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:  # noqa: ANN401, ARG002, FBT001
        node = super().represent_sequence(tag, sequence, True)
        node.flow_style = True
        return node


def flow_text(value: Any) -> str:  # noqa: ANN401 (a plain value)
    """Return plain values as YAML on one line.

    >>> flow_text({"files": "a-*.csv", "units": {"weight": "gram"}})
    '{files: a-*.csv, units: {weight: gram}}'
    """
    text: str = yaml.dump(value, Dumper=_FlowDumper, sort_keys=False, allow_unicode=True, width=10**6)
    return text.strip()


def _table(data: Data, *, target: bool) -> dict[str, Any]:
    own: dict[str, Any] = {"mlray.time": data.time}
    if data.mappings:
        own["mlray.sources"] = [_mapping(one) for one in data.mappings]
    if data.modes != Modes():
        own["mlray.modes"] = data.modes.model_dump(mode="json", exclude_defaults=True)
    if data.views:
        own["mlray.views"] = {tenant: dict(seen) for tenant, seen in data.views.items()}
    if target:
        own["mlray.target"] = data.target.model_dump(mode="json", exclude_defaults=True)
    return {
        "name": data.table,
        "physicalType": "table",
        "properties": [_property(name, column, data.quality, data.key) for name, column in data.columns.items()],
        **_quality([rule for rule in data.quality if len(rule.columns) != 1]),
        "customProperties": _custom(own),
    }


def _lookup(data: Data, name: str, lookup: LookupSpec) -> dict[str, Any]:
    keys = {one: data.columns[one].model_copy(update={"nullable": False}) for one in lookup.on}
    return {
        "name": name,
        "physicalType": "table",
        "properties": [
            *(_property(one, column) for one, column in keys.items()),
            *(_property(one, column, data.quality) for one, column in lookup.columns.items()),
        ],
        "customProperties": _custom({"mlray.on": list(lookup.on)}),
    }


def _property(
    name: str, column: ColumnSpec, rules: Sequence[QualityRule] = (), key: Sequence[str] = ()
) -> dict[str, Any]:
    told: dict[str, Any] = {"name": name, "logicalType": column.type}
    if not column.nullable:
        told["required"] = True
    if name in key:
        told |= {"primaryKey": True, "primaryKeyPosition": key.index(name) + 1}
    limits = {"minimum": column.min, "maximum": column.max}
    options = {key: _plain(limit) for key, limit in limits.items() if limit is not None}
    if options:
        told["logicalTypeOptions"] = options
    if column.allowed is not None:
        told["enum"] = [{"value": value} for value in column.allowed]
    if column.classification is not None:
        told["classification"] = column.classification
    if column.description:
        told["description"] = column.description
    if column.synonyms:
        told["synonyms"] = [{"synonym": word} for word in column.synonyms]
    told |= _quality([rule for rule in rules if rule.columns == (name,)])
    own = {"mlray.unit": column.unit, "mlray.known": "later" if column.known == "later" else None}
    custom = _custom({key: value for key, value in own.items() if value is not None})
    return {**told, **({"customProperties": custom} if custom else {})}


def _quality(rules: Iterable[QualityRule]) -> dict[str, Any]:
    told = [_rule(rule) for rule in rules]
    return {"quality": told} if told else {}


def _rule(rule: QualityRule) -> dict[str, Any]:
    told: dict[str, Any] = {"metric": rule.metric}
    if rule.name:
        told["name"] = rule.name
    arguments: dict[str, Any] = {"properties": list(rule.columns)} if len(rule.columns) > 1 else {}
    for theirs, ours in ARGUMENTS.items():
        value = getattr(rule, ours)
        if value not in ((), None):
            arguments[theirs] = list(value) if isinstance(value, tuple) else value
    if arguments:
        told["arguments"] = arguments
    for theirs, ours in OPERATORS.items():
        value = getattr(rule, ours)
        if value is not None:
            told[theirs] = [_plain(end) for end in value] if isinstance(value, tuple) else _plain(value)
    if rule.unit != "rows":
        told["unit"] = rule.unit
    if rule.severity != "error":
        told["severity"] = rule.severity
    return told


def _mapping(mapping: MappingSpec) -> dict[str, Any]:
    return {"files": mapping.files, **mapping.model_dump(mode="json", exclude_defaults=True, exclude={"files"})}


def _sla(data: Data) -> dict[str, Any]:
    seconds = int(parse_duration(str(data.freshness)).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return {"property": "freshness", "value": seconds // size, "unit": unit, "element": data.time}
    return {"property": "freshness", "value": seconds, "unit": "s", "element": data.time}


def _custom(own: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"property": name, "value": value} for name, value in own.items()]


def _plain(number: float) -> float | int:
    return int(number) if float(number).is_integer() and abs(number) < 1e15 else number
