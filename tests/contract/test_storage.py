"""What every storage must do: one suite for folders and for buckets (moto's S3 and Azurite, servers on this machine)."""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlray.data import Store
from mlray.data._catalog import Catalog
from mlray.data.store import Info, LocalStorage, open_storage
from mlray.data.table import Table
from mlray.errors import DataError, InputError, StoreError
from tests.azure import ACCOUNT, KEY, azurite, blobs


@pytest.fixture(scope="module")
def bucket():
    boto3 = pytest.importorskip("boto3")
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=endpoint, **keys)
    client.create_bucket(Bucket="rows")
    client.close()
    yield endpoint
    server.stop()


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    if not azurite():
        pytest.skip("no Azurite here; its npm package brings it")
    with blobs("rows", tmp_path_factory.mktemp("azurite")) as address:
        yield address


@pytest.fixture(params=["folder", "bucket", "azure"])
def url(request, tmp_path, monkeypatch):
    if request.param == "folder":
        return str(tmp_path / "store")
    if request.param == "azure":
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
        return f"az://rows/{tmp_path.name}?endpoint={request.getfixturevalue('container')}&max_retries=0"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    endpoint = request.getfixturevalue("bucket")
    return f"s3://rows/{tmp_path.name}?endpoint={endpoint}&region=us-east-1"


@pytest.fixture
def storage(url):
    return open_storage(url)


def put(storage, name, content, tmp_path):
    path = tmp_path / "aside" / "file"
    if isinstance(storage, LocalStorage):
        path = storage.fresh()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    storage.put(name, path)
    assert not path.exists()


def test_a_name_is_created_once(storage):
    assert storage.create("a/1", b"one")
    assert not storage.create("a/1", b"two")
    assert storage.read("a/1") == b"one"


def test_of_many_writers_one_creates_a_name(storage):
    ready = threading.Barrier(8)

    def write(number):
        ready.wait()
        return storage.create("a/race", str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(8)))
    assert sum(won) == 1
    assert storage.read("a/race") == str(won.index(True)).encode()


def test_a_file_is_replaced_whole(storage):
    storage.replace("p", b"old")
    storage.replace("p", b"new content")
    assert storage.read("p") == b"new content"


def test_a_finished_file_is_taken_and_may_come_again(storage, tmp_path):
    for _ in range(2):
        put(storage, "blobs/aa/x", b"content", tmp_path)
        assert storage.read("blobs/aa/x") == b"content"


def test_parquet_is_read_in_parts(storage, tmp_path):
    rows = pa.table({"x": range(1000), "y": [str(number) for number in range(1000)]})
    path = tmp_path / "rows"
    pq.write_table(rows, path)
    put(storage, "rows", path.read_bytes(), tmp_path)
    with storage.open("rows") as file:
        assert file.seekable()
        assert pq.ParquetFile(file).read(columns=["y"]).equals(rows.select(["y"]))
    with storage.open("rows") as file:
        file.seek(-4, 2)
        assert bytes(file.read()) == b"PAR1"


def test_names_are_listed_in_order_and_from_a_point_on(storage):
    for name in ["t/2", "t/10", "t/1", "t/deep/3", "tt/1", "u"]:
        storage.create(name, name.encode())
    assert [info.name for info in storage.names("t/")] == ["t/1", "t/10", "t/2", "t/deep/3"]
    assert [info.name for info in storage.names("t/", after="t/10")] == ["t/2", "t/deep/3"]
    assert storage.names("nothing/") == []
    (found,) = storage.names("t/deep/")
    assert isinstance(found, Info)
    assert (found.size, found.modified.tzinfo is not None) == (8, True)


def test_a_deleted_name_is_gone_and_free(storage):
    storage.create("a", b"1")
    assert storage.exists("a")
    storage.delete("a")
    storage.delete("a")
    assert not storage.exists("a")
    assert storage.create("a", b"2")


@pytest.mark.parametrize("ask", ["read", "open"])
def test_a_name_that_is_not_there_is_a_missing_file(storage, ask):
    def look():
        file = getattr(storage, ask)("none/x")
        return file.read()

    with pytest.raises(FileNotFoundError):
        look()


