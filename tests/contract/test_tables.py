"""One suite for every kind of table: written, read at any version, replaced, evolved, rolled back."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from mlray.data import Store
from mlray.data.on_iceberg import IcebergTable
from mlray.data.table import Table
from mlray.errors import DataError, NotFoundError

ROWS = pa.table(
    {
        "id": pa.array([1, 2, 3]),
        "shop": pa.array(["north", None, "ü"]),
        "size": pa.array([1.5, float("inf"), None]),
        "at": pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * 3, pa.timestamp("us", "UTC")),
        "gift": pa.array([True, None, False]),
    }
)
MORE = ROWS.set_column(0, "id", pa.array([4, 5, 6]))


class Ours:
    """A table of the store, as the suite asks for it."""

    def __init__(self, folder: Path) -> None:
        self.table = Table(Store(folder), "orders")

    def append(self, rows):
        return self.table.append(rows).number

    def replace(self, rows):
        return self.table.replace(rows).number

    def read(self, ref=None, columns=None):
        return self.table.read(ref, columns)

    def states(self):
        return [version.number for version in self.table.store.versions("orders")]

    def rollback(self, to):
        self.table.rollback(to)

    def tag(self, name, ref):
        self.table.tag(name, ref)

    def rename(self, old, new):
        self.table.rename_column(old, new)

    def drop(self, name):
        self.table.drop_column(name)


class Iceberg:
    """A table in a catalog in SQLite, as the suite asks for it."""

    def __init__(self, folder: Path) -> None:
        self.table = IcebergTable(
            f"iceberg://test/sales.orders?type=sql&uri=sqlite:///{folder}/catalog.db&warehouse=file://{folder}"
        )

    def append(self, rows):
        return self.table.append(rows).id

    def replace(self, rows):
        return self.table.replace(rows).id

    def read(self, ref=None, columns=None):
        return self.table.read(ref, columns)

    def states(self):
        return [snapshot.id for snapshot in self.table.snapshots()]

    def rollback(self, to):
        self.table.rollback(to)

    def tag(self, name, ref):
        self.table.tag(name, ref)

    def rename(self, old, new):
        self.table.evolve(lambda update: update.rename_column(old, new))

    def drop(self, name):
        self.table.evolve(lambda update: update.delete_column(name))


@pytest.fixture(params=[Ours, Iceberg], ids=["ours", "iceberg"])
def table(request, tmp_path) -> Ours | Iceberg:
    return request.param(tmp_path)


def by_id(rows: pa.Table) -> pa.Table:
    return rows.sort_by("id").combine_chunks()


def test_what_was_appended_is_read_in_its_types(table):
    table.append(ROWS)

    assert by_id(table.read()).equals(ROWS)


def test_rows_are_added_and_every_earlier_state_stays(table):
    first = table.append(ROWS)
    second = table.append(MORE)

    assert by_id(table.read()).equals(pa.concat_tables([ROWS, MORE]).combine_chunks())
    assert by_id(table.read(first)).equals(ROWS)
    assert table.read(second).num_rows == 6
    assert {first, second} <= set(table.states())


def test_only_the_columns_asked_for_are_read(table):
    table.append(ROWS)

    assert table.read(columns=["shop"]).column_names == ["shop"]
    with pytest.raises(DataError, match="no column 'size2'"):
        table.read(columns=["size2"])


def test_a_dump_takes_the_place_of_all_rows(table):
    first = table.append(ROWS)
    table.replace(MORE)

    assert by_id(table.read()).equals(MORE)
    assert by_id(table.read(first)).equals(ROWS)


def test_a_new_column_is_null_in_earlier_rows(table):
    first = table.append(ROWS)
    table.append(MORE.append_column("note", pa.array(["a", "b", "c"])))

    assert by_id(table.read())["note"].to_pylist() == [None, None, None, "a", "b", "c"]
    assert "note" not in table.read(first).column_names


def test_a_renamed_column_keeps_its_values(table):
    table.append(ROWS)
    table.rename("shop", "store")

    assert by_id(table.read())["store"].to_pylist() == ["north", None, "ü"]


def test_a_column_that_is_dropped_and_added_again_is_another(table):
    first = table.append(ROWS)
    table.drop("shop")
    table.append(MORE.set_column(1, "shop", pa.array(["x", "y", "z"])))

    assert by_id(table.read())["shop"].to_pylist() == [None, None, None, "x", "y", "z"]
    assert by_id(table.read(first))["shop"].to_pylist() == ["north", None, "ü"]


def test_an_earlier_state_becomes_the_newest_again(table):
    first = table.append(ROWS)
    table.append(MORE)
    table.rollback(first)

    assert by_id(table.read()).equals(ROWS)


def test_a_tag_names_a_state(table):
    first = table.append(ROWS)
    table.tag("trained", first)
    table.append(MORE)

    assert by_id(table.read("trained")).equals(ROWS)


def test_a_state_that_is_not_there_is_not_found(table):
    table.append(ROWS)

    for missing in (99, "nobody"):
        with pytest.raises(NotFoundError):
            table.read(missing)
