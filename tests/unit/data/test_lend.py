"""Stores in a bucket: a task sees nothing but the bucket and what it was given."""

import pickle
from datetime import timedelta

import pytest

from mlray.data import Store, ingest, scan_here
from mlray.data.scan import scan
from mlray.data.store import gc
from tests.buckets import new_bucket
from tests.unit.data.samples import LATER, NOON, orders, spec, table, write

HOUR = timedelta(hours=1)


def on_another_machine(parts):
    """Carry out parts as another machine would, to which nothing of this one's own folders is there."""
    sent = [pickle.dumps(part) for part in parts]
    folders = {file.path.parent for part in parts if (file := part.path).path and "mlray-" in str(file.path)}
    for folder in folders:
        folder.rename(folder.with_name(f"{folder.name}-away"))
    found = [scan(pickle.loads(part)) for part in sent]
    for folder in folders:
        folder.with_name(f"{folder.name}-away").rename(folder)
    return found


@pytest.fixture
def bucket():
    name, _, query = new_bucket()
    return Store(f"s3://{name}/store{query}")


def read(folder, store, run, until=LATER, given=None, **changes):
    return ingest(
        spec(**changes), folder, store, until=until, now=NOON, run=run, progress=lambda *_: None, given=given
    )  # fmt: skip


def test_lookups_keys_and_landed_rows_reach_another_machine(bucket, tmp_path):
    write(tmp_path, "weather-1.parquet", table({"shop": "north", "at": NOON, "temp": 5.0}))
    read(tmp_path, bucket, on_another_machine, given=orders({}, {"order": 2}))
    version = read(tmp_path, bucket, on_another_machine, given=orders({"order": 2}, {"order": 3}))

    rows = bucket.read(version)
    assert rows["order"].to_pylist() == [1, 2, 3]
    assert rows["temp"].to_pylist() == [5.0, 5.0, 5.0]


def test_what_was_lent_is_swept(bucket, tmp_path):
    write(tmp_path, "weather-1.parquet", table({"shop": "north", "at": NOON, "temp": 5.0}))
    version = read(tmp_path, bucket, on_another_machine, given=orders({}))
    swept = gc(bucket, now=LATER, grace=HOUR)

    assert swept.files == 2
    assert bucket.read(version).num_rows == 1


def test_nothing_is_lent_where_all_runs_in_this_process(bucket, tmp_path):
    write(tmp_path, "weather-1.parquet", table({"shop": "north", "at": NOON, "temp": 5.0}))
    read(tmp_path, bucket, scan_here, given=orders({}))

    assert gc(bucket, now=LATER, grace=HOUR).files == 0


def test_files_with_the_same_key_are_told_apart_on_another_machine(bucket, tmp_path):
    write(tmp_path, "orders-1.parquet", orders({}, {"order": 2}))
    write(tmp_path, "orders-2.parquet", orders({"order": 2}, {"order": 3}))
    version = read(tmp_path, bucket, on_another_machine, lookups={}, mappings=[])

    assert bucket.read(version)["order"].to_pylist() == [1, 2, 3]
    assert version.quality.rejected == 1
