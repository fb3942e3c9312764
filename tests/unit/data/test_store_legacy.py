"""A store that the first release wrote is read, and goes on."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlray.data import Store
from mlray.data.table import Table
from mlray.errors import NotFoundError, StoreError
from mlray.ids import digest_of

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    """Write two versions as the first release did."""
    fragments, parents = [], []
    for number in (1, 2):
        times = pa.array([NOON + timedelta(hours=number)], pa.timestamp("us", "UTC"))
        rows = pa.table({"at": times, "x": [number]}).replace_schema_metadata({b"mlray.time": b"at"})
        pq.write_table(rows, tmp_path / "rows")
        content = (tmp_path / "rows").read_bytes()
        blob = sha256(content).hexdigest()
        path = tmp_path / "blobs" / blob[:2] / blob
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        fragments.append({"blob": blob, "rows": 1, "bytes": len(content), "source": "f"})
        facts = {"parents": parents, "schema": {"x": "int64", "at": "timestamp[us, tz=UTC]"}, "contract": "c"}
        blobs = [fragment["blob"] for fragment in fragments]
        digest = digest_of({**facts, "fragments": blobs, "cursor": NOON.isoformat()})
        rest = {
            "table": "t",
            "number": number,
            "digest": digest,
            "fragments": fragments,
            "rows": number,
            "profile": "",
            "quality": {"seen": number, "kept": number},
            "cursor": NOON.isoformat(),
            "as_of": NOON.isoformat(),
            "created_at": NOON.isoformat(),
            "operation": "ingest",
        }
        manifest = tmp_path / "tables" / "t" / f"{number}.json"
        manifest.parent.mkdir(parents=True, exist_ok=True)
        manifest.write_text(json.dumps({**facts, **rest}), encoding="utf-8")
        parents = [digest]
    return Store(tmp_path)


def test_versions_of_the_first_release_are_read(store):
    one, two = store.versions("t")
    assert (store.head("t"), two.parents, two.time) == (two, (one.digest,), "at")
    assert store.read(two, ["x"], start=NOON + timedelta(hours=2))["x"].to_pylist() == [2]
    assert [store.verify(version) for version in (one, two)] == [1, 2]
    with pytest.raises(NotFoundError, match="There are v1 to v2"):
        store.version("t", 3)


def test_a_table_of_the_first_release_goes_on(store):
    table = Table(store, "t")
    version = table.upsert(pa.table({"x": [2, 3]}), key=["x"])
    assert (version.number, version.parents) == (3, (store.version("t", 2).digest,))
    assert [one.number for one in table.log()] == [3, 2, 1]
    assert table.read(columns=["x"])["x"].to_pylist() == [1, 2, 3]
    assert [one.number for one in store.versions("t")] == [1, 2, 3]


def test_a_changed_or_missing_file_is_noticed(store):
    head = store.head("t")
    store.path(head.fragments[0].blob).unlink()
    assert store.head("t").time == ""
    with pytest.raises(StoreError, match="missing"):
        store.verify(store.head("t"))
    (store.root / "tables" / "t" / "2.json").write_text("{", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be read"):
        store.head("t")