def test_a_storage_is_the_same_elsewhere(storage):
    storage.create("a", b"1")
    assert pickle.loads(pickle.dumps(storage)).read("a") == b"1"
    assert open_storage(storage.url).read("a") == b"1"


def test_a_table_lives_in_any_storage(url):
    store = pickle.loads(pickle.dumps(Store(url)))
    table = Table(store, "t")
    table.append(pa.table({"k": [1, 2, 3], "x": [1.0, 2.0, 3.0]}), key=["k"])
    table.upsert(pa.table({"k": [2], "x": [9.0]}))
    table.tag("good", 1)
    table.delete([1])
    assert table.read().to_pylist() == [{"k": 2, "x": 9.0}, {"k": 3, "x": 3.0}]
    assert table.read("good")["x"].to_pylist() == [1.0, 2.0, 3.0]
    assert store.tables() == ["t"]
    assert all(store.verify(version) for version in store.versions("t"))
    if url.startswith(("s3", "az")):
        with pytest.raises(StoreError, match="is no folder"):
            store.path("0" * 64)


@pytest.mark.parametrize("writers", [3])
def test_writers_of_one_table_lose_nothing(url, writers):
    def write(number):
        table = Table(Store(url), "t")
        return [table.append(pa.table({"who": [f"{number}-{place}"]})).number for place in range(4)]

    with ThreadPoolExecutor(writers) as pool:
        numbers = [number for found in pool.map(write, range(writers)) for number in found]
    assert sorted(numbers) == list(range(1, 4 * writers + 1))
    assert sorted(Table(Store(url), "t").read()["who"].to_pylist()) == sorted(
        f"{number}-{place}" for number in range(writers) for place in range(4)
    )


def test_an_unknown_place_is_answered_with_those_there_are():
    with pytest.raises(InputError, match=r"scheme 'ftp' is unknown.*s3://"):
        open_storage("ftp://somewhere/rows")


def test_a_path_may_be_a_url(tmp_path):
    assert open_storage(f"file://{tmp_path}") == LocalStorage(tmp_path)
    assert open_storage("C:/rows") == LocalStorage(Path("C:/rows"))


@pytest.mark.parametrize("name", ["contracts/../../evil", "../evil", "..", ".", "", "/etc/evil", "a//b", "a/./b", "a/"])
def test_no_name_leads_out_of_a_storage(storage, tmp_path, name):
    touches = [
        storage.read,
        storage.open,
        storage.exists,
        storage.delete,
        lambda name: storage.create(name, b"x"),
        lambda name: storage.replace(name, b"x"),
    ]
    for touch in touches:
        with pytest.raises(DataError, match="leads out") as told:
            touch(name)
        assert "Use a name" in told.value.remedy
    with pytest.raises(DataError, match="leads out"):
        put(storage, name, b"x", tmp_path)
    assert storage.create("tables/a..b/1", b"x")
    # Nothing but the store itself, and the file that was not taken.
    assert {path.name for path in tmp_path.iterdir()} <= {"store", "aside"}
    assert [info.name for info in storage.names("tables/")] == ["tables/a..b/1"]


@pytest.mark.parametrize("odd", ["..", "", "/etc", "../../evil", "a/../b"])
def test_nothing_is_named_that_leads_out_of_a_store(url, odd):
    store = Store(url)
    made = Table(store, "orders").append(pa.table({"k": [1]}))
    rows = pa.table({"k": [2]})
    asked = [
        lambda: store.head(odd),
        lambda: store.version(odd, 1),
        lambda: store.versions(odd),
        lambda: store.tags(odd),
        lambda: store.branches(odd),
        lambda: store.tag("orders", odd, 1),
        lambda: store.branch("orders", odd, 1),
        lambda: Table(store, odd).append(rows),
        lambda: Table(store, "orders", odd).append(rows),
        lambda: store.head("orders", odd),
        lambda: Catalog(store.storage).log(odd),
        lambda: Catalog(store.storage).newest(odd),
        lambda: Catalog(store.storage).push(odd, "", digest="", now=datetime(2030, 1, 1, tzinfo=UTC)),
    ]
    for ask in asked:
        with pytest.raises(DataError, match=r"leads out|cannot be the name") as told:
            ask()
        assert told.value.remedy
    assert store.head("orders") == made
