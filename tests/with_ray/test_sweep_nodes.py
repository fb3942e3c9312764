"""Sweeps over several nodes: one that goes away in the middle, and one with GPUs that Ray counts."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mlray.experiments import Wanted
from mlray.spec import Model
from tests.with_ray.test_sweep import TREES, problem

pytestmark = [pytest.mark.ray, pytest.mark.slow]

RAY = Path(sys.executable).parent / "ray"
PATIENCE = 120


class Node:
    """A second node of this run's Ray, in processes of its own."""

    def __init__(self, address, *options):
        import ray

        self._ray = ray
        before = self._alive()
        here = "--node-ip-address=127.0.0.1"
        command = [RAY, "start", f"--address={address}", "--block", "--num-cpus=1", here, *options]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
        # Ray takes a cluster on the loopback address for one of a system that knows no others.
        environment = {**os.environ, "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1"}
        self._process = subprocess.Popen(command, **quiet, env=environment, start_new_session=True)
        self.id = self._wait(lambda: next(iter(self._alive() - before), None))

    def _alive(self):
        return {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}

    def _wait(self, found):
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            value = found()
            if value:
                return value
            assert self._process.poll() is None, "the node did not come up"
            self._process_wait(0.2)
        pytest.fail("the node did not come up in time")

    def _process_wait(self, seconds):
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def kill(self):
        """End the node at once, with all that runs on it."""
        if self._process.poll() is not None:
            return
        own = psutil.Process(self._process.pid)
        for process in [*own.children(recursive=True), own]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.wait(PATIENCE)

    def gone(self):
        """Return once Ray has noticed."""
        until = time.monotonic() + PATIENCE
        while self.id in self._alive() and time.monotonic() < until:
            self._process_wait(0.2)
            time.sleep(0.2)


@pytest.fixture
def node(ray_with_dashboard, request):
    from mlray.experiments.on_ray import close_pools

    close_pools()
    made = Node(ray_with_dashboard.address, *getattr(request, "param", ()))
    yield made
    close_pools()
    made.kill()
    made.gone()


def run(model, **changes):
    from mlray.experiments.on_ray import sweep_on_ray

    wanted = {"name": "sweep-nodes", "trials": 8, "progress": lambda *_: None}
    return sweep_on_ray(problem(rows=6000), model, Wanted(**{**wanted, **changes}))


def test_a_node_that_goes_away_costs_no_trial(node):
    def go_away(done, total, note=""):
        if done == 4:
            node.kill()

    found = run(TREES.model_copy(update={"rounds": 400}), trials=16, progress=go_away)
    assert [trial.number for trial in found.trials] == list(range(16))
    assert [trial.error for trial in found.trials] == [""] * 16


@pytest.mark.parametrize("node", [["--num-gpus=1"]], indirect=True)
def test_two_lanes_share_a_gpu_that_ray_counts(node):
    shared = Model.model_validate({**TREES.model_dump(exclude_defaults=True), "gpus": 0.5})
    found = run(shared, name="sweep-gpus")
    lanes = {trial.lane for trial in found.trials}
    assert {lane.partition("/")[0] for lane in lanes} == {node.id[:8]}
    assert len(found.trials) == 8
