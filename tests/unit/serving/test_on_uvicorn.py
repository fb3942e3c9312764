import httpx
import pytest

from mlray.errors import UnavailableError
from mlray.serving.on_uvicorn import free_port, run
from tests.contract.endpoint_sample import build


@pytest.fixture
def app(tmp_path):
    made = build(str(tmp_path))
    made.start()
    yield made
    made.stop()


def test_a_taken_port_is_named(app):
    with run(app) as first, pytest.raises(UnavailableError, match=f"Port {first.port} on 127.0.0.1"):
        run(app, port=first.port)


def test_a_stopped_server_frees_its_port_and_its_thread(app):
    first = run(app, port=free_port())
    first.stop()
    assert not first.alive
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{first.url}/v2")
    with run(app, port=first.port) as second:
        assert httpx.get(f"{second.url}/v2").status_code == 200


def test_several_servers_may_share_a_port(app):
    with run(app, port=free_port(), shared=True) as first:
        with run(app, port=first.port, shared=True):
            statuses = [httpx.get(f"{first.url}/v2/health/live").status_code for _ in range(10)]
        assert statuses == [200] * 10
        assert httpx.get(f"{first.url}/v2/health/live").status_code == 200


def test_an_ipv6_address_stands_in_brackets(app):
    try:
        server = run(app, host="::1")
    except UnavailableError:
        pytest.skip("no IPv6 on this machine")
    with server:
        assert server.url.startswith("http://[::1]:")
        assert httpx.get(f"{server.url}/v2").status_code == 200
