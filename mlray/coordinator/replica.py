"""What a replica runs: the endpoint's application, put together from contract, features, models, keys and log."""

from pathlib import Path

from mlray.coordinator.artifact import predictor
from mlray.coordinator.workspace import Workspace
from mlray.errors import NotFoundError
from mlray.ports import Predictor
from mlray.security import KeyRing
from mlray.serving import App, Limits, RequestLog

__all__ = ["build"]


def build(project: str) -> App:
    """Return the application that answers for the project in the folder `project`."""
    space = Workspace.at(project)

    def load(version: int) -> Predictor:
        known = space.models()
        if version not in known:
            listed = ", ".join(str(number) for number in sorted(known)) or "none"
            raise NotFoundError(f"{space.name} has no version {version}.", remedy=f"Known: {listed}.")
        return predictor(space, known[version])

    limited = KeyRing(space.folder("keys"), requests_per_second=space.spec.access.requests_per_second)

    def authorise(authorization: str | None, scope: str) -> str:
        # What the coordinator asks as an administrator must get through whatever its tenant's clients send.
        ring = space.keys if scope == "admin" else limited
        return ring.check(authorization, scope).tenant

    return App(
        space.name,
        load=load,
        authorise=authorise,
        log=RequestLog(space.log_folder, time_column=space.spec.data.time),
        table=Path(space.folder("endpoint")) / f"{space.name}.json",
        limits=Limits(max_rows=space.spec.serving.max_rows),
    )
