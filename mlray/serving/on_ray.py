"""An endpoint on Ray Serve. Serve keeps the replicas alive; requests go straight to the server inside the replica."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import ray
from ray import serve

from mlray import plugins
from mlray.errors import UnavailableError
from mlray.ids import Json
from mlray.serving.app import App
from mlray.serving.on_uvicorn import free_port, run

__all__ = ["deploy", "remove"]

_DEPLOYMENT = "endpoint"
_FAILURES = (RuntimeError, TimeoutError, ray.exceptions.RayError, serve.exceptions.RayServeException)


class _Replica:
    """The life of one replica: build the application, load its versions, answer on its own port."""

    def __init__(self, factory: str, args: dict[str, Json], host: str, port: int, *, shared: bool) -> None:
        """Raise when the live version cannot be loaded or the port is taken; Serve then tries again."""
        _stay_local(host)
        build = cast("Any", plugins.load("endpoints", factory))
        self.app: App = build(**args)
        self.app.start()
        self.server = run(self.app, host=host, port=port, shared=shared)

    def check_health(self) -> None:
        """Tell Serve to replace this replica when its server has died."""
        if not self.server.alive:
            message = "the endpoint's server has stopped"
            raise RuntimeError(message)

    def __call__(self) -> str:
        """Return where the endpoint answers."""
        return self.server.url

    def __del__(self) -> None:
        """Let open requests finish and write the log; Serve calls this before it ends a replica."""
        if hasattr(self, "server"):
            self.server.stop()
            self.app.stop()


def _stay_local(host: str) -> None:
    """Keep the replica's own gRPC server on loopback where the endpoint is.

    Serve opens it on all interfaces, without a token, for calls between deployments, and what it receives is unpickled.
    It is opened after the constructor has run, so the address can still be changed here; where the function that is
    replaced is missing (a later Ray) nothing is changed, and a test tells.
    """
    from ray.serve._private import replica as private

    replica: Any = private
    opened = getattr(replica, "add_port_to_grpc_server", None)
    if opened is not None and host in ("127.0.0.1", "localhost", "::1"):
        replica.add_port_to_grpc_server = lambda server, address: opened(server, address.replace("[::]", "127.0.0.1"))


def deploy(
    name: str, *, factory: str, args: Mapping[str, Json], host: str = "127.0.0.1", port: int = 0, replicas: int = 1
) -> str:
    """Start the endpoint `name` on the Ray that this process is connected to, or update it; return its URL.

    A replica that dies is started again by Serve, on the same port, with the endpoint table it had.

    Args:
        name: The endpoint's name; one application of Serve each.
        factory: `package.module:function`, called in every replica with `args`; returns an App.
        args: JSON values for the factory.
        host: Address to listen on.
        port: 0 chooses a free one, and keeps it when the endpoint is deployed again.
        replicas: How many processes answer; they share the port and follow one endpoint table.

    Raises:
        UnavailableError: the endpoint did not come up.
    """
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    serve.start(proxy_location="Disabled")
    known = _port_of(name)
    replica: Any = serve.deployment(
        name=_DEPLOYMENT,
        num_replicas=replicas,
        # What Ray sets aside for the server is missing for training, and the server needs little.
        ray_actor_options={"num_cpus": 0.05},
        health_check_period_s=1.0,
        health_check_timeout_s=15.0,
        graceful_shutdown_timeout_s=15.0,
    )(_Replica)
    bound = replica.bind(factory, dict(args), host, port or known or free_port(host), shared=replicas > 1)
    try:
        serve.run(bound, name=name, route_prefix=None)
        return _url(name, 60)
    except _FAILURES as error:
        why = _why(name) or str(error)
        if not known:  # nothing answered before: Serve would go on trying for ever
            serve.delete(name)
        raise UnavailableError(
            f"The endpoint '{name}' did not come up: {why}", remedy="Correct it and deploy again."
        ) from error


def remove(name: str) -> None:
    """Take the endpoint down: open requests finish and the log is written first. Unknown names are ignored."""
    serve.delete(name)


def _port_of(name: str) -> int:
    """Return the port on which a deployed endpoint answers; 0 when there is none."""
    try:
        return int(_url(name, 15).rpartition(":")[2])
    except _FAILURES:
        return 0


def _url(name: str, seconds: float) -> str:
    """Return where the endpoint answers; asked in a thread, as Serve refuses where an event loop runs (a notebook)."""

    def ask() -> str:
        return cast("str", serve.get_app_handle(name).remote().result(timeout_s=seconds))

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(ask).result()


def _why(name: str) -> str:
    """Return what the replica's constructor raised, which Serve tells only in its status."""
    application = serve.status().applications.get(name)
    deployment = application.deployments.get(_DEPLOYMENT) if application else None
    lines = [line.strip() for line in (deployment.message if deployment else "").splitlines()]
    raised = [line for line in lines if "Error: " in line or "Exception: " in line]
    return raised[-1] if raised else " ".join(lines)[:500]
