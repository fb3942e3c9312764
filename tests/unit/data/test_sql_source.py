"""Databases as sources: new rows by a growing column, late ones within the lag, types as the database has them."""

import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from mlray.data import on_sql
from mlray.data._cursor import Cursor
from mlray.data.on_sql import columns, mark, shape, tables
from mlray.data.sources import probe
from mlray.errors import DataError, UnavailableError
from mlray.spec import SourceSpec
from tests.unit.data.samples import LATER, NOON, spec
from tests.unit.data.test_cursor import HOUR, Project


class Shop(Project):
    """A database with orders, and the project that reads it."""

    def __init__(self, folder, prefix="", **source):
        said = {"sql": f"{prefix}sqlite:///shop.db", **({} if "query" in source else {"table": "orders"}), **source}
        super().__init__(folder, source=said)
        with self.connect() as database:
            database.execute(
                'CREATE TABLE orders (id INTEGER PRIMARY KEY, at TEXT, "order" INTEGER, shop TEXT,'
                " weight REAL, gift BOOLEAN, days_back REAL)"
            )

    def connect(self):
        return sqlite3.connect(self.folder / "shop.db")

    def add(self, *orders):
        with self.connect() as database:
            database.executemany(
                'INSERT INTO orders (at, "order", shop, weight) VALUES (?, ?, ?, ?)',
                [(f"{at:%Y-%m-%d %H:%M:%S}", order, "north", 2.5) for order, at in orders],
            )
        database.close()


@pytest.fixture(params=["", "adbc+"], ids=["sqlalchemy", "adbc"])
def shop(tmp_path, request):
    return Shop(tmp_path, request.param)


def test_only_new_rows_are_read(shop, monkeypatch):
    shop.add((1, NOON), (2, NOON + HOUR))
    one = shop.ingest()
    shop.add((3, NOON + 2 * HOUR))
    heard = []
    real = on_sql.tables

    def tables(*given, **named):
        for table in real(*given, **named):
            heard.append(table.num_rows)
            yield table

    monkeypatch.setattr("mlray.data._land_sql.tables", tables)
    two = shop.ingest()
    assert (shop.orders(one), shop.orders(two)) == ([1, 2], [1, 2, 3])
    assert heard == [2]  # the last one of before, and the new one
    assert shop.ingest() == two
    cursor = Cursor.read(two.cursor)
    assert (cursor.kind, cursor.column, cursor.mark) == ("column", "at", "2024-01-01 14:00:00")
    assert two.fragments[-1].source == str(shop.data.origin)


def test_rows_later_than_asked_for_are_met_again(shop):
    shop.add((1, NOON), (2, NOON + 3 * HOUR), (3, NOON + HOUR))
    one = shop.ingest(until=NOON + 2 * HOUR)
    shop.add((4, NOON + 2 * HOUR))
    two = shop.ingest(until=NOON + 3 * HOUR)
    three = shop.ingest()
    assert [shop.orders(version) for version in (one, two, three)] == [[1, 3], [1, 3, 4], [1, 2, 3, 4]]


def test_late_rows_within_the_lag_are_read_and_others_dropped_by_key(tmp_path):
    shop = Shop(tmp_path, cursor={"column": "at", "lag": "2 hours"})
    shop.add((1, NOON), (2, NOON + 4 * HOUR), (0, NOON + 3 * HOUR))
    one = shop.ingest()
    shop.add((3, NOON + 3 * HOUR), (4, NOON + HOUR))
    two = shop.ingest()
    assert shop.orders(two) == [1, 2, 3]
    # The bad row is read again, and told of once.
    assert two.quality.set_aside == one.quality.set_aside == {"order below 1": 1}
    assert (two.quality.seen, two.quality.kept) == (4, 3)


