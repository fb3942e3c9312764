"""The request log: every answer as a row of a Parquet file, written behind the answers' backs."""

import logging
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from mlray.errors import StoreError
from mlray.ids import new_id

__all__ = ["Answered", "Labelled", "RequestLog"]

_LOG = logging.getLogger("mlray.serving")
OWN_COLUMNS = (
    "request_id",
    "row",
    "at",
    "received_at",
    "version",
    "route",
    "score",
    "live",
    "live_score",
    "live_failed",
    "candidate",
    "candidate_score",
    "candidate_failed",
    "tenant",
)
"""The log's own columns; a request column of the same name is written as `request.<name>`."""


@dataclass(slots=True)
class Answered:
    """One request as it was answered, with the copies' scores once they are there."""

    request_id: str
    received_at: datetime
    tenant: str
    version: int
    """The version that answered."""
    route: str
    """`live`, `canary`, or `pinned` when the caller named a version."""
    rows: Any
    """The request's rows as a pyarrow table."""
    scores: Sequence[float] | None
    """The probabilities that were answered; None when no version could."""
    live: int | None = None
    live_scores: Sequence[float] | None = None
    live_failed: bool = False
    candidate: int | None = None
    candidate_scores: Sequence[float] | None = None
    candidate_failed: bool = False
    size: int = 0
    """Bytes that the record takes in memory, roughly."""


@dataclass(slots=True)
class Labelled:
    """What became of the rows of one request."""

    request_id: str
    labels: Sequence[bool | None]
    received_at: datetime
    """When the outcome was known."""
    size: int = field(init=False)

    def __post_init__(self) -> None:
        """Estimate the size in memory."""
        self.size = 100 + 10 * len(self.labels)


class RequestLog:
    """Writes `requests/date=YYYY-MM-DD/*.parquet` by event date and `feedback/date=YYYY-MM-DD/*.parquet`.

    `append` takes a microsecond and never waits: a background thread writes. A file appears whole or not at all. What is
    accepted and not yet written is lost when the process is killed: at most `every` seconds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        time_column: str,
        every: float = 1.0,
        batch_bytes: int = 4 << 20,
        max_bytes: int = 64 << 20,
    ) -> None:
        """Write under `folder`.

        Args:
            folder: The endpoint's log folder.
            time_column: The request column with the event time; its date names the partition.
            every: Seconds between two writes while requests come.
            batch_bytes: Written sooner when this much waits.
            max_bytes: The most that may wait; beyond it records are dropped and counted.
        """
        self.folder, self._time = folder, time_column
        self._every, self._batch_bytes, self._max_bytes = every, batch_bytes, max_bytes
        self._wake = threading.Condition()
        self._waiting: list[Answered | Labelled] = []
        self._bytes = 0
        self._accepted = self._settled = self._attempts = 0
        self._urgent = self._closed = False
        self._problem = ""
        self._writer: threading.Thread | None = None
        self.dropped = 0
        """Records that were not kept since the log was full."""

    @property
    def waiting(self) -> int:
        """Records that are accepted and not yet written."""
        return self._accepted - self._settled

    def append(self, record: Answered | Labelled) -> bool:
        """Accept a record; False when the log is full or closed, and the record is dropped and counted."""
        with self._wake:
            if self._closed or self._bytes + record.size > self._max_bytes:
                self.dropped += 1
                return False
            self._waiting.append(record)
            self._bytes += record.size
            self._accepted += 1
            if self._writer is None:
                self._writer = threading.Thread(target=self._run, name="request-log", daemon=True)
                self._writer.start()
            elif self._bytes > self._batch_bytes:
                self._wake.notify_all()
            return True

    def flush(self) -> None:
        """Return once everything that was accepted before is on disk.

        Raises:
            StoreError: it cannot be written; the records are kept and tried again.
        """
        with self._wake:
            target, attempt = self._accepted, self._attempts
            while self._settled < target and not (self._attempts > attempt and self._problem):
                self._urgent = True
                self._wake.notify_all()
                self._wake.wait()
            if self._settled < target:
                raise StoreError(
                    f"The request log cannot be written: {self._problem}", remedy=f"Free the disk under {self.folder}."
                )

    def close(self) -> None:
        """Write what waits and end the thread; later records are dropped."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        if self._writer is not None:
            self._writer.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(self._due, timeout=self._every)
                batch, self._waiting, self._urgent = self._waiting, [], False
                ending = self._closed
            problem = self._written(batch)
            with self._wake:
                self._attempts += 1
                self._problem = problem
                if problem:
                    self._waiting = batch + self._waiting
                else:
                    self._settled += len(batch)
                    self._bytes -= sum(record.size for record in batch)
                self._wake.notify_all()
            if ending:
                return

    def _due(self) -> bool:
        return self._urgent or self._closed or (self._bytes > self._batch_bytes and not self._problem)

    def _written(self, batch: Sequence[Answered | Labelled]) -> str:
        """Write a batch; return what went wrong, or nothing."""
        try:
            write_requests(self.folder, [record for record in batch if isinstance(record, Answered)], self._time)
            write_feedback(self.folder, [record for record in batch if isinstance(record, Labelled)])
        except OSError as error:
            _LOG.warning("the request log cannot be written: %s", error)
            return str(error)
        return ""


