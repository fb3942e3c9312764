"""What all tests share: one local Ray for the whole run, started when the first test asks for it."""

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mlray.coordinator.cluster import NAMESPACE, environment
from mlray.security import ray_token
from tests.quick import QUICK

_FOLDER = Path(tempfile.mkdtemp(prefix="mlray-t-"))
_TOKEN = ray_token(_FOLDER / "keys")
# Before anything imports Ray: later these have no effect.
os.environ.update(environment(_TOKEN))
# How long an example takes says something of the machine, and nothing of a law.
settings.register_profile("mlray", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mlray")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let CI run each test once: what `make check` has run is left out by `make test ARGS=--checked`."""
    parser.addoption("--checked", action="store_true", help="leave out the tests that `make check` runs")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put tests that share a Ray last, and leave out the quick ones and the docstrings, where they have been run."""
    # A Ray's threads live on in this process, and draw random numbers while hypothesis watches who does.
    items.sort(key=lambda item: "ray_with_dashboard" in getattr(item, "fixturenames", ()))
    if not config.getoption("--checked"):
        return
    run = [config.rootpath / folder for folder in QUICK]

    def checked(item: pytest.Item) -> bool:
        slow = item.get_closest_marker("ray") or item.get_closest_marker("slow")
        return not slow and any(item.path.is_relative_to(folder) for folder in run)

    config.hook.pytest_deselected(items=[item for item in items if checked(item)])
    items[:] = [item for item in items if not checked(item)]


@dataclass(frozen=True)
class RunningRay:
    """The Ray of this test run."""

    address: str
    dashboard: str
    """Where the Jobs API answers, such as `http://127.0.0.1:8265`."""
    token: str


@pytest.fixture(scope="session")
def ray_with_dashboard() -> Iterator[RunningRay]:
    """A local Ray of two CPUs with its dashboard, token and all; the same one for every test of the run."""
    import ray

    context = ray.init(
        num_cpus=2,
        namespace=NAMESPACE,
        include_dashboard=True,
        dashboard_host="127.0.0.1",
        dashboard_port=0,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _temp_dir=str(_FOLDER / "ray"),
        _node_ip_address="127.0.0.1",
        object_store_memory=300_000_000,
    )
    yield RunningRay(
        str(context.address_info["address"]), f"http://{context.dashboard_url}", _TOKEN.read_text(encoding="utf-8")
    )
    if "ray.serve" in sys.modules:
        from ray import serve

        serve.shutdown()
    ray.shutdown()


@pytest.fixture(scope="session")
def ray_session(ray_with_dashboard: RunningRay) -> RunningRay:
    """The local Ray of this run, for tests that need nothing else."""
    return ray_with_dashboard


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without entries, to be copied: MLflow's migrations take seconds."""
    from mlray.registry.on_mlflow import Registry

    folder = tmp_path_factory.mktemp("mlflow")
    Registry(f"sqlite:///{folder / 'mlflow.db'}", folder / "root").warm()
    return folder / "mlflow.db"


def pytest_sessionfinish() -> None:
    """Leave nothing in the system's temporary folder."""
    shutil.rmtree(_FOLDER, ignore_errors=True)
