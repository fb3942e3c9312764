"""OpenLineage events, written to a real file and sent to a real server."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mlray.records import DatasetVersion, Fragment, Quality
from mlray.registry.columns import Origin, origins
from mlray.registry.on_openlineage import Dataset, Emitter, RunOf, dataset, source
from mlray.spec import Data

NOW = datetime(2013, 4, 1, tzinfo=UTC)
RUN = RunOf("shop-1a2b", "shop.ingest", "d1", NOW)
VERSION = DatasetVersion(
    table="orders",
    number=3,
    digest="d" * 64,
    parents=(),
    schema={"at": "timestamp", "price": "number"},
    contract="c",
    fragments=(Fragment("f" * 64, 90, 4_096, "data/a.csv"),),
    rows=90,
    profile="",
    quality=Quality(100, 90, {"price below 0": 10}),
    cursor="",
    as_of=NOW,
    created_at=NOW,
)


class Server(ThreadingHTTPServer):
    """Keeps what it was sent, and answers with the status that it is told to."""

    def __init__(self, status=201):
        super().__init__(("127.0.0.1", 0), Answer)
        self.status, self.seen = status, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, self.headers.get("Authorization"), json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
    for name in ("OPENLINEAGE_DISABLED", "OPENLINEAGE_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def events(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_an_event_tells_run_job_and_what_went_in_and_came_out(tmp_path):
    file = tmp_path / "lineage" / "events.ndjson"
    one = source("data/a.csv", tmp_path)
    made = dataset(
        VERSION, "shop-1a2b", origins={"price": [(one, Origin("cost", "pound → kilogram"))]}, added=VERSION.fragments
    )
    Emitter(file).emit("COMPLETE", RUN, [one], [made])
    (event,) = events(file)
    assert (event["eventType"], event["job"]["name"], event["run"]["runId"]) == ("COMPLETE", "shop.ingest", RUN.id)
    assert event["run"]["facets"]["nominalTime"]["nominalStartTime"] == NOW.isoformat()
    assert event["inputs"][0]["name"] == str(tmp_path / "data/a.csv")
    (output,) = event["outputs"]
    assert (output["namespace"], output["name"]) == ("mlray://shop-1a2b", "orders")
    assert output["facets"]["version"]["datasetVersion"] == f"v3-{'d' * 64}"
    assert [field["name"] for field in output["facets"]["schema"]["fields"]] == ["at", "price"]
    (field,) = output["facets"]["columnLineage"]["fields"]["price"]["inputFields"]
    assert (field["field"], field["transformations"][0]["subtype"]) == ("cost", "TRANSFORMATION")
    statistics = output["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"], statistics["fileCount"]) == (90, 4_096, 1)


def test_what_is_learnt_from_carries_what_the_contract_found(tmp_path):
    Emitter(tmp_path / "events").emit("START", RUN, [dataset(VERSION, "shop-1a2b")])
    (event,) = events(tmp_path / "events")
    kept, broken = event["inputs"][0]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (kept["success"], kept["actual"]) == (True, "90 rows kept")
    assert (broken["assertion"], broken["success"], broken["actual"]) == ("price below 0", False, "10 rows set aside")


def test_a_failure_tells_its_reason(tmp_path):
    Emitter(tmp_path / "events").emit("FAIL", RUN, error=ValueError("no such column"))
    (event,) = events(tmp_path / "events")
    assert event["run"]["facets"]["errorMessage"]["message"] == "no such column"


def test_the_same_work_is_the_same_run():
    assert RUN.id == RunOf("shop-1a2b", "shop.ingest", "d1", datetime.now(UTC)).id  # noqa: TID251 (any other moment)
    assert RUN.id != RunOf("other-1a2b", "shop.ingest", "d1", NOW).id


def test_events_also_go_to_the_server_with_the_key(tmp_path, server, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "secret")
    emitter = Emitter(tmp_path / "events", server.url)
    emitter.emit("START", RUN)
    emitter.emit("COMPLETE", RUN)
    emitter.close()
    assert [(path, key, event["eventType"]) for path, key, event in server.seen] == [
        ("/api/v1/lineage", "Bearer secret", "START"),
        ("/api/v1/lineage", "Bearer secret", "COMPLETE"),
    ]
    assert len(events(tmp_path / "events")) == 2


def test_a_server_that_refuses_stops_nothing_and_is_not_asked_again_at_once(tmp_path, server, caplog):
    server.status = 403
    emitter = Emitter(tmp_path / "events", server.url.replace("http://", "http://somebody:password@"))
    with caplog.at_level(logging.WARNING, "mlray.lineage"):
        for _ in range(3):
            emitter.emit("START", RUN)
    assert len(server.seen) == 1
    assert len(events(tmp_path / "events")) == 3
    assert "password" not in caplog.text
    assert "No lineage event reached" in caplog.text


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING, "mlray.lineage"):
        Emitter(tmp_path / "file" / "events").emit("START", RUN)
    assert "cannot be written" in caplog.text


def test_who_wants_no_events_gets_none(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "True")
    Emitter(tmp_path / "events").emit("START", RUN)
    assert not (tmp_path / "events").exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("data/a.csv", Dataset("file", "/srv/data/a.csv")),
        ("/else/a.csv", Dataset("file", "/else/a.csv")),
        ("../data/./a.csv", Dataset("file", "/data/a.csv")),
        ("s3://lake/day/a.parquet", Dataset("s3://lake", "day/a.parquet")),
        ("postgresql://me:pass@host:5432/shop", Dataset("postgresql://host:5432", "shop")),
        ("https://host/a.csv?token=secret", Dataset("https://host", "a.csv")),
    ],
)
def test_sources_have_the_names_that_openlineage_gives_them_and_no_secrets(name, expected):
    assert source(name, Path("/srv")) == expected


def test_columns_are_traced_through_the_mappings():
    data = Data.model_validate(
        {
            "source": "data/*.csv",
            "time": "at",
            "columns": {
                "at": "timestamp",
                "weight": {"type": "number", "unit": "kilogram"},
                "shop": {"type": "string", "allowed": ["north"]},
                "back": {"type": "number", "known": "later"},
            },
            "lookups": {"sky": {"source": "sky.csv", "on": ["shop"], "columns": {"rain": "number"}}},
            "mappings": [
                {
                    "files": "b*.csv",
                    "rename": {"wt": "weight"},
                    "units": {"weight": "pound"},
                    "values": {"shop": {"N": "north"}},
                }
            ],
            "target": {"name": "returned", "column": "back"},
        }
    )
    found = origins(data, "data/b.csv")
    assert found["weight"] == Origin("wt", "pound → kilogram")
    assert found["shop"] == Origin("shop", "values mapped")
    assert origins(data, "data/a.csv")["weight"] == Origin("weight")
    assert origins(data, "sky.csv", lookup="sky") == {"rain": Origin("rain")}
