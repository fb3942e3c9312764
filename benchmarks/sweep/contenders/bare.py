"""The physical limit: two processes that take the next configuration of a list, each with its matrix."""

import multiprocessing
import os
import time
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

from benchmarks.data.workers import serve
from benchmarks.sweep.contenders.training import looks, matrices
from benchmarks.sweep.job import SLOTS, configurations, load


def train(folder: str, trials: int, marks: list[int], begun: float | None = None) -> dict[str, Any]:
    """Train the list, from the start of the processes on; the line tells when each configuration ended."""
    begun = begun or time.time()
    context = multiprocessing.get_context("spawn")
    counter, found = context.Value("i", 0), context.SimpleQueue()
    workers = [context.Process(target=_worker, args=(folder, trials, marks, counter, found)) for _ in range(SLOTS)]
    for worker in workers:
        worker.start()
    told = [row for _ in workers for row in found.get()]
    for worker in workers:
        worker.join()
    wall = time.time() - begun
    return {
        "wall": wall,
        "trials": len(told),
        "training": sum(cpu for _, _, cpu in told),
        "rounds": trials * marks[-1],
        "line": sorted((moment - begun, score) for moment, score, _ in told),
    }


def _worker(folder: str, trials: int, marks: list[int], counter: Any, found: Any) -> None:
    listed, data = configurations(trials), matrices(load(folder))
    told = []
    while True:
        with counter.get_lock():
            number = counter.value
            counter.value += 1
        if number >= trials:
            break
        seen = list(looks(data, listed[number], marks))
        told.append((time.time(), max(score for _, score, _ in seen), sum(cpu for _, _, cpu in seen)))
    found.put(told)


if __name__ == "__main__":
    serve(train=train)
