"""The coordinator as an object, without an actor around it."""

import os

import pytest

from mlray.coordinator import on_ray
from mlray.coordinator.on_ray import Coordinator
from mlray.coordinator.secrets import secret
from mlray.coordinator.workspace import Workspace
from mlray.errors import UnavailableError
from tests.projects import START, small_project

URL = "http://127.0.0.1:9"


@pytest.fixture
def space(tmp_path):
    space = Workspace.at(small_project(tmp_path / "orders"))
    secret(space.keys, space.folder("keys"), "coordinator", "default", ("admin",))
    yield space
    space.journal.close()


@pytest.fixture
def coordinator(space):
    made = Coordinator(str(space.spec.folder), URL)
    yield made
    os.close(made._held)
    made._space.journal.close()


def test_a_second_coordinator_of_the_same_folder_is_refused(space, coordinator, monkeypatch):
    monkeypatch.setattr(on_ray, "HANDOVER", 0.0)
    with pytest.raises(UnavailableError, match="another process"):
        Coordinator(str(space.spec.folder), URL)


def test_the_endpoint_is_sought_where_the_journal_says_by_now(space, coordinator):
    space.journal.append("endpoint", space.name, {"url": "http://127.0.0.1:10"}, at=START)
    with coordinator._watching():
        assert coordinator._url == "http://127.0.0.1:10"


def test_a_changed_project_file_makes_a_new_loop_once_nobody_uses_the_old_one(space, coordinator):
    file = space.spec.folder / "mlray.yaml"
    with coordinator._watching() as old:
        file.write_text(file.read_text().replace("cool_down: 2 days", "cool_down: 3 days"))
        with coordinator._watching() as meanwhile:
            assert meanwhile is old
    with coordinator._watching() as new:
        assert new is not old
    with coordinator._watching() as same:
        assert same is new
    coordinator._space.journal.close()
