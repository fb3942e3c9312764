"""A sweep on Ray Tune: lanes that stay, packs of configurations, leases, and the first results while lanes boot."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import ray

from mlray.errors import InputError, UnavailableError
from mlray.experiments._begin import Wanted, begin, finish
from mlray.experiments._course import GRACE, Course
from mlray.experiments._here import Threads, cores
from mlray.experiments._leased import Leased
from mlray.experiments._plan import SweepProgress
from mlray.experiments._problem import Problem
from mlray.experiments._work import Worker, side_by_side
from mlray.experiments.lanes._job import Task
from mlray.experiments.pool.on_ray import Pool, Shape, close_pools, pool_for, room
from mlray.leases import Resources, Terms
from mlray.leases.on_ray import Desk
from mlray.records import Experiment
from mlray.spec import Model

__all__ = ["close_pools", "sweep_on_ray"]

THREAD_CPU = 0.9
"""What a lane asks of a lease per thread: room is left for the small shares that endpoints hold on the same CPUs."""
WANT_EVERY = 5.0
"""Seconds between two words to the broker on how many lanes the sweep could use."""
TICK = 0.5
"""Seconds between two looks at time, money and the command to stop."""
PATIENCE = 900.0
"""Seconds that a sweep waits for its first lane: a cluster that grows from nothing takes minutes."""
STARTS = 3
"""How often lanes are started again after Tune itself has failed."""


def sweep_on_ray(
    problem: Problem,
    model: Model,
    wanted: Wanted,
    *,
    tenant: str = "default",
    terms: Terms | None = None,
    keep: float = 0.0,
) -> Experiment:
    """Search on the Ray that this process is joined to, and return all that was tried.

    Lanes claim next to nothing from Ray and ask `tenant`'s lease before each pack. While they boot, this process trains
    the first configurations itself, where its node has CPUs. They stay warm for `keep` seconds after the sweep. Works
    inside an actor's thread.

    Raises:
        SpecError: a fault in the space, before anything starts.
        InputError: every trial failed.
        UnavailableError: this process is not connected to a Ray, or no lane could be kept up.
        OverBudget: money or time was gone before any score, or the budget does not pay a single trial.
    """
    if not ray.is_initialized():
        raise UnavailableError("A sweep runs on Ray; this process is not connected to one.", remedy="Call `ray.init`.")
    shape = _shape(problem, model)
    task = _task(problem, model, wanted, tenant, shape)
    _check_terms(Desk(), task, terms)
    lanes = max(1, min(room(shape) * shape.width, wanted.trials))
    course = begin(problem, model, replace(wanted, lanes=lanes))
    try:
        # A lane holds its GPU for real: kept without work it would keep others from theirs.
        keep = 0.0 if shape.gpus else keep
        pool = pool_for(shape, keep)
        _work(course, pool, task, keep, _first(course, pool, task, problem))
        course.raise_fault()
    except BaseException:
        course.stop("it was interrupted")
        course.close()
        raise
    return finish(course, model)


def _shape(problem: Problem, model: Model) -> Shape:
    """Return what one lane is: a process per training, or one per node with threads where the rows fit only once."""
    if model.gpus_per_lane:
        return Shape(cpus=model.threads, gpus=model.gpus_per_lane)
    nodes = [
        node["Resources"] for node in cast("Any", ray).nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
    ]
    widths = [side_by_side(problem, n["CPU"], n.get("memory", math.inf), model.threads) for n in nodes]
    # Lanes of one pool are alike: where one node needs threads, each gets as many as the smallest has room for.
    room_for = min((max(1, int(n["CPU"] // model.threads)) for n in nodes), default=1)
    width = room_for if max(widths, default=1) > 1 else 1
    largest = max((node["CPU"] for node in nodes), default=math.inf)
    if model.threads > largest:
        raise InputError(
            f"A lane of {model.threads} threads has no room: the largest node has {largest:g} CPUs.",
            remedy="Lower model.threads.",
        )
    return Shape(cpus=model.threads * width, width=width)


def _check_terms(desk: Desk, task: Task, terms: Terms | None) -> None:
    """Claim the tenant's terms, and refuse what they could never grant, before anything starts."""
    try:
        force = desk.claim(task.tenant, terms or Terms())
    except UnavailableError:  # a lost referee stops no game
        return
    most = force.maximum
    if most is not None and (task.need.cpu > most.cpu or task.need.gpu > most.gpu):
        raise InputError(
            f"A lane needs {task.need.cpu:g} CPUs and {task.need.gpu:g} GPUs at once, and '{task.tenant}' may hold"
            f" {most.cpu:g} and {most.gpu:g} at most.",
            remedy="Raise sharing.maximum, or lower model.threads or model.gpus.",
        )


