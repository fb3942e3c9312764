"""Looks at sources that are no files on this machine."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pytest

from mlray.data import Known, SourceState, Store, Thing, ingest, look, scan_here
from mlray.data.crawl._judge import Sight, judge
from mlray.spec import CrawlSpec, SourceSpec
from tests.unit.data.kafka import TOPIC, Broker
from tests.unit.data.samples import LATER, NOON, orders, spec, write

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


def changed(database, number, at, upd):
    """Put in an order of the moment `at` that was changed at `upd`, or change when it was."""
    database.execute(f"CREATE TABLE IF NOT EXISTS updated ({COLUMNS}, upd)")
    database.execute('DELETE FROM updated WHERE "order" = ?', (number,))
    database.execute("INSERT INTO updated VALUES (?, ?, 'north', 1.5, 1, 0, ?)", (at, number, upd))
    database.commit()


def updated(tmp_path, **more):
    return spec(
        source={"sql": f"sqlite:///{tmp_path}/shop.db", "table": "updated", "cursor": {"column": "upd"}},
        lookups={},
        **{"mappings": [], **more},
    )


def test_a_table_is_as_fresh_as_its_newest_event_whenever_rows_were_changed(database, tmp_path):
    changed(database, 1, "2024-01-01 12:00:00", "2024-01-07 12:00:00")
    data = updated(tmp_path, freshness="2 days")
    before = look(data, tmp_path, None, now=NOON + HOUR)
    assert (before.verdict.newest, before.verdict.notes) == (NOON, ("not ingested yet",))
    head = ingest(
        data, tmp_path, Store(tmp_path / "store"), until=LATER, now=NOON, run=scan_here, progress=lambda *_: None
    )
    changed(database, 1, "2024-01-01 12:00:00", "2024-01-08 12:00:00")
    first = look(data, tmp_path, head, now=NOON + HOUR, known=before.known)
    again = look(data, tmp_path, head, now=NOON + HOUR, known=first.known)
    late = look(data, tmp_path, head, now=NOON + 72 * HOUR, known=again.known)
    assert [one.verdict.notes for one in (first, again, late)] == [()] * 3
    assert again.verdict.state is SourceState.UNCHANGED
    assert late.verdict.because == "the newest row is of 2024-01-01 12:00, 3 days ago, and 2 days is promised"


def test_only_the_cursor_that_is_declared_may_be_no_column_of_the_contract(database, tmp_path):
    changed(database, 1, "2024-01-01 12:00:00", "2024-01-07 12:00:00")
    database.execute("ALTER TABLE updated ADD COLUMN colour TEXT")
    database.commit()
    notes = look(updated(tmp_path), tmp_path, None, now=NOON).verdict.notes
    assert notes == ("'colour' is no column of the contract", "not ingested yet")


@pytest.mark.parametrize("prefix", ["", "adbc+"])
@pytest.mark.parametrize(
    ("times", "mapping", "newest"),
    [
        (("2024-01-01 12:00:00", "2024-01-01 11:00:00"), {}, NOON),
        (("2024-01-01 07:00:00", "2024-01-01 06:00:00"), {"zone": "America/New_York"}, NOON),
        ((1704110400, 1704106800), {"formats": {"at": "unix"}}, NOON),
        (("01.01.2024", "31.12.2023"), {"formats": {"at": "%d.%m.%Y"}}, "need not be the latest"),
        (("2024-01-01 12:00:00", "then"), {}, "the highest 'at' is no time"),
        ((), {}, "there are no rows"),
    ],
    ids=["plain", "in a zone", "numbers", "in a form that does not grow", "no time", "empty"],
)
def test_the_newest_event_of_a_table_is_told_or_why_it_cannot_be(database, tmp_path, prefix, times, mapping, newest):
    changed(database, 0, "2024-01-01", "2024-01-01")
    database.execute("DELETE FROM updated")
    database.commit()
    for number, at in enumerate(times):
        changed(database, number + 1, at, number)
    data = updated(tmp_path, freshness="2 days", mappings=[{"files": "*", **mapping}])
    source = data.origin.model_copy(update={"sql": f"{prefix}sqlite:///{tmp_path}/shop.db"})
    data = data.model_copy(update={"source": source})
    first = look(data, tmp_path, None, now=NOON, crawl=CrawlSpec(tolerance=1.0))
    again = look(data, tmp_path, None, now=NOON, crawl=CrawlSpec(tolerance=1.0), known=first.known)
    for verdict in (first.verdict, again.verdict):
        told = [note for note in verdict.notes if note.startswith("freshness cannot be told: ")]
        if isinstance(newest, str):
            assert (verdict.newest, len(told), newest in told[0]) == (None, 1, True)
        else:
            assert (verdict.newest, told) == (newest, [])


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


def lake(tmp_path, rows, **properties):
    """Return an Iceberg table that holds `rows`, and the source that names it."""
    from mlray.data.on_iceberg import IcebergTable
    from mlray.data.sources._tables import place_of

    (tmp_path / "lake").mkdir()
    options = {"uri": f"sqlite:///{tmp_path}/lake/catalog.db", "warehouse": f"file://{tmp_path}/lake", "type": "sql"}
    source = SourceSpec(iceberg="lake", table="shop.orders", options=options)
    table = IcebergTable(place_of(source))
    table.create(rows.schema)
    with table.opened() as catalog, catalog.load_table("shop.orders").transaction() as work:
        work.set_properties(**properties)
    table.append(rows)
    return table, source


def test_an_iceberg_table_to_which_nothing_came_becomes_stale(tmp_path):
    table, source = lake(tmp_path, orders({}, {"order": 2, "at": NOON + HOUR}))
    data = spec(source=source, freshness="2 days")
    first = look(data, tmp_path, None, now=NOON + HOUR)
    late = look(data, tmp_path, None, now=NOON + 72 * HOUR, known=first.known)
    table.append(orders({"order": 3, "at": NOON + 71 * HOUR}))
    grown = look(data, tmp_path, None, now=NOON + 72 * HOUR, known=late.known)
    assert [one.verdict.state.value for one in (first, late, grown)] == ["new", "stale", "new"]
    assert (late.verdict.read, late.verdict.newest) == ("nothing", NOON + HOUR)
    assert grown.verdict.newest == NOON + 71 * HOUR


@pytest.mark.parametrize(
    ("kind", "properties", "mapping", "newest"),
    [
        (pa.timestamp("us"), {}, {}, NOON),
        (pa.timestamp("us"), {}, {"zone": "America/New_York"}, NOON + 5 * HOUR),
        (pa.date32(), {}, {}, NOON - 12 * HOUR),
        (pa.string(), {}, {}, None),
        (pa.timestamp("us", "UTC"), {"write.metadata.metrics.default": "counts"}, {}, None),
    ],
    ids=["without a zone", "in a zone", "days", "text", "without bounds"],
)
def test_the_bounds_in_manifests_tell_the_newest_event_or_that_they_do_not(tmp_path, kind, properties, mapping, newest):
    rows = orders({}, {"order": 2, "at": NOON - 24 * HOUR})
    _, source = lake(tmp_path, rows.set_column(0, "at", rows["at"].cast(kind)), **properties)
    data = spec(source=source, freshness="2 days", mappings=[{"files": "*", **mapping}])
    verdict = look(data, tmp_path, None, now=NOON).verdict
    assert verdict.newest == newest
    told = "freshness cannot be told: the bounds in its manifests do not tell the highest 'at'"
    assert (told in verdict.notes) is (newest is None)


def topic_of(broker, **more):
    return spec(source=broker.spec, lookups={}, mappings=[], **more)


def asked_of(broker, known=None, crawl=None, **more):
    return look(topic_of(broker, **more), Path(), None, now=NOON, known=known, crawl=crawl)


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


def test_a_topic_to_which_nothing_came_becomes_stale():
    topic = Broker()
    topic.send({"at": NOON}, {"order": 2, "at": NOON - 24 * HOUR})
    fresh = asked_of(topic, freshness="2 days")
    late = look(topic_of(topic, freshness="1 hour"), Path(), None, now=NOON + 2 * HOUR, known=fresh.known)
    assert (fresh.verdict.state, fresh.verdict.newest) == (SourceState.NEW, NOON)
    assert (late.verdict.state, late.verdict.read) == (SourceState.STALE, "nothing")


def test_newer_messages_of_older_events_do_not_make_a_topic_older():
    topic = Broker()
    topic.send({"at": NOON})
    first = asked_of(topic, crawl=CrawlSpec(sample=1))
    topic.send({"order": 2, "at": NOON - 24 * HOUR})
    grown = asked_of(topic, first.known, crawl=CrawlSpec(sample=1))
    again = asked_of(topic, grown.known, crawl=CrawlSpec(sample=1))
    assert [one.verdict.state.value for one in (first, grown, again)] == ["new", "new", "unchanged"]
    assert {one.verdict.newest for one in (first, grown, again)} == {NOON}


@pytest.mark.parametrize(
    ("sent", "why"),
    [((), "there are no rows"), (({"at": "soon"},), "its newest messages have no event time that can be read")],
)
def test_a_topic_that_does_not_tell_its_newest_event_says_so(sent, why):
    topic = Broker()
    topic.send(*sent)
    topic.producer.list_topics(TOPIC, timeout=10)
    first = asked_of(topic, freshness="2 days", crawl=CrawlSpec(tolerance=1.0))
    if sent:
        assert first.verdict.state is SourceState.BREAKING
        topic.send(*({"order": n, "at": NOON} for n in (2, 3)))
        assert asked_of(topic, freshness="2 days").verdict.newest == NOON
    else:
        again = asked_of(topic, first.known, freshness="2 days")
        assert [one.verdict.notes for one in (first, again)] == [(f"freshness cannot be told: {why}",)] * 2
    assert first.known.untold == why


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
