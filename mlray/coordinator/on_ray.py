"""The coordinator and the workshop as detached actors: thin rims around `Watch` and `Workshop`."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, cast

import ray
from ray.exceptions import RayError, RayTaskError

from mlray.clock import SystemClock
from mlray.coordinator import crawler
from mlray.coordinator.challenger import Excess
from mlray.coordinator.cluster import NAMESPACE
from mlray.coordinator.evidence import Observer, money
from mlray.coordinator.failpoints import Failpoints
from mlray.coordinator.flows import Order, Trained
from mlray.coordinator.lineage import released
from mlray.coordinator.locks import hold
from mlray.coordinator.on_http import EndpointClient
from mlray.coordinator.release import address
from mlray.coordinator.secrets import read_secret
from mlray.coordinator.state import State
from mlray.coordinator.warm import warm_trials
from mlray.coordinator.watch import Senses, Watch
from mlray.coordinator.workshop import Report, Workshop
from mlray.coordinator.workspace import Workspace
from mlray.errors import MlrayError, NotFoundError, UnavailableError
from mlray.records import DatasetVersion, Decision, Endpoint, Experiment, ModelVersion, Spend, Trial

__all__ = ["Coordinator", "alone", "call", "coordinator", "cpus", "do", "end", "tick", "wait", "workshop"]

POLL_SECONDS = 5.0
STARTS = 3
"""How often work is started again after the workshop's process died: what kills it every time would do so for ever."""
HANDOVER = 15.0
"""Seconds within which the process of an ended coordinator is gone."""


def call(reference: Any) -> Any:
    """Return what a remote call returned, raising our own errors as they were raised there.

    Raises:
        UnavailableError: an actor, its node or the cluster is gone.
        MlrayError: whatever else the call raised, by its last line.
    """
    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, MlrayError):
            raise error.cause from None
        raise MlrayError(_last_line(error), remedy="Ray's log has the whole traceback.") from error
    except RayError as error:
        raise UnavailableError(_last_line(error), remedy="`mlray status` tells what is up.") from error


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # A constructor's own errors come as text only.
    return re.sub(r"^mlray\.errors\.\w+: ", "", lines[-1]) if lines else repr(error)


def workshop(project: str) -> Any:
    """Return the project's workshop, started where it is missing."""
    return _actor(Workshop, "workshop", 8, project)


def _actor(kind: type, part: str, threads: int, project: str, *arguments: object) -> Any:
    """Return the detached actor of that name: a crashed one comes back, and a call made twice is harmless."""
    options = cast("Any", ray.remote(kind)).options(
        name=f"{Workspace.at(project).place}-{part}",
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        max_restarts=-1,
        max_task_retries=-1,
        max_concurrency=threads,
        num_cpus=0,
    )
    return options.remote(project, *arguments)


def do(
    shop: Any,
    key: str,
    flow: str,
    arguments: Mapping[str, Any],
    heard: Callable[[Report], None] | None = None,
) -> Any:
    """Return what `flow` under `key` brought: started where it is unknown, waited for where it runs."""
    call(shop.start.remote(key, flow, arguments))
    return wait(shop, key, flow, arguments, heard)


def wait(
    shop: Any,
    key: str,
    flow: str,
    arguments: Mapping[str, Any],
    heard: Callable[[Report], None] | None = None,
) -> Any:
    """Return what the work under `key` brought, which was started before; where its process died it starts again."""
    starts = 0
    while True:
        try:
            report: Report = call(shop.report.remote(key, 0.5 if heard else POLL_SECONDS))
        except NotFoundError:
            starts += 1
            if starts > STARTS:
                raise UnavailableError(
                    f"the workshop died {starts} times over '{key}'.", remedy="Is there memory enough? See Ray's log."
                ) from None
            call(shop.start.remote(key, flow, arguments))
            continue
        if report.state == "failed" and report.error is not None:
            raise report.error
        if report.state == "done":
            return report.value
        if heard:
            heard(report)


class _Hands:
    """What the coordinator can do, through the workshop and the endpoint's administration."""

    def __init__(self, space: Workspace, project: str, client: EndpointClient, failpoints: Failpoints) -> None:
        self._space = space
        self._project = project
        self._client = client
        self._failpoints = failpoints

    def train(self, decision: Decision) -> tuple[ModelVersion, Spend]:
        shop = workshop(self._project)
        space, key = self._space, f"train:{decision.id}"
        dataset = space.store.head(space.spec.data.table)
        if dataset is None:
            raise NotFoundError(f"{space.name} has no data yet.", remedy="`mlray ingest` takes it in.")
        live = space.models().get(int(str(decision.evidence["version"])))
        model = space.spec.model
        order = Order(
            dataset=dataset,
            now=decision.at,
            trials=model.retrain_trials if live else model.trials,
            warm=self._warm(),
            cause=decision.id,
            live=live,
            fault=str(decision.evidence.get("fault") or ""),
            cpus=cpus(),
        )
        arguments = {"order": order}
        call(shop.start.remote(key, "train", arguments))
        self._failpoints.hit("training")
        trained: Trained = wait(shop, key, "train", arguments)
        return trained.version, trained.spend

    def _warm(self) -> tuple[Trial, ...]:
        """Return the best configurations of this project's earlier sweeps."""
        model = self._space.spec.model
        ours = {version.experiment for version in self._space.models().values()}
        sweeps = [Experiment.from_json(entry.data) for entry in self._space.journal.entries(kind="experiment")]
        return warm_trials(
            [sweep for sweep in sweeps if sweep.id in ours], model.metric, max(1, model.retrain_trials - 1)
        )

    def endpoint(self) -> Endpoint:
        return self._client.endpoint()[0]

    def set_endpoint(self, endpoint: Endpoint) -> Endpoint:
        before = self.endpoint()
        if endpoint == before:
            return endpoint
        after = self._client.set_endpoint(endpoint)
        released(self._space, before, after, self._last_moment())
        return after

    def _last_moment(self) -> datetime:
        """Return the journal's newest moment: the decision that is being carried out has just been written."""
        head = self._space.journal.head()
        return head.at if head else SystemClock().now()

    def alias(self, alias: str, version: int | None) -> None:
        self._space.registry.set_alias(self._space.name, alias, version)


