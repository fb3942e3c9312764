"""Ray Data: scans as one task per file, versions as datasets, and datasets as versions."""

import logging
import math
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pyarrow as pa
import ray.data
from ray.data import ExecutionResources
from ray.data.block import Block, BlockAccessor, BlockMetadata
from ray.data.datasource import Datasink, Datasource, ReadTask

from mlray.data._fragments import Commit, Made, commit_made, write_rows
from mlray.data._share import check_cpus
from mlray.data.scan import Scanned, ScanPart, scan
from mlray.data.snapshot import FragmentPart, Snapshot, check_columns
from mlray.data.table import Table
from mlray.errors import DataError, MlrayError
from mlray.records import DatasetVersion

__all__ = ["commit_dataset", "dataset_of", "scan_on_ray"]

BLOCK_ROWS = 1_048_576
"""Rows of a block that a read task makes at most."""

LEAST_ROWS = 131_072
TASKS = 4
"""A read task has at least so many rows if its fragments are small, or this share of all; at most those of a block."""

FRAGMENT_ROWS = 1_000_000
"""Rows that a write task waits for, so that small blocks do not make small fragments."""

_STORE_SHARE = 0.5
"""What Ray Data takes of the object store where nothing is said."""


def scan_on_ray(parts: Sequence[ScanPart], cpus: int | None = None) -> Iterator[Scanned]:
    """Scan `parts` on the Ray that this process is connected to, and yield what became of each as it is done.

    Files and store must be visible to every node under the same paths. At most `cpus` CPUs of the cluster are taken at
    a time (None: as many as Ray Data gets), which leaves the rest to others.

    Raises:
        DataError: as `mlray.data.scan.scan`; other parts may have written files that no version names. Or `cpus` is
            less than one.
    """
    check_cpus(cpus)
    if not parts:
        return
    # A block per part makes a task per part: with fewer blocks, one task would scan several files one after the other.
    tasks = ray.data.from_items([{"part": pickle.dumps(part)} for part in parts], override_num_blocks=len(parts))
    _bound(tasks, cpus)
    # Whoever asked for the scan hears of it from us; what else Ray Data does for the program, it may tell.
    tasks.context.enable_progress_bars = False
    with _quiet():
        for row in tasks.map_batches(_scan_batch, batch_size=None, batch_format="numpy").iter_rows():
            scanned = pickle.loads(row["scanned"])  # noqa: S301 (written by our own task)
            if isinstance(scanned, MlrayError):
                raise scanned
            yield scanned


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("ray.data")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _bound(dataset: ray.data.Dataset, cpus: int | None) -> None:
    """Let `dataset` and what is made from it take `cpus` CPUs at most, and as great a share of the object store.

    Ray Data holds tasks back while blocks that nobody has read yet fill that share.
    """
    if cpus is None:
        return
    resources = ray.cluster_resources()  # type: ignore[no-untyped-call]
    share = min(1.0, cpus / max(1.0, resources.get("CPU", 1.0)))
    dataset.context.execution_options.resource_limits = ExecutionResources.for_limits(
        cpu=cpus, object_store_memory=share * _STORE_SHARE * resources.get("object_store_memory", math.inf)
    )


def _scan_batch(batch: Any) -> Any:
    return {"scanned": [pickle.dumps(_scan(pickle.loads(part))) for part in batch["part"]]}  # noqa: S301 (ours)


def _scan(part: ScanPart) -> Scanned | MlrayError:
    try:
        return scan(part)
    except MlrayError as error:
        # Handed back as a value: raised here, Ray would try again and wrap it in its own error with a long trace.
        return error


def dataset_of(
    snapshot: Snapshot,
    columns: Sequence[str] | None,
    start: datetime | None,
    end: datetime | None,
    cpus: int | None = None,
) -> ray.data.Dataset:
    """Return a version as a Ray Dataset, planned from the manifest: only fragments that may have such rows are read.

    It and what is made from it take `cpus` CPUs of the cluster at most (None: as Ray Data's current context says).

    Raises:
        DataError: a column is unknown, no fragment is left, or `cpus` is less than one.
    """
    check_cpus(cpus)
    source = _Version(snapshot, columns, start, end)
    if not source.parts:
        raise DataError(f"{snapshot.version.name} has no rows in that time.", remedy="Widen the window.")
    # As many blocks as tasks: with fewer than it likes, Ray Data would cut each block once more.
    dataset = ray.data.read_datasource(source, override_num_blocks=len(source.shared()))
    _bound(dataset, cpus)
    return dataset


