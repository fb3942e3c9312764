"""Rows that a database has other values for by now: taken in as updates, and everything read is accounted for."""

from datetime import timedelta

import pytest

from mlray.data import Store
from mlray.data._cursor import Cursor
from mlray.data._updates import Update
from mlray.data.table import Table
from mlray.sketches import Profile, profile
from tests.unit.data.samples import NOON
from tests.unit.data.test_cursor import HOUR
from tests.unit.data.test_sql_source import Shop


class Changing(Shop):
    """Orders known by their number; a row that changes gets a later time."""

    def __init__(self, folder, **changes):
        super().__init__(folder, cursor={"column": "at", "lag": "1 day"})
        self.data = self.data.model_copy(update={"key": ("order",)} | changes)

    def tell(self, statement):
        with self.connect() as database:
            database.execute(statement)
        database.close()

    def rows(self, version, **cut):
        return {row["order"]: row for row in self.store.read(version, **cut).to_pylist()}


@pytest.fixture
def shop(tmp_path):
    shop = Changing(tmp_path)
    shop.add(*((number, NOON + number * HOUR) for number in range(1, 101)))
    return shop


def test_new_bad_and_updated_rows_are_all_accounted_for(shop, monkeypatch):
    one = shop.ingest()
    shop.add((101, NOON + 200 * HOUR), (0, NOON + 201 * HOUR))
    shop.tell("UPDATE orders SET weight = 77, at = '2024-01-09 22:00:00' WHERE \"order\" = 3")
    read = []
    real = Update.commit

    def commit(update, *more):
        read.append(update.rows.num_rows)
        return real(update, *more)

    monkeypatch.setattr(Update, "commit", commit)
    three = shop.ingest()
    two = shop.store.version("orders", 2)
    assert (one.number, two.number, three.number, read) == (1, 2, 3, [1])
    assert (two.operation, two.note, two.cursor, two.contract) == (
        "upsert", "1 row updated by the source", one.cursor, one.contract,
    )  # fmt: skip
    assert (three.operation, three.note) == ("ingest", "1 row updated by the source")
    # Within the lag are the last 25 rows of before.
    within, equal = 25 + 3, 25
    added, aside = three.rows - one.rows, three.quality.rejected - one.quality.rejected
    assert within == added + aside + sum(read) + equal
    assert (added, aside, three.quality.set_aside) == (1, 1, {"order below 1": 1})
    assert (three.quality.seen, three.quality.kept) == (102, 101)
    rows = shop.rows(three)
    assert sorted(rows) == list(range(1, 102))
    assert (rows[3]["weight"], rows[3]["at"]) == (77.0, NOON + 202 * HOUR)
    assert shop.rows(one)[3]["weight"] == 2.5
    # What is cut by time finds the row where it is now, and only there.
    assert 3 in shop.rows(three, start=NOON + 202 * HOUR)
    assert 3 not in shop.rows(three, end=NOON + 202 * HOUR)
    whole = Profile.from_json(shop.store.get_json(three.profile))
    assert whole.rows == 101
    assert Cursor.read(three.cursor).mark == "2024-01-09 22:00:00"
    assert shop.ingest() == three


def test_updates_alone_move_the_cursor_on(shop):
    shop.ingest()
    shop.tell("UPDATE orders SET weight = 7, at = '2024-01-09 22:00:00' WHERE \"order\" < 3")
    three = shop.ingest()
    assert (three.number, three.rows, three.note) == (3, 100, "2 rows updated by the source")
    assert Cursor.read(three.cursor).mark == "2024-01-09 22:00:00"
    whole = Profile.from_json(shop.store.get_json(three.profile))
    assert whole == profile(shop.store.read(three), whole.reference)
    assert shop.ingest() == three


def test_an_update_that_breaks_the_contract_is_set_aside_and_the_row_stays(shop):
    shop.ingest()
    shop.tell("UPDATE orders SET weight = 999, at = '2024-01-09 22:00:00' WHERE \"order\" = 3")
    two = shop.ingest()
    assert (two.number, two.quality.set_aside) == (2, {"weight above 100": 1})
    assert shop.rows(two)[3]["weight"] == 2.5
    assert shop.ingest() == two


def test_a_process_that_dies_between_the_update_and_the_new_rows_repeats_nothing(shop, monkeypatch):
    shop.ingest()
    shop.add((101, NOON + 200 * HOUR))
    shop.tell("UPDATE orders SET weight = 7, at = '2024-01-09 22:00:00' WHERE \"order\" = 3")
    real = Store.commit

    def dies(store, table, change, **more):
        if head := store.head(table):
            assert head.operation != "upsert", "killed"
        return real(store, table, change, **more)

    with monkeypatch.context() as broken:
        broken.setattr(Store, "commit", dies)
        with pytest.raises(AssertionError, match="killed"):
            shop.ingest()
    assert shop.store.head("orders").operation == "upsert"
    three = shop.ingest()
    assert (three.number, three.rows, three.quality.kept) == (3, 101, 101)
    assert shop.rows(three)[3]["weight"] == 7.0
    assert shop.ingest() == three


def test_rows_that_somebody_else_changes_meanwhile_are_compared_again(shop, monkeypatch):
    one = shop.ingest()
    shop.tell("UPDATE orders SET weight = 7, at = '2024-01-09 22:00:00' WHERE \"order\" = 3")
    table = Table(shop.store, "orders")
    row = shop.store.read(one).slice(2, 1)
    real = Update.commit

    def late(update, *more):
        if table.head == one:
            table.upsert(row.set_column(row.schema.get_field_index("weight"), "weight", [[5.0]]), key=["order"])
        return real(update, *more)

    monkeypatch.setattr(Update, "commit", late)
    made = shop.ingest()
    assert [version.operation for version in table.log()] == ["ingest", "upsert", "upsert", "ingest"]
    assert shop.rows(made)[3]["weight"] == 7.0


def test_a_key_with_two_rows_in_the_database_does_not_change_to_and_fro(shop):
    shop.add((100, NOON + 101 * HOUR + timedelta(minutes=1)))
    shop.tell("UPDATE orders SET weight = 9 WHERE at = '2024-01-05 17:01:00'")
    one = shop.ingest()
    assert one.quality.set_aside == {"order repeated": 1}
    assert shop.ingest() == one
