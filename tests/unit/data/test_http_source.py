"""Files behind HTTP, from a real server on this machine: headers first, downloads that go on where they broke off."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from mlray.data import sources
from mlray.data.on_http import download, seen
from mlray.data.sources._secrets import with_environment
from mlray.errors import DataError, UnavailableError
from mlray.spec import SourceSpec
from tests.unit.data.samples import NOON, orders
from tests.unit.data.test_cursor import HOUR, Project


class Site:
    """What the server has, how it behaves, and what it was asked."""

    def __init__(self):
        self.files = {}
        self.asked = []
        self.breaks = 0
        self.etags = True
        self.ranges = True
        self.head = True
        self.key = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        if not self.site.head:
            return self._empty(405)
        return self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    @property
    def site(self):
        return self.server.site

    def _empty(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, *, body):
        site = self.site
        site.asked.append((self.command, self.headers.get("Range", "")))
        if site.key and self.headers.get("Authorization") != site.key:
            return self._empty(401)
        name = self.path.partition("?")[0]
        if name == "/moved.csv":
            self.send_response(302)
            self.send_header("Location", "/a.csv")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if name not in site.files:
            return self._empty(503 if name == "/busy.csv" else 404)
        content = site.files[name]
        etag = f'"{hash(content)}"'
        begin = 0
        asked = self.headers.get("Range", "")
        if site.ranges and asked and self.headers.get("If-Range") == etag:
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        if site.etags:
            self.send_header("ETag", etag)
        self.end_headers()
        if not body:
            return None
        if site.breaks:
            site.breaks -= 1
            self.wfile.write(content[begin : begin + max(1, (len(content) - begin) // 2)])
            self.close_connection = True
            return None
        return self.wfile.write(content[begin:])

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def site():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.site = Site()
    server.site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.site
    server.shutdown()
    server.server_close()
    thread.join()


def csv(*rows):
    sink = pyarrow.BufferOutputStream()
    pyarrow.csv.write_csv(orders(*rows), sink)
    return sink.getvalue().to_pybytes()


def spec_of(site, name="/a.csv", **said):
    return SourceSpec(files=site.url + name, **said)


def test_a_file_is_described_by_its_headers(site):
    site.files["/a.csv"] = b"x\n1\n"
    file = seen(spec_of(site))
    assert (file.size, file.name, bool(file.etag)) == (4, f"{site.url}/a.csv", True)
    assert site.asked == [("HEAD", "")]
    site.head = False
    assert seen(spec_of(site)) == file
    assert seen(spec_of(site, "/moved.csv")).size == 4


@pytest.mark.parametrize("ranges", [True, False], ids=["taken up", "from the beginning"])
def test_a_download_that_breaks_off_goes_on(site, tmp_path, ranges):
    site.files["/a.csv"] = csv(*({"order": number} for number in range(1, 500)))
    site.breaks, site.ranges = 2, ranges
    file = download(seen(spec_of(site)), tmp_path)
    assert file.path.read_bytes() == site.files["/a.csv"]
    assert sum(asked != "" for _, asked in site.asked) == 2
    assert sources.read(file, {"order"}).table.num_rows == 499


def test_a_file_that_changes_while_it_breaks_off_is_begun_anew(site, tmp_path):
    site.files["/a.csv"] = csv(*({"order": number} for number in range(1, 100)))
    file = seen(spec_of(site))
    site.breaks = 1

    class Changing(dict):
        def __getitem__(self, name):
            content = super().__getitem__(name)
            self[name] = csv({"order": 7})
            return content

    site.files = Changing(site.files)
    got = download(file, tmp_path)
    assert got.path.read_bytes() == csv({"order": 7})
    assert got.etag != file.etag


def test_what_breaks_off_again_and_again_is_unavailable(site, tmp_path):
    site.files["/a.csv"] = csv({})
    site.breaks = 99
    with pytest.raises(UnavailableError, match="broke off 5 times: RemoteProtocolError"):
        download(seen(spec_of(site)), tmp_path)


@pytest.mark.parametrize(
    ("name", "kind", "what"),
    [("/none.csv", DataError, "is not there: 404"), ("/busy.csv", UnavailableError, "answers 503")],
)
def test_what_the_server_says_is_told(site, name, kind, what):
    with pytest.raises(kind, match=what):
        seen(spec_of(site, name))


def test_a_server_that_is_not_there_is_unavailable():
    with pytest.raises(UnavailableError, match=r"does not answer: ConnectError"):
        seen(SourceSpec(files="http://127.0.0.1:1/a.csv?token=s3cret"))


def test_secrets_come_from_the_environment_and_are_not_told(site, monkeypatch):
    site.files["/a.csv"] = b"x\n"
    site.key = "Bearer s3cret"
    spec = spec_of(site, "/a.csv?token=s3cret", headers={"Authorization": "Bearer ${SITE_TOKEN}"})
    monkeypatch.setenv("SITE_TOKEN", "wrong")
    with pytest.raises(UnavailableError, match="denies access: 401") as caught:
        seen(spec)
    assert "s3cret" not in str(caught.value)
    monkeypatch.setenv("SITE_TOKEN", "s3cret")
    assert seen(spec).size == 2
    assert "s3cret" not in str(seen(spec))
    monkeypatch.delenv("SITE_TOKEN")
    with pytest.raises(DataError, match=r"SITE_TOKEN is not set\. Set it"):
        with_environment("${SITE_TOKEN}")


@pytest.mark.parametrize("known", [True, False], ids=["as announced", "as it comes"])
def test_a_file_larger_than_allowed_is_refused(site, tmp_path, known):
    site.files["/a.csv"] = b"x\n" * 100
    spec = spec_of(site, most_bytes=100)
    if known:
        with pytest.raises(DataError, match="has 200 bytes, more than the 100 allowed"):
            download(seen(spec), tmp_path)
    else:
        from mlray.data import on_http

        with pytest.raises(DataError, match="more than the 100 allowed"):
            on_http._within(spec, 101)


def test_a_file_is_downloaded_only_when_it_changed(site, tmp_path):
    project = Project(tmp_path, source=f"{site.url}/orders.csv")
    site.files["/orders.csv"] = csv({}, {"order": 2})
    one = project.ingest(until=NOON + HOUR)
    assert project.ingest(until=NOON + 2 * HOUR) == one
    assert [method for method, _ in site.asked] == ["HEAD", "GET", "HEAD"]
    site.files["/orders.csv"] = csv({}, {"order": 2}, {"order": 3})
    two = project.ingest()
    assert (project.orders(two), two.fragments[-1].source) == ([1, 2, 3], f"{site.url}/orders.csv")


def test_without_any_mark_a_file_is_known_by_its_content(site, tmp_path):
    project = Project(tmp_path, source=f"{site.url}/orders.csv")
    site.etags = False
    site.files["/orders.csv"] = csv({})
    one = project.ingest()
    assert project.ingest() == one
    site.files["/orders.csv"] = csv({}, {"order": 2})
    assert project.orders(project.ingest()) == [1, 2]


def test_a_file_in_the_middle_of_which_the_server_goes_away_commits_nothing(site, tmp_path):
    project = Project(tmp_path, source=f"{site.url}/orders.csv")
    site.files["/orders.csv"] = csv({})
    one = project.ingest()
    site.files["/orders.csv"] = csv({}, {"order": 2})
    site.breaks = 99
    with pytest.raises(UnavailableError, match="broke off"):
        project.ingest()
    assert project.store.head("orders") == one


def test_parquet_comes_over_http_as_well(site, tmp_path):
    sink = pyarrow.BufferOutputStream()
    pq.write_table(orders({}, {"order": 2}), sink)
    site.files["/orders.parquet"] = sink.getvalue().to_pybytes()
    project = Project(tmp_path, source=f"{site.url}/orders.parquet?v=1")
    assert project.orders(project.ingest()) == [1, 2]
