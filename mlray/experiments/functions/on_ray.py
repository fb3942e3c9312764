"""A user's function or Tune trainable on plain Ray Tune: one configuration per trial, each under a lease."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from typing import Any, cast

import ray
from ray import tune
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler
from ray.tune.search import SearchAlgorithm, Searcher, SearchGenerator

from mlray.clock import SystemClock
from mlray.errors import InputError, UnavailableError
from mlray.experiments._command import forget_stop, stop_asked
from mlray.experiments._plan import Done, Wait
from mlray.experiments._quiet import FAST, quietly
from mlray.experiments._sweep import Sweep
from mlray.experiments.after._importance import importance
from mlray.experiments.functions._course import NODE, Course
from mlray.experiments.functions._needs import Needs, fewest, needs_of, slots
from mlray.experiments.functions._reports import Reports
from mlray.experiments.functions.trial.on_ray import Hold, leased, resources, trainable
from mlray.experiments.tune.on_ray import nested
from mlray.leases import Terms
from mlray.leases.on_ray import Desk
from mlray.ports import Progress
from mlray.records import Experiment

__all__ = ["Job", "moves", "needs", "room", "run", "trainable"]

BEAT = 1.0
"""Seconds between two looks at time, money and commands while trials say nothing."""
WANT = 8.0
"""Seconds between two words to the autoscaler."""


@dataclass(frozen=True)
class Job:
    """What is run, and how."""

    function: Any
    """A function of one argument, the configuration, that calls `ray.tune.report`; or a `ray.tune.Trainable` class."""
    reports: Reports
    needs: Needs = field(default_factory=Needs)
    scheduler: TrialScheduler | None = None
    """Any of Tune's; without one every trial runs to its end."""
    ends: Mapping[str, float] = field(default_factory=dict)
    """Figure → value at which a trial is complete, such as `{"training_iteration": 10}`."""
    tenant: str = "default"
    terms: Terms | None = None
    reuse: bool = False
    """Whether a process takes one trial after another: quicker, but what a function leaves behind stays."""
    keep: int = 1
    """Of so many of the best trials the folder stays, with their checkpoints."""


def needs(resources: object) -> Needs:
    """Return what a trial needs; also of a `ray.tune.PlacementGroupFactory`. InputError as of `needs_of`."""
    if isinstance(resources, tune.PlacementGroupFactory):
        found = needs_of([bundle for bundle in resources.bundles if bundle])
        return Needs(found.bundles, resources.strategy)
    return needs_of(resources)


def room(needs: Needs) -> int:
    """Return how many trials fit side by side on the Ray that is joined; InputError as `slots` raises it."""
    return slots(needs, _nodes().values())


def moves(scheduler: object) -> bool:
    """Return whether `scheduler` changes parameters while trials run, as population based training does."""
    return isinstance(scheduler, PopulationBasedTraining)


def run(job: Job, state: Sweep, *, folder: Path | None, progress: Progress, began: float = 0.0) -> Experiment:
    """Run the sweep `state` over the job's function on the Ray that this process is connected to.

    Args:
        job: What is run.
        state: The sweep, fresh or taken up from its journal; its plan hands out single configurations.
        folder: Where trials keep their checkpoints, below a folder of the sweep's name; a temporary one without it.
        progress: Hears how far it is.
        began: Seconds that the sweep has behind it already.

    Raises:
        InputError: the function or its resources cannot be, or every trial failed.
        OverBudget: time or money was gone before any score.
        UnavailableError: this process is not connected to a Ray.
    """
    if not ray.is_initialized():
        raise UnavailableError("A sweep runs on Ray; this process is not connected to one.", remedy="Call `ray.init`.")
    clock, origin = SystemClock(), SystemClock().ticks()
    journal = folder / f"{state.plan.name}.jsonl" if folder else None
    conductor = _Conductor(job, state, journal, progress, lambda: began + clock.ticks() - origin)
    hold = Hold(job.tenant, state.plan.name, job.needs)
    scheduler = job.scheduler or cast("Any", tune.schedulers).FIFOScheduler()
    scheduler.set_search_properties(job.reports.metric, "max" if state.plan.higher else "min")
    settings = {
        **FAST,
        "TUNE_MAX_PENDING_TRIALS_PG": str(conductor.slots),
        "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a trial that fails has no score to report
    }
    with _place(folder) as storage, quietly(settings):
        tune.Tuner(
            leased(trainable(job.function), hold),
            tune_config=tune.TuneConfig(
                search_alg=_Handing(_Asking(conductor)),
                scheduler=scheduler,
                num_samples=-1,
                reuse_actors=job.reuse,
                trial_name_creator=_name,
                trial_dirname_creator=_dirname(conductor),
            ),
            run_config=tune.RunConfig(
                name=state.plan.name,
                storage_path=str(storage),
                verbose=0,
                stop=_Stopping(conductor),
                failure_config=tune.FailureConfig(max_failures=0),
            ),
        ).fit()
        conductor.close(storage / state.plan.name)
    experiment = state.experiment(conductor.now())
    return replace(experiment, importance=importance(experiment.trials, higher=state.plan.higher))


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="mlray-sweep-") as made:
        yield Path(made)


