"""A coordinator that looks at its sources under its tick: a broken one is paused, told, and goes on when resumed."""

import json
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pyarrow.parquet as pq
import pytest

import mlray
from mlray.clock import ManualClock
from mlray.records import Act, Decision
from tests.projects import START, orders, small_project

DAY = timedelta(days=1)


@pytest.fixture
def chat():
    told = []

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", told
        server.shutdown()


def verdicts(project):
    return [str(entry.data["state"]) for entry in project.journal(kind="crawl")]


@pytest.mark.ray
@pytest.mark.slow
def test_a_source_that_breaks_under_the_coordinator_is_paused_told_and_resumed(tmp_path, ray_session, chat):
    from mlray.coordinator import on_ray

    url, told = chat
    folder = small_project(tmp_path / "crawled", name="crawled")
    with (folder / "mlray.yaml").open("a") as file:
        file.write(f"crawl: {{every: 1 day, jitter: 0 seconds, verify: 1.0, notify: {{webhook: '{url}'}}}}\n")
    now = START + 20 * DAY
    project = mlray.open(folder, clock=ManualClock(now))
    project.ingest()
    watcher = on_ray.coordinator(project.folder, project._serve(kept=False))
    try:
        on_ray.tick(project.folder, watcher, now)
        on_ray.tick(project.folder, watcher, now + DAY / 2)
        assert verdicts(project) == ["new"]

        pq.write_table(orders(days=1).drop_columns("price"), folder / "data" / "orders-3.parquet")
        project.set_clock(ManualClock(now + 2 * DAY))
        on_ray.tick(project.folder, watcher, now + 2 * DAY)
        on_ray.tick(project.folder, watcher, now + 2 * DAY)
        assert verdicts(project) == ["new", "breaking"]
        last = Decision.from_json(project.journal(kind="decision")[-1].data)
        assert (last.act, "the source 'orders' is paused: data/orders-3.parquet has no" in last.because) == (
            Act.HOLD,
            True,
        )
        assert [(message["state"], message["paused"]) for message in told] == [("new", False), ("breaking", True)]
        assert "paused since 2024-01-23" in str(project.status()["sources"])
        assert [entry.data["damaged"] for entry in project.journal(kind="checkup")] == [[], []]

        (folder / "data" / "orders-3.parquet").unlink()
        project.resume_source()
        on_ray.tick(project.folder, watcher, now + 4 * DAY)
        last = Decision.from_json(project.journal(kind="decision")[-1].data)
        assert "paused" not in last.because

        for path in (folder / "data").iterdir():
            path.unlink()
        on_ray.tick(project.folder, watcher, now + 5 * DAY)
        assert verdicts(project)[-1] == "unreachable"
    finally:
        project.connect()
        project.clear()
