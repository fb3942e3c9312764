"""What the request log is made of: the records, and the Parquet files that hold them."""

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from mlray.ids import new_id

__all__ = ["Answered", "Labelled", "write_feedback", "write_requests"]


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


def write_requests(folder: Path, records: Sequence[Answered], time: str) -> None:
    """Write records as one file per event date (of the request column `time`) and schema."""
    groups: dict[Any, list[Answered]] = defaultdict(list)
    for record in records:
        groups[record.rows.schema].append(record)
    for group in groups.values():
        for day, rows in _by_date(_table(group, time)):
            _write(folder / "requests" / f"date={day.isoformat()}", rows)


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
            "received_at": pa.array([g.received_at for g in group for _ in g.labels], _moments()),
        }
        _write(folder / "feedback" / f"date={day.isoformat()}", pa.table(columns))


def _moments() -> Any:  # noqa: ANN401 (a pyarrow type, made where pyarrow is loaded)
    import pyarrow as pa

    return pa.timestamp("us", tz="UTC")


def _table(group: Sequence[Answered], time: str) -> Any:  # noqa: ANN401
    """Return the rows of records with one schema. All at once: what pyarrow costs is mostly per call."""
    import pyarrow as pa
    import pyarrow.compute as pc

    counts = [record.rows.num_rows for record in group]
    owner = pa.array([place for place, count in enumerate(counts) for _ in range(count)], pa.int64())

    def same(values: Iterable[object], kind: object) -> Any:  # noqa: ANN401
        return pa.array(values, kind).take(owner)

    def scores(values: Iterable[Sequence[float] | None]) -> Any:  # noqa: ANN401
        rows: list[float | None] = []
        for part, count in zip(values, counts, strict=True):
            rows.extend([None] * count if part is None else part)
        return pa.array(rows, pa.float64())

    request = pa.concat_tables([record.rows for record in group])
    received = same((record.received_at for record in group), _moments())
    at = pc.coalesce(request[time].cast(_moments()), received) if time in request.column_names else received
    own = {
        "request_id": same((record.request_id for record in group), pa.string()),
        "row": pa.array([row for count in counts for row in range(count)], pa.int32()),
        "at": at,
        "received_at": received,
        "version": same((record.version for record in group), pa.int32()),
        "route": same((record.route for record in group), pa.string()),
        "score": scores(record.scores for record in group),
        "live": same((record.live for record in group), pa.int32()),
        "live_score": scores(record.live_scores for record in group),
        "live_failed": same((record.live_failed for record in group), pa.bool_()),
        "candidate": same((record.candidate for record in group), pa.int32()),
        "candidate_score": scores(record.candidate_scores for record in group),
        "candidate_failed": same((record.candidate_failed for record in group), pa.bool_()),
        "tenant": same((record.tenant for record in group), pa.string()),
    }
    asked = {f"request.{name}" if name in own else name: request[name] for name in request.column_names}
    return pa.table({**own, **asked})


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
