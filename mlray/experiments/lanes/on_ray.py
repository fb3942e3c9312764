"""A lane: one process that Tune keeps for pack after pack, with the prepared rows in memory."""

import contextlib
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import ray
from ray import tune

from mlray.clock import SystemClock
from mlray.errors import InputError, MlrayError
from mlray.experiments._leased import Leased
from mlray.experiments._orders import Shown
from mlray.experiments._work import Worker, merged
from mlray.experiments.lanes._job import Cargo, Job, Task
from mlray.leases.on_ray import Desk

__all__ = ["Lane"]

CLAIM = 0.001
"""CPUs that a lane claims from Ray: what it really uses, it asks a lease for."""
NODE = "ray.io/node-id"
"""The label by which Ray knows each node."""
TELL_EVERY = 2.0
"""Seconds of work after which a lane reports, where nobody waits for each rung."""
KEPT = 2
"""Problems whose prepared rows a lane keeps: the one of the sweep at hand, and the one before."""


class Lane(tune.Trainable):
    """Takes one job after the other. It claims next to nothing from Ray; what it uses it asks a lease for."""

    _workers: ClassVar[dict[str, Worker]] = {}
    _desk: ClassVar[Desk | None] = None

    @classmethod
    def default_resource_request(cls, config: Mapping[str, Any]) -> tune.PlacementGroupFactory:
        """Return what a lane claims: a trace of CPU, its GPUs, and its place, where there are several nodes."""
        bundle: dict[str, float] = {"CPU": CLAIM}
        if config.get("gpus"):
            bundle["GPU"] = config["gpus"]
        place: dict[str, Any] = {"bundle_label_selector": [{NODE: config["node"]}]} if config.get("node") else {}
        return tune.PlacementGroupFactory([bundle], **place)

    def setup(self, config: dict[str, Any]) -> None:
        """Begin with the first job."""
        self._stream: Iterator[Shown] | None = None
        self._permit: Leased | None = None
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin with another job in the same process: no start, no binning."""
        self._begin(new_config)
        return True

    def cleanup(self) -> None:
        """Give back what is held."""
        self._leave()

    def _begin(self, config: dict[str, Any]) -> None:
        self._leave()
        cargo: Cargo = config["job"]
        self._job = cargo.job

    def _leave(self) -> None:
        """Drop what is under way: Tune ends a trial between two steps, without a word."""
        stream, self._stream = getattr(self, "_stream", None), None
        if stream is not None:
            stream.close()
        permit, self._permit = getattr(self, "_permit", None), None
        if permit is not None:
            permit.give()

    def step(self) -> dict[str, Any]:
        """Work until something is to be told.

        A failure is a result, not an exception: Tune would end the process, and the next trial would wait for another.
        """
        job = self._job
        if job.task is None:
            self._rest(job)
            return _told((), done=True)
        if job.pack is None:
            self._get_ready(job.task)
            return _told((), done=True)
        if self._stream is None:
            try:
                started = self._start(job)
            except InputError as never:  # a lease that nobody could ever grant
                return _told([Shown(o.number, done=True, error=str(never)) for o in job.pack.orders], done=True)
            if not started:
                back = [Shown(order.number, done=True, returned=True) for order in job.pack.orders]
                return _told(back, done=True)
        return self._work(job)

    def _rest(self, job: Job) -> None:
        if job.patience > 0:
            with contextlib.suppress(MlrayError):
                self.desk().rest(job.pool, job.patience)

    def _get_ready(self, task: Task) -> None:
        """Import and prepare before the first pack; what goes wrong here is told by the order that meets it again."""
        with contextlib.suppress(Exception):
            worker = self._worker(task)
            for name in task.trainers:
                worker.prepare(name)

    def _start(self, job: Job) -> bool:
        """Take a lease and begin the pack; False when no lease was to be had."""
        task, pack = job.task, job.pack
        if task is None or pack is None:
            return False
        who = f"{job.lane}#{os.getpid()}@{socket.gethostname()}"
        permit = Leased(self.desk(), task.tenant, task.sweep, who, task.need, backed=task.backed)
        if not permit.take(job.patience):
            return False
        self._permit = permit
        self._stream = self._worker(task).work(pack, permit)
        return True

    def _work(self, job: Job) -> dict[str, Any]:
        """Return what was shown within a few seconds, or at once where each rung is waited for."""
        clock = SystemClock()
        until = clock.ticks() + (0.0 if job.pack is not None and job.pack.stream else TELL_EVERY)
        told = []
        for shown in self._stream or ():
            told.append(shown)
            if clock.ticks() >= until:
                return _told(told, done=False)
        self._leave()
        return _told(told, done=True)

    @classmethod
    def _worker(cls, task: Task) -> Worker:
        """Return the worker over the task's rows, made on first use; the oldest is dropped."""
        key = f"{task.key}/{task.rounds}/{task.threads}/{task.width}/{task.early}/{task.objectives}/{task.device}"
        worker = cls._workers.pop(key, None)
        if worker is None:
            problem = ray.get(task.rows)
            worker = Worker(
                problem,
                task.rounds,
                threads=task.threads,
                width=task.width,
                early=task.early,
                objectives=task.objectives,
                device=task.device,
            )
        cls._workers[key] = worker
        while len(cls._workers) > KEPT:
            del cls._workers[next(iter(cls._workers))]
        return worker

    @classmethod
    def desk(cls) -> Desk:
        """Return this process's desk."""
        if cls._desk is None:
            cls._desk = Desk()
        return cls._desk

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Keep nothing: what a lane had is done again by another."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Load nothing."""


def _told(shown: Sequence[Shown], *, done: bool) -> dict[str, Any]:
    """Return a Tune result; the list is emptied by whoever reads it, since Tune keeps every trial's last result."""
    return {"score": 0.0, "shown": list(merged(shown)), "done": done}
