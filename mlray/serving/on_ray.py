"""An endpoint on Ray Serve. Serve keeps the replicas alive; requests go straight to the server inside the replica."""

from collections.abc import Mapping
from typing import Any, cast

import ray
from ray import serve

from mlray import plugins
from mlray.errors import MlrayError, UnavailableError
from mlray.ids import Json
from mlray.serving.app import App
from mlray.serving.on_uvicorn import Running, free_port, run

__all__ = ["deploy", "remove"]


class _Replica:
    """The life of one replica: build the application, load its versions, answer on its own port."""

    def __init__(self, factory: str, args: Mapping[str, Json], host: str, port: int, shared: bool) -> None:  # noqa: FBT001
        """Raise when the live version cannot be loaded; Serve then tries again."""
        build = cast("Any", plugins.load("endpoints", factory))
        self.app: App = build(**args)
        self.app.start()
        self.server: Running = run(self.app, host=host, port=port, shared=shared)

    def check_health(self) -> None:
        """Tell Serve to replace this replica when its server has died."""
        if not self.server.alive:
            message = "the endpoint's server has stopped"
            raise RuntimeError(message)

    def __call__(self) -> str:
        """Return where the endpoint answers."""
        return self.server.url

    def __del__(self) -> None:
        """Finish open requests and write the log; called by Serve when it takes a replica away."""
        if hasattr(self, "server"):
            self.server.stop()
            self.app.stop()


def deploy(
    name: str, *, factory: str, args: Mapping[str, Json], host: str = "127.0.0.1", port: int = 0, replicas: int = 1
) -> str:
    """Start the endpoint `name` on the Ray that this process is connected to, or update it; return its URL.

    Args:
        name: The endpoint's name; one deployment each.
        factory: `package.module:function`, called in every replica with `args`; returns an App.
        args: JSON values for the factory.
        host: Address to listen on.
        port: 0 chooses a free one, which a restarted or updated replica keeps.
        replicas: How many; they share the port.

    Raises:
        UnavailableError: the endpoint did not come up.
    """
    serve.start(proxy_location="Disabled")
    chosen = port or _port_in_use(name) or free_port(host)
    deployment = serve.deployment(
        _Replica,
        name="endpoint",
        num_replicas=replicas,
        # The server needs little of a CPU, and what Ray holds for it is missing for training.
        ray_actor_options={"num_cpus": 0.05, "runtime_env": {"env_vars": {"OMP_NUM_THREADS": "1"}}},
        health_check_period_s=1.0,
        health_check_timeout_s=15.0,
        graceful_shutdown_timeout_s=15.0,
    )
    try:
        handle = serve.run(
            deployment.bind(factory, dict(args), host, chosen, replicas > 1), name=name, route_prefix=None
        )
        return cast("str", handle.remote().result(timeout_s=60))
    except (RuntimeError, ray.exceptions.RayError, TimeoutError) as error:
        raise UnavailableError(
            f"The endpoint '{name}' did not come up: {error}", remedy="Read the replica's log."
        ) from error


def remove(name: str) -> None:
    """Take the endpoint down; open requests finish and its log is written first."""
    serve.delete(name)


def _port_in_use(name: str) -> int:
    """Return the port on which a deployed endpoint answers; 0 when there is none."""
    try:
        url = cast("str", serve.get_app_handle(name).remote().result(timeout_s=10))
    except (ray.exceptions.RayError, serve.exceptions.RayServeException, TimeoutError, MlrayError):
        return 0
    return int(url.rpartition(":")[2])
