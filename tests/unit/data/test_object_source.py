"""Objects as sources and as the store's files, from an S3 on this machine."""

import io
import pickle
import threading

import boto3
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from obstore.exceptions import GenericError, PermissionDeniedError, UnauthenticatedError

from mlray.data import Store, ingest, scan_here, sources
from mlray.data.on_obstore import ObjectFile, _matches, connect, in_our_words, listed, open_object
from mlray.data.store.on_obstore import ObjectStorage
from mlray.errors import DataError, UnavailableError
from mlray.spec import SourceSpec
from tests.buckets import new_bucket
from tests.unit.data.samples import LATER, NOON, orders
from tests.unit.data.test_cursor import HOUR, Project


class Bucket:
    """A bucket, and the URLs that name what is in it."""

    def __init__(self):
        self.name, self.address, self.query = new_bucket()
        self.s3 = boto3.client("s3", endpoint_url=self.address)

    def url(self, path):
        return f"s3://{self.name}/{path}{self.query}"

    def put(self, key, content):
        if isinstance(content, pa.Table):
            sink = io.BytesIO()
            (pq.write_table if key.endswith("parquet") else pyarrow.csv.write_csv)(content, sink)
            content = sink.getvalue()
        self.s3.put_object(Bucket=self.name, Key=key, Body=content)


@pytest.fixture
def bucket():
    return Bucket()


def test_objects_are_listed_by_pattern(bucket):
    for key in ("day/a-1.csv", "day/a-2.csv", "day/b.csv", "day/old/a-0.csv"):
        bucket.put(key, b"x\n1\n")
    found = listed(SourceSpec(files=bucket.url("day/a-*.csv")))
    assert [(file.name, file.size) for file in found] == [(f"s3://{bucket.name}/day/a-{n}.csv", 4) for n in (1, 2)]
    assert all(file.etag and file.modified for file in found)
    assert [file.key for file in listed(SourceSpec(files=bucket.url("**/a-*.csv")))][-1] == "day/old/a-0.csv"
    with pytest.raises(DataError, match=r"No object matches 's3://.*/c-\*\.csv'"):
        sources.find(SourceSpec(files=bucket.url("day/c-*.csv")), None)


@pytest.mark.parametrize(
    ("key", "pattern", "fits"),
    [("a/b.csv", "a/*.csv", True), ("a/c/b.csv", "a/*.csv", False), ("a/c/b.csv", "**/*.csv", True), ("b.csv", "**/*.csv", True), ("b1.csv", "b?.csv", True)],
)  # fmt: skip
def test_a_star_stops_at_a_slash(key, pattern, fits):
    assert _matches(key, pattern) is fits


def test_parquet_and_csv_are_read_where_they_lie(bucket, tmp_path):
    project = Project(tmp_path, source=bucket.url("orders-*"))
    bucket.put("orders-1.parquet", orders({}, {"order": 2, "at": NOON + 3 * HOUR}))
    bucket.put("orders-2.csv", orders({"order": 3}))
    one = project.ingest(until=NOON + HOUR)
    assert project.orders(one) == [1, 3]
    bucket.put("orders-0.csv", orders({"order": 4}))
    two = project.ingest()
    assert project.orders(two) == [1, 2, 3, 4]
    assert sorted(project.parts) == [f"s3://{bucket.name}/orders-{name}" for name in ("0.csv", "1.parquet")]
    project.parts = None
    assert project.ingest() == two
    assert project.parts is None


def test_only_the_ranges_that_are_needed_are_read(bucket):
    table = pa.table({"x": range(200_000), "y": [f"a long text, number {n * 7919 % 100_003}" for n in range(200_000)]})
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=50_000)
    bucket.put("wide.parquet", sink.getvalue())
    read = []

    class Counting(ObjectFile):
        def read(self, size=-1):
            content = super().read(size)
            read.append(len(content))
            return content

    opened = Counting(connect(bucket.url("")), "wide.parquet", "wide")
    assert pq.ParquetFile(opened).read_row_group(2, ["x"]).num_rows == 50_000
    assert sum(read) < opened.size() / 3


