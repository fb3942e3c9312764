import socket
from dataclasses import replace
from datetime import UTC, datetime
from threading import Thread, Timer

import pytest

from mlray.coordinator.on_http import EndpointClient
from mlray.errors import AccessDenied, RequestError, UnavailableError
from mlray.serving.on_uvicorn import free_port, run
from tests.contract.endpoint_sample import build

COLUMNS = {"at": ["2013-04-01T06:00:00Z"], "origin": ["JFK"], "distance": [900.0]}


@pytest.fixture
def app(tmp_path):
    app = build(str(tmp_path))
    app.start()
    yield app
    app.stop()


@pytest.fixture
def server(app):
    with run(app) as running:
        yield running


def live(client):
    table = client.endpoint()[0]
    return client.set_endpoint(replace(table, live=1, versions=(1,), generation=table.generation + 1))


def test_the_whole_conversation_of_a_day(server):
    with EndpointClient(server.url, "flights", "all") as client:
        table = live(client)
        assert (table.live, table.url) == (1, server.url)
        assert client.infer(COLUMNS, "r1")["id"] == "r1"
        client.feedback({"r1": [True]}, datetime(2013, 4, 4, tzinfo=UTC))
        client.flush()
        assert client.endpoint()[1]


def test_refusals_are_our_own_errors(server):
    with EndpointClient(server.url, "flights", "all") as client:
        live(client)
    with EndpointClient(server.url, "flights", "caller") as client:
        with pytest.raises(AccessDenied):
            client.flush()
        with pytest.raises(RequestError):
            client.infer({"at": ["never"]}, "r1")


def test_a_server_that_comes_back_is_waited_for(app):
    port = free_port("127.0.0.1")
    with EndpointClient(f"http://127.0.0.1:{port}", "flights", "all") as client:
        with run(app, port=port):
            live(client)
        started = []
        later = Timer(0.3, lambda: started.append(run(app, port=port)))
        later.start()
        try:
            assert client.endpoint()[0].live == 1
        finally:
            later.join()
            started[0].stop()


def test_a_server_that_is_not_there_is_told_at_once_to_the_impatient():
    url = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    with EndpointClient(url, "flights", "all", patience=0.0) as client, pytest.raises(UnavailableError, match=url):
        client.flush()


def test_a_key_that_asks_too_often_waits_as_long_as_it_is_told(server):
    with EndpointClient(server.url, "flights", "tired", patience=0.5) as client, pytest.raises(RequestError) as caught:
        client.flush()
    assert caught.value.status == 429


def test_a_proxy_of_the_environment_is_not_used(server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with EndpointClient(server.url, "flights", "all", patience=0.0) as client:
        client.flush()


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[1]"])
def test_a_strangers_answer_says_that_something_else_has_the_port(body):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
                connection.sendall(head.encode() + body)

        stranger = Thread(target=answer)
        stranger.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with EndpointClient(url, "flights", "all") as client, pytest.raises(UnavailableError, match="not an endpoint"):
            client.endpoint()
        stranger.join()