def _name(trial: Any) -> str:
    return str(trial.trial_id)


def _dirname(conductor: "_Conductor") -> Callable[[Any], str]:
    # A function, and no method: Tune makes deep copies of whatever has one bound to it.
    return lambda trial: str(conductor.course.number(trial.trial_id))


class _Conductor:
    """What Tune's searcher and stopper share."""

    def __init__(
        self, job: Job, state: Sweep, journal: Path | None, progress: Progress, now: Callable[[], float]
    ) -> None:
        ends = {**_ends(job.scheduler), **job.ends}
        self.course = Course(state, job.reports, ends=ends, moving=moves(job.scheduler))
        self.now = now
        self._job, self._state, self._progress, self._desk = job, state, progress, Desk()
        self._journal = journal
        self._nodes = _nodes()
        self.slots = slots(job.needs, self._nodes.values())
        self._beat_at = self._want_at = -BEAT
        self._allowed = self.slots
        if job.terms is not None:
            self._desk.claim(job.tenant, job.terms)

    def __getstate__(self) -> dict[str, Any]:
        """Leave everything behind: Tune pickles what names its trials' folders, for a resume that is not its own."""
        return {}

    def ask(self, name: str) -> Any:
        """Return Tune's configuration of the next trial, None while there is no room, or Tune's word for the end."""
        if self.course.running >= min(self.slots, self._allowed):
            return None
        pinned = len(self._nodes) > 1 and not self._job.needs.claimed
        node = fewest(self._job.needs, self._nodes, self.course.taken()) if pinned else ""
        params = self.course.ask(name, self.now(), node)
        if isinstance(params, Wait):
            return None
        if isinstance(params, Done):
            return Searcher.FINISHED
        return {**nested(params), NODE: node}

    def beat(self) -> bool:
        """Return whether all is to end; looked at about once a second."""
        now = self.now()
        if now - self._beat_at < BEAT:
            return False
        self._beat_at = now
        if self._asked_to_stop():
            self._state.stop()
        self._nodes = _nodes() or self._nodes
        with suppress(InputError):
            self.slots = slots(self._job.needs, self._nodes.values())
        over = self.course.beat(now, self._working())
        self._want(now)
        self.tell()
        return over

    def _asked_to_stop(self) -> bool:
        return (self._journal is not None and stop_asked(self._journal)) or self._desk.stopped(self._state.plan.name)

    def _working(self) -> set[str] | None:
        """Return who is known to hold a lease, None where that is not known; asked only where money depends on it."""
        if self._state.plan.budget is None:
            return None
        try:
            tenants = self._desk.usage().tenants
        except UnavailableError:  # the broker comes back by itself, and the sweep goes on meanwhile
            return None
        found = [sweep for tenant in tenants for sweep in tenant.sweeps]
        held = sum(sweep.lanes for sweep in found if sweep.name == self._state.plan.name)
        return self.course.names if held >= self.course.running else None

    def _want(self, now: float) -> None:
        if now - self._want_at < WANT:
            return
        self._want_at = now
        progress = self._state.progress(now)
        left = progress.trials - progress.done
        self._allowed = max(
            1,
            self._desk.want(
                self._job.tenant,
                self._state.plan.name,
                left,
                resources(self._job.needs),
                money_left=progress.money_left,
                price_per_second=self._state.plan.price_per_lane_second or None,
            ),
        )

    def tell(self) -> None:
        """Let whoever listens know how far it is."""
        found = self._state.progress(self.now())
        self._progress(found.done, found.trials, str(found))
        also = getattr(self._progress, "sweep", None)
        if also is not None:
            also(found)

    def close(self, storage: Path) -> None:
        """Close what the end of the sweep cut off, and clean up."""
        self.course.close(self.now())
        self.tell()
        self._desk.want(self._job.tenant, self._state.plan.name, 0, resources(self._job.needs))
        if self._journal is not None:
            forget_stop(self._journal)
        sign = -1.0 if self._state.plan.higher else 1.0
        scored = [trial for trial in self._state.trials() if trial.score is not None]
        best = sorted(scored, key=lambda trial: sign * (trial.score or 0.0))[: self._job.keep]
        kept = {str(trial.number) for trial in best}
        for place in storage.iterdir() if storage.is_dir() else ():
            if place.is_dir() and place.name.isdecimal() and place.name not in kept:
                rmtree(place, ignore_errors=True)


