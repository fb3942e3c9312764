"""An endpoint on a real Ray Serve: it comes up, it survives its replica, it goes away."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from mlray.errors import UnavailableError
from mlray.monitoring import read_window
from mlray.records import Endpoint, Stage
from tests.contract.endpoint_sample import request

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.usefixtures("ray_session"),
    # Ray Serve's own models speak to an older pydantic.
    pytest.mark.filterwarnings("ignore:Using extra keyword arguments on `Field`"),
]
FACTORY = "tests.contract.endpoint_sample:build"
INFER = "/v2/models/flights/infer"
ENDPOINT = "/v2/models/flights/endpoint"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Path]]:
    """Version 1 live and version 2 in shadow on Ray Serve, with a client and the endpoint's folder."""
    from mlray.serving.on_ray import deploy, remove

    folder = tmp_path_factory.mktemp("on-ray")
    url = deploy("flights", factory=FACTORY, args={"folder": str(folder)})
    table = Endpoint("flights", url, live=1, candidate=2, stage=Stage.SHADOW, generation=1)
    with httpx.Client(base_url=url, headers={"authorization": "Bearer all"}, timeout=60) as http:
        assert http.put(ENDPOINT, json=table.to_json()).status_code == 200
        yield http, folder
        remove("flights")
        with pytest.raises(httpx.ConnectError):
            http.get("/v2/health/live")


def replica() -> psutil.Process:
    """Return the process that answers."""
    [found] = [
        process
        for process in psutil.process_iter(["cmdline"])
        if "ServeReplica:flights:" in " ".join(process.info["cmdline"] or [])
    ]
    return found


def test_a_killed_replica_comes_back_on_its_port_with_its_table(deployed: tuple[httpx.Client, Path]) -> None:
    http, folder = deployed
    assert http.post(INFER, json=request(2, "before")).headers["x-model-version"] == "1"
    assert http.post("/v2/models/flights/flush").status_code == 200
    before = http.get(ENDPOINT).json()
    old = replica()
    os.kill(old.pid, signal.SIGKILL)
    old.wait()
    answer = patiently(http)
    assert answer.headers["x-model-version"] == "1"
    after = http.get(ENDPOINT).json()
    assert {**after, "counters": None} == {**before, "counters": None}
    http.post("/v2/models/flights/flush")
    day = datetime(2013, 4, 1, tzinfo=UTC)
    rows = read_window(folder / "log", day, day.replace(day=2)).rows
    assert rows["request_id"].to_pylist() == ["after", "before", "before"]
    assert rows["candidate_score"].null_count == 0


def patiently(http: httpx.Client) -> httpx.Response:
    """Return the first answer after a restart; refused connections are what a restart looks like from outside."""
    transport = httpx.HTTPTransport(retries=10)  # waits twice as long each time: some four minutes in all
    with httpx.Client(base_url=http.base_url, headers=http.headers, transport=transport, timeout=60) as again:
        return again.post(INFER, json=request(1, "after"))


def test_deploying_again_keeps_the_port(deployed: tuple[httpx.Client, Path]) -> None:
    from mlray.serving.on_ray import deploy

    http, folder = deployed
    url = deploy("flights", factory=FACTORY, args={"folder": str(folder)})
    assert httpx.URL(url).port == http.base_url.port
    assert patiently(http).status_code == 200


def test_an_endpoint_that_cannot_start_is_reported_and_not_left_behind() -> None:
    from ray import serve

    from mlray.serving.on_ray import deploy

    with pytest.raises(UnavailableError, match="no_such_function"):
        deploy("nowhere", factory="tests.contract.endpoint_sample:no_such_function", args={})
    assert "nowhere" not in serve.status().applications


def test_nothing_listens_beyond_this_machine(deployed: tuple[httpx.Client, Path]) -> None:
    family = psutil.Process().children(recursive=True)
    listening = {
        (process.name(), connection.laddr.ip)
        for process in family
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening
    assert {ip.removeprefix("::ffff:") for _, ip in listening} <= {"127.0.0.1", "::1"}, sorted(listening)