def test_what_is_wrong_is_told(bucket, tmp_path):
    bucket.put("cut.parquet", b"PAR1 and then nothing")
    project = Project(tmp_path, source=bucket.url("cut.parquet"))
    with pytest.raises(DataError, match=r"s3://.*/cut\.parquet is not whole, or not Parquet"):
        project.ingest()
    with pytest.raises(DataError, match=r"The bucket of s3://nowhere-at-all/x does not exist"):
        listed(SourceSpec(files=f"s3://nowhere-at-all/x{bucket.query}"))
    with pytest.raises(UnavailableError, match="does not answer"):
        listed(SourceSpec(files="s3://bucket/x?endpoint=http://127.0.0.1:1&max_retries=0"))
    with pytest.raises(DataError, match="is no object store"):
        listed(SourceSpec(files="s3://bucket/x?nosuch_option=1"))
    with pytest.raises(FileNotFoundError):
        open_object(SourceSpec(files=bucket.url("x")), "gone")


def test_an_object_that_goes_away_is_named(bucket, tmp_path):
    project = Project(tmp_path, source=bucket.url("orders-*.csv"))
    bucket.put("orders-1.csv", orders({}))

    def run(parts):
        bucket.s3.delete_object(Bucket=bucket.name, Key="orders-1.csv")
        return scan_here(parts)

    with pytest.raises(DataError, match=r"orders-1\.csv cannot be opened: No such file"):
        ingest(project.data, tmp_path, project.store, until=LATER, now=NOON, run=run, progress=lambda *_: None)
    assert project.store.head("orders") is None


def test_of_many_writers_one_creates(bucket):
    storage = pickle.loads(pickle.dumps(ObjectStorage(bucket.url("store"))))
    won = []
    gate = threading.Barrier(8)

    def write(number):
        gate.wait()
        if storage.create("refs/1", f"{number}".encode()):
            won.append(number)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert [storage.read("refs/1")] == [f"{number}".encode() for number in won]


def test_files_in_a_bucket_are_as_in_a_folder(bucket, tmp_path):
    storage = ObjectStorage(bucket.url("store"))
    assert storage.create("a/1", b"one")
    assert not storage.create("a/1", b"two")
    storage.replace("a/2", b"two")
    storage.replace("a/2", b"three")
    aside = tmp_path / "file"
    aside.write_bytes(b"0123456789")
    storage.put("b/1", aside)
    assert not aside.exists()
    assert [(info.name, info.size) for info in storage.names("a/")] == [("a/1", 3), ("a/2", 5)]
    assert [info.name for info in storage.names("a/", after="a/1")] == ["a/2"]
    assert storage.names("nothing/") == []
    assert storage.read("a/2") == b"three"
    with storage.open("b/1") as file:
        assert (file.seek(4), file.read(3), file.seek(-2, io.SEEK_END), file.read(), file.read()) == (
            4,
            b"456",
            8,
            b"89",
            b"",
        )
        assert file.seek(0) == 0
        assert file.readall() == b"0123456789"
    assert (storage.exists("b/1"), storage.exists("b/2")) == (True, False)
    storage.delete("b/1")
    storage.delete("b/1")
    assert not storage.exists("b/1")
    for missing in (storage.read, storage.open):
        with pytest.raises(FileNotFoundError):
            missing("b/1")
    with pytest.raises(OSError, match="nowhere"):
        ObjectStorage(f"s3://127.0.0.1/nowhere{bucket.query}").replace("nowhere", b"")


def test_a_store_lives_in_a_bucket(bucket, tmp_path):
    project = Project(tmp_path)
    project.store = Store(bucket.url("store"))
    project.source("a", {}, {"order": 2})
    one = project.ingest(until=NOON + HOUR)
    project.source("b", {"order": 3}, {"order": 0})
    two = project.ingest()
    assert (project.orders(one), project.orders(two), two.number) == ([1, 2], [1, 2, 3], 2)
    assert project.store.verify(two)
    assert Store(bucket.url("store")).head("orders") == two


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (GenericError("Generic S3 error: error sending request, after 0 retries in 401.403ms"), "does not answer"),
        (GenericError("Generic S3 error: server returned 403 Forbidden"), "access is denied"),
        (PermissionDeniedError("x"), "access is denied"),
        (UnauthenticatedError("x"), "access is denied"),
    ],
)
def test_access_that_is_denied_is_told_from_a_store_that_does_not_answer(error, said):
    with pytest.raises(UnavailableError, match=said), in_our_words("s3://bucket/x"):
        raise error
