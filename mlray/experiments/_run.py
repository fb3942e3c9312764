"""A sweep in this process, without Ray: threads that share the prepared rows."""

from dataclasses import replace

from mlray.experiments._begin import Wanted, begin, finish
from mlray.experiments._here import Threads, cores
from mlray.experiments._problem import Problem
from mlray.experiments._work import Worker
from mlray.records import Experiment
from mlray.spec import Model

__all__ = ["sweep_here"]

TICK = 0.5
"""Seconds between two looks at time, money and the command to stop."""


def sweep_here(problem: Problem, model: Model, wanted: Wanted, *, width: int | None = None) -> Experiment:
    """Search with `width` threads of this process (all cores by default), and return all that was tried.

    For data that fit one machine and sweeps that end before a Ray would be up. Nothing outlives the call.

    Raises:
        SpecError: a fault in the space.
        InputError: every trial failed.
        OverBudget: money or time was gone before any score.
    """
    lanes = max(1, min(width or cores() // model.threads, wanted.trials))
    course = begin(problem, model, replace(wanted, lanes=lanes))
    worker = Worker(
        problem,
        model.rounds,
        threads=model.threads,
        early=wanted.halving,
        objectives=model.objectives,
        device=model.device,
    )
    threads = Threads(course, worker, lanes)
    try:
        while threads.working and not course.ended.wait(TICK):
            course.tick()
        threads.join()
        course.raise_fault()
    except BaseException:
        course.stop("it was interrupted")
        course.close()
        raise
    return finish(course, model)
