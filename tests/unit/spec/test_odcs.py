"""Contracts in the Open Data Contract Standard: read into the same values, faults with file and line."""

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

import mlray
from mlray.errors import SpecError
from mlray.spec import Modes, contract_text, parse_contract, read_contract, read_spec

GOOD = """\
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
description: {purpose: What was ordered}
schema:
- name: orders
  properties:
  - {name: at, logicalType: timestamp, required: true, physicalName: ordered_at}
  - {name: order, logicalType: integer, primaryKey: true, logicalTypeOptions: {minimum: 1, format: i64}}
  - name: channel
    logicalType: string
    enum: [{value: web}, {value: "010"}]
    customProperties: [{property: mlray.valueMap, value: {internet: web}}]
  - name: weight
    logicalType: number
    required: true
    classification: restricted
    synonyms: [{synonym: mass}]
    logicalTypeOptions: {minimum: 0, maximum: 50}
    customProperties: [{property: mlray.unit, value: kilogram}]
    quality: [{metric: missingValues, arguments: {missingValues: [null, -9]}, mustBeLessThan: 1, unit: percent}]
  - name: returned
    logicalType: boolean
    customProperties: [{property: mlray.known, value: later}]
  quality:
  - {type: library, metric: rowCount, mustBeBetween: [1, 100]}
  - {type: text, description: Only people can check this.}
  customProperties:
  - {property: mlray.time, value: at}
  - {property: mlray.views, value: {ana: {restricted: hash}}}
  - {property: mlray.modes, value: {columns: freeze}}
  - property: mlray.sources
    value:
    - {files: orders-1.*, units: {weight: gram}, zone: Europe/Berlin, decimal: ","}
- name: weather
  properties:
  - {name: at, logicalType: timestamp, required: true}
  - {name: temp, logicalType: number}
  customProperties: [{property: mlray.on, value: [at]}]
slaProperties: [{property: freshness, value: 2, unit: d}]
team: {name: shop}
"""
PROJECT = """\
project: shop
data:
  contract: contracts/orders.odcs.yaml
  source: orders-*.csv
  lookups: {weather: {source: weather.csv}}
  target: {name: returned, column: returned}
"""
FLIGHTS = Path(mlray.__file__).parent.parent / "jobs" / "flights"


