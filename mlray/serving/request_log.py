"""The request log: every answer as a row of a Parquet file, written behind the answers' backs."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from mlray.errors import StoreError
from mlray.serving.log_files import Answered, Labelled, write_feedback, write_requests

__all__ = ["Answered", "Labelled", "RequestLog"]

_LOG = logging.getLogger("mlray.serving")


class RequestLog:
    """Writes `requests/date=YYYY-MM-DD/*.parquet` by event date and `feedback/date=YYYY-MM-DD/*.parquet`.

    `append` takes a microsecond and never waits: a background thread writes. A file appears whole or not at all. What
    is accepted and not yet written is lost when the process is killed: at most `every` seconds.
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
        self._urgent = self._closed = self._ended = False
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
            while self._settled < target and not self._ended:
                if self._attempts > attempt and self._problem:
                    break
                self._urgent = True
                self._wake.notify_all()
                self._wake.wait()
            if self._settled < target:
                raise StoreError(
                    f"The request log cannot be written: {self._problem}.", remedy=f"Free the disk under {self.folder}."
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
                self._ended = ending
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
