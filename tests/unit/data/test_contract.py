"""The contract on files: names, units, words, types and limits; what breaks it is set aside with the reason."""

import json

import numpy as np
import pyarrow as pa
import pytest

from mlray.data import Before, Contract
from mlray.errors import DataError
from tests.unit.data.samples import LATER, NOON, contract, orders, row, spec, table


def reasons(rows, source="orders-1.parquet", **changes):
    return contract(**changes).apply(rows, source).reasons


def test_good_rows_come_back_in_the_contracts_types():
    checked = contract().apply(orders({}, {"order": 2, "weight": None}), "orders-1.parquet")
    assert checked.table.to_pylist() == [row(), row(order=2, weight=None)]
    assert checked.table.schema.field("at").type == pa.timestamp("us", "UTC")
    assert not checked.table.schema.field("order").nullable
    assert (checked.reasons, checked.mapped, checked.set_aside.num_rows) == ({}, {}, 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"order": 0}, "order below 1"),
        ({"order": None}, "order is missing"),
        ({"shop": "west"}, "shop is not an allowed value"),
        ({"shop": None}, "shop is missing"),
        ({"weight": 100.5}, "weight above 100"),
        ({"weight": -1.0}, "weight below 0"),
        ({"weight": float("inf")}, "weight is not a finite number"),
        ({"at": None}, "at is missing"),
    ],
)
def test_a_row_that_breaks_a_rule_is_set_aside_with_the_reason(change, reason):
    checked = contract().apply(orders({}, {"order": 2} | change), "orders-1.parquet")
    assert checked.reasons == {reason: 1}
    assert reason in contract().reasons
    assert checked.table.num_rows == 1
    (aside,) = checked.set_aside.to_pylist()
    assert (aside["source"], aside["position"], aside["reason"]) == ("orders-1.parquet", 1, reason)
    assert json.loads(aside["row"])["shop"] == change.get("shop", "north")


def test_every_rule_on_rows_is_declared_with_the_reason_that_it_gives():
    told = contract().reasons
    assert len(told) == len(set(told))
    assert [one for one in told if one.startswith(("order", "weather: temp"))] == [
        "order is not a whole number",
        "order is missing",
        "order below 1",
        "weather: temp is not a finite number",
        "weather: temp is missing",
        "weather: temp below -60",
        "weather: temp above 60",
    ]
    assert {"at, order repeated", "weather: shop, at repeated"} <= set(told)
    assert "weight is missing" not in told
    assert not any(one.endswith("repeated") for one in contract(key=[], lookups={}, mappings=[]).reasons)


def test_a_row_counts_once_for_the_first_rule_that_it_breaks():
    assert reasons(orders({"order": 0, "weight": -1.0})) == {"order below 1": 1}


def test_the_quarantine_keeps_what_the_source_said_even_what_json_cannot():
    aside = contract().apply(orders({"weight": float("inf")}), "orders-1.parquet").set_aside
    assert json.loads(aside["row"][0].as_py())["weight"] == "inf"


def test_the_quarantine_has_every_value_of_the_row_whatever_its_type():
    odd = pa.table(
        {
            "at": pa.array([NOON], pa.timestamp("us", "UTC")),
            "order": pa.array([0], pa.int16()),
            "shop": pa.array(['the "north"']).dictionary_encode(),
            "weight": [0.5],
            "gift": [True],
            "days_back": pa.nulls(1),
            "list": [[1, None]],
            "bytes": [b"\xff"],
            "nothing": pa.array([None], pa.list_(pa.int64())),
            'ä"b': pa.array([float("nan")]),
        }
    )
    aside = contract().apply(odd, "orders-1.parquet").set_aside
    assert json.loads(aside["row"][0].as_py()) == {
        "at": "2024-01-01 12:00:00.000000Z",
        "order": 0,
        "shop": 'the "north"',
        "weight": 0.5,
        "gift": True,
        "days_back": None,
        "list": "[1, None]",
        "bytes": "b'\\xff'",
        "nothing": None,
        'ä"b': "nan",
    }


def test_positions_are_those_of_the_file():
    checked = contract().apply(orders({"order": 0}), "orders-1.parquet", positions=np.array([41]))
    assert checked.set_aside["position"].to_pylist() == [41]


def test_the_first_row_of_a_key_is_kept():
    checked = contract().apply(orders({"weight": 1.0}, {"weight": 2.0}, {"order": 2}), "orders-1.parquet")
    assert checked.table["weight"].to_pylist() == [1.0, 2.5]
    assert checked.reasons == {"at, order repeated": 1}


def test_a_bad_row_does_not_take_the_key():
    checked = contract().apply(orders({"weight": -1.0}, {"weight": 2.0}), "orders-1.parquet")
    assert checked.table["weight"].to_pylist() == [2.0]
    assert checked.reasons == {"weight below 0": 1}


def test_a_key_that_another_file_took_is_repeated():
    taken = Before(orders({}).select(["at", "order"]))
    checked = contract().apply(orders({}, {"order": 2}), "orders-2.parquet", before=taken)
    assert checked.reasons == {"at, order repeated": 1}
    assert checked.table["order"].to_pylist() == [2]


