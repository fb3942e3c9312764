import socket

import pytest

from mlray.coordinator import release
from mlray.coordinator.release import address, client
from mlray.coordinator.replica import build
from mlray.coordinator.secrets import read_secret, secret
from mlray.coordinator.workspace import Workspace
from mlray.errors import AccessDenied, NotFoundError
from tests.projects import START, small_project


@pytest.fixture
def space(tmp_path):
    space = Workspace.at(small_project(tmp_path / "orders"))
    yield space
    space.journal.close()


def test_an_endpoint_that_was_never_deployed_has_no_address(space):
    with pytest.raises(NotFoundError, match="no endpoint yet"):
        address(space)


def test_the_newest_address_counts(space):
    for port in (1, 2):
        space.journal.append("endpoint", space.name, {"url": f"http://127.0.0.1:{port}"}, at=START)
    assert address(space) == "http://127.0.0.1:2"


def test_whoever_looks_learns_soon_that_nothing_answers(space, monkeypatch):
    monkeypatch.setattr(release, "SHORT", 0.0)
    space.journal.append("endpoint", space.name, {"url": "http://127.0.0.1:9"}, at=START)
    secret(space.keys, space.folder("keys"), "coordinator", "default", ("admin",))
    assert not release._answers(space)
    with client(space, "coordinator") as looking:
        assert looking._patience == 0.0
    secret(space.keys, space.folder("keys"), "client", "default", ("predict",))
    with client(space, "client") as sending:
        assert sending._patience > 0.0


def test_a_taken_port_is_no_obstacle(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(release, "USUAL_PORT", other.getsockname()[1])
        assert release._usual_port("127.0.0.1") == 0
    assert release._usual_port("127.0.0.1") == release.USUAL_PORT


def ask_often(app, key):
    for _ in range(100):
        app._authorise(key, "predict")


def test_each_tenant_has_a_key_of_its_own_and_only_traffic_is_slowed_down(tmp_path):
    folder = small_project(tmp_path / "shared")
    with (folder / "mlray.yaml").open("a") as file:
        file.write("access: {tenants: [north, south], requests_per_second: 1}\n")
    space = Workspace.at(folder)
    release._issue(space)
    app = build(str(folder))
    for name, tenant in (("client", "north"), ("client-south", "south")):
        key = f"Bearer {read_secret(space.folder('keys'), name)}"
        assert app._authorise(key, "predict") == tenant
        with pytest.raises(AccessDenied, match="times a second"):
            ask_often(app, key)
    key = f"Bearer {read_secret(space.folder('keys'), 'coordinator')}"
    assert {app._authorise(key, "admin") for _ in range(100)} == {"north"}
