"""Iceberg: URLs that hide their secrets, rows since a snapshot, and a mirror that writes only what is new."""

import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlray.data import Store
from mlray.data._iceberg import Place, theirs
from mlray.data.mirror import mirror
from mlray.data.on_iceberg import IcebergTable
from mlray.data.table import Table
from mlray.errors import DataError, InputError, NotFoundError

ROWS = pa.table({"id": [1, 2, 3], "shop": ["a", None, "c"]})


@pytest.fixture
def place(tmp_path) -> str:
    return f"iceberg://test/sales.orders?type=sql&uri=sqlite:///{tmp_path}/c.db&warehouse=file://{tmp_path}/warehouse"


@pytest.fixture
def table(tmp_path) -> Table:
    table = Table(Store(tmp_path / "store"), "orders")
    table.append(ROWS, key=["id"])
    return table


def test_a_place_shows_neither_properties_nor_secrets():
    place = Place.of("iceberg://prod/a.b.c?uri=https://x&credential=secret&snapshot=12")

    assert (place.catalog, place.table, place.ref) == ("prod", "a.b.c", 12)
    assert str(place) == "iceberg://prod/a.b.c"
    assert "secret" not in repr(place)


@pytest.mark.parametrize(
    "url", ["iceberg://only", "iceberg://catalog/table", "s3://a/b.c", "iceberg://c/a.b?snapshot=x"]
)
def test_what_is_no_table_is_refused(url):
    with pytest.raises(InputError, match="is no"):
        Place.of(url)


