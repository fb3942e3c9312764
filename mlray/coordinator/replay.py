"""Play the past as if it were now: each day's rows go to the endpoint as requests, the truth follows days later."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlray.clock import parse_duration
from mlray.coordinator.on_http import EndpointClient
from mlray.coordinator.rows import example_request, quiet
from mlray.coordinator.workspace import Workspace
from mlray.data import Store, ingest, scan_here
from mlray.errors import SpecError

__all__ = ["Day", "Replay"]


@dataclass(frozen=True)
class Day:
    """One simulated day: its rows, already cut into requests."""

    start: datetime
    requests: dict[str, pa.Table]

    @property
    def end(self) -> datetime:
        """The next midnight."""
        return self.start + timedelta(days=1)

    @property
    def rows(self) -> int:
        """Rows of all requests."""
        return sum(part.num_rows for part in self.requests.values())


class Replay:
    """The live part of a project's own past, day by day on a simulated clock."""

    def __init__(self, space: Workspace) -> None:
        """Read the rows that will be sent; SpecError when the project names no live part."""
        if space.spec.live is None:
            raise SpecError(
                [f"{space.spec.folder}/mlray.yaml: there is no section `live`, so there is nothing to replay."],
                remedy="Add `live: {start: 2013-04-01, end: 2013-12-31}`; everything before it is history.",
            )
        self._space = space
        self._late = parse_duration(space.spec.data.target.known_after)
        self.start = datetime.combine(space.spec.live.start, time(), UTC)
        self.end = datetime.combine(space.spec.live.end, time(), UTC) + timedelta(days=1)
        self._rows = self._read()
        self._times = np.asarray(self._rows.column(space.spec.data.time).cast(pa.timestamp("us", "UTC"))).astype(
            "datetime64[us]"
        )

    def _read(self) -> pa.Table:
        data = self._space.spec.data
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder))
            version = ingest(
                data,
                self._space.spec.folder,
                store,
                until=self.end,
                now=self.end,
                run=scan_here,
                progress=quiet,
            )
            rows = store.read(version, start=self.start, end=self.end)
        return rows.take(pc.sort_indices(rows.column(data.time)))

    @property
    def days(self) -> int:
        """How many days there are."""
        return (self.end - self.start).days

    def __iter__(self) -> Iterator[Day]:
        """Return the days in order."""
        assert self._space.spec.live is not None  # checked when this was made
        count = self._space.spec.live.requests_per_day
        for number in range(self.days):
            start = self.start + timedelta(days=number)
            low, high = np.searchsorted(
                self._times,
                [np.datetime64(moment.replace(tzinfo=None)) for moment in (start, start + timedelta(days=1))],
            )
            edges = np.linspace(low, high, count + 1).astype(int)
            parts = [self._rows.slice(a, b - a) for a, b in pairwise(edges) if b > a]
            yield Day(start, {f"{start:%Y-%m-%d}-{i}": part for i, part in enumerate(parts)})

    def send(self, day: Day, client: EndpointClient) -> None:
        """Send the day's requests, one after the other."""
        names = list(self._space.spec.data.request_columns)
        for request_id, rows in day.requests.items():
            client.infer(example_request(rows.select(names)), request_id)

    def tell(self, day: Day, client: EndpointClient) -> None:
        """Send the truth about the day's requests."""
        told = {request_id: self._space.contract.target(rows).to_pylist() for request_id, rows in day.requests.items()}
        if told:
            client.feedback(told, day.end + self._late)

    @property
    def lateness(self) -> int:
        """After how many whole days the truth is known."""
        return -(-self._late // timedelta(days=1))
