"""Bring an endpoint up and find it again."""

import socket
from datetime import datetime

from mlray.coordinator.on_http import PATIENCE, EndpointClient
from mlray.coordinator.secrets import read_secret, secret
from mlray.coordinator.workspace import Workspace
from mlray.errors import MlrayError, NotFoundError

__all__ = ["address", "client", "serve"]

USUAL_PORT, SHORT = 8000, 3.0
SCOPES = {"coordinator": ("predict", "feedback", "admin"), "client": ("predict", "feedback")}


def address(space: Workspace) -> str:
    """Return the endpoint's address; NotFoundError when it was never deployed."""
    known = space.journal.entries(kind="endpoint", subject=space.name)
    if not known:
        raise NotFoundError(f"{space.name} has no endpoint yet.", remedy="`mlray deploy` brings one up.")
    return str(known[-1].data["url"])


def client(space: Workspace, who: str, *, patience: float | None = None) -> EndpointClient:
    """Return a client with the key of `who`: `coordinator`, or `client` for predictions and feedback alone.

    An endpoint that does not answer is asked again for `patience` seconds. By default traffic waits until Serve has
    replaced a replica, and a command that looks at the endpoint soon says that it is not there.
    """
    patience = patience if patience is not None else SHORT if who == "coordinator" else PATIENCE
    return EndpointClient(address(space), space.name, read_secret(space.folder("keys"), who), patience=patience)


def serve(space: Workspace, project: str, now: datetime) -> str:
    """Start the endpoint where it does not answer yet, and return its address."""
    _issue(space)
    if _answers(space):
        return address(space)
    from mlray.coordinator.on_ray import alone
    from mlray.serving.on_ray import deploy

    usual = _usual_port(space.spec.serving.host) if alone() else 0  # other machines' ports cannot be tried from here
    url = deploy(
        space.place,
        factory="mlray.coordinator.replica:build",
        args={"project": project},
        host=space.spec.serving.host,
        port=space.spec.serving.port or usual,
        replicas=space.spec.serving.replicas,
    )
    space.journal.append("endpoint", space.name, {"url": url}, at=now)
    return url


def _issue(space: Workspace) -> None:
    """Make the keys that are missing: the coordinator's, and one for each tenant's programs."""
    keys, (first, *others) = space.folder("keys"), space.spec.access.tenants
    for who, scopes in SCOPES.items():
        secret(space.keys, keys, who, first, scopes)
    for tenant in others:
        secret(space.keys, keys, f"client-{tenant}", tenant, SCOPES["client"])


def _usual_port(host: str) -> int:
    """Return the port that people expect, or 0 (any free one) where something else has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, USUAL_PORT))
        except OSError:
            return 0
    return USUAL_PORT


def _answers(space: Workspace) -> bool:
    try:
        with client(space, "coordinator", patience=0.0) as http:
            http.endpoint()
    except MlrayError:
        return False
    return True
