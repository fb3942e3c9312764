"""A project on a Ray that is not its own."""

import pytest

import mlray
from mlray.coordinator.cluster import NAMESPACE
from mlray.errors import UnavailableError
from tests.projects import small_project


@pytest.mark.ray
def test_a_project_that_is_watched_there_runs_only_after_it_was_stopped(tmp_path, ray_session):
    import ray

    class Watcher:
        """Holds the coordinator's name, as that of another process would."""

    project = mlray.open(small_project(tmp_path / "orders"))
    name = f"{project.space.place}-coordinator"
    ray.remote(Watcher).options(name=name, namespace=NAMESPACE, lifetime="detached", num_cpus=0).remote()
    with project:
        with pytest.raises(UnavailableError, match="already being watched") as raised:
            project.run()
        assert "mlray stop" in raised.value.remedy
        assert project.on_cluster() == ["coordinator"]
        assert project.stop()
        assert not project.stop()
    assert ray.is_initialized(), "a Ray that was there before us was ended"
