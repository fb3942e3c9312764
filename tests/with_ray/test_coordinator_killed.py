"""Kill the coordinator's process at each point of a training and let Ray bring it back."""

import shutil
from pathlib import Path

import pytest

import mlray
from mlray.coordinator.failpoints import POINTS
from mlray.records import Act, Decision
from tests.projects import START, small_project


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_coordinator_loses_no_decision_and_trains_once(point, tmp_path, ray_session, empty_database):
    from mlray.coordinator import on_ray

    name = f"killed-{point.replace('_', '-')}"
    folder = small_project(tmp_path / name, name=name)
    marker = tmp_path / "hit"
    project = mlray.open(folder)
    shutil.copy(empty_database, project.space.folder() / "mlflow.db")
    now = START.replace(day=21)
    project.ingest()
    url = project._serve(kept=False)
    coordinator = on_ray.coordinator(project.folder, url, None, {point: str(marker)})
    before = on_ray.call(coordinator.pid.remote())
    try:
        on_ray.call(coordinator.tick.remote(now))
        assert Path(marker).read_text() == point
        assert on_ray.call(coordinator.pid.remote()) != before

        entries = project.journal()
        decided = [Decision.from_json(entry.data) for entry in entries if entry.kind == "decision"]
        assert [decision.act for decision in decided] == [Act.RETRAIN, Act.PROMOTE]
        assert sum(entry.kind == "outcome" for entry in entries) == 2
        assert sum(entry.kind == "training" for entry in entries) == 1, "it was trained twice"
        assert sum(entry.kind == "model" for entry in entries) == 1
        assert sum(entry.kind == "spend" for entry in entries) == 1
        assert project.endpoint().live == 1
        assert project.space.journal.verify() == len(entries)

        seen = len(entries)
        on_ray.call(coordinator.tick.remote(now))
        assert len(project.journal()) == seen, "asking again about the same moment did something"
    finally:
        project.connect()
        project.clear()
