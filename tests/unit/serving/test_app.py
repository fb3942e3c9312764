import asyncio
import json
import logging
import threading

import pytest

from mlray.records import Endpoint
from mlray.serving import RequestLog
from tests.contract.endpoint_sample import build, request


def ask(app, method, path, body=b"", scope_type="http", key="all"):
    """Send one request straight into the application; return status and decoded body."""
    sent, messages = [], [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    headers = [(b"authorization", f"Bearer {key}".encode())]
    scope = {"type": scope_type, "method": method, "path": path, "headers": headers, "client": ("10.0.0.7", 5000)}
    asyncio.run(app(scope, receive, send))
    return (sent[0]["status"], json.loads(sent[1]["body"])) if sent else None


def lifespan(app, *told):
    """Walk the application through a server's lifespan; return what it said."""
    sent, messages = [], list(told)

    async def receive():
        return {"type": f"lifespan.{messages.pop(0)}"}

    async def send(message):
        sent.append(message["type"])

    asyncio.run(app({"type": "lifespan"}, receive, send))
    return sent


@pytest.fixture
def app(tmp_path):
    made = build(str(tmp_path))
    made.start()
    made.change(Endpoint("flights", "", live=1, generation=1))
    yield made
    made.stop()


def test_a_server_starts_and_stops_it_by_lifespan(tmp_path):
    made = build(str(tmp_path))
    made.change(Endpoint("flights", "", live=1, generation=1))
    assert lifespan(made, "startup", "shutdown") == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert not made.ready


def test_a_start_that_fails_is_told_to_the_server(tmp_path):
    (tmp_path / "endpoint").mkdir()
    (tmp_path / "endpoint" / "flights.json").write_text("{oops")
    assert lifespan(build(str(tmp_path)), "startup") == ["lifespan.startup.failed"]


def test_other_protocols_are_not_answered(app):
    assert ask(app, "GET", "/v2", scope_type="websocket") is None


def test_the_description_needs_a_key_from_another_machine(app):
    assert ask(app, "GET", "/openapi.json", key="nobody")[0] == 403
    assert ask(app, "GET", "/openapi.json")[0] == 200
    assert ask(app, "GET", "/metrics", key="watcher")[0] == 403


def test_labels_that_do_not_fit_into_the_log_are_503_and_not_lost_silently(app, tmp_path):
    app.log.close()
    app.log = RequestLog(tmp_path / "small", time_column="at", max_bytes=10)
    status, told = ask(app, "POST", "/v2/models/flights/feedback", b'{"id": "a", "labels": [true]}')
    assert (status, told["error"]["code"]) == (503, "unavailable")


def test_a_log_that_cannot_be_written_is_503_when_asked_to_flush(app, tmp_path):
    (tmp_path / "log").write_text("in the way")
    assert ask(app, "POST", "/v2/models/flights/infer", json.dumps(request(1)).encode())[0] == 200
    assert ask(app, "POST", "/v2/models/flights/flush")[0] == 503
    (tmp_path / "log").unlink()
    assert ask(app, "POST", "/v2/models/flights/flush")[0] == 200


def test_another_replicas_table_is_taken_over_and_one_that_fails_is_logged(app, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("mlray.serving.app._FOLLOW_SECONDS", 0.001)
    other, looked = build(str(tmp_path)), threading.Event()
    follow = other.table.follow

    def noticed():
        try:
            return follow()
        finally:
            looked.set()

    def wait_for_two_looks():
        for _ in range(2):  # the first may have begun before the change
            looked.clear()
            assert looked.wait(30)

    monkeypatch.setattr(other.table, "follow", noticed)
    other.start()
    app.change(Endpoint("flights", "", live=2, generation=2))
    wait_for_two_looks()
    assert other.table.current.live.number == 2
    with caplog.at_level(logging.WARNING, "mlray.serving"):
        (tmp_path / "endpoint" / "flights.json").write_text("{oops")
        wait_for_two_looks()
    assert other.table.current.live.number == 2
    other.stop()
    assert "not taken over" in caplog.text