def test_without_pyiceberg_the_remedy_is_a_command(place, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyiceberg.catalog", None)

    with pytest.raises(InputError, match=r"pip install mlray\[iceberg\]"):
        IcebergTable(place).exists()


def test_types_that_iceberg_lacks_become_wider_ones():
    assert theirs(pa.uint8()) == pa.int32()
    assert theirs(pa.dictionary(pa.int32(), pa.string())) == pa.string()
    assert theirs(pa.timestamp("ns", "UTC")) == pa.timestamp("us", "UTC")


def test_values_that_iceberg_cannot_hold_are_refused(place):
    rows = pa.table({"at": pa.array([1], pa.timestamp("ns"))})

    with pytest.raises(DataError, match="would lose data"):
        IcebergTable(place).append(rows)


def test_the_rows_added_since_a_snapshot_come_alone(place):
    table = IcebergTable(place)
    first, second = table.append(ROWS), table.append(ROWS.slice(0, 2))

    assert sum(rows.num_rows for rows in table.added(first.id)) == 2
    assert list(table.added(second.id)) == []
    assert sum(rows.num_rows for rows in table.batches()) == 5


def test_changed_rows_cannot_be_read_as_added_ones(place):
    table = IcebergTable(place)
    first = table.append(ROWS)
    table.replace(ROWS.slice(1))

    with pytest.raises(DataError, match=r"not only added to: snapshot \d+ is of the operation 'delete'"):
        list(table.added(first.id))
    with pytest.raises(DataError, match="history since snapshot 5 any more"):
        list(table.added(5))


def test_a_table_that_nobody_wrote_to_has_columns_and_no_state(place):
    table = IcebergTable(place)
    assert not table.exists()
    table.create(ROWS.schema)

    assert table.exists()
    assert table.head() is None
    assert table.schema().names == ["id", "shop"]
    with pytest.raises(NotFoundError, match="no snapshot yet"):
        table.tag("x")
    with pytest.raises(NotFoundError, match="There is no Iceberg table"):
        IcebergTable(place.replace("orders", "others")).head()


def test_a_mirror_shows_the_version_and_says_which_it_is(table, place):
    shown = mirror(table.store, table.head, place)

    assert IcebergTable(place).read().sort_by("id").equals(ROWS)
    assert shown.facts["mlray.version"] == "orders@v1"
    assert mirror(table.store, table.head, place) == shown


def test_a_mirror_of_more_rows_writes_only_those(table, place):
    mirror(table.store, table.head, place)
    table.append(pa.table({"id": [4], "shop": ["d"]}))

    shown = mirror(table.store, table.head, place)

    assert (shown.operation, shown.facts["added-records"], shown.rows) == ("append", "1", 4)


def test_renamed_and_exchanged_columns_cost_no_file(table, place):
    table.add_column("other", ["shop"], lambda rows: rows["shop"])
    mirror(table.store, table.head, place)
    table.rename_column("shop", "held")
    table.rename_column("other", "shop")
    table.rename_column("held", "other")
    table.reorder(["shop", "id", "other"])

    shown = mirror(table.store, table.head, place)

    assert shown.facts.get("added-records", "0") == "0"
    assert IcebergTable(place).read().column_names == ["shop", "id", "other"]
    assert IcebergTable(place).read().sort_by("id").equals(table.read().sort_by("id"))


def test_a_changed_version_is_written_whole_and_the_old_state_stays(table, place):
    first = mirror(table.store, table.head, place)
    table.upsert(pa.table({"id": [2], "shop": ["new"]}))
    table.add_column("twice", ["id"], lambda rows: pa.compute.multiply(rows["id"], 2))
    mirror(table.store, table.head, place)

    assert IcebergTable(place).read().sort_by("id").equals(table.read())
    assert IcebergTable(place).read(first.id).sort_by("id").equals(ROWS)


def test_a_dropped_column_that_came_again_is_another_in_the_mirror_too(table, place):
    mirror(table.store, table.head, place)
    table.drop_column("shop")
    table.add_column("shop", ["id"], lambda rows: rows["id"].cast(pa.string()))

    mirror(table.store, table.head, place)

    assert IcebergTable(place).read().sort_by("id")["shop"].to_pylist() == ["1", "2", "3"]


def test_an_export_to_iceberg_is_a_mirror(table, place):
    told = table.export(place, form="iceberg")

    assert told[0].startswith("iceberg://test/sales.orders snapshot ")
    assert IcebergTable(place).read().num_rows == 3


def delete_apart(table, which, folder):
    """Delete the first row of the data file with the `which`-th lowest bound by a file of positions, as Spark may."""
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestContent, ManifestWriterV2
    from pyiceberg.table.snapshots import Operation
    from pyiceberg.table.update.snapshot import _FastAppendFiles

    class Deletions(ManifestWriterV2):
        def content(self):
            return ManifestContent.DELETES

    class Deleting(_FastAppendFiles):  # pyiceberg reads such files, and has no way of its own to write them
        def new_manifest_writer(self, spec):
            schema = self._transaction.table_metadata.schema()
            return Deletions(spec, schema, self.new_manifest_output(), self._snapshot_id, "deflate")

    with table.opened() as catalog:
        found = catalog.load_table("sales.orders")
        files = [task.file for task in found.scan().plan_files()]
        file = sorted(files, key=lambda one: int.from_bytes(one.upper_bounds[1], "little"))[which]
        place = folder / f"deletions-{which}.parquet"
        pq.write_table(pa.table({"file_path": [file.file_path], "pos": [0]}), place)
        path = {2147483546: file.file_path.encode()}
        made = DataFile.from_args(
            content=DataFileContent.POSITION_DELETES, file_path=f"file://{place}", file_format=FileFormat.PARQUET,
            partition=file.partition, record_count=1, file_size_in_bytes=place.stat().st_size,
            lower_bounds=path, upper_bounds=path,
        )  # fmt: skip
        made.spec_id = 0
        with found.transaction() as work, Deleting(Operation.APPEND, work, found.io) as producer:
            producer.append_data_file(made)


def test_the_highest_value_is_told_from_the_manifests(place):
    table = IcebergTable(place)
    table.create(ROWS.schema)
    assert table.highest("id") is None
    table.append(ROWS)
    table.append(pa.table({"id": [9], "shop": ["d"]}))
    assert (table.highest("id").to_pylist(), table.highest("shop")) == ([9], None)
    table.append(pa.table({"id": pa.nulls(2, pa.int64()), "shop": ["e", "f"]}))
    assert table.highest("id").to_pylist() == [9]


def test_deletions_apart_from_their_file_leave_the_highest_value_open_where_it_may_be_theirs(place, tmp_path):
    table = IcebergTable(place)
    table.append(ROWS)
    table.append(pa.table({"id": [9], "shop": ["d"]}))
    delete_apart(table, 0, tmp_path)
    assert (table.highest("id").to_pylist(), table.read()["id"].to_pylist()) == ([9], [9, 2, 3])
    delete_apart(table, 1, tmp_path)
    assert (table.highest("id"), table.read()["id"].to_pylist()) == (None, [2, 3])