@pytest.fixture
def project(tmp_path):
    """Write a project beside its contract, with some of the contract's text replaced."""
    for name in ("orders-1.csv", "orders-2.csv", "weather.csv"):
        (tmp_path / name).write_text("at\n", encoding="utf-8")

    def written(*changes: tuple[str, str], text: str = PROJECT) -> Path:
        contract = GOOD
        for old, new in changes:
            assert contract.count(old) == 1, old
            contract = contract.replace(old, new)
        (tmp_path / "contracts").mkdir(exist_ok=True)
        (tmp_path / "contracts" / "orders.odcs.yaml").write_text(contract, encoding="utf-8")
        (tmp_path / "mlray.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return written


def told(folder):
    with pytest.raises(SpecError) as caught:
        read_spec(folder)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def assert_keeps_the_standard(text):
    schema = files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    jsonschema.validate(yaml.safe_load(text), json.loads(schema))
    OpenDataContractStandard.from_string(text)


def test_a_contract_file_says_what_the_short_form_says(project):
    data = read_spec(project()).data

    assert (data.table, data.time, data.key, data.owner, data.freshness) == (
        "orders",
        "at",
        ("order",),
        "shop",
        "2 days",
    )
    assert list(data.columns) == ["at", "order", "channel", "weight", "returned"]
    assert data.columns["channel"].allowed == ("web", "010")
    weight = data.columns["weight"]
    assert (weight.min, weight.max, weight.unit, weight.nullable) == (0, 50, "kilogram", False)
    assert (weight.classification, weight.synonyms) == ("restricted", ("mass",))
    assert data.columns["returned"].known == "later"
    assert data.lookups["weather"].on == ("at",)
    assert list(data.lookups["weather"].columns) == ["temp"]
    assert data.views == {"ana": {"restricted": "hash"}}
    assert data.modes == Modes(columns="freeze")
    everywhere, first = data.mappings
    assert (everywhere.files, everywhere.rename, everywhere.values) == (
        "*", {"ordered_at": "at"}, {"channel": {"internet": "web"}}
    )  # fmt: skip
    assert (first.units, first.zone, first.decimal) == ({"weight": "gram"}, "Europe/Berlin", ",")
    assert [(rule.metric, rule.columns) for rule in data.quality] == [("missingValues", ("weight",)), ("rowCount", ())]
    assert data.quality[0].missing == (-9,)


def test_a_project_adds_to_its_contract_and_overrides_it(project):
    text = PROJECT + (
        "  key: [at, order]\n"
        "  columns: {weight: {max: 60}}\n"
        "  mappings: [{files: orders-2.*, units: {weight: pound}}]\n"
        "  quality: [{metric: rowCount, at_least: 5}]\n"
    )
    data = read_spec(project(text=text)).data

    assert data.key == ("at", "order")
    assert (data.columns["weight"].min, data.columns["weight"].max) == (0, 60)
    assert [mapping.files for mapping in data.mappings] == ["*", "orders-1.*", "orders-2.*"]
    assert data.quality[-1].at_least == 5


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("logicalType: boolean", "logicalType: bolean", "25: column 'returned': logicalType is 'bolean'; did you mean 'boolean'?"),
        ("logicalType: boolean", "logicalType: vector", "25: column 'returned': logicalType is 'vector'; known: string,"),
        ("    logicalType: boolean\n", "", "24: column 'returned' has no logicalType; one of string,"),
        ("    required: true\n", "    requierd: true\n", "18: unknown key 'requierd' in schema[0].properties[3]; did you mean 'required'?"),
        ("    required: true\n", "    required: yes\n", "18: schema[0].properties[3].required: it is 'yes', not true or false"),
        ("minimum: 0, maximum: 50", "minimum: 60, maximum: 50", "21: data.columns.weight.min is 60; it lies above max, 50"),
        ("minimum: 0, maximum: 50", "multipleOf: 2", "21: column 'weight': 'multipleOf' of a number cannot be checked here"),
        ("mlray.unit", "mlray.unti", "22: schema[0].properties[3]: no property 'mlray.unti' is known here; did you mean 'mlray.unit'?"),
        ("mlray.time", "mlray.tiem", "31: schema[0]: no property 'mlray.tiem' is known here; did you mean 'mlray.time'?"),
        ("value: at}", "value: att}", "31: data.time is 'att'; no column has that name; did you mean 'at'?"),
        ("files: orders-1.*", "files: orders-7.*", "36: data.mappings[1].files: no source file is named 'orders-7.*'"),
        ("Europe/Berlin", "Europe/Berln", "36: data.mappings[1].zone is 'Europe/Berln'; not a time zone; did you mean 'Europe/Berlin'?"),
        ("units: {weight: gram}", "units: {wieght: gram}", "36: data.mappings[1].units.wieght is 'gram'; for 'wieght' no column"),
        ("value: {internet: web}", "value: {internet: wbe}", "15: data.mappings[0].values.channel.internet is 'wbe'; 'channel' does not"),
        ("metric: rowCount", "metric: rowCnt", "28: data.quality[1].metric is 'rowCnt'; did you mean 'rowCount'?"),
        ("mustBeBetween: [1, 100]", "severity: error", "28: data.quality[1] is 'rowCount'; a rule has exactly one of"),
        ("{missingValues: [null, -9]}", "{missing: [-9]}", "23: schema[0].properties[3].quality[0]: unknown argument 'missing'; did you"),
        ("{restricted: hash}", "{restrcted: hash}", "32: data.views.ana.restrcted is 'restrcted'; no column is classified so; did you"),
        ("value: 2, unit: d", "value: soon, unit: d", "42: freshness is 'soon' d; write a whole number and a unit"),
        ("apiVersion: v3.2.0", "apiVersion: v2.2.2", "1: apiVersion is 'v2.2.2'; this reads v3"),
        ("kind: DataContract", "kind: Contract", "2: kind is 'Contract'; a contract's is 'DataContract'"),
        ("version: 1.0.0\n", "", "1: the contract lacks 'version', as in `version: 1.0.0`"),
        ("team: {name: shop}", "teem: {name: shop}", "43: unknown key 'teem' in the contract; did you mean 'team'?"),
        ("physicalName: ordered_at", "physicalName: [", "10: not YAML"),
        ("- {name: temp,", "- {", "40: schema[1].properties[1] has no name"),
    ],
)  # fmt: skip
def test_a_fault_has_the_contract_s_file_and_line(project, old, new, fault):
    assert told(project((old, new)))[0].startswith(f"contracts/orders.odcs.yaml:{fault}")


def test_faults_of_project_and_contract_are_told_together(project):
    found = told(project(("value: at}", "value: att}"), text=PROJECT.replace("name: returned", "name: Returned!")))

    assert [line.partition(": ")[0] for line in found] == ["contracts/orders.odcs.yaml:31", "mlray.yaml:6"]


def test_a_fault_in_the_project_s_own_addition_has_the_project_s_line(project):
    found = told(project(text=PROJECT + "  mappings:\n    - {files: orders-2.*, units: {wieght: gram}}\n"))

    assert found[0].startswith("mlray.yaml:8: data.mappings[2].units.wieght")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("contracts/order.odcs.yaml", "there is no file 'contracts/order.odcs.yaml'; the closest is 'orders.odcs.yaml'"),
        ("contrcts/x.yaml", "there is no file 'contrcts/x.yaml'; there is no folder 'contrcts'"),
        ("contracts/zzz", "there is no file 'contracts/zzz'; `mlray contract infer FILE` drafts one"),
    ],
)  # fmt: skip
def test_a_contract_that_is_not_there_is_told_with_the_closest(project, name, fault):
    found = told(project(text=PROJECT.replace("contracts/orders.odcs.yaml", name)))

    assert f"mlray.yaml:3: data.contract: {fault}" in found


