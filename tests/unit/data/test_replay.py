"""Rows set aside, tried again after the contract was put right."""

import json

import pyarrow as pa
import pytest

from mlray.data import Store, ingest, scan_here
from mlray.data._catalog import Catalog
from mlray.data._replay import raw_rows, replay
from mlray.errors import DataError, NotFoundError
from mlray.sketches import Profile, profile
from tests.unit.data.samples import LATER, NOON, orders, spec, table, write


def read(folder, store, given=None, **changes):
    return ingest(
        spec(**changes),
        folder,
        store,
        until=LATER,
        now=NOON,
        run=scan_here,
        progress=lambda done, total, note="": None,
        given=given,
    )


def again(folder, store, **changes):
    return replay(spec(**changes), folder, store, now=NOON, author="ana")


@pytest.fixture
def place(tmp_path):
    weather = table({"shop": "north", "at": NOON, "temp": 5.0}, {"shop": "north", "at": NOON, "temp": 99.0})
    write(tmp_path, "weather-1.parquet", weather)
    write(
        tmp_path,
        "orders-1.parquet",
        orders({}, {"order": 2, "shop": "N"}, {"order": 3, "shop": "west"}, {"order": 4, "weight": 150.0}),
    )
    write(tmp_path, "orders-2.parquet", orders({"order": 5, "shop": "N"}))
    return tmp_path


NORTH = [*spec().model_dump(exclude_defaults=True)["mappings"], {"files": "*", "values": {"shop": {"N": "north"}}}]


def test_rows_that_pass_after_a_fix_join_once_with_their_lookups(place):
    store = Store(place / "store")
    first = read(place, store)
    assert (first.rows, first.quality.rejected) == (1, 5)

    second = again(place, store, mappings=NORTH)

    assert (second.number, second.rows, second.operation, second.author) == (2, 3, "replay", "ana")
    rows = store.read(second)
    assert rows["order"].to_pylist() == [1, 2, 5]
    assert rows["temp"].to_pylist() == [5.0, 5.0, 5.0]
    assert (
        second.quality.set_aside
        == {
            "weather: shop, at repeated": 1,
            "shop is not an allowed value": 1,
            "weight above 100": 1,
        }
        or "weather: temp above 60" in second.quality.set_aside
    )
    assert second.quality.seen == first.quality.seen
    assert second.quality.kept + sum(second.quality.set_aside.values()) == second.quality.seen
    assert second.quality.mapped["shop: 'N' → 'north'"] == 2
    counted = Profile.from_json(store.get_json(second.profile))
    assert counted == profile(rows, counted.reference)
    assert again(place, store, mappings=NORTH) == second


def test_reading_goes_on_after_a_replay_as_before(place):
    store = Store(place / "store")
    read(place, store)
    second = again(place, store, mappings=NORTH)
    assert read(place, store, mappings=NORTH) == second

    write(place, "orders-3.parquet", orders({"order": 6, "shop": "N"}))
    third = read(place, store, mappings=NORTH)

    assert store.read(third)["order"].to_pylist() == [1, 2, 5, 6]


def test_a_wider_limit_takes_up_what_it_excluded(place):
    store = Store(place / "store")
    read(place, store)
    columns = spec().model_dump(exclude_defaults=True)["columns"]
    wider = columns | {"weight": columns["weight"] | {"max": 200}}

    assert store.read(again(place, store, columns=wider))["order"].to_pylist() == [1, 4]


def test_a_row_that_is_set_aside_again_is_kept_as_the_source_had_it(place):
    store = Store(place / "store")
    first = read(place, store)
    second = again(place, store, mappings=NORTH)
    before = {tuple(row.values())[:2]: row["row"] for row in store.get(first.quality.quarantine).to_pylist()}

    for row in store.get(second.quality.quarantine).to_pylist():
        assert before[row["source"], row["position"]] == row["row"]


@pytest.mark.parametrize(
    "changes",
    [
        {"mappings": [{"files": "*", "units": {"weight": "gram"}}]},
        {"columns": spec().model_dump(exclude_defaults=True)["columns"] | {"order": {"type": "integer", "min": 2}}},
        {"key": ["order"]},
    ],
    ids=["a unit", "a narrower limit", "another key"],
)
def test_a_change_that_concerns_rows_that_are_there_is_refused(place, changes):
    store = Store(place / "store")
    read(place, store)

    with pytest.raises(DataError, match=r"concerns rows which orders@v1 has already: .*mlray ingest"):
        again(place, store, **changes)


def test_without_the_contract_of_then_nothing_is_replayed(place):
    store = Store(place / "store")
    read(place, store)
    for one in store.storage.names("contracts/"):
        store.storage.delete(one.name)

    with pytest.raises(DataError, match="does not have any more"):
        again(place, store, mappings=NORTH)


def test_nothing_is_replayed_before_anything_was_read(tmp_path):
    with pytest.raises(NotFoundError, match="has no version yet"):
        again(tmp_path, Store(tmp_path / "store"))


def test_a_column_with_an_infinity_among_its_numbers_is_read_as_text():
    made = raw_rows(['{"a": 1.5, "b": "x"}', '{"a": "inf", "b": null}'])

    assert made.to_pydict() == {"a": ["1.5", "inf"], "b": ["x", None]}
    assert raw_rows([]).num_rows == 0


def test_the_contract_of_every_ingestion_is_kept_beside_the_data(place):
    store = Store(place / "store")
    first = read(place, store)
    read(place, store, mappings=NORTH)
    read(place, store, mappings=NORTH)

    log = Catalog(store.storage).log("orders")
    assert [one.number for one in log] == [1, 2]
    assert log[0].digest == first.contract


def test_a_quarantine_may_be_empty(tmp_path):
    write(tmp_path, "weather-1.parquet", table({"shop": "north", "at": NOON, "temp": 5.0}))
    write(tmp_path, "orders-1.parquet", orders({}))
    store = Store(tmp_path / "store")
    first = read(tmp_path, store)

    assert again(tmp_path, store) == first
    assert isinstance(store.read(first), pa.Table)


def test_rows_whose_places_come_again_are_all_kept(place):
    store = Store(place / "store")
    read(place, store, given=orders({"order": 1, "weight": 150.0}, {"order": 2}))
    read(place, store, given=orders({"order": 3, "weight": 160.0}, {"order": 4}, {"order": 5, "shop": "N"}))

    made = again(place, store, mappings=NORTH)

    assert store.read(made)["order"].to_pylist() == [2, 4, 5]
    left = [row for row in store.get(made.quality.quarantine).to_pylist() if row["source"] == "given"]
    assert [(row["position"], json.loads(row["row"])["order"]) for row in left] == [(0, 1), (0, 3)]
    assert made.quality.kept + sum(made.quality.set_aside.values()) == made.quality.seen
