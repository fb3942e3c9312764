"""Kill the workshop's process during a training: whoever waits for it does not notice, but for the time."""

import os
import shutil
import signal

import pytest

import mlray
from mlray.coordinator.flows import Order
from tests.projects import START, small_project


@pytest.mark.ray
@pytest.mark.slow
def test_a_killed_workshop_begins_again_and_brings_one_model(tmp_path, ray_session, empty_database):
    from mlray.coordinator import on_ray

    project = mlray.open(small_project(tmp_path / "workshop-killed", name="workshop-killed"))
    shutil.copy(empty_database, project.space.folder() / "mlflow.db")
    dataset = project.ingest()
    project.connect()
    shop = on_ray.workshop(project.folder)
    killed = []

    def kill_once(report):
        if not killed:
            killed.append(on_ray.call(shop.pid.remote()))
            os.kill(killed[0], signal.SIGKILL)

    order = Order(dataset, START.replace(day=21), trials=1, cause="somebody")
    try:
        first = on_ray.do(shop, "train:somebody", "train", {"order": order}, kill_once)
        assert killed, "the training was over before it could be killed"
        assert on_ray.call(shop.pid.remote()) != killed[0]
        os.kill(on_ray.call(shop.pid.remote()), signal.SIGKILL)
        again = on_ray.do(shop, "train:somebody", "train", {"order": order})
        assert again.version == first.version
        for kind in ("training", "model"):
            assert len(project.journal(kind=kind)) == 1, kind
    finally:
        project.clear()
        project.close()


@pytest.mark.ray
def test_what_fails_in_another_process_is_told_in_our_own_words(ray_session, tmp_path):
    import ray

    from mlray.coordinator import on_ray
    from mlray.errors import MlrayError, UnavailableError

    class Falls:
        def fall(self):
            raise KeyError("hour")

        def die(self):
            os.kill(os.getpid(), signal.SIGKILL)

    actor = ray.remote(Falls).options(num_cpus=0).remote()
    with pytest.raises(MlrayError, match="KeyError: 'hour'"):
        on_ray.call(actor.fall.remote())
    with pytest.raises(UnavailableError):
        on_ray.call(actor.die.remote())
    assert on_ray.alone()
