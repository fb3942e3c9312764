"""Contracts drafted for data that nobody has described, and mappings proposed for a new source."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from mlray.data import Contract
from mlray.data._infer import draft, guess, sample, unit_of
from mlray.data._lint import remarks
from mlray.data._propose import mapping_of, propose
from mlray.errors import DataError
from mlray.spec import MappingSpec, contract_text, parse_contract
from tests.unit.data.samples import spec

CHANCE = np.random.default_rng(5)
N = 400


def texts(*words):
    return pa.array([words[n % len(words)] for n in range(N)])


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (texts("1", "2", "-3"), {"type": "integer", "low": -3}),
        (texts("1.5", "2"), {"type": "number"}),
        (texts("1,5", "1.200,25"), {"type": "number", "comma": True, "high": 1200.25}),
        (texts("true", "False"), {"type": "boolean"}),
        (texts("007", "008"), {"type": "string"}),
        (texts("a", "b", None), {"type": "string", "allowed": ("a", "b"), "nulls": N // 3}),
        (texts("2013-04-01", "2013-04-02 12:00"), {"type": "timestamp", "form": ""}),
        (texts("01.04.2013", "25.12.2013"), {"type": "timestamp", "form": "%d.%m.%Y"}),
        (texts("04/01/2013", "12/25/2013"), {"type": "timestamp", "form": "%m/%d/%Y"}),
        (texts("", " "), {"type": "string"}),
        (pa.array([f"id-{n}" for n in range(N)]), {"type": "string", "allowed": (), "unique": True}),
        (pa.array(range(N)), {"type": "integer", "unique": True}),
        (pa.array([b"x"] * N), {"type": ""}),
        (pa.array(["a"] * N).dictionary_encode(), {"type": "string", "allowed": ("a",)}),
        (pa.array(["a"] * N, pa.large_string()), {"type": "string"}),
        (pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * N), {"type": "timestamp"}),
    ],
)
def test_a_column_is_taken_for_what_every_value_of_it_is(column, expected):
    found = guess("x", column)

    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("name", "unit"), [("distance_km", "km"), ("Temp (degF)", "degF"), ("weight kg", "kg"), ("km", ""), ("flight", "")]
)
def test_a_name_may_end_in_a_unit(name, unit):
    assert unit_of(name) == unit


def raw():
    times = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(N)]
    return pa.table(
        {
            "Bestellt am": pa.array([f"{time:%d.%m.%Y %H:%M}" for time in times]),
            "Nr": pa.array([str(n) for n in range(N)]),
            "Kanal": texts("Web", "Laden"),
            "Gewicht_kg": texts("1,5", "2,25"),
            "leer": pa.nulls(N, pa.string()),
        }
    )


def test_a_draft_is_a_contract_by_the_standard_that_its_own_rows_keep():
    data = draft(raw(), "Bestellungen 2024", "orders.csv")

    assert (data.table, data.time, data.key) == ("bestellungen_2024", "Bestellt am", ("Nr",))
    assert data.columns["Gewicht_kg"].unit == "kg"
    assert "leer" not in data.columns
    (mapping,) = data.mappings
    assert (mapping.formats, mapping.decimal) == ({"Bestellt am": "%d.%m.%Y %H:%M"}, ",")
    assert parse_contract(contract_text(data), "x").data.columns == data.columns
    checked = Contract.compile(data).apply(raw(), "orders.csv")
    assert checked.reasons == {}


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"time": "Bestelt am"}, "has no column 'Bestelt am' with values.*Did you mean 'Bestellt am'"),
        ({"key": ["leer"]}, "has no column 'leer' with values"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_the_closest(options, fault):
    with pytest.raises(DataError, match=fault):
        draft(raw(), "orders", "orders.csv", **options)


def test_data_without_a_time_is_refused_with_what_was_found():
    with pytest.raises(DataError, match=r"No column of x holds a time.*Nr \(integer\)"):
        draft(raw().select(["Nr", "Kanal"]), "orders", "x")


def test_a_sample_is_read_as_a_contract_would(tmp_path):
    (tmp_path / "a.csv").write_text("id,at\n007,2024-01-01\n008,2024-01-02\n", encoding="utf-8")

    assert sample(tmp_path / "a.csv", 1).to_pylist() == [{"id": "007", "at": "2024-01-01"}]


ORDERS = Contract.compile(
    spec(
        mappings=[],
        columns={
            "at": "timestamp",
            "order": {"type": "integer", "min": 1, "synonyms": ["bestellnummer"]},
            "shop": {"type": "string", "allowed": ["north", "south"]},
            "weight": {"type": "number", "unit": "kilogram", "min": 0, "max": 100},
            "temp_inside": {"type": "number", "unit": "degC", "nullable": True},
            "gift": {"type": "boolean", "nullable": True},
            "days_back": {"type": "number", "nullable": True, "known": "later"},
        },
        lookups={},
    )
)
WEIGHTS = CHANCE.gamma(4, 3, N)
INSIDE = CHANCE.normal(20, 3, N)
KNOWN = pa.table(
    {
        "at": pa.array([datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(N)]),
        "order": list(range(N)),
        "shop": texts("north", "north", "south"),
        "weight": WEIGHTS,
        "temp_inside": INSIDE,
        "gift": texts(True, False),
        "days_back": CHANCE.integers(0, 30, N).astype(float),
    }
)


def theirs():
    return pa.table(
        {
            "Bestellnummer": list(range(5000, 5000 + N)),
            "ordered_at": KNOWN["at"],
            "SHOP": texts("N", "N", "S"),
            "Weight": CHANCE.permutation(WEIGHTS) / 0.45359237,
            "tempInside": CHANCE.permutation(INSIDE) * 1.8 + 32,
            "is_gift": KNOWN["gift"],
            "daysBack": KNOWN["days_back"],
            "colour": texts("red", "blue"),
        }
    )


def test_names_units_and_codes_of_a_new_source_are_proposed():
    proposals = {one.column: one for one in propose(ORDERS, theirs(), KNOWN)}

    assert {name: one.theirs for name, one in proposals.items()} == {
        "at": "ordered_at",
        "order": "Bestellnummer",
        "shop": "SHOP",
        "weight": "Weight",
        "temp_inside": "tempInside",
        "gift": "is_gift",
        "days_back": "daysBack",
    }
    assert proposals["weight"].unit == "pound"
    assert proposals["temp_inside"].unit == "degF"
    assert proposals["shop"].values == {"N": "north", "S": "south"}
    assert any("synonym" in one for one in proposals["order"].because)


def test_the_proposed_mapping_brings_the_source_into_the_contract():
    mapping = mapping_of(propose(ORDERS, theirs(), KNOWN), "new-*.csv", least=0.3)
    mapped = Contract.compile(ORDERS.data.model_copy(update={"mappings": (mapping,)}))
    checked = mapped.apply(theirs(), "new-1.csv")

    assert checked.table.num_rows == N
    assert np.sort(checked.table["weight"].to_numpy()) == pytest.approx(np.sort(WEIGHTS))


def test_without_known_rows_names_and_words_still_tell():
    renamed = KNOWN.rename_columns(["at", "order", "shop", "weight_lb", "temp_inside", "gift", "days_back"])
    proposals = {one.column: one for one in propose(ORDERS, renamed)}

    assert (proposals["weight"].theirs, proposals["weight"].unit) == ("weight_lb", "lb")
    assert all(one.plain for name, one in proposals.items() if name != "weight")


@pytest.mark.parametrize(("known", "new"), [(4, N), (N, 4), (19, 19)])
def test_the_unit_of_a_name_counts_where_values_are_too_few_to_compare(known, new):
    weights = pa.table({"weight_lb": WEIGHTS[:new] / 0.45359237, "at": KNOWN["at"][:new]})
    proposals = propose(ORDERS, weights, KNOWN.slice(0, known))
    (weight,) = [one for one in proposals if one.column == "weight"]

    assert (weight.theirs, weight.unit) == ("weight_lb", "lb")
    assert "its name ends in 'lb'" in weight.because
    assert mapping_of(proposals, "new-*.csv").units == {"weight": "lb"}


def test_a_source_in_the_contract_s_own_words_needs_no_mapping():
    assert mapping_of(propose(ORDERS, KNOWN, KNOWN), "x") is None
    assert propose(ORDERS, pa.table({})) == ()


def written(form):
    return pa.array([f"{time:{form}}" for time in KNOWN["at"].to_pylist()])


def mapped(*mappings):
    return Contract.compile(ORDERS.data.model_copy(update={"mappings": [MappingSpec(**one) for one in mappings]}))


@pytest.mark.parametrize(
    ("form", "column"),
    [
        ("%d.%m.%Y %H:%M", written("%d.%m.%Y %H:%M")),
        ("%H Uhr, %d.%m.%y", written("%H Uhr, %d.%m.%y")),
        ("%H:%M %d.%m.%y", written("%H:%M %d.%m.%y").dictionary_encode()),
        ("%m/%d/%Y", pa.array(["3/4/2024", "4/4/2024"] * 50)),
        ("unix_ms", pa.array([int(time.timestamp() * 1000) for time in KNOWN["at"].to_pylist()])),
    ],
    ids=["a usual one", "one of their own", "one in a dictionary", "one that may be read in two ways", "numbers"],
)
def test_what_the_mapping_of_another_source_says_counts_for_a_new_one(form, column):
    contract = mapped({"files": "old-*.csv", "rename": {"wann": "at"}, "formats": {"at": form}})
    (proposal,) = [one for one in propose(contract, pa.table({"wann": column})) if one.column == "at"]

    assert (proposal.theirs, proposal.form) == ("wann", form)
    assert proposal.confidence >= 0.5
    mapping = mapping_of([proposal], "new-*.csv")
    assert (mapping.rename, mapping.formats) == ({"wann": "at"}, {"at": form})
    assert propose(ORDERS, pa.table({"wann": column})) == ()


def test_a_learnt_format_is_not_pressed_on_what_is_no_such_time():
    contract = mapped(
        {"files": "old-*.csv", "formats": {"at": "unix"}}, {"files": "b.csv", "formats": {"at": "%d.%m.%Y"}}
    )
    small = {one.column: one for one in propose(contract, pa.table({"at": list(range(N))}))}
    large = {one.column: one for one in propose(contract, pa.table({"at": pa.array([2**64 - 1] * N, pa.uint64())}))}
    iso = {one.column: one for one in propose(contract, pa.table({"at": written("%Y-%m-%d")}))}

    assert "at" not in {*small, *large}
    assert iso["at"].plain


def test_a_mapping_that_swaps_two_names_does_not_swap_them_for_others():
    contract = mapped({"files": "old-*.csv", "rename": {"weight": "temp_inside", "temp_inside": "weight"}})

    assert all(one.plain for one in propose(contract, KNOWN))


def test_a_source_of_something_else_is_not_forced_into_the_contract():
    other = pa.table({"zebra": texts("a", "b"), "quux": texts("1", "2")})

    assert all(one.confidence < 0.5 for one in propose(ORDERS, other, KNOWN))


def test_what_a_contract_leaves_open_is_told():
    told = remarks(spec(key=[]), "quality: [{type: sql}]")

    assert any(one.startswith("no key") for one in told)
    assert any("type 'sql'" in one for one in told)
    assert any("without a description: at, order, shop, weight, gift and 2 more" in one for one in told)