def test_a_growing_id_finds_rows_of_any_time(tmp_path):
    shop = Shop(tmp_path, cursor={"column": "id"})
    shop.add((1, NOON), (2, NOON + 9 * HOUR), (3, NOON + HOUR))
    one = shop.ingest(until=NOON + 2 * HOUR)
    assert (shop.orders(one), Cursor.read(one.cursor).mark) == ([1, 3], 2)
    shop.add((4, NOON - 99 * HOUR))
    two = shop.ingest()
    assert (shop.orders(two), Cursor.read(two.cursor).mark) == ([1, 2, 3, 4], 4)
    assert two.note == "late rows from sqlite:///shop.db#orders"


def test_without_a_key_nothing_is_read_twice(tmp_path):
    shop = Shop(tmp_path)
    shop.data = spec(lookups={}, mappings=[], key=[], source=shop.data.source)
    shop.add((1, NOON), (2, NOON + 3 * HOUR))
    shop.ingest(until=NOON + HOUR)
    shop.ingest()
    shop.add((3, NOON + 4 * HOUR))
    assert shop.orders(shop.ingest()) == [1, 2, 3]


def test_without_a_key_what_could_be_read_twice_is_refused(tmp_path):
    shop = Shop(tmp_path, cursor={"column": "id"})
    shop.data = spec(lookups={}, mappings=[], key=[], source=shop.data.source)
    shop.add((1, NOON), (2, LATER), (3, NOON))
    with pytest.raises(DataError, match=r"has rows after .* amid earlier ones.*Write `key:`"):
        shop.ingest(until=NOON + 9 * HOUR)
    lagging = SourceSpec(sql="sqlite:///shop.db", table="orders", cursor={"column": "at", "lag": "1 day"})
    with pytest.raises(DataError, match=r"reads rows of .* twice"):
        shop.ingest(source=lagging)


def test_a_query_is_a_source(tmp_path):
    shop = Shop(tmp_path, query='SELECT * FROM orders WHERE "order" < 3;')
    shop.add((1, NOON), (2, NOON), (3, NOON))
    assert shop.orders(shop.ingest()) == [1, 2]
    assert str(shop.data.origin) == "sqlite:///shop.db#query"


@pytest.mark.parametrize("prefix", ["", "adbc+"])
def test_a_query_is_taken_as_it_is_written(tmp_path, prefix):
    query = "SELECT * FROM orders WHERE at LIKE '%12:00%' AND shop LIKE 'n%th'"
    shop = Shop(tmp_path, prefix, query=query)
    shop.add((1, NOON), (2, NOON + HOUR))
    assert shop.orders(shop.ingest()) == [1]


def test_a_password_may_hold_any_character(monkeypatch):
    monkeypatch.setenv("SHOP_PASSWORD", "s3:cr@t/?")
    url = on_sql._url("postgresql+psycopg://ann:${SHOP_PASSWORD}@host/shop")
    assert (url.password, url.host, url.database) == ("s3:cr@t/?", "host", "shop")
    monkeypatch.setenv("SHOP", "sqlite:///shop.db")
    assert on_sql._url("${SHOP}").database == "shop.db"


def test_a_large_table_comes_in_parts(tmp_path, monkeypatch):
    shop = Shop(tmp_path)
    monkeypatch.setattr(on_sql, "ROWS", 2)
    shop.add(*((number, NOON + number * HOUR) for number in range(1, 6)))
    version = shop.ingest()
    assert shop.orders(version) == [1, 2, 3, 4, 5]
    assert [fragment.source.rpartition("#")[2] for fragment in version.fragments] == ["orders", "orders:1", "orders:2"]


def test_a_lookup_may_be_a_table(shop):
    with shop.connect() as database:
        database.execute("CREATE TABLE sizes (shop TEXT, size INTEGER)")
        database.execute("INSERT INTO sizes VALUES ('north', 7)")
    database.close()
    lookups = {
        "size": {
            "source": {"sql": "sqlite:///shop.db", "table": "sizes"},
            "on": ["shop"],
            "columns": {"size": "integer"},
        }
    }
    shop.data = spec(lookups=lookups, mappings=[], source=shop.data.source)
    shop.add((1, NOON))
    assert shop.store.read(shop.ingest())["size"].to_pylist() == [7]