def write_requests(folder: Path, records: Sequence[Answered], time: str) -> None:
    """Write records as one file per event date and schema."""
    import pyarrow as pa

    parts: dict[tuple[date, Any], list[Any]] = defaultdict(list)
    for record in records:
        table = _table(record, time)
        for day, rows in _by_date(table):
            parts[day, table.schema].append(rows)
    for (day, _), tables in parts.items():
        _write(folder / "requests" / f"date={day.isoformat()}", pa.concat_tables(tables))


def write_feedback(folder: Path, records: Sequence[Labelled]) -> None:
    """Write labels as one file per date on which they were known."""
    import pyarrow as pa

    days: dict[date, list[Labelled]] = defaultdict(list)
    for record in records:
        days[record.received_at.date()].append(record)
    for day, group in days.items():
        columns = {
            "request_id": pa.array([g.request_id for g in group for _ in g.labels], pa.string()),
            "row": pa.array([row for g in group for row in range(len(g.labels))], pa.int32()),
            "label": pa.array([label for g in group for label in g.labels], pa.bool_()),
            "received_at": pa.array([g.received_at for g in group for _ in g.labels], _TIME()),
        }
        _write(folder / "feedback" / f"date={day.isoformat()}", pa.table(columns))


def _TIME() -> Any:  # noqa: ANN401, N802 (a pyarrow type, made where pyarrow is loaded)
    import pyarrow as pa

    return pa.timestamp("us", tz="UTC")


def _table(record: Answered, time: str) -> Any:  # noqa: ANN401
    import pyarrow as pa

    rows = record.rows.num_rows

    def same(value: object, kind: object) -> object:
        return pa.array([value] * rows, kind)

    def scores(values: Sequence[float] | None) -> object:
        return pa.nulls(rows, pa.float64()) if values is None else pa.array(values, pa.float64())

    at = same(record.received_at, _TIME())
    if time in record.rows.column_names and record.rows[time].null_count == 0:
        at = record.rows[time].cast(_TIME())
    own = {
        "request_id": same(record.request_id, pa.string()),
        "row": pa.array(range(rows), pa.int32()),
        "at": at,
        "received_at": same(record.received_at, _TIME()),
        "version": same(record.version, pa.int32()),
        "route": same(record.route, pa.string()),
        "score": scores(record.scores),
        "live": same(record.live, pa.int32()),
        "live_score": scores(record.live_scores),
        "live_failed": same(record.live_failed, pa.bool_()),
        "candidate": same(record.candidate, pa.int32()),
        "candidate_score": scores(record.candidate_scores),
        "candidate_failed": same(record.candidate_failed, pa.bool_()),
        "tenant": same(record.tenant, pa.string()),
    }
    request = {f"request.{name}" if name in own else name: record.rows[name] for name in record.rows.column_names}
    return pa.table({**own, **request})


def _by_date(table: Any) -> Iterable[tuple[date, Any]]:  # noqa: ANN401
    import pyarrow.compute as pc

    days = pc.cast(table["at"], "date32")
    distinct = days.unique().to_pylist()
    if len(distinct) == 1:
        return [(distinct[0], table)]
    return [(day, table.filter(pc.equal(days, day))) for day in distinct]


def _write(folder: Path, table: Any) -> None:  # noqa: ANN401
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    name = new_id("part") + ".parquet"
    aside = folder / f".{name}.{os.getpid()}"
    try:
        pq.write_table(table, aside, compression="zstd")
        # A reader sees the whole file or none, also when this process is killed here.
        aside.replace(folder / name)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
