"""A version read in every form, and rows made a version."""

import pickle
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mlray.clock import ManualClock
from mlray.data import Store, View
from mlray.data._fragments import Commit
from mlray.data.plan import Plan, col
from mlray.data.plan._table import TableSink
from mlray.data.snapshot import Snapshot, commit
from mlray.data.table import Table
from mlray.errors import DataError, NotFoundError, StoreError

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def orders(first, count):
    return pa.table(
        {
            "order": pa.array(range(first, first + count), pa.int64()),
            "at": pa.array([NOON + timedelta(hours=n) for n in range(first, first + count)], pa.timestamp("us", "UTC")),
            "shop": [["north", "south", None][number % 3] for number in range(first, first + count)],
        }
    )


@pytest.fixture
def table(tmp_path):
    return Table(Store(tmp_path / "store"), "orders", clock=ManualClock(NOON))


@pytest.fixture
def snapshot(table):
    for first in (0, 10, 20):
        commit(orders(first, 10), table, time="at")
    return Snapshot.of(table.store, "orders")


class Masked:
    """A view without shops."""

    def shows(self, name):
        return name != "shop"

    def apply(self, rows):
        return rows.drop_columns("shop") if "shop" in rows.column_names else rows


def test_what_was_committed_is_read_in_every_form(snapshot):
    assert snapshot.version.number == 3
    assert snapshot.to_arrow().equals(orders(0, 30).select(snapshot.schema.names))
    assert list(snapshot.to_pandas(["order"])["order"]) == list(range(30))
    assert snapshot.to_arrow(["order"], NOON + timedelta(hours=5), NOON + timedelta(hours=12))[
        "order"
    ].to_pylist() == list(range(5, 12))


def test_frames_and_batches_are_committed_as_tables_are(table):
    commit(orders(0, 5).to_pandas(), table)
    version = commit(orders(5, 5).to_batches()[0], table, note="more", author="ann")
    assert Snapshot(table.store, version).to_arrow().equals(orders(0, 10))
    assert (version.note, version.author, version.operation) == ("more", "ann", "append")


def test_rows_may_take_the_place_of_others(snapshot, table):
    version = commit(orders(7, 2), table, replace=True)
    assert Snapshot(table.store, version).to_arrow()["order"].to_pylist() == [7, 8]
    assert version.parents == (snapshot.version.digest,)
    assert Snapshot.of(table.store, "orders@v3").to_arrow().num_rows == 30


def test_the_same_commit_twice_is_one_version(table):
    one = commit(orders(0, 5), table, once="a")
    assert commit(orders(0, 5), table, once="a") == one


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([1, 2], "list is no table"),
        (pd.DataFrame({"x": [1, "a"]}), "cannot become a table"),
        (orders(0, 0), "no rows to commit"),
        (pa.table({"order": ["x"]}), "'order' is string, and int64 in orders@v3"),
    ],
)
def test_rows_that_do_not_fit_are_refused(snapshot, table, rows, problem):
    with pytest.raises(DataError, match=problem):
        commit(rows, table)


def test_a_column_that_is_missing_is_null_and_a_new_one_is_added(snapshot, table):
    version = commit(pa.table({"order": [30], "gift": [True]}), table)
    rows = Snapshot(table.store, version).to_arrow()
    assert rows["gift"].to_pylist() == [None] * 30 + [True]
    assert rows["shop"].to_pylist()[-1] is None


@pytest.mark.parametrize("size", [1, 7, 30, 100])
def test_batches_have_the_size_asked_for_and_all_rows(snapshot, size):
    sizes = [batch.num_rows for batch in snapshot.batches(size)]
    assert all(each == size for each in sizes[:-1])
    assert sum(sizes) == 30
    read = [order for batch in snapshot.batches(size, ["order"]) for order in batch["order"].to_pylist()]
    assert read == list(range(30))


def test_shuffled_batches_are_the_same_for_the_same_seed(snapshot):
    def read(seed):
        return [order for batch in snapshot.batches(4, ["order"], shuffle_seed=seed) for order in batch[0].to_pylist()]

    assert read(1) == read(1)
    assert read(1) != read(2)
    assert sorted(read(1)) == list(range(30))


def test_batches_of_nothing_are_refused(snapshot):
    with pytest.raises(DataError, match="batch of 0 rows"):
        list(snapshot.batches(0))


def test_an_unknown_version_or_column_is_named(snapshot):
    with pytest.raises(NotFoundError):
        Snapshot.of(snapshot.store, "orders@v9")
    with pytest.raises(DataError, match="no column 'shopp'"):
        snapshot.to_arrow(["shopp"])


