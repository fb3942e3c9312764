"""Where a flow tells of itself: one decorator per stage, so that the flows read as if nobody listened."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mlray.coordinator.workspace import Workspace
from mlray.errors import InputError, UnavailableError
from mlray.records import DatasetVersion, Endpoint
from mlray.registry.columns import Origin, origins

if TYPE_CHECKING:
    from mlray.coordinator.flows import Order, Trained
    from mlray.registry.on_openlineage import Dataset, RunOf

__all__ = ["released", "tells_of_ingestion", "tells_of_training"]

Ingest = TypeVar("Ingest", bound=Callable[..., DatasetVersion])
Train = TypeVar("Train", bound=Callable[..., "Trained"])


def tells_of_ingestion(flow: Ingest) -> Ingest:
    """Tell of each ingestion that brought a new version, or failed; one that found nothing new is no event."""

    @wraps(flow)
    def told(space: Workspace, until: datetime, now: datetime, **more: Any) -> DatasetVersion:  # noqa: ANN401
        table = space.spec.data.table
        before = space.store.head(table)
        try:
            version = flow(space, until, now, **more)
        except (InputError, UnavailableError) as error:  # a refusal, as of a paused source, is no failure
            run = _run(space, "ingest", f"{table}:{until.isoformat()}", now)
            space.emitter.emit("START", run)
            space.emitter.emit("FAIL", run, error=error)
            raise
        if before is None or version.digest != before.digest:
            _ingested(space, version, before, now)
        return version

    return cast("Ingest", told)


def _ingested(space: Workspace, version: DatasetVersion, before: DatasetVersion | None, now: datetime) -> None:
    from mlray.registry.on_openlineage import dataset, source

    spec, run = space.spec, _run(space, "ingest", version.digest, now)
    known = {fragment.blob for fragment in before.fragments} if before else set[str]()
    added = [fragment for fragment in version.fragments if fragment.blob not in known]
    names = list(dict.fromkeys(fragment.source for fragment in added if fragment.source))
    read = {name: source(name, spec.folder) for name in names}
    drawn: dict[str, list[tuple[Dataset, Origin]]] = {}
    for name, found in read.items():
        for column, origin in origins(spec.data, name).items():
            drawn.setdefault(column, []).append((found, origin))
    for lookup, one in spec.data.lookups.items():
        name = str(one.source)
        joined = read[name] = source(name, spec.folder)
        for column, origin in origins(spec.data, name, lookup=lookup).items():
            drawn.setdefault(column, []).append((joined, origin))
    inputs = tuple(read.values())
    space.emitter.emit("START", run, inputs)
    space.emitter.emit("COMPLETE", run, inputs, [dataset(version, space.place, origins=drawn, added=added)])


def tells_of_training(flow: Train) -> Train:
    """Tell of each training when it begins and when it ends, and of the registration that follows."""

    @wraps(flow)
    def told(space: Workspace, order: "Order", **more: Any) -> "Trained":  # noqa: ANN401
        from mlray.registry.on_openlineage import Dataset, dataset

        key = order.cause or f"{order.dataset.digest}:{order.now.isoformat()}"
        run, learnt = _run(space, "train", key, order.now), [dataset(order.dataset, space.place)]
        space.emitter.emit("START", run, learnt)
        try:
            trained = flow(space, order, **more)
        except BaseException as error:  # an interrupt ends a training as well
            space.emitter.emit("FAIL", run, learnt, error=error)
            raise
        artifact = Dataset(f"mlray://{space.place}", f"artifacts/{trained.version.artifact_digest[:16]}")
        space.emitter.emit("COMPLETE", run, learnt, [artifact])
        made = _run(space, "register", trained.version.artifact_digest, order.now)
        space.emitter.emit("START", made, [artifact])
        space.emitter.emit("COMPLETE", made, [artifact], [_model(space, trained.version.number)])
        return trained

    return cast("Train", told)


def released(space: Workspace, before: Endpoint, after: Endpoint, now: datetime) -> None:
    """Tell of the versions that answer at the endpoint since the table changed from `before` to `after`."""
    from mlray.registry.on_openlineage import Dataset

    if (before.live, before.candidate) == (after.live, after.candidate):
        return
    run = _run(space, "deploy", f"{after.url}:{after.generation}", now)
    models = [_model(space, number) for number in (after.live, after.candidate) if number is not None]
    endpoint = Dataset(after.url.rstrip("/"), f"v2/models/{space.name}", _version(f"generation-{after.generation}"))
    space.emitter.emit("START", run, models)
    space.emitter.emit("COMPLETE", run, models, [endpoint])


def _run(space: Workspace, job: str, key: str, now: datetime) -> "RunOf":
    from mlray.registry.on_openlineage import RunOf

    return RunOf(space.place, f"{space.name}.{job}", key, now)


def _model(space: Workspace, number: int) -> "Dataset":
    from mlray.registry.on_openlineage import Dataset

    return Dataset(f"mlray://{space.place}", f"models/{space.name}", _version(f"v{number}"))


def _version(text: str) -> dict[str, Any]:
    from mlray.registry.on_openlineage import version_facet

    return {"version": version_facet(text)}