class _Asking(Searcher):
    """Tune's searcher: hands out configurations."""

    def __init__(self, conductor: _Conductor) -> None:
        super().__init__(metric="score", mode="max")
        self._conductor = conductor

    def suggest(self, trial_id: str) -> Any:
        return self._conductor.ask(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        # What a function raises comes as a result: an error here means that its process or node is gone.
        self._conductor.course.ended(trial_id, self._conductor.now(), died=error)
        self._conductor.tell()

    def __deepcopy__(self, memo: object) -> "_Asking":
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leave everything behind: Tune pickles its searcher, and who listens to progress need not be picklable."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Keep nothing: the journal has it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""


class _Handing(SearchAlgorithm):
    """Tune's own `SearchGenerator` under another name: population based training refuses whatever has that one.

    It takes it for a search that would learn from scores that belong to other parameters; ours knows (`moves`).
    """

    def __init__(self, asking: _Asking) -> None:
        self._within: Any = SearchGenerator(asking)

    @property
    def total_samples(self) -> int:
        return int(self._within.total_samples)

    def add_configurations(self, experiments: Any) -> None:
        self._within.add_configurations(experiments)

    def next_trial(self) -> Any:
        return self._within.next_trial()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        self._within.on_trial_result(trial_id, result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:  # noqa: FBT001, FBT002
        self._within.on_trial_complete(trial_id, result, error)

    def is_finished(self) -> bool:
        return bool(self._within.is_finished())

    def set_finished(self) -> None:
        self._within.set_finished()


class _Stopping(tune.Stopper):
    """Tune's stopper: hears every result first, and ends trials, or all of them."""

    def __init__(self, conductor: _Conductor) -> None:
        self._conductor = conductor

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return not self._conductor.course.heard(trial_id, result, self._conductor.now())

    def stop_all(self) -> bool:
        return self._conductor.beat()

    def __deepcopy__(self, memo: object) -> "_Stopping":
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {}


def _ends(scheduler: object) -> dict[str, float]:
    """Return where a scheduler such as ASHA takes a trial for complete; nothing for one that does not tell."""
    key, most = getattr(scheduler, "_time_attr", None), getattr(scheduler, "_max_t", None)
    return {str(key): float(most)} if key and isinstance(most, int | float) else {}


def _nodes() -> dict[str, Mapping[str, float]]:
    """Return the living nodes and what each has in all; the resource that names a node is its key."""
    found: dict[str, Mapping[str, float]] = {}
    for node in cast("Any", ray).nodes():
        if node["Alive"]:
            key = next((name for name in node["Resources"] if name.startswith("node:") and "internal" not in name), "")
            found[key or str(node["NodeID"])] = node["Resources"]
    return found
