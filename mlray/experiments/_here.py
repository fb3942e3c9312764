"""Lanes as threads of this process: a sweep without Ray, and the first results while Ray's lanes boot."""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread

from mlray.experiments._course import Course
from mlray.experiments._leased import Leased
from mlray.experiments._orders import Pack, Shown
from mlray.experiments._plan import Done, Wait
from mlray.experiments._work import FREE, Permit, Worker

__all__ = ["Threads", "cores"]

PATIENCE = 1.0
"""Seconds that a lane of this process waits for a lease before it gives its pack back."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Threads:
    """Lanes in this process that share one worker, and with it the prepared rows."""

    def __init__(
        self,
        course: Course,
        worker: Worker,
        width: int,
        *,
        until: Callable[[], bool] = lambda: False,
        leases: Sequence[Leased] = (),
        nice: int | None = None,
    ) -> None:
        """Start `width` lanes; each leaves when the sweep is done, or between two packs once `until()` holds.

        With `leases`, one for each lane, a lane works only while it has its own. `nice` is the priority of its threads,
        as of processes: 19 gives way to all others.
        """
        self._nice = nice
        self._course, self._worker, self._until = course, worker, until
        self._error: BaseException | None = None
        lanes = [(f"here/{n}", leases[n] if leases else None) for n in range(width)]
        self._threads = [Thread(target=self._lane, args=lane, daemon=True) for lane in lanes]
        for thread in self._threads:
            thread.start()

    def join(self, patience: float | None = None) -> None:
        """Wait until every lane has left, at most `patience` seconds for each; raise what ended one of them."""
        for thread in self._threads:
            thread.join(patience)
        if self._error is not None:
            raise self._error

    @property
    def working(self) -> bool:
        """Whether a lane is still there."""
        return any(thread.is_alive() for thread in self._threads)

    def _lane(self, lane: str, lease: Leased | None) -> None:
        try:
            _give_way(self._nice)
            while not self._until():
                answer = self._course.next_pack(lane)
                if isinstance(answer, Done):
                    return
                if isinstance(answer, Wait):
                    self._course.ended.wait(answer.seconds)
                else:
                    self._pack(lane, answer, lease)
        except BaseException as error:  # noqa: BLE001 (raised by `join`, in the thread that waits)
            self._error = error
        finally:
            # However it ends, nobody may wait for this lane's orders for ever.
            self._course.lost(lane)

    def _pack(self, lane: str, pack: Pack, lease: Leased | None) -> None:
        if lease is None:
            self._work(lane, pack, FREE)
        elif lease.take(PATIENCE):
            try:
                self._work(lane, pack, lease)
            finally:
                lease.give()
        else:
            for order in pack.orders:
                self._course.shown(lane, Shown(order.number, done=True, returned=True))

    def _work(self, lane: str, pack: Pack, permit: Permit) -> None:
        verdict = _Verdict(permit)
        for shown in self._worker.work(pack, verdict):
            verdict.go_on = self._course.shown(lane, shown)


def _give_way(nice: int | None) -> None:
    """Set this thread's priority; where a system knows none of threads, it is left as it is."""
    if nice is not None and sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)


class _Verdict:
    """What the sweep said of the last look, and whoever else has a say."""

    def __init__(self, other: Permit) -> None:
        self.go_on = True
        self._other = other

    def may_go_on(self) -> bool:
        return self.go_on and self._other.may_go_on()