def test_a_view_decides_what_is_seen(snapshot):
    seen = Snapshot(snapshot.store, snapshot.version, Masked())
    assert seen.to_arrow().column_names == ["order", "at"]
    assert next(seen.batches(5)).schema.names == ["order", "at"]
    assert Plan.of(seen).aggregate(["at"], rows="count").run().groups.num_rows == 30
    with pytest.raises(DataError, match="no column 'shop'"):
        Plan.of(seen).filter(col("shop") == "north").run()


@pytest.mark.parametrize(
    "read",
    [
        lambda seen, asked: seen.to_arrow(asked),
        lambda seen, asked: seen.to_pandas(asked),
        lambda seen, asked: list(seen.batches(5, asked)),
        lambda seen, asked: seen.parts()[0].rows_at_once(asked),
        lambda seen, asked: list(seen.parts()[0].batches(asked)),
    ],
    ids=["arrow", "pandas", "batches", "part", "batches of a part"],
)
@pytest.mark.parametrize("asked", [["shop"], ["order", "shop"]])
def test_a_column_that_a_view_drops_is_refused_as_one_that_is_not_there(snapshot, read, asked):
    seen = Snapshot(snapshot.store, snapshot.version, Masked())
    with pytest.raises(DataError, match=r"orders@v3 has no column 'shop'") as caught:
        read(seen, asked)
    assert "shop" not in caught.value.remedy
    assert seen.schema.names == ["order", "at"]
    assert repr(seen) == "Snapshot(orders@v3: 30 rows × 2 columns, as a view shows it)"


def test_what_is_known_of_a_column_is_shown_only_where_its_values_are(table):
    commit(orders(0, 10), table, time="at", key=["order"])
    stored = table.store.version("orders", 1)
    view = View({"order": "hash", "at": "mask"}, b"secret", ("order", "at", "shop"))
    seen = Snapshot(table.store, stored, view)
    (whole,), (veiled,) = stored.fragments, seen.version.fragments

    assert set(stored.statistics) == {"order", "at", "shop"}
    assert seen.version.statistics == {"shop": stored.statistics["shop"]}
    assert (whole.low, whole.high, whole.first) == (0, 9, NOON)
    assert (veiled.low, veiled.high, veiled.first, veiled.last) == (None, None, None, None)
    assert seen.schema.field("order").type == pa.string()
    assert table.store.verify(seen.version) == table.store.verify(stored)
    assert table.store.version("orders", 1) == stored
    later = seen.to_arrow(["shop"], start=NOON + timedelta(hours=8))
    assert later.num_rows == 2
    assert pickle.loads(pickle.dumps(seen)).version == seen.version


def test_a_plan_that_goes_on_takes_no_part_that_was_written_for_who_sees_more(snapshot, tmp_path):
    file = snapshot.store.path(snapshot.version.fragments[2].blob)
    good = file.read_bytes()
    file.write_bytes(b"")
    with pytest.raises(StoreError):
        Plan.of(snapshot).write(tmp_path / "out").run(on="here", cpus=1)
    file.write_bytes(good)

    seen = Snapshot(snapshot.store, snapshot.version, Masked())
    result = Plan.of(seen).write(tmp_path / "out").run(on="here")

    assert (result.rows, result.resumed) == (30, 0)
    assert all(pq.read_schema(path).names == ["order", "at"] for path in (tmp_path / "out").glob("*.parquet"))


def test_a_plan_reads_a_snapshot_and_makes_one_version(snapshot, table):
    target = Table(table.store, "busy", clock=table.clock)
    plan = Plan.of(snapshot).filter(col("shop") != "south").derive(twice=col("order") * 2)
    result = plan.write(target).aggregate(["shop"], rows="count").run()
    assert result.version.name == "busy@v1"
    assert result.version.rows == result.rows == 10
    assert len(result.version.fragments) == 3
    made = Snapshot(table.store, result.version).to_arrow()
    assert made["twice"].to_pylist() == [2 * order for order in range(0, 30, 3)]
    assert made.schema.field("shop").type == pa.string()
    assert plan.write(target).run().version.rows == 20
    assert plan.write(target, replace=True).run().version.rows == 10
    assert not table.store.storage.names("plans/")


def test_a_run_that_failed_goes_on_and_commits_once(snapshot, table):
    def fail(rows):
        if pc.max(rows["order"]).as_py() >= 20 and broken:
            raise ValueError("no luck")
        return rows

    target = Table(table.store, "busy", clock=table.clock)
    broken = [True]
    plan = Plan.of(snapshot).map(fail)
    with pytest.raises(DataError, match="no luck"):
        plan.write(target).run(cpus=1)
    assert target.head is None
    broken.clear()
    good = Plan.of(snapshot).map(lambda rows: rows).write(target)
    assert good.run().version.rows == 30


def test_a_fragment_that_is_gone_is_made_again(snapshot, table):
    target = Table(table.store, "busy", clock=table.clock)
    sink = TableSink(target, Commit())
    written = sink.write(0, orders(0, 3).to_batches())
    assert sink.intact(written)
    table.store.storage.delete(table.store.blobs.place(written["fragment"]["blob"]))
    assert not sink.intact(written)
    assert sink.intact(sink.write(1, []))