def _task(problem: Problem, model: Model, wanted: Wanted, tenant: str, shape: Shape) -> Task:
    return Task(
        sweep=wanted.name,
        key=problem.key,
        rows=ray.put(problem),
        rounds=model.rounds,
        threads=model.threads,
        width=shape.width,
        early=wanted.halving,
        objectives=tuple(model.objectives),
        device=model.device,
        trainers=tuple(model.trainers),
        tenant=tenant,
        need=Resources(cpu=THREAD_CPU * shape.cpus, gpu=shape.gpus),
        backed=shape.gpus > 0,
    )


def _first(course: Course, pool: Pool, task: Task, problem: Problem) -> Threads | None:
    """Start lanes in this process until the pool's are up; None where they are, or where this is no place to work."""
    if pool.hall.ready or task.backed or not _room_here():
        return None
    worker = Worker(problem, task.rounds, threads=task.threads, early=task.early, objectives=task.objectives)
    width = max(1, min(cores() // task.threads, pool.hall.lanes * task.width))
    need = Resources(cpu=THREAD_CPU * task.threads)
    leases = [Leased(pool.desk, task.tenant, task.sweep, f"driver-{n}", need, backed=False) for n in range(width)]
    return Threads(
        course,
        worker,
        width,
        until=lambda: pool.hall.ready * task.width >= width,
        leases=leases,
        # Ray's workers run at 15: at our own priority the threads of this process would keep them from booting.
        nice=19,
    )


def _room_here() -> bool:
    """Return whether Ray counts CPUs on this node: a head that is to stay free of work has none."""
    here = cast("Any", ray).get_runtime_context().get_node_id()
    return any(
        node["Resources"].get("CPU", 0) >= 1
        for node in cast("Any", ray).nodes()
        if node["NodeID"] == here and node["Alive"]
    )


def _work(course: Course, pool: Pool, task: Task, keep: float, first: Threads | None) -> None:
    """Wait until the sweep is over; lanes that Tune has lost altogether are started again."""
    starts = 0
    while not course.ended.is_set():
        if not pool.attach(course, task, keep):
            pool = pool_for(pool.shape, keep)
            continue
        try:
            _attend(course, pool, task)
        finally:
            pool.hall.detach(course)
        if course.ended.is_set():
            break
        starts += 1
        if starts > STARTS:
            raise UnavailableError(
                f"the lanes could not be kept up: {pool.error}.", remedy="See Ray's log."
            ) from pool.error
        pool = pool_for(pool.shape, keep)
    if first is not None:
        first.join(patience=GRACE)
    _want(course.tick(), course, pool, task)


def _attend(course: Course, pool: Pool, task: Task) -> None:
    """Look at the sweep's limits now and then, until it is over or Tune has ended."""
    _tell(pool.wake)
    wanted, waited = 0.0, 0.0
    while not course.ended.wait(TICK) and not pool.gone():
        seen = course.tick()
        if course.now - wanted >= WANT_EVERY:
            wanted = course.now
            _want(seen, course, pool, task)
        waited = 0.0 if seen.done or seen.running else waited + TICK
        if waited > PATIENCE:
            raise UnavailableError(
                f"No lane came up within {PATIENCE:.0f} s; each needs {task.need.cpu:g} CPUs, {task.need.gpu:g} GPUs.",
                remedy="Is there such a node, and is it free? `ray status` tells; see model.gpus and model.threads.",
            )


def _want(seen: SweepProgress, course: Course, pool: Pool, task: Task) -> None:
    """Say how many lanes could be used, so that a cluster grows as far as the money goes."""
    left = 0 if course.ended.is_set() else max(0, seen.trials - seen.done)
    price = course.sweep.plan.price_per_lane_second or None
    _tell(
        lambda: pool.desk.want(
            task.tenant, task.sweep, left, task.need, money_left=seen.money_left, price_per_second=price
        )
    )


def _tell(word: Callable[[], object]) -> None:
    """Say something to the broker; a sweep goes on without it."""
    with suppress(UnavailableError):
        word()
