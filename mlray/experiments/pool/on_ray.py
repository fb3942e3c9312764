"""A pool of lanes: one Tuner whose searcher hands out the jobs of whatever sweeps come."""

import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any, cast

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import NoopStopper
from ray.tune.utils.object_cache import _ObjectCache

from mlray.clock import SystemClock
from mlray.errors import UnavailableError
from mlray.experiments._course import Course
from mlray.experiments.lanes._job import Cargo, Job, Task
from mlray.experiments.lanes.on_ray import Lane
from mlray.experiments.pool._hall import Hall, Slot
from mlray.ids import new_id
from mlray.leases.on_ray import Desk

__all__ = ["Pool", "Shape", "close_pools", "pool_for", "room"]

_FAST = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # else CSV, JSON and TensorBoard files for every trial
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",  # a sweep is taken up from its own journal, not from Tune's
    "TUNE_WARN_THRESHOLD_S": "60",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C belongs to the program, not to Tune
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_MAX_PENDING_TRIALS_PG": "1000000",  # the hall gives out a job per lane, and no more
}

LOOK_EVERY = 5.0
"""Seconds between two looks which nodes there are."""


@dataclass(frozen=True)
class Shape:
    """What one lane needs of its node."""

    cpus: float = 1.0
    """Threads of all its trainings together."""
    gpus: float = 0.0
    width: int = 1
    """Trainings side by side that share the prepared rows."""


class Pool:
    """Lanes of one shape. Tune runs in a thread of its own; sweeps attach, are worked for, and leave."""

    def __init__(self, shape: Shape, keep: float) -> None:
        """Start the lanes at once; they stay for `keep` seconds after the last sweep."""
        self.shape, self.name = shape, new_id("pool")
        self.hall = Hall(self.name, _slots(shape), keep)
        self.desk = Desk()
        self.error: BaseException | None = None
        self._started, self._ended = Event(), Event()
        self._thread = Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether it still takes sweeps."""
        return not self.hall.closed and not self._ended.is_set()

    def attach(self, course: Course, task: Task, keep: float) -> bool:
        """Let the lanes work for `course`; False when the pool has closed."""
        self.hall.keep = keep
        return self.hall.attach(course, task)

    def wake(self) -> None:
        """Let resting lanes ask for work."""
        self.desk.wake(self.name)

    def close(self, patience: float = 20.0) -> None:
        """End the lanes."""
        self.hall.close()
        if not self._ended.is_set():
            self.wake()
            self._ended.wait(patience)

    def gone(self, seconds: float = 0.0) -> bool:
        """Return whether Tune has ended, after at most `seconds`."""
        return self._ended.wait(seconds)

    def _run(self) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="mlray-pool-", ignore_cleanup_errors=True) as folder, _quiet_logs():
                self._tune(folder)
        except BaseException as error:  # noqa: BLE001 (whoever waits for the lanes must hear of it)
            self.error = error
        finally:
            self.hall.close()
            self._ended.set()

    def _tune(self, folder: str) -> None:
        conductor = _Conductor(self.hall, lambda: _slots(self.shape), self._started)
        tuner = tune.Tuner(
            Lane,
            param_space={"gpus": self.shape.gpus},
            tune_config=tune.TuneConfig(
                search_alg=conductor,
                scheduler=_Scheduler(self.hall),
                metric="score",
                mode="max",
                num_samples=-1,
                reuse_actors=True,
                trial_name_creator=str,
                trial_dirname_creator=lambda trial: str(trial.trial_id),
            ),
            run_config=tune.RunConfig(
                name=self.name,
                storage_path=folder,
                verbose=0,
                stop=_Closed(self.hall),
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            ),
        )
        with _settings(self._started):
            tuner.fit()


_starting = Lock()
_pools: dict[tuple[str, Shape], Pool] = {}
_lock = Lock()


def pool_for(shape: Shape, keep: float) -> Pool:
    """Return this process's pool of that shape on the Ray it is joined to, started where it is missing."""
    # Asked without a connection, Ray would quietly start a cluster of its own.
    if not ray.is_initialized():
        raise UnavailableError("A sweep runs on Ray; this process is not connected to one.", remedy="Call `ray.init`.")
    at = cast("Any", ray).get_runtime_context().gcs_address
    with _lock:
        found = _pools.get((at, shape))
        if found is None or not found.alive:
            found = _pools[(at, shape)] = Pool(shape, keep)
        return found


def close_pools() -> None:
    """End all lanes that this process keeps warm."""
    with _lock:
        pools = list(_pools.values())
        _pools.clear()
    for pool in pools:
        pool.close()


def room(shape: Shape) -> int:
    """Return for how many lanes of that shape there is room now; one at least, since nodes may come up."""
    return len(_slots(shape))


