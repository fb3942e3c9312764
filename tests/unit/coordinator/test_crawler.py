"""The crawler on a real project: verdicts in the journal, pauses, messages to a real server, damaged files."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pyarrow.parquet as pq
import pytest

from mlray.coordinator import crawler, flows
from mlray.coordinator.evidence import Observer
from mlray.coordinator.pause import known_sources, refuse_paused
from mlray.coordinator.state import State
from mlray.coordinator.workspace import Workspace
from mlray.errors import NotFoundError, Refusal, SourcePaused
from mlray.records import SourceState, Verdict
from mlray.security import create_private
from tests.projects import START, orders, small_project

NOW = START + timedelta(days=32)
HOUR = timedelta(hours=1)


@pytest.fixture
def folder(tmp_path):
    return small_project(tmp_path / "orders")


@pytest.fixture
def space(folder):
    with Workspace.at(folder).journal as journal:
        space = Workspace.at(folder)
        space.__dict__["journal"] = journal
        yield space


def crawling(folder, more, space):
    """Return the workspace with a section `crawl` in its file."""
    with (folder / "mlray.yaml").open("a") as file:
        file.write(f"crawl: {more}\n")
    changed = Workspace.at(folder)
    changed.__dict__["journal"] = space.journal
    return changed


def add(folder, name, rows):
    pq.write_table(rows, folder / "data" / name)


def states(space):
    return [str(entry.data["state"]) for entry in space.journal.entries(kind="crawl")]


def look(space, hours=0, **more):
    (verdict,) = crawler.crawl(space, NOW + hours * HOUR, **more)
    return verdict


def test_each_look_is_an_event_and_what_was_seen_is_remembered(space, folder):
    assert look(space).state is SourceState.NEW
    assert look(space, 1).state is SourceState.UNCHANGED
    add(folder, "orders-3.parquet", orders(days=1))
    assert look(space, 2).state is SourceState.NEW
    assert states(space) == ["new", "unchanged", "new"]
    entry = space.journal.entries(kind="crawl")[-1]
    assert entry.subject == "orders/orders"
    assert Verdict.from_json(entry.data) == known_sources(space)["orders"].verdict


def test_a_memory_that_is_lost_or_damaged_costs_a_look_and_no_more(space, folder):
    look(space)
    (space.folder("crawl") / "orders.json").write_text("{")
    assert look(space, 1).state is SourceState.NEW
    assert look(space, 2).state is SourceState.UNCHANGED


def test_a_scheduled_look_that_is_repeated_is_written_down_once(space):
    for _ in range(2):
        look(space, scheduled=True)
    assert states(space) == ["new"]


def test_a_breaking_source_is_paused_and_goes_on_when_it_is_whole_again(space, folder):
    add(folder, "orders-3.parquet", orders(days=1).drop_columns("price"))
    assert look(space).state is SourceState.BREAKING
    with pytest.raises(SourcePaused, match="has no column 'price'") as refused:
        flows.ingest(space, NOW, NOW)
    assert "mlray source resume orders" in refused.value.remedy
    with pytest.raises(Refusal, match="breaking still"):
        crawler.resume(space, "orders", NOW)
    (folder / "data" / "orders-3.parquet").unlink()
    assert look(space, 1).state is SourceState.NEW
    with pytest.raises(SourcePaused):
        refuse_paused(space)
    assert crawler.resume(space, "orders", NOW).readable
    assert flows.ingest(space, NOW, NOW).rows == 6400


def test_a_person_who_knows_better_lets_it_go_on_as_it_is(space, folder):
    rows = orders(days=1)
    look(space)
    add(folder, "orders-3.parquet", rows.set_column(1, "shop", [["west"] * rows.num_rows]))
    assert "would be set aside" in look(space, 1).because
    assert crawler.resume(space, "orders", NOW + 2 * HOUR, anyway=True).state is SourceState.BREAKING
    refuse_paused(space)
    assert look(space, 3).state is SourceState.UNCHANGED
    refuse_paused(space)


def test_only_what_is_paused_is_resumed(space):
    with pytest.raises(Refusal, match="is not paused"):
        crawler.resume(space, "orders", NOW)
    with pytest.raises(NotFoundError, match="no source 'order'") as unknown:
        crawler.resume(space, "order", NOW)
    assert "orders" in unknown.value.remedy


def test_a_source_that_vanished_is_a_verdict_and_the_project_still_opens(space, folder):
    for path in (folder / "data").iterdir():
        path.unlink()
    assert look(space).state is SourceState.UNREACHABLE
    assert Workspace.at(folder).name == "orders"


def test_a_look_that_fails_is_written_down_once_without_secrets(space):
    for _ in range(2):
        crawler.failed(space, ["orders"], NOW, "postgresql://ann:s3cret@db is gone")
    (entry,) = space.journal.entries(kind="crawl")
    assert "s3cret" not in str(entry.data)
    assert entry.data["state"] == "unreachable"


def test_rotten_files_of_the_store_are_found_and_told(space, folder, caplog):
    space = crawling(folder, "{verify: 1.0}", space)
    version = flows.ingest(space, NOW, NOW)
    look(space)
    path = space.store.path(version.fragments[0].blob)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-5])
    with caplog.at_level(logging.ERROR):
        look(space, 1)
    whole, damaged = space.journal.entries(kind="checkup")
    assert (whole.data["damaged"], whole.data["checked"]) == ([], len(version.blobs))
    assert damaged.data["damaged"] == [f"{version.fragments[0].blob[:12]} is damaged, needed by orders@v1"]
    assert "stored files are damaged" in caplog.text


def test_a_damaged_manifest_hides_no_verdict(space, folder):
    flows.ingest(space, NOW, NOW)
    for path in (space.root / "store" / "tables" / "orders").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"{")
    assert look(space).readable
    (entry,) = space.journal.entries(kind="checkup")
    assert "orders@v1" in str(entry.data["damaged"])


def test_a_paused_source_is_a_fact_for_the_next_decision(space, folder):
    flows.ingest(space, NOW, NOW)
    add(folder, "orders-3.parquet", orders(days=1).drop_columns("price"))
    look(space)
    observer = Observer(space, challenge=lambda *_: pytest.fail("asked"), flush=lambda: None)
    seen = observer.facts(State(live=1), NOW)
    assert seen.paused.startswith("the source 'orders' is paused: data/orders-3.parquet has no column 'price'")


# -- messages -----------------------------------------------------------------------------------------------------------


class Heard:
    """A chat service that keeps what it is told."""

    def __init__(self):
        self.messages, self.answer = [], 200


@contextmanager
def chat() -> Iterator[tuple[str, Heard]]:
    heard = Heard()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.messages.append((self.path, self.headers.get("Authorization"), body))
            self.send_response(heard.answer)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", heard
        finally:
            server.shutdown()


def test_a_webhook_is_told_each_finding_once_with_a_key_and_a_secret_address(space, folder, monkeypatch):
    monkeypatch.setenv("HOOK", "s3cret-path")
    with chat() as (url, heard):
        space = crawling(folder, f"{{notify: {{webhook: '{url}/${{HOOK}}', key: chat}}}}", space)
        create_private(space.folder("keys") / "chat.key", b"token")
        add(folder, "orders-3.parquet", orders(days=1).drop_columns("price"))
        for hour in range(3):
            look(space, hour)
    ((path, authorization, message),) = heard.messages
    assert (path, authorization) == ("/s3cret-path", "Bearer token")
    assert message["state"] == "breaking"
    assert message["paused"] is True
    assert message["text"].startswith("orders: the source 'orders' is breaking: data/orders-3.parquet has no column")
    assert message["text"].endswith("Nothing is ingested until then.")
    (notice,) = space.journal.entries(kind="notice")
    assert (notice.data["to"], notice.data["delivered"]) == ("127.0.0.1", True)
    assert "s3cret" not in str(notice.data)


def test_what_is_not_taken_is_tried_again_and_written_down_once(space, folder):
    with chat() as (url, heard):
        heard.answer = 503
        space = crawling(folder, f"{{notify: {{webhook: '{url}/x?token=s3cret'}}}}", space)
        for hour in range(3):
            look(space, hour)
            crawler.tell(space, NOW + hour * HOUR)
        heard.answer = 200
        crawler.tell(space, NOW + 3 * HOUR)
        crawler.tell(space, NOW + 4 * HOUR)
    notices = [entry.data for entry in space.journal.entries(kind="notice")]
    assert [notice["delivered"] for notice in notices] == [False, True]
    assert "s3cret" not in str(notices)


@pytest.mark.parametrize("hook", ["http://127.0.0.1:9/x", "${NOT_THERE}", "http://127.0.0.1:${BAD}/x"])
def test_nobody_at_the_other_end_stops_no_crawl(space, folder, hook, monkeypatch):
    monkeypatch.setenv("BAD", "[::1")
    space = crawling(folder, f"{{notify: {{webhook: '{hook}'}}}}", space)
    assert look(space).state is SourceState.NEW
    (notice,) = space.journal.entries(kind="notice")
    assert notice.data["delivered"] is False


def test_damaged_files_are_told_once(space, folder):
    with chat() as (url, heard):
        space = crawling(folder, f"{{verify: 1.0, notify: {{webhook: '{url}', on: [breaking]}}}}", space)
        version = flows.ingest(space, NOW, NOW)
        space.store.path(version.profile).unlink()
        look(space)
        crawler.tell(space, NOW)
    ((_, _, message),) = heard.messages
    assert (message["state"], "is missing, needed by orders@v1" in message["text"]) == ("damaged", True)