def test_a_probe_counts_and_reads_no_row(shop):
    shop.add((1, NOON), (2, NOON + HOUR))
    assert mark(shop.data.origin, shop.folder, "at") == "2, 2024-01-01 13:00:00"
    assert mark(shop.data.origin, shop.folder, "nowhere") == "2"
    one = probe(shop.data, shop.folder)
    columns_now = shape(shop.data.origin, shop.folder)
    assert one.marks == ((str(shop.data.origin), f"2, 2024-01-01 13:00:00, columns {columns_now}"),)
    shop.add((3, NOON))
    assert probe(shop.data, shop.folder).token != one.token
    assert columns(shop.data.origin, shop.folder)[:3] == ("id", "at", "order")


def test_values_keep_their_types_and_mixed_ones_are_text():
    assert on_sql._array([Decimal("1.5"), None]).type == pa.decimal128(2, 1)
    assert on_sql._array([1, "a", None]).to_pylist() == ["1", "a", None]
    assert on_sql._array([datetime(2024, 1, 1, tzinfo=UTC), None]).type == pa.timestamp("us", "UTC")
    assert on_sql._array([{"a": 1}, None]).to_pylist() == ["{'a': 1}", None]
    assert on_sql._array([date(2024, 1, 1)]).type == pa.date32()


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"table": "nowhere"}, "no such table: nowhere"),
        ({"table": None, "query": "SELEC 1"}, "syntax error"),
        ({"cursor": {"column": "when"}}, "has no column 'when'; it has id, at, order"),
        ({"sql": "sqlite:///nowhere.db"}, r"There is no database .*nowhere\.db"),
        ({"sql": "nosuch+driver://host/db"}, "The driver for nosuch"),
    ],
)
def test_what_is_wrong_is_told(tmp_path, said, what):
    shop = Shop(tmp_path)
    shop.add((1, NOON))
    source = {"sql": "sqlite:///shop.db", "table": "orders"} | said
    with pytest.raises(DataError, match=what):
        shop.ingest(source=SourceSpec.model_validate({name: value for name, value in source.items() if value}))
    assert shop.store.head("orders") is None
    if "sql" not in said and "cursor" not in said:
        source["sql"] = "adbc+sqlite:///shop.db"
        with pytest.raises(DataError, match=what):
            shop.ingest(source=SourceSpec.model_validate({name: value for name, value in source.items() if value}))


def test_marks_of_several_types_are_refused(tmp_path):
    shop = Shop(tmp_path, cursor={"column": "tag"})
    with shop.connect() as database:
        database.execute("ALTER TABLE orders ADD COLUMN tag")
    database.close()
    shop.add((1, NOON))
    with shop.connect() as database:
        database.execute("UPDATE orders SET tag = 5")
    database.close()
    shop.ingest()
    shop.add((2, NOON))
    with shop.connect() as database:
        database.execute("UPDATE orders SET tag = 'x' WHERE \"order\" = 2")
    database.close()
    with pytest.raises(DataError, match="holds values of several types"):
        shop.ingest()


def test_a_damaged_database_commits_nothing(tmp_path):
    shop = Shop(tmp_path)
    shop.add((1, NOON))
    one = shop.ingest()
    (tmp_path / "shop.db").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises((DataError, UnavailableError), match="file is not a database"):
        shop.ingest()
    assert shop.store.head("orders") == one


def test_no_adbc_driver_is_told():
    with pytest.raises(DataError, match=r"no ADBC driver for 'mysql'.*Leave `adbc\+` out"):
        list(tables(SourceSpec(sql="adbc+mysql://host/db", table="t"), None))


def test_a_password_is_never_told():
    source = SourceSpec(sql="postgresql+psycopg://ann:s3cret@127.0.0.1:1/db?connect_timeout=1", table="t")
    with pytest.raises(
        UnavailableError, match=r"postgresql\+psycopg://ann@127\.0\.0\.1:1/db#t does not answer"
    ) as caught:
        list(tables(source, None))
    assert "s3cret" not in str(caught.value)
