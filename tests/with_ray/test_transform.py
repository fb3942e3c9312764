"""Plans, versions and datasets on Ray: what they give without it."""

import time
import uuid

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from mlray.data import Store
from mlray.data.plan import Plan, col
from mlray.data.snapshot import Snapshot, commit
from mlray.data.table import Table
from mlray.errors import DataError
from mlray.features import FeaturePlan
from mlray.features.on_ray import fit_on_ray

pytestmark = [
    pytest.mark.ray,
    pytest.mark.usefixtures("ray_session"),
    # Ray sets and defines its own deprecated settings and fields.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
    pytest.mark.filterwarnings("ignore:Using extra keyword arguments on `Field`"),
]

SHOPS = pa.table({"shop": ["north", "south"], "tax": [0.1, 0.2]})


def orders(first, count):
    return pa.table(
        {
            "order": pa.array(range(first, first + count), pa.int64()),
            "shop": [["north", "south", None][number % 3] for number in range(first, first + count)],
            "price": [float(number % 7) for number in range(first, first + count)],
        }
    )


@pytest.fixture
def table(tmp_path):
    return Table(Store(tmp_path / "store"), "orders")


@pytest.fixture
def snapshot(table):
    for first in (0, 100, 200):
        commit(orders(first, 100), table)
    return Snapshot.of(table.store, "orders")


def test_a_plan_gives_on_ray_what_it_gives_here(snapshot, tmp_path):
    plan = Plan.of(snapshot).filter(col("price") > 1).lookup(SHOPS, on="shop").derive(due=col("price") * col("tax"))
    plan = plan.aggregate(["shop"], rows="count", mean=("due", "mean"), spread=("due", "std"))
    there = plan.write(tmp_path / "ray").run("ray")
    here = plan.write(tmp_path / "here").run("here")
    assert there.on == "ray"
    assert there.groups.equals(here.groups)
    assert pq.read_table(tmp_path / "ray").equals(pq.read_table(tmp_path / "here"))
    assert [path.read_bytes() for path in there.files] == [path.read_bytes() for path in here.files]


def test_a_failure_on_ray_arrives_whole_and_the_rest_is_remembered(snapshot, table, tmp_path):
    switch = tmp_path / "broken"
    switch.write_text("")

    def check(rows):
        if switch.exists() and pc.max(rows["order"]).as_py() >= 200:
            raise ValueError("no luck")
        return rows

    plan = Plan.of(snapshot).map(check).write(Table(table.store, "copy"))
    with pytest.raises(DataError, match=r"orders@v3, fragment .*no luck"):
        plan.run("ray", cpus=1)
    switch.unlink()
    result = plan.run("ray")
    assert result.resumed == 2
    assert Snapshot(table.store, result.version).to_arrow().equals(snapshot.to_arrow())


def test_small_data_stay_in_this_process(snapshot):
    assert Plan.of(snapshot).aggregate(rows="count").run().on == "here"


def test_a_version_is_a_dataset_whose_small_fragments_share_a_task(snapshot):
    dataset = snapshot.to_ray()
    assert dataset.count() == 300
    assert dataset.materialize().num_blocks() == 1
    rows = pa.concat_tables(list(dataset.iter_batches(batch_format="pyarrow", batch_size=None)))
    assert rows.sort_by("order").equals(snapshot.to_arrow())
    assert snapshot.to_ray(["price"]).schema().names == ["price"]
    assert snapshot.to_ray().select_columns(["order"]).sum("order") == sum(range(300))


def test_an_unknown_column_is_refused_before_any_task(snapshot):
    with pytest.raises(DataError, match="no column 'prize'"):
        snapshot.to_ray(["prize"])


def test_a_dataset_becomes_one_version(snapshot, table):
    dataset = snapshot.to_ray().map_batches(
        lambda rows: rows.append_column("double", pc.multiply(rows["price"], 2)), batch_format="pyarrow"
    )
    version = commit(dataset, Table(table.store, "doubled"), note="twice")
    made = Snapshot(table.store, version).to_arrow().sort_by("order")
    assert made["double"].to_pylist() == [2 * price for price in made["price"].to_pylist()]
    assert made.num_rows == 300
    assert version.number == 1


def test_a_dataset_that_does_not_fit_commits_nothing(snapshot, table):
    with pytest.raises(DataError, match="'order' is string"):
        commit(
            snapshot.to_ray().map_batches(
                lambda rows: rows.set_column(0, "order", rows["order"].cast("string")), batch_format="pyarrow"
            ),
            table,
        )
    assert table.head.number == 3


def test_features_are_fitted_on_a_dataset_as_on_its_rows(snapshot):
    plan = FeaturePlan.from_file(None)
    rows = snapshot.to_arrow()
    assert fit_on_ray(plan, snapshot.to_ray(), ["shop", "price"]) == plan.fit(rows, ["shop", "price"])


def test_features_that_depend_on_other_rows_are_refused_on_a_dataset(snapshot):
    plan = FeaturePlan("def features(rows):\n    return rows[['price']] - rows['price'].mean()\n")
    with pytest.raises(DataError, match="alone and"):
        fit_on_ray(plan, snapshot.to_ray(), ["price"])


def test_a_dataset_and_what_is_made_from_it_take_no_more_than_they_may(snapshot, table, tmp_path):
    running, met = tmp_path / "running", tmp_path / "met"
    running.mkdir()

    def watched(rows, patience):
        """Wait for another task to run beside this one; return how many did."""
        mine = running / f"{uuid.uuid4()}"
        mine.write_text("")
        until, seen = time.monotonic() + patience, 1
        while time.monotonic() < until and seen < 2 and not met.exists():
            time.sleep(0.01)
            seen = len(list(running.iterdir()))
        if seen > 1:
            met.touch()
        mine.unlink()
        return {"seen": [seen], "rows": [len(rows["order"])]}

    def most(dataset, patience, each):
        spread = dataset.repartition(4).map_batches(
            watched, fn_args=(patience,), batch_format="numpy", batch_size=None, num_cpus=each
        )
        found = spread.take_all()
        assert sum(row["rows"] for row in found) == 300
        return max(row["seen"] for row in found)

    assert most(snapshot.to_ray(cpus=1), patience=0.5, each=1) == 1
    # Smaller tasks, since another test may have left something that holds a CPU.
    assert most(snapshot.to_ray(), patience=60.0, each=0.2) > 1
    limits = snapshot.to_ray(cpus=1).context.execution_options.resource_limits
    assert limits.cpu == 1
    assert limits.object_store_memory == 300_000_000 / 2 / 2


def test_batches_come_as_tensors(snapshot):
    torch = pytest.importorskip("torch", reason="torch is not installed; batches are not tried as its tensors")
    tensors = list(snapshot.to_ray(["order", "price"]).iter_torch_batches(batch_size=128))
    assert [len(batch["order"]) for batch in tensors] == [128, 128, 44]
    assert tensors[0]["price"].dtype == torch.float64
    assert int(sum(batch["order"].sum() for batch in tensors)) == sum(range(300))


def test_a_sort_that_needs_a_shuffle_is_rays(snapshot, table):
    ordered = snapshot.to_ray().sort(["price", "order"], descending=[True, False])
    version = commit(ordered, Table(table.store, "ordered"), source="orders")
    rows = Snapshot(table.store, version).to_arrow()
    assert rows.equals(snapshot.to_arrow().sort_by([("price", "descending"), ("order", "ascending")]))
    assert version.fragments[0].source == "orders"
