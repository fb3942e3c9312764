"""An Iceberg table as a source: what was appended since the snapshot that was read last."""

import pytest

from mlray.data._cursor import Cursor
from mlray.data.on_iceberg import IcebergTable
from mlray.data.sources import probe
from mlray.data.sources._tables import place_of
from mlray.errors import DataError
from mlray.spec import SourceSpec, source_of
from tests.unit.data.samples import NOON, orders
from tests.unit.data.test_cursor import HOUR, Project


@pytest.fixture
def lake(tmp_path):
    (tmp_path / "lake").mkdir()
    options = {"uri": f"sqlite:///{tmp_path}/lake/catalog.db", "warehouse": f"file://{tmp_path}/lake", "type": "sql"}
    return SourceSpec(iceberg="lake", table="shop.orders", options=options)


@pytest.fixture
def table(lake):
    return IcebergTable(place_of(lake))


def test_what_was_appended_is_read_and_nothing_twice(lake, table, tmp_path):
    project = Project(tmp_path, source=lake, key=[])
    table.append(orders({}, {"order": 2}))
    one = project.ingest()
    table.append(orders({"order": 3, "at": NOON - HOUR}))
    two = project.ingest()
    assert (project.orders(one), project.orders(two)) == ([1, 2], [1, 2, 3])
    assert Cursor.read(two.cursor).snapshot == str(table.head().id)
    assert two.fragments[-1].source == f"lake#shop.orders@{table.head().id}"
    project.parts = None
    assert project.ingest() == two


def test_rows_later_than_asked_for_are_met_again(lake, table, tmp_path):
    project = Project(tmp_path, source=lake, key=[])
    table.append(orders({}, {"order": 2, "at": NOON + 3 * HOUR}))
    one = project.ingest(until=NOON + HOUR)
    table.append(orders({"order": 3}, {"order": 4, "at": NOON + 9 * HOUR}))
    two = project.ingest(until=NOON + 4 * HOUR)
    three = project.ingest()
    assert [project.orders(version) for version in (one, two, three)] == [[1], [1, 2, 3], [1, 2, 3, 4]]


def test_rows_that_were_changed_need_a_key(lake, table, tmp_path):
    project = Project(tmp_path, source=lake, key=[])
    table.append(orders({}, {"order": 2}))
    one = project.ingest()
    table.replace(orders({}, {"order": 3}))
    with pytest.raises(DataError, match="was changed since snapshot"):
        project.ingest()
    assert project.store.head("orders") == one


def test_a_changed_table_is_read_whole_where_a_key_tells_what_is_new(lake, table, tmp_path):
    project = Project(tmp_path, source=lake)
    table.append(orders({}, {"order": 2}))
    project.ingest()
    table.replace(orders({}, {"order": 3}))
    version = project.ingest()
    assert project.orders(version) == [1, 2, 3]
    assert version.note == "changed: lake#shop.orders"


def test_a_probe_sees_a_new_snapshot(lake, table, tmp_path):
    project = Project(tmp_path, source=lake)
    table.append(orders({}))
    one = probe(project.data, tmp_path)
    assert one.marks == (("lake#shop.orders", str(table.head().id)),)
    table.append(orders({"order": 2}))
    assert probe(project.data, tmp_path).token != one.token


def test_a_url_names_a_table_as_well():
    spec = source_of("iceberg://lake/shop.orders?uri=sqlite:///x.db&ref=v1")
    place = place_of(spec)
    assert (str(place), place.ref, dict(place.properties)) == (
        "iceberg://lake/shop.orders",
        "v1",
        {"uri": "sqlite:///x.db"},
    )
    assert str(spec) == "lake#shop.orders"


def test_a_table_that_nobody_wrote_to_is_told(lake, table, tmp_path):
    table.create(orders({}).schema)
    with pytest.raises(DataError, match="has no snapshot yet"):
        Project(tmp_path, source=lake).ingest()