def test_finishing_the_same_run_twice_makes_one_version(table):
    sink = TableSink(table, Commit())
    written = [sink.write(0, orders(0, 3).to_batches())]
    assert sink.finish(written, "note", "run-1") == sink.finish(written, "note", "run-1")
    assert table.head.number == 1


def test_a_changed_fragment_is_read_with_its_changes(snapshot, table):
    from dataclasses import replace

    rows = pa.table({"_pos": [1, 3]})
    blob, size = table.store.blobs.put_places(rows)[:2]
    from mlray.records import Deletions

    part = snapshot.parts()[0]
    gone = replace(part.fragment, deletions=Deletions(blob, 2, size))
    part = replace(part, version=replace(part.version, fragments=(gone,)))
    assert part.rows == 8
    read = pa.Table.from_batches(list(part.batches(["order"])))
    assert read["order"].to_pylist() == [0, 2, 4, 5, 6, 7, 8, 9]


def test_columns_that_a_fragment_never_had_are_null_in_a_plan(snapshot, table):
    version = commit(pa.table({"order": [30], "gift": [True]}), table)
    groups = Plan.of(Snapshot(table.store, version)).aggregate(["gift"], rows="count").run().groups
    assert groups.to_pylist() == [{"gift": True, "rows": 1}, {"gift": None, "rows": 30}]


def test_a_damaged_fragment_is_named(snapshot):
    path = snapshot.store.path(snapshot.version.fragments[1].blob)
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(StoreError, match="missing or damaged"):
        Plan.of(snapshot).run()


def test_a_snapshot_survives_pickling(snapshot):
    again = pickle.loads(pickle.dumps(snapshot))
    assert again.to_arrow().equals(snapshot.to_arrow())


def test_a_table_gives_its_versions_to_read(snapshot, table):
    assert table.at().to_arrow().equals(snapshot.to_arrow())
    assert table.at(1).to_arrow().num_rows == 10
    assert table.store.snapshot("orders@v2").to_arrow().num_rows == 20


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.timestamp("s"), [1, None]),
        (pa.timestamp("s", "Europe/Berlin"), [1, None]),
        (pa.timestamp("ns", "UTC"), [1, None]),
        (pa.time32("s"), [1, None]),
        (pa.date64(), [86_400_000, None]),
        (pa.duration("s"), [1, None]),
        (pa.large_string(), ["a", None]),
        (pa.string(), ["a", None]),
        (pa.list_(pa.int8(), 2), [[1, 2], None]),
        (pa.struct([("a", pa.list_(pa.int8(), 2))]), [{"a": None}, {"a": [1, 2]}]),
    ],
    ids=str,
)
@pytest.mark.parametrize("how", ["append", "commit"])
def test_batches_have_the_types_of_the_schema(tmp_path, kind, values, how):
    table = Table(Store(tmp_path / "store"), "orders")
    rows = pa.table({"v": pa.array(values * 20, kind), "k": range(40)})
    made = table.append(rows) if how == "append" else commit(rows, table)
    snapshot = Snapshot(table.store, made)

    for columns in (None, ["v"]):
        (part,) = snapshot.parts()
        for batch in part.batches(columns):
            found = batch.column("v")
            found = found.dictionary_decode() if pa.types.is_dictionary(found.type) else found
            assert found.equals(rows["v"].combine_chunks())
    assert part.schema == snapshot.schema == rows.schema
    assert snapshot.to_arrow() == rows
    Plan.of(snapshot).write(tmp_path / "out").run(on="here")
    assert pq.read_table(tmp_path / "out").num_rows == 40


def test_commits_and_plans_keep_the_key(table):
    def rows(*keys):
        return pa.table({"k": pa.array(keys, pa.int64()), "b": pa.array(range(len(keys)), pa.int64())})

    with pytest.raises(DataError, match="repeat a key; the first is k=1"):
        commit(rows(1, 1), table, key=["k"])
    assert commit(rows(1, 2), table, key=["k"]).key == ("k",)
    with pytest.raises(DataError, match="has a row with k=2 already"):
        commit(rows(2, 5), table)
    with pytest.raises(DataError, match="no column 'k' for its key"):
        commit(rows(7).drop_columns("k"), table)
    with pytest.raises(DataError, match="has a row with k=1 already"):
        Plan.of(Snapshot.of(table.store, table.name)).write(table).run()
    assert commit(rows(3), table).rows == 3
    assert commit(rows(3, 4), table, replace=True).key == ("k",)
    with pytest.raises(DataError, match="repeat a key"):
        commit(rows(3, 3), table, replace=True)
    assert commit(rows(3, 3).drop_columns("k"), table, replace=True).key == ()
