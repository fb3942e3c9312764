"""Sweeps over several nodes: one that goes away in the middle, and one with GPUs that Ray counts."""

import time
from threading import Event

import psutil
import pytest

from mlray.experiments import Wanted
from mlray.spec import Model
from tests.with_ray.test_sweep import TREES, problem

pytestmark = [pytest.mark.ray, pytest.mark.slow]

PATIENCE = 120


class Node:
    """A second node of this run's Ray, in processes of its own: as `ray start` makes it, on the loopback address."""

    def __init__(self, address, **has):
        import ray
        from ray._private.node import Node as Processes
        from ray._private.parameter import RayParams

        self._ray = ray
        before = self._alive()
        about = RayParams(
            gcs_address=address,
            node_ip_address="127.0.0.1",
            num_cpus=1,
            object_store_memory=100_000_000,
            min_worker_port=0,
            max_worker_port=0,
            dashboard_agent_listen_port=None,
            metrics_agent_port=None,
            **has,
        )
        self._processes = Processes(about, head=False, shutdown_at_exit=False, spawn_reaper=False)
        self.id = self._wait(lambda: next(iter(self._alive() - before), None))

    def _alive(self):
        return {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}

    def _wait(self, found):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if value := found():
                return value
            Event().wait(0.2)
        pytest.fail("the node was waited for in vain")

    def kill(self):
        """End the node at once, with all that runs on it."""
        self._processes.kill_all_processes(check_alive=False, allow_graceful=False)

    def gone(self):
        """Return once Ray has noticed."""
        self._wait(lambda: self.id not in self._alive())


@pytest.fixture
def node(ray_with_dashboard, request):
    from mlray.experiments.on_ray import close_pools

    close_pools()
    made = Node(ray_with_dashboard.address, **getattr(request, "param", {}))
    yield made
    close_pools()
    made.kill()
    made.gone()


def run(model, keep=0.0, **changes):
    from mlray.experiments.on_ray import sweep_on_ray

    wanted = {"name": "sweep-nodes", "trials": 8, "progress": lambda *_: None}
    return sweep_on_ray(problem(rows=6000), model, Wanted(**{**wanted, **changes}), keep=keep)


def test_a_node_that_goes_away_costs_no_trial(node):
    def go_away(done, total, note=""):
        if done == 4:
            node.kill()

    found = run(TREES.model_copy(update={"rounds": 400}), trials=16, progress=go_away)
    assert [trial.number for trial in found.trials] == list(range(16))
    assert [trial.error for trial in found.trials] == [""] * 16


def test_lanes_stay_the_same_processes_on_every_node(node):
    long = TREES.model_copy(update={"rounds": 600})
    run(TREES, name="sweep-boots", keep=120.0)
    until = time.monotonic() + PATIENCE
    while len(lanes()) < 3 and time.monotonic() < until:
        Event().wait(0.2)
    before = {process.pid for process in lanes()}
    assert len(before) == 3
    found = run(long, trials=40, name="sweep-stays", keep=120.0)
    assert {trial.lane.partition("/")[0] for trial in found.trials} >= {node.id[:8]}
    assert {process.pid for process in lanes()} == before


def lanes():
    """Return the processes of lanes below this test run, on all of its nodes."""
    below = psutil.Process().children(recursive=True)
    return [
        process for process in below if process.name().startswith("ray::Lane") or "Lane" in " ".join(cmdline(process))
    ]


def cmdline(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.parametrize("node", [{"num_gpus": 1}], indirect=True, ids=["a GPU"])
def test_two_lanes_share_a_gpu_that_ray_counts(node):
    shared = Model.model_validate({**TREES.model_dump(exclude_defaults=True), "gpus": 0.5})
    found = run(shared, name="sweep-gpus")
    lanes = {trial.lane for trial in found.trials}
    assert {lane.partition("/")[0] for lane in lanes} == {node.id[:8]}
    assert len(found.trials) == 8