class _Version(Datasource):
    """A dataset version as Ray Data reads it."""

    def __init__(
        self, snapshot: Snapshot, columns: Sequence[str] | None, start: datetime | None, end: datetime | None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        check_columns(snapshot, columns)
        self.parts = [part for part in snapshot.parts() if _may_hold(part, start, end)]
        # Ray Data narrows this by the columns that later steps select.
        self._projection_map = None if columns is None else {name: name for name in columns}
        self._start, self._end = start, end

    def get_name(self) -> str:
        return "Version"

    def supports_projection_pushdown(self) -> bool:
        return True

    def estimate_inmemory_data_size(self) -> int | None:
        return sum(part.bytes for part in self.parts)

    def shared(self) -> list[list[FragmentPart]]:
        """Return the fragments of each task: one, or neighbours that are small, for every task costs a tenth second."""
        size = max(LEAST_ROWS, min(BLOCK_ROWS, sum(part.rows for part in self.parts) // TASKS))
        shared: list[list[FragmentPart]] = []
        rows = 0
        for part in self.parts:
            if not shared or rows + part.rows > size:
                shared.append([])
                rows = 0
            shared[-1].append(part)
            rows += part.rows
        return shared

    def get_read_tasks(
        self,
        parallelism: int,  # noqa: ARG002 (the fragments decide)
        per_task_row_limit: int | None = None,
        data_context: Any = None,  # noqa: ARG002 (nothing of it matters here)
    ) -> list[ReadTask]:
        """Return the tasks: rows and bytes are known without opening a file."""
        columns = self._get_data_columns()
        schema = self.parts[0].schema
        if columns is not None:
            schema = pa.schema([schema.field(name) for name in columns if name in schema.names])
        whole = self._start is None and self._end is None
        tasks = []
        for parts in self.shared():
            made = BlockMetadata(
                num_rows=sum(part.rows for part in parts) if whole else None,
                size_bytes=sum(part.bytes for part in parts),
                exec_stats=None,
                input_files=tuple(part.fragment.blob for part in parts),
            )
            read = _reader(parts, columns, self._start, self._end)
            tasks.append(ReadTask(read, made, schema, per_task_row_limit=per_task_row_limit))
        return tasks


def _reader(
    parts: list[FragmentPart], columns: list[str] | None, start: datetime | None, end: datetime | None
) -> Callable[[], Iterator[pa.Table]]:
    def read() -> Iterator[pa.Table]:
        for part in parts:
            rows = part.store.read_fragment(part.version, part.fragment, columns, start, end)
            rows = part.view.apply(rows) if part.view else rows
            for first in range(0, max(rows.num_rows, 1), BLOCK_ROWS):
                yield rows.slice(first, BLOCK_ROWS)

    return read


def _may_hold(part: FragmentPart, start: datetime | None, end: datetime | None) -> bool:
    fragment = part.fragment
    before = start is not None and fragment.last is not None and fragment.last < start
    after = end is not None and fragment.first is not None and fragment.first >= end
    return not (before or after)


def commit_dataset(dataset: ray.data.Dataset, table: Table, terms: Commit) -> DatasetVersion:
    """Write a Ray Dataset as fragments, one per write task, and make one version of them.

    Raises:
        DataError: there are no rows, or a column has another type than in the table.
        StoreError: the store cannot be written; nothing is committed.
    """
    sink = _Fragments(table, terms)
    dataset.write_datasink(sink)
    return sink.version()


class _Fragments(Datasink[Any]):
    """Where write tasks leave their fragments."""

    def __init__(self, table: Table, terms: Commit) -> None:
        self._table, self._landing = table, terms
        self._made: list[tuple[int, Made | MlrayError]] = []

    @property
    def min_rows_per_write(self) -> int | None:
        return FRAGMENT_ROWS

    def write(self, blocks: Iterable[Block], ctx: Any) -> Any:
        """Write the blocks of one task as one fragment."""
        try:
            made: Made | MlrayError = write_rows(
                self._table.store, _batches(blocks), source=self._landing.source, time=self._landing.time
            )
        except MlrayError as error:
            made = error
        return ctx.task_idx, made

    def on_write_complete(self, write_result: Any) -> None:
        self._made = list(write_result.write_returns)

    def version(self) -> DatasetVersion:
        """Make the version, in the order of the tasks."""
        made = []
        for _, each in sorted(self._made, key=lambda one: one[0]):
            if isinstance(each, MlrayError):
                raise each
            made.append(each)
        return commit_made(self._table, made, self._landing)


def _batches(blocks: Iterable[Block]) -> Iterator[pa.RecordBatch]:
    for block in blocks:
        yield from BlockAccessor.for_block(block).to_arrow().replace_schema_metadata().to_batches()
