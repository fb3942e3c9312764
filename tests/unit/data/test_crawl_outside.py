"""Looks at sources that are no files on this machine."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mlray.data import Known, SourceState, Thing, look
from mlray.data.crawl._judge import Sight, judge
from mlray.spec import SourceSpec
from tests.unit.data.kafka import TOPIC, Broker
from tests.unit.data.samples import NOON, orders, spec, write

HOUR = timedelta(hours=1)
COLUMNS = "at, 'order', shop, weight, gift, days_back"


@pytest.fixture
def database(tmp_path):
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute(f"CREATE TABLE orders ({COLUMNS})")
        connection.commit()
        yield connection


def sell(database, number, hour=0, shop="north"):
    at = (NOON + hour * HOUR).strftime("%Y-%m-%d %H:%M:%S")
    database.execute("INSERT INTO orders VALUES (?, ?, ?, 1.5, 1, 0)", (at, number, shop))
    database.commit()


def asked(tmp_path, known=None, **more):
    data = spec(source={"sql": f"sqlite:///{tmp_path}/shop.db", "table": "orders"}, **more)
    return look(data, tmp_path, None, now=NOON + HOUR, known=known)


def test_a_database_that_did_not_change_is_not_read(database, tmp_path):
    sell(database, 1)
    first = asked(tmp_path)
    again = asked(tmp_path, first.known)
    assert (first.verdict.state, first.verdict.rows, first.verdict.newest) == (SourceState.NEW, 1, NOON)
    assert (again.verdict.state, again.verdict.read) == (SourceState.UNCHANGED, "nothing")


def test_rows_that_were_added_are_new_and_rows_that_are_gone_a_change(database, tmp_path):
    sell(database, 1)
    sell(database, 2)
    known = asked(tmp_path).known
    sell(database, 3, hour=1)
    more = asked(tmp_path, known)
    assert (more.verdict.state, more.verdict.rows) == (SourceState.NEW, 1)
    database.execute("DELETE FROM orders WHERE shop = 'north'")
    database.commit()
    assert asked(tmp_path, more.known).verdict.state is SourceState.CHANGED


def test_a_column_that_is_gone_breaks_the_contract_also_of_an_empty_table(database, tmp_path):
    sell(database, 1)
    known = asked(tmp_path).known
    database.execute("ALTER TABLE orders RENAME COLUMN gift TO present")
    sell(database, 2)
    broken = asked(tmp_path, known).verdict
    assert (broken.state, "no column 'gift'" in broken.because) == (SourceState.BREAKING, True)
    database.execute("DELETE FROM orders")
    database.commit()
    assert asked(tmp_path, known).verdict.state is SourceState.BREAKING


def test_a_column_that_was_renamed_is_noticed_though_no_row_changed(database, tmp_path):
    sell(database, 1)
    known = asked(tmp_path).known
    database.execute("ALTER TABLE orders RENAME COLUMN weight TO heft")
    database.commit()
    broken = asked(tmp_path, known).verdict
    assert (broken.state, "no column 'weight'" in broken.because) == (SourceState.BREAKING, True)
    database.execute("ALTER TABLE orders RENAME COLUMN heft TO weight")
    database.commit()
    assert asked(tmp_path, known).verdict.state is SourceState.UNCHANGED


def test_a_column_more_or_of_another_type_is_a_change_though_no_row_changed(database, tmp_path):
    sell(database, 1)
    known = asked(tmp_path).known
    database.execute("ALTER TABLE orders ADD COLUMN colour TEXT")
    database.commit()
    grown = asked(tmp_path, known)
    assert (grown.verdict.state, "colour is new among the columns" in grown.verdict.because) == (
        SourceState.CHANGED,
        True,
    )
    database.execute("ALTER TABLE orders DROP COLUMN colour")
    database.execute("ALTER TABLE orders ADD COLUMN colour REAL")
    database.commit()
    assert asked(tmp_path, grown.known).verdict.state is SourceState.CHANGED


@pytest.mark.parametrize("prefix", ["", "adbc+"])
def test_a_query_and_arrow_tell_the_columns_as_well(database, tmp_path, prefix):
    source = {"sql": f"{prefix}sqlite:///{tmp_path}/shop.db", "query": "SELECT * FROM orders"}
    sell(database, 1)
    first = look(spec(source=source), tmp_path, None, now=NOON)
    database.execute("ALTER TABLE orders RENAME COLUMN weight TO heft")
    database.commit()
    again = look(spec(source=source), tmp_path, None, now=NOON, known=first.known)
    assert (first.verdict.state, again.verdict.state) == (SourceState.NEW, SourceState.BREAKING)


def test_a_table_is_no_file(database, tmp_path):
    sell(database, 1)
    first = asked(tmp_path)
    assert first.verdict.because.startswith("first seen: 1 table, up to")
    assert asked(tmp_path, first.known).verdict.because.startswith("1 table as at the last look")


def test_rows_that_the_contract_sets_aside_are_noticed(database, tmp_path):
    for number in range(4):
        sell(database, number + 1, shop="west")
    assert asked(tmp_path).verdict.because.startswith("4 of 4 rows would be set aside")


def test_a_table_that_is_gone_is_unreachable(database, tmp_path):
    database.execute("DROP TABLE orders")
    database.commit()
    assert asked(tmp_path).verdict.state is SourceState.UNREACHABLE


def test_a_download_is_made_only_when_the_headers_differ(tmp_path):
    folder = tmp_path / "served"
    asks = []

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asks.append(self.command)

    write(folder, "orders.parquet", orders({}))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        data = spec(source=f"http://127.0.0.1:{server.server_port}/orders.parquet")
        first = look(data, tmp_path, None, now=NOON)
        fetched = asks.count("GET")
        again = look(data, tmp_path, None, now=NOON, known=first.known)
        assert (asks.count("GET"), again.verdict.state) == (fetched, SourceState.UNCHANGED)
        write(folder, "orders.parquet", orders({}, {"order": 2}).drop_columns("gift"))
        broken = look(data, tmp_path, None, now=NOON, known=first.known)
        server.shutdown()
    gone = look(data, tmp_path, None, now=NOON, known=first.known)
    assert (first.verdict.state, first.verdict.rows, fetched) == (SourceState.NEW, 1, 1)
    assert broken.verdict.state is SourceState.BREAKING
    assert gone.verdict.state is SourceState.UNREACHABLE


def test_an_iceberg_table_is_known_by_its_snapshot(tmp_path):
    from mlray.data.on_iceberg import IcebergTable
    from mlray.data.sources._tables import place_of

    (tmp_path / "lake").mkdir()
    options = {"uri": f"sqlite:///{tmp_path}/lake/catalog.db", "warehouse": f"file://{tmp_path}/lake", "type": "sql"}
    lake = SourceSpec(iceberg="lake", table="shop.orders", options=options)
    table = IcebergTable(place_of(lake))
    table.create(orders({}).schema)

    def asked(known=None):
        return look(spec(source=lake), tmp_path, None, now=NOON, known=known)

    empty = asked()
    table.append(orders({}))
    first = asked(empty.known)
    assert (empty.verdict.state, first.verdict.state, first.verdict.rows) == (SourceState.NEW, SourceState.NEW, 1)
    assert asked(first.known).verdict.read == "nothing"
    table.replace(orders({}, {"order": 2}).drop_columns("gift"))
    assert asked(first.known).verdict.state is SourceState.BREAKING


def asked_of(broker, known=None, **more):
    return look(spec(source=broker.spec, lookups={}, mappings=[], **more), Path(), None, now=NOON, known=known)


def test_a_topic_has_grown_or_is_another_one():
    topic = Broker()
    topic.send({}, {"order": 2})
    first = asked_of(topic)
    again = asked_of(topic, first.known)
    topic.send({"order": 3}, {"order": 4}, {"order": 5})
    grown = asked_of(topic, again.known)
    other = Broker()
    other.send({})
    assert [one.verdict.state.value for one in (first, again, grown)] == ["new", "unchanged", "new"]
    assert (first.verdict.rows, grown.verdict.rows) == (2, 3)
    assert (first.verdict.read, again.verdict.read) == ("sample", "nothing")
    mark = "0: 1"
    sight = Sight({"topic": Thing(mark, rows=1)})
    known = Known(things={"topic": Thing("0: 5", rows=5)})
    assert judge("orders", known, {"topic": mark}, sight, now=NOON).state is SourceState.CHANGED


def test_messages_that_the_contract_sets_aside_are_noticed():
    topic = Broker()
    topic.send({}, *({"order": 2, "shop": "west"} for _ in range(3)))
    verdict = asked_of(topic).verdict
    assert verdict.state is SourceState.BREAKING
    assert verdict.because.startswith("3 of 4 rows would be set aside")


def test_a_field_that_may_be_missing_may_be_missing_in_all_messages_of_a_sample():
    topic = Broker()
    topic.send(*(json.dumps({"at": f"{NOON:%Y-%m-%d}", "order": n, "shop": "north"}).encode() for n in (1, 2)))
    partition = Broker()
    partition.send(json.dumps({"at": f"{NOON:%Y-%m-%d}", "order": 1}).encode())
    assert asked_of(topic).verdict.state is SourceState.NEW
    broken = asked_of(partition).verdict
    assert broken.state is SourceState.BREAKING
    assert "no column 'shop'" in broken.because


def test_a_topic_without_messages_is_new_and_empty():
    topic = Broker()
    topic.producer.list_topics(TOPIC, timeout=10)
    verdict = asked_of(topic).verdict
    assert (verdict.state, verdict.rows, verdict.read) == (SourceState.NEW, 0, "nothing")
