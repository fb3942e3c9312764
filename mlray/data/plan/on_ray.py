"""A plan's parts as Ray tasks: a few rows of results per part go through the object store, and nothing else."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import ray

from mlray.data.plan._parts import Part
from mlray.data.plan._run import Done, Work
from mlray.errors import MlrayError

__all__ = ["is_running", "run_on_ray"]


def is_running() -> bool:
    """Tell whether this process is connected to a Ray."""
    return bool(ray.is_initialized())


def run_on_ray(work: Work, parts: Sequence[tuple[int, Part]], at_once: int | None) -> Iterator[Done]:
    """Carry out `parts` as tasks of one CPU each and yield what became of each as it is done.

    Files must be visible to every node under the same paths. When the first part fails, those under way are waited for,
    so that what they finish is remembered, and no other is begun.
    """
    if not parts:
        return
    limit = at_once or max(1, int(_resources().get("CPU", 1)))
    # Put once: the plan carries its lookups, and would otherwise travel with every part.
    shared = ray.put(work)
    waiting = iter(parts)
    running: list[Any] = []
    failed: MlrayError | None = None
    while True:
        for number, part in waiting if failed is None else ():
            running.append(_do.remote(shared, number, part))
            if len(running) >= limit:
                break
        if not running:
            break
        ready, running = ray.wait(running, num_returns=1)
        for done in ray.get(ready):
            if isinstance(done, MlrayError):
                failed = failed or done
            else:
                yield done
    if failed is not None:
        raise failed


def _resources() -> dict[str, float]:
    return dict(ray.cluster_resources())  # type: ignore[no-untyped-call]


@ray.remote(num_cpus=1, max_retries=3)
def _do(work: Work, number: int, part: Part) -> Done | MlrayError:
    _settle()
    try:
        return work.do(number, part)
    except MlrayError as error:
        # Handed back as a value: raised here, Ray would wrap it in its own error with a long trace.
        return error
    finally:
        # The worker lives on: what it keeps for its next task is missing elsewhere.
        pa.default_memory_pool().release_unused()


def _settle() -> None:
    """Make this worker a good neighbour, for Arrow by itself takes every core and keeps what it frees."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(2)
    if "jemalloc" in pa.supported_memory_backends():
        pa.set_memory_pool(pa.jemalloc_memory_pool())