class Coordinator:
    """Watches one project. Its memory is the journal: a restarted process goes on where this one stopped."""

    def __init__(
        self, project: str, url: str, fault: tuple[int, str] | None = None, failpoints: Mapping[str, str] | None = None
    ) -> None:
        """Join the project's endpoint, at first at `url`; `failpoints` name places to die at, for tests.

        Raises:
            UnavailableError: another coordinator watches the same folder, perhaps on another Ray.
        """
        self._project, self._url = project, url
        self._points, self._fault = Failpoints(failpoints), fault
        self._space = Workspace.at(project)
        # Held as long as this process lives: two over one journal would each do what the other has just decided.
        self._held = hold(
            self._space.folder() / "coordinator.lock", patience=HANDOVER, remedy="`mlray stop` ends the other one."
        )
        self._lock, self._busy = Lock(), 0
        self._client, self._watch = self._made()

    def _made(self) -> tuple[EndpointClient, Watch]:
        """Return the client and the loop over the workspace as it is now."""
        project, space = self._project, self._space
        client = EndpointClient(self._url, space.name, read_secret(space.folder("keys"), "coordinator"))
        observer = Observer(
            space,
            challenge=lambda dataset, live, window: self._challenge(project, dataset, live, window),
            flush=client.flush,
        )
        hands = _Hands(space, project, client, self._points)
        senses = Senses(
            observer.facts,
            observer.rollout,
            lambda now: money(space, now),
            lambda state, now: self._crawl(project, space, state, now),
        )
        return client, Watch(space.spec, space.journal, senses, hands, self._points, self._fault)

    @contextmanager
    def _watching(self) -> Iterator[Watch]:
        """Offer the loop; it is renewed only while nobody uses it, as two over one journal would each do the same."""
        with self._lock:
            if not self._busy:
                self._renew()
            self._busy += 1
        try:
            yield self._watch
        finally:
            with self._lock:
                self._busy -= 1

    def _renew(self) -> None:
        """Make the loop anew where the project's files or the endpoint's address have changed."""
        space = self._space.current(self._project)
        try:
            url = address(space)
        except NotFoundError:
            url = self._url
        if space is not self._space or url != self._url:
            self._space, self._url = space, url
            self._client.close()
            self._client, self._watch = self._made()

    @staticmethod
    def _challenge(project: str, dataset: DatasetVersion, live: ModelVersion, window: timedelta) -> Excess:
        key = f"challenge:{dataset.digest}:{live.number}"
        found: Excess = do(workshop(project), key, "challenge", {"dataset": dataset, "live": live, "window": window})
        return found

    @staticmethod
    def _crawl(project: str, space: Workspace, state: State, now: datetime) -> None:
        """Let the workshop look at the sources that are due; that it cannot is a fact as well, not a crash."""
        names = crawler.wanted(space.spec, state, now)
        if names is None:
            return
        try:
            do(
                workshop(project),
                f"crawl:{now.isoformat()}",
                "crawl",
                {"now": now, "sources": names, "scheduled": True},
            )
        except MlrayError as error:
            crawler.failed(space, names, now, error.problem)

    def tick(self, now: datetime) -> int:
        """Do everything that is due at `now`; return the journal's place after it."""
        with self._watching() as watch:
            return watch.tick(now).seq

    def release(self, decision: Decision) -> int:
        """Carry out what a person decided; return the journal's place after it."""
        with self._watching() as watch:
            return watch.release(decision).seq

    def pid(self) -> int:
        """Return the number of the process that this actor runs in."""
        return os.getpid()


def coordinator(
    project: str, url: str, fault: tuple[int, str] | None = None, failpoints: Mapping[str, str] | None = None
) -> Any:
    """Return the project's coordinator, started where it is missing: one per project, and a crashed one comes back."""
    return _actor(Coordinator, "coordinator", 2, project, url, fault, failpoints)


def tick(project: str, watcher: Any, now: datetime, heard: Callable[[Report], None] | None = None) -> None:
    """Let the coordinator look at `now`, passing on how far the work has come that it waits for."""
    reference = watcher.tick.remote(now)
    shop = None
    while heard and not ray.wait([reference], timeout=0.5)[0]:
        shop = shop or workshop(project)
        report = call(shop.latest.remote())
        if report is not None:
            heard(report)
    call(reference)


def end(project: str) -> None:
    """End the project's actors; other projects' stay."""
    place = Workspace.at(project).place
    for part in ("coordinator", "workshop"):
        try:
            ray.kill(ray.get_actor(f"{place}-{part}", namespace=NAMESPACE), no_restart=True)
        except ValueError:  # there is none
            continue


def alone() -> bool:
    """Return whether the cluster is this machine alone, so that a port that is free here is free for a replica."""
    here = cast("Any", ray).get_runtime_context().get_node_id()
    return all(node["NodeID"] == here for node in cast("Any", ray).nodes() if node["Alive"])


def cpus() -> int:
    """Return how many CPUs the cluster has; UnavailableError when we are not joined to one."""
    if not ray.is_initialized():
        raise UnavailableError("not joined to a Ray.", remedy="Call Project.connect() first.")
    return int(cast("Any", ray).cluster_resources().get("CPU", 1))
