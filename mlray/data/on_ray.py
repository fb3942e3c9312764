"""Scans through Ray Data: one task per file that reads, checks, joins and writes; rows stay out of the object store."""

import logging
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import ray.data

from mlray.data.scan import Scanned, ScanPart, scan
from mlray.errors import MlrayError

__all__ = ["scan_on_ray"]


def scan_on_ray(parts: Sequence[ScanPart]) -> Iterator[Scanned]:
    """Scan `parts` on the Ray that this process is connected to, and yield what became of each as it is done.

    Files and store must be visible to every node under the same paths.

    Raises:
        DataError: as `mlray.data.scan.scan`; other parts may have written files that no version names.
    """
    if not parts:
        return
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # A block per part makes a task per part: with fewer blocks, one task would scan several files one after the other.
    tasks = ray.data.from_items([{"part": pickle.dumps(part)} for part in parts], override_num_blocks=len(parts))
    for row in tasks.map_batches(_scan_batch, batch_size=None, batch_format="numpy").iter_rows():
        scanned = pickle.loads(row["scanned"])  # noqa: S301 (written by our own task)
        if isinstance(scanned, MlrayError):
            raise scanned
        yield scanned


def _scan_batch(batch: Any) -> Any:
    return {"scanned": [pickle.dumps(_scan(pickle.loads(part))) for part in batch["part"]]}  # noqa: S301 (ours)


def _scan(part: ScanPart) -> Scanned | MlrayError:
    try:
        return scan(part)
    except MlrayError as error:
        # Handed back as a value: raised here, Ray would try again and wrap it in its own error with a long trace.
        return error