def test_rows_of_the_moment_where_reading_goes_on_are_known_and_no_fault():
    taken = Before(orders({}).select(["at", "order"]), edge=NOON)
    checked = contract().apply(orders({}, {"order": 2}, {"order": 2}), "orders-1.parquet", before=taken)
    assert checked.table["order"].to_pylist() == [2]
    assert checked.reasons == {"at, order repeated": 1}
    assert checked.set_aside["position"].to_pylist() == [2]


def test_without_the_time_in_the_key_a_later_row_with_a_known_key_is_repeated():
    taken = Before(orders({}).select(["order", "at"]), edge=NOON)
    checked = contract(key=["order"]).apply(orders({}, {"at": LATER}), "orders-1.parquet", before=taken)
    assert checked.table.num_rows == 0
    assert checked.reasons == {"order repeated": 1}


def test_rows_without_a_key_may_repeat():
    assert contract(key=[]).apply(orders({}, {}), "orders-1.parquet").table.num_rows == 2


def test_a_mapping_renames_converts_and_translates_and_counts_it():
    old = table({"at": NOON, "order": 1, "shop": "N", "pounds": 10.0, "gift": None, "days_back": None})
    checked = contract().apply(old, "orders-old.parquet")
    assert checked.table["weight"][0].as_py() == pytest.approx(4.5359237)
    assert checked.table["shop"].to_pylist() == ["north"]
    assert checked.mapped == {
        "pounds → weight": 1,
        "weight: pound → kilogram": 1,
        "shop: 'N' → 'north'": 1,
    }


def test_a_mapping_leaves_other_files_alone():
    assert reasons(orders({"shop": "N"})) == {"shop is not an allowed value": 1}


def test_limits_hold_after_the_conversion():
    old = table({"at": NOON, "order": 1, "shop": "N", "pounds": 221.0, "gift": None, "days_back": None})
    assert reasons(old, "orders-old.parquet") == {"weight above 100": 1}


def test_a_whole_number_is_converted_where_the_result_is_whole():
    columns = spec().model_dump()["columns"] | {"order": {"type": "integer", "unit": "hour"}}
    mappings = [{"files": "*", "units": {"order": "minute"}}]
    checked = contract(columns=columns, mappings=mappings).apply(
        orders({"order": 120}, {"order": 90}, {"order": None}), "orders-1.parquet"
    )
    assert checked.table["order"].to_pylist() == [2]
    assert checked.reasons == {"order is not a whole number": 1, "order is missing": 1}


def test_text_that_is_no_number_before_the_conversion_is_set_aside():
    rows = orders({}).set_column(3, "weight", pa.array(["heavy"]))
    mappings = [{"files": "*", "units": {"weight": "gram"}}]
    assert reasons(rows, mappings=mappings) == {"weight is not a finite number": 1}


def test_text_that_is_no_number_and_numbers_that_are_not_whole_are_both_set_aside():
    columns = spec().model_dump()["columns"] | {"order": {"type": "integer", "unit": "hour"}}
    mappings = [{"files": "*", "units": {"order": "minute"}}]
    rows = orders({}, {}, {}).set_column(1, "order", pa.array(["x", "90", "60"]))
    checked = contract(columns=columns, mappings=mappings).apply(rows, "orders-1.parquet")
    assert checked.reasons == {"order is not a whole number": 2}
    assert checked.table["order"].to_pylist() == [1]


def test_a_unit_that_is_the_contracts_changes_nothing():
    checked = contract(mappings=[{"files": "*", "units": {"weight": "kilogram"}}]).apply(orders({}), "orders-1.parquet")
    assert checked.mapped == {}


def test_an_empty_translation_means_missing():
    mappings = [{"files": "*", "values": {"weight": {"-9": ""}}}]
    checked = contract(mappings=mappings).apply(orders({"weight": -9.0}, {"order": 2}), "orders-1.parquet")
    assert checked.table["weight"].to_pylist() == [None, 2.5]
    assert checked.mapped == {"weight: '-9' → ''": 1}


def test_translations_reach_into_dictionary_columns():
    rows = orders({"shop": "N"}, {"order": 2})
    rows = rows.set_column(2, "shop", rows["shop"].dictionary_encode())
    mappings = [{"files": "*", "values": {"shop": {"N": "north"}}}]
    assert contract(mappings=mappings).apply(rows, "o").table["shop"].to_pylist() == ["north", "north"]


def test_of_two_mappings_the_later_one_wins():
    mappings = [
        {"files": "*", "values": {"shop": {"N": "south"}}},
        {"files": "orders-*", "values": {"shop": {"N": "north"}}},
    ]
    assert contract(mappings=mappings).apply(orders({"shop": "N"}), "a/orders-1.parquet").table["shop"][0].as_py() == (
        "north"
    )


