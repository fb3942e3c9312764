"""A sweep on Ray Tune: lanes that stay, packs of configurations, leases, and the first results while lanes boot."""

import math
from dataclasses import replace
from typing import Any, cast

import ray

from mlray.errors import UnavailableError
from mlray.experiments._begin import Wanted, begin, finish
from mlray.experiments._course import Course
from mlray.experiments._here import Threads, cores
from mlray.experiments._leased import Leased
from mlray.experiments._problem import Problem
from mlray.experiments._work import Worker, side_by_side
from mlray.experiments.lanes._job import Task
from mlray.experiments.pool.on_ray import Pool, Shape, close_pools, pool_for
from mlray.leases import Resources, Terms
from mlray.records import Experiment
from mlray.spec import Model

__all__ = ["close_pools", "sweep_on_ray"]

THREAD_CPU = 0.9
"""What a lane asks of a lease per thread: room is left for the small shares that endpoints hold on the same CPUs."""
WANT_EVERY = 5.0
"""Seconds between two words to the broker on how many lanes the sweep could use."""
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
    pool = pool_for(shape, keep)
    lanes = max(1, min(pool.hall.lanes * shape.width, wanted.trials))
    course = begin(problem, model, replace(wanted, lanes=lanes))
    try:
        task = _task(problem, model, wanted, tenant, shape)
        if terms is not None:
            pool.desk.claim(tenant, terms)
        _work(course, pool, task, keep, _first(course, pool, task, problem))
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
    width = min((side_by_side(problem, n["CPU"], n.get("memory", math.inf), model.threads) for n in nodes), default=1)
    return Shape(cpus=model.threads * width, width=width)


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
    width = max(1, min(cores() // task.threads, pool.hall.lanes))
    leases = [Leased(pool.desk, task.tenant, task.sweep, f"driver-{n}", task.need, backed=False) for n in range(width)]
    return Threads(course, worker, width, until=lambda: pool.hall.ready >= width, leases=leases)


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
    while True:
        if not pool.attach(course, task, keep):
            pool = pool_for(pool.shape, keep)
            continue
        pool.wake()
        try:
            while not course.ended.wait(WANT_EVERY):
                if pool.gone():
                    break
                _want(course, pool, task)
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
        first.join()
    _want(course, pool, task)


def _want(course: Course, pool: Pool, task: Task) -> None:
    """Say how many lanes could be used, so that a cluster grows as far as the money goes."""
    seen = course.sweep.progress(course.now)
    left = 0 if course.ended.is_set() else max(0, seen.trials - seen.done)
    pool.desk.want(
        task.tenant,
        task.sweep,
        left,
        task.need,
        money_left=seen.money_left,
        price_per_second=course.sweep.plan.price_per_lane_second or None,
    )
