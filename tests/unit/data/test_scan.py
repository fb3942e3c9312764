"""One task: window, contract, join, profile, fragment."""

from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlray.data import ScanPart, Store, Window, scan_here
from mlray.data import scan as scanning
from mlray.data.scan import join, may_hold, rows_of, scan
from mlray.sketches import Reference, profile
from tests.unit.data.samples import LATER, NOON, contract, orders, spec, table, write

HOUR = timedelta(hours=1)


def part(tmp_path, rows, window=None, name="orders-1.parquet", **more):
    path = write(tmp_path, name, rows)
    return ScanPart(
        path,
        name,
        more.pop("data", spec(lookups={}, mappings=[])),
        window or Window(None, LATER),
        tmp_path / "store",
        **more,
    )


@pytest.mark.parametrize(
    ("start", "until", "closed", "kept"),
    [
        (None, LATER, False, [1, 2, 3]),
        (None, NOON + 2 * HOUR, False, [1, 2]),
        (NOON + HOUR, LATER, False, [2, 3]),
        (NOON + HOUR, LATER, True, [3]),
    ],
    ids=["all", "until is not in it", "start is in it", "an open start is not"],
)
def test_rows_are_cut_by_event_time(tmp_path, start, until, closed, kept):
    rows = orders({}, {"order": 2, "at": NOON + HOUR}, {"order": 3, "at": NOON + 2 * HOUR})
    found = rows_of(part(tmp_path, rows, Window(start, until, open=closed)))[1]
    assert found["order"].to_pylist() == kept


def test_a_row_without_a_time_is_in_every_window_and_set_aside(tmp_path):
    scanned = scan(part(tmp_path, orders({}, {"order": 2, "at": None}), Window(NOON - HOUR, NOON)))
    assert scanned.fragment is None
    assert scanned.set_aside["reason"].to_pylist() == ["at is missing"]
    assert scanned.set_aside["position"].to_pylist() == [1]


def test_what_was_kept_is_in_the_store_with_its_ends_and_profile(tmp_path):
    rows = orders({}, {"order": 2, "at": NOON + HOUR}, {"order": 0})
    reference = Reference.of(pa.table({"weight": [1.0, 2.0]}))
    (scanned,) = scan_here([part(tmp_path, rows, reference=reference)])
    stored = Store(tmp_path / "store").get(scanned.fragment)
    assert stored.schema.equals(contract(lookups={}, mappings=[]).schema)
    assert stored["order"].to_pylist() == [1, 2]
    assert (scanned.first, scanned.last) == (NOON, NOON + HOUR)
    assert scanned.profile == profile(stored, reference)
    assert scanned.set_aside["position"].to_pylist() == [2]


def test_without_a_reference_there_is_no_profile(tmp_path):
    assert scan(part(tmp_path, orders({}))).profile is None


def test_lookups_are_joined_in_the_order_of_the_rows(tmp_path):
    weather = table(
        {"shop": "south", "at": NOON, "temp": 1.0},
        {"shop": "north", "at": NOON, "temp": 2.0},
    )
    rows = orders({"shop": "north"}, {"order": 2, "shop": "south"}, {"order": 3, "shop": "north", "at": NOON + HOUR})
    lookup = write(tmp_path, "aside/weather.parquet", contract().apply(weather, "w", lookup="weather").table)
    found = rows_of(part(tmp_path, rows, data=spec(), lookups={"weather": lookup}))[1]
    assert found["order"].to_pylist() == [1, 2, 3]
    assert found["temp"].to_pylist() == [2.0, 1.0, None]


def test_a_join_without_rows_has_the_columns():
    empty = contract().apply(orders({}).slice(0, 0), "o").table
    weather = table({"shop": "south", "at": NOON, "temp": 1.0})
    assert join(contract(), empty, {"weather": weather}).schema == contract().schema


def test_the_event_time_may_have_another_name_in_the_file(tmp_path):
    data = spec(lookups={}, mappings=[{"files": "*", "rename": {"moment": "at"}}])
    rows = orders({}, {"order": 2, "at": NOON + HOUR}).rename_columns(
        ["moment", "order", "shop", "weight", "gift", "days_back"]
    )
    found = rows_of(part(tmp_path, rows, Window(None, NOON + HOUR), data=data))[1]
    assert found["order"].to_pylist() == [1]


def test_times_that_a_mapping_translates_are_not_judged_by_the_footer(tmp_path):
    data = spec(
        lookups={}, mappings=[{"files": "*", "values": {"at": {"2024-01-01 12:00:00.000000Z": "2025-01-01T12:00Z"}}}]
    )
    found = part(tmp_path, orders({}), Window(LATER - 400 * 24 * 5 * HOUR, LATER), data=data)
    assert may_hold(contract(mappings=data.model_dump()["mappings"]), found.path, found.source, found.window)
    assert rows_of(found)[1]["at"].to_pylist() == [NOON.replace(year=2025)]


@pytest.mark.parametrize(
    ("start", "until", "may"),
    [
        (None, NOON, False),
        (None, NOON + HOUR, True),
        (NOON, LATER, True),
        (NOON + HOUR, LATER, False),
    ],
)
def test_a_footer_tells_whether_a_file_may_hold_rows_of_a_window(tmp_path, start, until, may):
    path = write(tmp_path, "orders-1.parquet", orders({}))
    assert may_hold(contract(), path, "orders-1.parquet", Window(start, until)) is may


def test_csv_may_always_hold_rows(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("at,order,shop,weight,gift,days_back\n", encoding="utf-8")
    assert may_hold(contract(), path, "orders.csv", Window(None, NOON))


def test_scans_meet_where_their_times_overlap(tmp_path):
    one = scan(part(tmp_path, orders({}, {"order": 2, "at": NOON + HOUR})))
    two = scan(part(tmp_path, orders({"at": NOON + HOUR}), name="orders-2.parquet"))
    three = scan(part(tmp_path, orders({"at": NOON + 2 * HOUR}), name="orders-3.parquet"))
    none = scan(part(tmp_path, orders({"order": 0}), name="orders-4.parquet"))
    assert one.meets(two)
    assert not one.meets(three)
    assert not none.meets(one)


def test_a_large_file_in_pieces_gives_what_it_gives_whole(tmp_path, monkeypatch):
    rows = orders(
        {},
        {"order": 2, "at": NOON + HOUR},
        {"order": 0},
        {"order": 2, "at": NOON + HOUR},
        {"order": 5, "at": NOON + 3 * HOUR},
        {"order": 1, "at": NOON},
        {"order": 7, "at": LATER + HOUR},
    )
    one = part(tmp_path, rows, reference=Reference.of(pa.table({"weight": [1.0, 2.0]})))
    pq.write_table(rows, one.path, row_group_size=2)
    whole = scan(one)
    monkeypatch.setattr(scanning, "PIECE_ROWS", 2)
    pieces = scan(one)
    assert pieces.fragment == whole.fragment
    assert pieces.set_aside.equals(whole.set_aside)
    assert pieces.set_aside["reason"].to_pylist().count("at, order repeated") == 2
    assert (pieces.first, pieces.last, pieces.mapped, pieces.profile, pieces.later) == (
        whole.first,
        whole.last,
        whole.mapped,
        whole.profile,
        whole.later,
    )