def test_a_missing_column_is_answered_with_a_mapping_that_may_help():
    rows = orders({}).rename_columns(["at", "order", "shop", "weight_kg", "gift", "days_back"])
    with pytest.raises(DataError, match=r"orders-9.parquet has no column 'weight'; .*rename: \{weight_kg: weight\}"):
        contract().apply(rows, "data/orders-9.parquet")


def test_a_missing_column_without_a_candidate_is_answered_with_the_shape_of_a_mapping():
    with pytest.raises(DataError, match=r"has no column 'days_back'.*\{their_name: days_back\}"):
        contract().apply(orders({}).drop_columns("days_back"), "orders-9.parquet")


def test_a_column_that_was_renamed_away_is_not_read_under_its_old_name():
    mappings = [{"files": "*", "rename": {"weight": "order", "kilos": "weight"}}]
    with pytest.raises(DataError, match="no column 'weight'"):
        contract(mappings=mappings).apply(orders({}), "orders-1.parquet")


def test_a_column_of_the_wrong_kind_is_refused_with_file_and_column():
    rows = orders({}).set_column(1, "order", pa.array([True]))
    with pytest.raises(DataError, match=r"orders-1.parquet: column 'order' is bool and cannot be a whole number"):
        contract().apply(rows, "orders-1.parquet")


def test_a_lookup_has_its_own_columns_key_and_reasons():
    weather = table(
        {"shop": "north", "at": NOON, "temp": 5.0},
        {"shop": "north", "at": NOON, "temp": 6.0},
        {"shop": "south", "at": NOON, "temp": 99.0},
    )
    checked = contract().apply(weather, "weather-1.parquet", lookup="weather")
    assert checked.table.to_pylist() == [{"shop": "north", "at": NOON, "temp": 5.0}]
    assert checked.reasons == {"weather: shop, at repeated": 1, "weather: temp above 60": 1}


def test_an_unknown_unit_is_found_when_the_contract_is_compiled():
    with pytest.raises(DataError, match=r"column 'weight': the unit 'kilogramm' is not known\. Is 'kilogram' meant"):
        contract(mappings=[{"files": "*", "units": {"weight": "kilogramm"}}])


def test_a_column_without_a_unit_cannot_be_converted():
    data = spec().model_copy(update={"mappings": (spec().mappings[0].model_copy(update={"units": {"gift": "mile"}}),)})
    with pytest.raises(DataError, match="'gift' has no unit in the contract"):
        Contract.compile(data)


@pytest.mark.parametrize(
    ("truth", "or_missing", "expected"),
    [
        ([0.0, 1.0, None], False, [False, True, False]),
        ([0.0, 1.0, None], True, [False, True, True]),
    ],
)
def test_the_target_is_true_above_the_limit_and_as_told_where_missing(truth, or_missing, expected):
    target = {"name": "returned", "column": "days_back", "above": 0, "or_missing": or_missing}
    rows = pa.table({"days_back": pa.array(truth, pa.float64())})
    assert contract(target=target).target(rows).to_pylist() == expected


@pytest.mark.parametrize("kind", ["boolean", "integer"])
def test_the_truth_may_be_a_boolean_or_a_whole_number(kind):
    columns = spec().model_dump()["columns"] | {"days_back": {"type": kind, "known": "later"}}
    target = {"name": "returned", "column": "days_back"}
    rows = pa.table({"days_back": pa.array([1, 0]).cast(pa.bool_() if kind == "boolean" else pa.int64())})
    assert contract(columns=columns, target=target).target(rows).to_pylist() == [True, False]


def test_the_digest_is_of_what_makes_a_row_and_not_of_where_it_comes_from():
    one = contract()
    assert one.digest == contract(source="elsewhere-*.csv").digest
    columns = spec().model_dump()["columns"] | {"order": {"type": "integer", "min": 2}}
    assert one.digest != contract(columns=columns).digest
    assert one.digest != contract(mappings=[]).digest


def test_a_contract_survives_json_text():
    one = contract()
    again = Contract.from_json(json.loads(json.dumps(one.to_json())))
    assert again == one
    assert again.digest == one.digest


def test_lookup_columns_may_be_null_in_the_finished_table_since_nothing_may_match():
    assert contract().schema.field("temp").nullable
    assert contract().schema.names == ["at", "order", "shop", "weight", "gift", "days_back", "temp"]


def test_what_is_known_later_is_no_part_of_a_request():
    assert contract().request_columns == ("at", "order", "shop", "weight", "gift", "temp")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("order", "a whole number, at least 1"),
        ("shop", "one of north, south"),
        ("weight", "a finite number, at least 0 and at most 100, or null"),
        ("at", "a time"),
    ],
)
def test_what_a_column_may_hold_is_said_in_words(name, expected):
    assert contract().expected(name) == expected


def test_a_long_list_of_allowed_values_is_cut():
    columns = spec().model_dump()["columns"] | {"order": {"type": "integer", "allowed": list(range(30))}}
    assert contract(columns=columns).expected("order").endswith("18, 19, …")


def test_no_rows_are_no_fault():
    empty = orders({}).slice(0, 0)
    assert contract().apply(empty, "orders-old.parquet").table.num_rows == 0
