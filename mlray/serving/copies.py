"""Copies: the version that did not answer scores the same rows afterwards, in a thread of its own."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mlray.ids import Json
from mlray.serving.counters import Counters
from mlray.serving.request_log import Answered
from mlray.serving.scoring import score
from mlray.serving.table import Loaded

__all__ = ["Copies", "Copy"]

_BATCH_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Copy:
    """Rows that were answered by one version and wait for another one's score."""

    record: Answered
    columns: Mapping[str, Sequence[Json]]
    by: Loaded
    """The version that scores the copy."""

    @property
    def rows(self) -> int:
        """How many rows wait."""
        return int(self.record.rows.num_rows)


class Copies:
    """Scores copies in the background and hands every record on to the log, scored or not."""

    def __init__(self, log: Callable[[Answered], object], counters: Counters, *, max_bytes: int = 32 << 20) -> None:
        """Keep at most `max_bytes` of waiting copies; a copy beyond it is dropped and counted."""
        self._log, self._counters, self._max_bytes = log, counters, max_bytes
        self._wake = threading.Condition()
        self._waiting: deque[Copy] = deque()
        self._bytes = self._accepted = self._settled = 0
        self._closed = False
        self._scorer: threading.Thread | None = None

    def put(self, copy: Copy) -> None:
        """Accept a copy; never waits."""
        with self._wake:
            if not self._closed and self._bytes + copy.record.size <= self._max_bytes:
                self._waiting.append(copy)
                self._bytes += copy.record.size
                self._accepted += 1
                if self._scorer is None:
                    self._scorer = threading.Thread(target=self._run, name="copies", daemon=True)
                    self._scorer.start()
                self._wake.notify_all()
                return
        self._counters.add(copy.by.number, "shadow_dropped", copy.rows)
        self._log(copy.record)

    def join(self) -> None:
        """Return once every copy that was accepted before has been scored and logged."""
        with self._wake:
            target = self._accepted
            self._wake.wait_for(lambda: self._settled >= target)

    def close(self) -> None:
        """Score what waits and end the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        if self._scorer is not None:
            self._scorer.join()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                batch = self._next()
            self._score(batch)
            for copy in batch:
                self._log(copy.record)
            with self._wake:
                self._settled += len(batch)
                self._bytes -= sum(copy.record.size for copy in batch)
                self._wake.notify_all()

    def _next(self) -> list[Copy]:
        """Take waiting copies that one call can score together: a model's cost is mostly per call."""
        first = self._waiting.popleft()
        batch, rows = [first], first.rows
        while self._waiting and rows < _BATCH_ROWS and _alike(first, self._waiting[0]):
            batch.append(self._waiting.popleft())
            rows += batch[-1].rows
        return batch

    def _score(self, batch: Sequence[Copy]) -> None:
        try:
            columns = {name: [value for copy in batch for value in copy.columns[name]] for name in batch[0].columns}
            scores = score(batch[0].by, columns)
        except Exception as error:  # noqa: BLE001 (whatever a model raises, it must not end the thread)
            if len(batch) > 1:
                for copy in batch:
                    self._score([copy])
                return
            self._counters.failed(batch[0].by.number, batch[0].record.request_id, error)
            self._settle(batch[0], None)
            return
        edges = [0]
        for copy in batch:
            edges.append(edges[-1] + copy.rows)
        for copy, (low, high) in zip(batch, pairwise(edges), strict=True):
            self._settle(copy, scores[low:high])

    def _settle(self, copy: Copy, scores: Sequence[float] | None) -> None:
        record, failed = copy.record, scores is None
        if copy.by.number == record.candidate:
            record.candidate_scores, record.candidate_failed = scores, failed
        else:
            record.live_scores, record.live_failed = scores, failed
        if not failed:
            self._counters.add(copy.by.number, "shadow_rows", copy.rows)


def _alike(one: Copy, other: Copy) -> bool:
    return one.by is other.by and one.columns.keys() == other.columns.keys()