def _slots(shape: Shape) -> list[Slot]:
    """Return room for lanes: as many on each node as its CPUs and GPUs can keep busy."""
    nodes = [node for node in cast("Any", ray).nodes() if node["Alive"]]
    several = len(nodes) > 1
    slots = []
    for node in nodes:
        has, name = node["Resources"], node["NodeID"]
        room = int(has.get("CPU", 0) / shape.cpus)
        if shape.gpus:
            room = min(room, int(has.get("GPU", 0) / shape.gpus + 1e-9))
        slots += [Slot(f"{name[:8]}/{n}", name if several else "") for n in range(room)]
    return slots or [Slot("any/0")]  # a cluster whose workers have yet to come up


@contextmanager
def _settings(started: Event) -> Iterator[None]:
    """Lend Tune its settings: it reads them from the environment while it starts, and they are put back after that."""
    # One at a time: of two that overlap the second would put back what the first has lent.
    _starting.acquire()
    before = {name: os.environ.get(name) for name in _FAST}
    os.environ.update(_FAST)

    def back() -> None:
        started.wait()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        _starting.release()

    # Filters are the whole process's: one that stays is harmless, and one that is put back undoes those of others.
    warnings.filterwarnings("ignore", module=r"ray\.(tune|air|train)")
    thread = Thread(target=back, daemon=True)
    thread.start()
    try:
        yield
    finally:
        started.set()
        thread.join()


@contextmanager
def _quiet_logs() -> Iterator[None]:
    logger = logging.getLogger("ray.tune")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


class _Kept(_ObjectCache):
    """Keeps every lane that has nothing to do until its next job, whichever node it is on.

    Tune's own keeps one at most while a trial of another node waits, and ends the others.
    """

    def cache_object(self, key: Any, obj: Any) -> bool:
        self._cached_objects[key].append(obj)
        self._num_cached_objects += 1
        return True

    def flush_cached_objects(self, force_all: bool = False) -> Generator[Any, None, None]:  # noqa: FBT001, FBT002 (Tune's signature)
        if force_all:
            yield from super().flush_cached_objects(force_all=True)


class _Closed(tune.Stopper):
    """Ends Tune at once when the pool has closed: a lane may be waiting for a node that never comes back."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002
        return False

    def stop_all(self) -> bool:
        return self._hall.closed and self._hall.idle

    def __deepcopy__(self, memo: object) -> "_Closed":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the hall behind, as the searcher does."""
        return (NoopStopper, ())


class _Conductor(Searcher):
    """Tune's searcher: every suggestion is the next job of a lane."""

    def __init__(self, hall: Hall, slots: Callable[[], Sequence[Slot]], started: Event) -> None:
        super().__init__(metric="score", mode="max")
        self._hall, self._slots, self._started = hall, slots, started
        self._clock = SystemClock()
        self._looked = self._clock.ticks()
        self._cargoes: dict[str, Cargo] = {}

    def suggest(self, trial_id: str) -> Any:
        self._started.set()
        self._sync()
        job = self._hall.next(trial_id)
        if job is None:
            return Searcher.FINISHED if self._hall.closed else None
        cargo = self._cargoes[trial_id] = Cargo(job.lane, job)
        return {"job": cargo, "node": self._hall.node_of(trial_id)}

    def _sync(self) -> None:
        """Look which nodes there are, now and then."""
        if self._clock.ticks() - self._looked < LOOK_EVERY and not self._hall.doubtful:
            return
        self._looked = self._clock.ticks()
        self._hall.sync(self._slots())

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Do nothing: the scheduler has listened already."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:  # noqa: FBT001, FBT002
        cargo = self._cargoes.pop(trial_id, None)
        if cargo is not None:
            # Tune keeps every trial's configuration as long as the pool is up: the rows are not to stay with it.
            cargo.job = Job(cargo.job.lane, cargo.job.pool)
        if error or result is None:
            self._hall.lost(trial_id)
        else:
            self._hall.returned(trial_id, result["shown"])
            self._hall.ended(trial_id, result["shown"])

    def __getstate__(self) -> dict[str, Any]:
        """Leave everything behind: Tune pickles its searcher, and who listens to progress need not be picklable."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Keep nothing: a sweep is taken up from its journal."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""


class _Scheduler(FIFOScheduler):
    """Tune's scheduler: passes on what lanes show while they work, and ends what nobody wants any more."""

    def __init__(self, hall: Hall) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._hall = hall

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """Choose nobody: Tune takes pending trials in their order by itself.

        Told to run the one whose lane still boots, it would give it the first lane that comes free and end the one that
        boots, over and over. Asked at every step, this is also where Tune learns to keep lanes and to forget nodes.
        """
        controller = tune_controller._tune_controller  # noqa: SLF001 (no public way leads there; Ray's version is pinned)
        if not isinstance(controller._actor_cache, _Kept):  # noqa: SLF001
            controller._actor_cache = _Kept()  # noqa: SLF001
        gone = self._hall.take_gone()
        for trial in [trial for trial in controller._pending_trials if trial.trial_id in gone]:  # noqa: SLF001
            controller.stop_trial(trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:  # noqa: ARG002
        return TrialScheduler.CONTINUE if self._hall.told(trial.trial_id, result["shown"]) else TrialScheduler.STOP

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """Do nothing: the conductor closes the job."""

    def __getstate__(self) -> dict[str, Any]:
        """Leave the hall behind."""
        return {}