def test_a_contract_that_is_no_text_is_told(project):
    folder = project()
    (folder / "contracts" / "orders.odcs.yaml").write_bytes(b"\xff\xfe")

    assert told(folder)[0].startswith("mlray.yaml:3: data.contract: 'contracts/orders.odcs.yaml' cannot be read")


def test_a_contract_alone_needs_no_target(project):
    found = read_contract(project() / "contracts" / "orders.odcs.yaml")

    assert (found.id, found.version, found.status, found.description) == (
        "orders", "1.0.0", "active", "What was ordered"
    )  # fmt: skip
    assert not found.has_target
    assert next(iter(found.data.columns)) == "at"


@pytest.mark.parametrize("text", ["- 1", "schema: []\nid: x\nversion: 1.0.0\nkind: DataContract\napiVersion: v3.2.0\n"])
def test_a_contract_without_a_table_is_refused(text):
    with pytest.raises(SpecError, match=r"not a section|no table"):
        parse_contract(text, "x.yaml")


def test_a_contract_that_cannot_be_read_alone_is_refused_by_name(tmp_path):
    with pytest.raises(SpecError, match=r"there is no file"):
        read_contract(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('enum: [{value: web}, {value: "010"}]', "unique: true", {"metric": "duplicateValues", "must_be": 0}),
        ('enum: [{value: web}, {value: "010"}]', "logicalTypeOptions: {pattern: '[a-z]+', maxLength: 9}",
         {"metric": "invalidValues", "must_be": 0, "pattern": "[a-z]+", "max_length": 9}),
    ],
)  # fmt: skip
def test_what_the_standard_says_of_single_values_becomes_a_rule(old, new, rule):
    text = GOOD.replace(old, new)
    found = parse_contract(text, "x").data.quality[0]

    assert found.model_dump(exclude_defaults=True) == {"columns": ("channel",), **rule}


def test_times_are_read_as_the_standard_writes_them():
    options = "logicalTypeOptions: {format: 'dd.MM.yyyy HH:mm', defaultTimezone: Europe/Berlin}"
    text = GOOD.replace("physicalName: ordered_at", options)
    everywhere = parse_contract(text, "x").data.mappings[0]

    assert (everywhere.formats, everywhere.zone) == ({"at": "%d.%m.%Y %H:%M"}, "Europe/Berlin")


def test_a_form_of_time_that_is_not_known_is_told():
    text = GOOD.replace("physicalName: ordered_at", "logicalTypeOptions: {format: 'EEE, dd MMM'}")
    with pytest.raises(SpecError, match=r"x:10: column 'at': format 'EEE, dd MMM' has letters other than"):
        parse_contract(text, "x")


def test_what_is_written_is_read_as_the_same_terms_and_keeps_the_standard():
    data = parse_contract(GOOD, "x").data
    text = contract_text(data, purpose="What was ordered")

    assert parse_contract(text, "again").data == data
    assert_keeps_the_standard(text)


def test_the_flights_contract_keeps_the_standard():
    text = (FLIGHTS / "contracts" / "departures.odcs.yaml").read_text(encoding="utf-8")

    assert_keeps_the_standard(text)
    assert read_spec(FLIGHTS).data.table == "departures"


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"metric": "rowCount", "columns": ["at"], "must_be": 1}, "rowCount counts whole rows"),
        ({"metric": "nullValues", "must_be": 1}, "nullValues looks at one column"),
        ({"metric": "duplicateValues", "must_be": 0}, "name the columns that must not repeat"),
        ({"metric": "nullValues", "columns": ["nope"], "must_be": 1}, "no column has that name"),
        ({"metric": "invalidValues", "columns": ["at"], "must_be": 0, "pattern": "["}, "not a regular expression"),
    ],
)
def test_a_rule_that_makes_no_sense_is_told(project, rule, fault):
    found = told(project(text=PROJECT + f"  quality: [{json.dumps(rule)}]\n"))

    assert any("mlray.yaml:7:" in line and fault in line for line in found)


@pytest.mark.parametrize(
    ("mapping", "fault"),
    [
        ({"encoding": "cp125x"}, "not a character set"),
        ({"formats": {"nope": "%Y"}}, "no column has that name"),
        ({"formats": {"weight": "%Y"}}, "'weight' is a number; only a timestamp has a format"),
        ({"zone": "Moon"}, "not a time zone"),
    ],
)
def test_a_mapping_that_cannot_be_read_by_is_told(project, mapping, fault):
    found = told(project(text=PROJECT + f"  mappings: [{json.dumps({'files': 'orders-2.*', **mapping})}]\n"))

    assert any("mlray.yaml:7:" in line and fault in line for line in found)


def test_views_of_a_contract_without_classes_are_told(project):
    found = told(project(("    classification: restricted\n", "")))

    assert "no column has a classification" in found[0]
