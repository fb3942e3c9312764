"""How sources write: time zones, decimal signs, formats, character sets; and what becomes of the unforeseen."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from mlray.data import Contract
from mlray.data._texts import plain_decimals, plain_times, whole_digits
from mlray.data._units import conversion
from mlray.data._zones import from_local
from mlray.errors import DataError, RequestError
from tests.unit.data.samples import NOON, contract, orders, spec

FILE = "orders-1.parquet"


def apply(rows, *, modes=None, columns=None, **mapping):
    changes = {"mappings": [{"files": "*", **mapping}]}
    changes |= {"modes": modes} if modes else {}
    changes |= {"columns": spec().model_dump(exclude_defaults=True)["columns"] | columns} if columns else {}
    return contract(**changes).apply(rows, FILE)


def with_column(rows, name, values):
    return rows.set_column(
        rows.column_names.index(name), name, values if isinstance(values, pa.Array) else pa.array(values)
    )


def local(*times):
    return pa.array([datetime.fromisoformat(time) for time in times], pa.timestamp("us"))


@pytest.mark.parametrize(
    ("zone", "wall", "moment"),
    [
        ("America/New_York", "2013-01-15T12:00", "2013-01-15T17:00+00:00"),
        ("America/New_York", "2013-07-15T12:00", "2013-07-15T16:00+00:00"),
        ("America/New_York", "2013-03-10T01:59:59", "2013-03-10T06:59:59+00:00"),
        ("America/New_York", "2013-03-10T02:30", "orders at was skipped"),
        ("America/New_York", "2013-03-10T03:00", "2013-03-10T07:00+00:00"),
        ("America/New_York", "2013-11-03T00:59:59", "2013-11-03T04:59:59+00:00"),
        ("America/New_York", "2013-11-03T01:30", "at happened twice when clocks went back (America/New_York)"),
        ("America/New_York", "2013-11-03T02:00", "2013-11-03T07:00+00:00"),
        ("Pacific/Apia", "2011-12-30T12:00", "at was skipped when clocks went forward (Pacific/Apia)"),
        ("Asia/Kathmandu", "2013-07-15T12:00", "2013-07-15T06:15+00:00"),
        ("Asia/Kathmandu", "1920-01-01T00:00", "1919-12-31T18:30+00:00"),
        ("Asia/Kathmandu", "1985-12-31T23:00", "1985-12-31T17:30+00:00"),
        ("Asia/Kathmandu", "1986-01-01T00:10", "at was skipped when clocks went forward (Asia/Kathmandu)"),
        ("UTC", "2013-07-15T12:00", "2013-07-15T12:00+00:00"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_text", [False, True])
def test_a_wall_clock_is_read_in_its_zone_and_never_guessed(zone, wall, moment, as_text):
    wall_column = pa.array([wall]) if as_text else local(wall)
    checked = apply(with_column(orders({}), "at", wall_column), zone=zone)
    if moment[0].isdigit():
        assert checked.table["at"].to_pylist() == [datetime.fromisoformat(moment)]
        assert checked.mapped == {f"at: {zone} → UTC": 1}
    else:
        (reason,) = checked.reasons
        assert moment.removeprefix("orders ") in reason
        assert checked.table.num_rows == 0


def test_times_with_their_own_zone_are_left_alone_beside_those_without():
    texts = pa.array(["2013-07-15T12:00:00Z", "2013-07-15T12:00:00", None, "soon"])
    rows = with_column(orders({}, {"order": 2}, {"order": 3}, {"order": 4}), "at", texts)
    checked = apply(rows, zone="America/New_York")

    assert checked.table["at"].to_pylist() == [
        datetime(2013, 7, 15, 12, tzinfo=UTC),
        datetime(2013, 7, 15, 16, tzinfo=UTC),
    ]
    assert checked.reasons == {"at is missing": 1, "at is not a time": 1}


def test_a_column_that_says_its_zone_needs_none():
    checked = apply(orders({}), zone="America/New_York")

    assert checked.table["at"].to_pylist() == [NOON]
    assert checked.mapped == {}


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_wall_clocks_may_be_coarser_or_finer(unit):
    rows = with_column(orders({}), "at", local("2013-07-15T12:00").cast(pa.timestamp(unit)))

    assert apply(rows, zone="Europe/Berlin").table["at"].to_pylist() == [datetime(2013, 7, 15, 10, tzinfo=UTC)]


def test_what_lies_under_a_missing_time_does_not_matter():
    times = pa.Array.from_buffers(
        pa.timestamp("us"), 2, [pa.py_buffer(b"\x02"), pa.py_buffer(np.array([2**62, 0]).tobytes())]
    )
    made, odd = from_local(times, "Europe/Berlin")

    assert (made.to_pylist(), odd) == ([None, datetime(1969, 12, 31, 23, tzinfo=UTC)], [])
    assert from_local(pa.nulls(2, pa.timestamp("us")), "UTC")[0].to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,5", 1.5), ("1.234,5", 1234.5), ("-1.234.567", -1234567.0), ("7", 7.0), ("1.5", None), ("1,2,3", None), ("x", None)],
)  # fmt: skip
def test_a_decimal_comma_is_read_where_it_is_told(text, number):
    rows = with_column(orders({}), "days_back", [text])
    checked = apply(rows, decimal=",")

    assert checked.table["days_back"].to_pylist() == ([number] if number is not None else [])
    assert checked.reasons == ({} if number is not None else {"days_back is not a finite number": 1})


@pytest.mark.parametrize(
    ("form", "text", "moment"),
    [
        ("%d.%m.%Y %H:%M", "01.04.2013 12:30", "2013-04-01T12:30+00:00"),
        ("%d.%m.%Y %H:%M", "1.4.2013 9:05", "2013-04-01T09:05+00:00"),
        ("%d.%m.%Y %H:%M", "31.02.2013 10:00", None),
        ("%d.%m.%Y %H:%M", "02.03.2013 10:00", "2013-03-02T10:00+00:00"),
        ("%d.%m.%Y %H:%M", "2013-04-01", None),
        ("%d.%m.%Y %H:%M", "01.04.13 12:30", None),
        ("%m/%d/%Y %I:%M %p", "04/30/2013 02:30 PM", "2013-04-30T14:30+00:00"),
        ("%Y-%m-%dT%H:%M:%S%z", "2013-04-30T02:30:00+0200", "2013-04-30T00:30+00:00"),
        ("%Y/%m", "2013/04", None),
    ],
)
def test_times_are_read_as_the_source_writes_them(form, text, moment):
    checked = apply(with_column(orders({}), "at", [text]), formats={"at": form})
    if moment is None:
        assert list(checked.reasons) == [f"at is not a time written {form}"] or form == "%Y/%m"
    else:
        assert checked.table["at"].to_pylist() == [datetime.fromisoformat(moment)]


@pytest.mark.parametrize(("form", "number"), [("unix", 1_364_774_400), ("unix_ms", 1_364_774_400_000)])
def test_times_may_be_numbers_since_1970(form, number):
    checked = apply(with_column(orders({}), "at", [number]), formats={"at": form})

    assert checked.table["at"].to_pylist() == [datetime(2013, 4, 1, tzinfo=UTC)]


def test_a_format_and_a_zone_go_together():
    checked = apply(with_column(orders({}), "at", ["15.07.2013"]), formats={"at": "%d.%m.%Y"}, zone="Europe/Berlin")

    assert checked.table["at"].to_pylist() == [datetime(2013, 7, 14, 22, tzinfo=UTC)]


@pytest.mark.parametrize(("form", "fault"), [("%Q", "has %Q, which is not known"), ("dd.mm", "has no directive")])
def test_a_format_that_is_none_is_found_when_the_contract_is_compiled(form, fault):
    with pytest.raises(DataError, match=fault):
        contract(mappings=[{"files": "*", "formats": {"at": form}}])


def test_bytes_are_read_in_the_source_s_character_set():
    columns = {"shop": "string"}
    rows = with_column(orders({}, {"order": 2}), "shop", pa.array(["Köln".encode("cp1252"), b"\x81"]))
    checked = apply(rows, columns=columns, encoding="cp1252")

    assert checked.table["shop"].to_pylist() == ["Köln"]
    assert checked.reasons == {"shop is no text in cp1252": 1}
    assert (
        Contract.compile(spec(mappings=[{"files": "*", "encoding": "cp1252"}])).as_written(FILE, FILE).spec.encoding
        == "cp1252"
    )


def test_a_row_with_a_bad_value_may_be_kept_without_it():
    rows = orders({"weight": -1.0}, {"order": 2, "gift": None}, {"order": 0, "weight": 1.0})
    checked = apply(rows, modes={"rows": "discard_value"})

    assert checked.table["weight"].to_pylist() == [None, 2.5]
    assert checked.reasons == {"order below 1": 1}
    assert checked.mapped == {"weight below 0: value left out": 1}


def test_a_request_is_held_to_the_same_mode():
    one = contract(modes={"rows": "discard_value"})
    columns = {
        "at": [NOON.isoformat()],
        "order": [1],
        "shop": ["north"],
        "weight": [-1.0],
        "gift": [True],
        "temp": [5.0],
    }

    assert one.check_request(columns)["weight"].to_pylist() == [None]
    with pytest.raises(RequestError, match="'order' in row 0"):
        one.check_request(columns | {"order": [0]})


def test_a_source_may_be_refused_whole():
    with pytest.raises(
        DataError, match=r"orders-1.parquet: 1 rows break the contract; the first is row 1: order below 1"
    ):
        apply(orders({}, {"order": 0}), modes={"rows": "freeze"})


def test_a_column_that_is_not_known_may_be_refused_or_set_rows_aside():
    rows = orders({}, {"order": 2}).append_column("colour", pa.array([None, "red"]))

    assert apply(rows).table.num_rows == 2
    assert apply(rows, modes={"columns": "quarantine"}).reasons == {"'colour' is not a column of the contract": 1}
    with pytest.raises(DataError, match="has the column 'colour', which the contract does not know"):
        apply(rows, modes={"columns": "freeze"})
    assert apply(orders({}), modes={"columns": "quarantine"}).reasons == {}


@pytest.mark.parametrize(("mode", "wanted"), [("quarantine", True), ("freeze", True), ("discard_value", False)])
def test_only_an_opinion_on_unknown_columns_reads_them(mode, wanted):
    names = contract(modes={"columns": mode}).source_columns(FILE)

    assert ("colour" in names, "order" in names) == (wanted, True)


def test_a_type_that_never_fits_is_refused_unless_a_mode_says_otherwise():
    rows = with_column(orders({}, {"order": 2, "weight": None}), "weight", pa.array([True, None]))

    with pytest.raises(DataError, match="is bool and cannot be"):
        apply(rows)
    assert apply(rows, modes={"types": "quarantine"}).reasons == {"weight is bool, not a finite number": 1}
    assert apply(rows, modes={"types": "discard_value"}).table["weight"].to_pylist() == [None, None]


def test_modes_are_part_of_the_digest_only_where_they_are_said():
    assert contract().digest == contract(modes={}).digest
    assert contract().digest != contract(modes={"rows": "freeze"}).digest


def test_what_only_people_read_is_no_part_of_the_digest():
    columns = spec().model_dump(exclude_defaults=True)["columns"]
    told = columns | {
        "gift": columns["gift"] | {"description": "A present", "classification": "public", "synonyms": ["g"]}
    }

    assert contract(columns=told).digest == contract(columns=columns).digest


def test_a_request_may_speak_in_the_words_of_a_source():
    columns = {
        "at": ["2024-01-01T12:00:00Z"],
        "order": [1],
        "shop": ["N"],
        "pounds": [10],
        "gift": [None],
        "temp": [50.0],
    }
    found = contract().check_request(columns, source="orders-old.parquet").to_pylist()

    assert found[0]["shop"] == "north"
    assert found[0]["weight"] == pytest.approx(4.5359237)
    assert found[0]["temp"] == pytest.approx(10)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"shop": ["west"]}, "Row 0: shop is not an allowed value"),
        ({"pounds": ["x"]}, "Row 0: weight is not a finite number"),
        ({"pounds": [True]}, "column 'weight' is bool and cannot be"),
        ({"pounds": ["x", 1]}, "The values of 'weight' are not of one type"),
        ({"pounds": [2**70]}, "The values of 'weight' are not of one type"),
        ({"weight": [1.0]}, "'weight' is missing|no input column"),
    ],
)
def test_a_request_in_a_source_s_words_is_held_to_the_contract(change, fault):
    columns = {
        "at": ["2024-01-01T12:00:00Z"],
        "order": [1],
        "shop": ["N"],
        "pounds": [10],
        "gift": [None],
        "temp": [50.0],
    }
    told = columns | change
    if "weight" in change:
        del told["pounds"]
        told["wieght"] = told.pop("weight")
    if len(told.get("pounds", [])) == 2:
        told = {name: values * (1 if name == "pounds" else 2) for name, values in told.items()}
    with pytest.raises(RequestError, match=fault):
        contract().check_request(told, source="orders-old.parquet")


@pytest.mark.parametrize(
    "text",
    ["7", "-7", "007", "1.5", "-.5", "1.", "1e5", "+3", " 3 ", "9" * 19, "9" * 400, "-", ".", "1-2", "nan", "inf", "0x10", ""],
)  # fmt: skip
def test_a_number_is_read_the_same_alone_and_beside_an_odd_one(text):
    for kind in ("number", "integer"):
        columns = {"days_back": {"type": kind, "nullable": True, "known": "later"}}
        alone = apply(with_column(orders({}), "days_back", [text]), columns=columns)
        beside = apply(with_column(orders({}, {"order": 2}), "days_back", [text, " 1e2 "]), columns=columns)
        assert alone.table["days_back"].to_pylist() == beside.table["days_back"].to_pylist()[:-1]


@pytest.mark.parametrize(
    "text",
    [
        "2013-04-01", "2013-04-01 12:00", "2013-04-01T12:00:00", "2013-04-01T12:00:00Z", "2013-04-01T12:00:00.5",
        "2013-04-01T12:00:00.123456Z", "2013-04-01T12:00:00+02:00", "2013-04-01T1200-0500", "2013-04-01T120000.00",
        "0013-04-01", "3013-04-01", "2013-04-01T12", "20130401", "2013-02-30", "2013-04-01T12-05:00", "12:00:00-04-01",
    ],
)  # fmt: skip
def test_a_time_is_read_the_same_alone_and_beside_an_odd_one(text):
    alone = apply(with_column(orders({}), "at", [text]))
    beside = apply(with_column(orders({}, {"order": 2}), "at", [text, "2013-04-01T12:00:00.25-03:00"]))

    assert alone.table["at"].to_pylist() == beside.table["at"].to_pylist()[:-1]


def test_plain_columns_are_recognised():
    assert whole_digits(pa.array(["7", None, "-8"])).to_pylist() == [7, None, -8]
    assert plain_decimals(pa.array(["7.5", None])).to_pylist() == [7.5, None]
    assert plain_times(pa.array(["2013-04-01T12:00:00Z"] * 2).slice(1)).to_pylist() == [
        datetime(2013, 4, 1, 12, tzinfo=UTC)
    ]
    assert plain_times(pa.array([None], pa.string())) is None
    assert whole_digits(pa.array([], pa.string())).to_pylist() == []


def test_a_conversion_that_overflows_is_set_aside():
    rows = with_column(orders({}), "weight", [1e308])
    assert apply(rows, units={"weight": "tonne"}).reasons == {"weight is not a finite number": 1}
    assert np.isnan(conversion("mile", "metre", where="x").apply(np.array([np.nan]))[0])


def test_words_of_a_column_without_any_value():
    rows = with_column(orders({}), "gift", pa.nulls(1))
    assert apply(rows, values={"gift": {"yes": "true"}}).table["gift"].to_pylist() == [None]
