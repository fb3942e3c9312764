"""Which lane does what: jobs are given out, and what comes back is folded into the sweep it belongs to. No Ray."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from threading import RLock

from mlray.clock import SystemClock
from mlray.experiments._course import Course
from mlray.experiments._orders import Pack, Shown
from mlray.experiments._plan import Wait
from mlray.experiments.lanes._job import Job, Task

__all__ = ["Hall", "Slot"]

REST = 15.0
"""Seconds of one rest; a new sweep wakes all who rest."""
PATIENCE = 5.0
"""Seconds that a pack waits for a lease before it goes back: another lane may have one."""
STUBBORN = 2
"""After so many packs without a lease a lane waits longer for the next."""


@dataclass(eq=False)
class Slot:
    """Room for one lane on one node."""

    lane: str
    node: str = ""
    """Ray's id of the node; empty where there is only one."""
    ready: bool = False
    """Whether its process is up."""
    given_back: int = 0
    """How often in a row it came back without a lease."""


@dataclass
class _Running:
    slot: Slot
    job: Job
    course: Course | None = None
    lanes: dict[int, str] = field(default_factory=dict)
    """As which lane each order was taken: a process that trains several side by side counts as several."""
    open: dict[int, Shown] = field(default_factory=dict)
    """Last word on each order that is not done."""

    def lane_of(self, number: int) -> str:
        return self.lanes.get(number, self.slot.lane)


class Hall:
    """The lanes of one pool and the sweeps they work for; Tune's thread and those who start sweeps share it."""

    def __init__(self, pool: str, slots: Iterable[Slot], keep: float) -> None:
        """Take the room there is; after `keep` seconds without a sweep the pool closes."""
        self.pool, self.keep = pool, keep
        self._clock = SystemClock()
        self._lock = RLock()
        self._free: list[Slot] = list(slots)
        self._known = {slot.lane for slot in self._free}
        self._ready: set[str] = set()
        self._running: dict[str, _Running] = {}
        self._courses: list[tuple[Course, Task]] = []
        self._turn = 0
        self._idle_since = self._clock.ticks()
        self._doubtful = False
        self.closed = False

    @property
    def lanes(self) -> int:
        """How many lanes there is room for."""
        return len(self._known)

    @property
    def doubtful(self) -> bool:
        """Whether a lane was lost since the last `sync`: its node may be gone as well."""
        return self._doubtful

    @property
    def idle(self) -> bool:
        """Whether no lane has orders."""
        with self._lock:
            return not any(running.open for running in self._running.values())

    @property
    def ready(self) -> int:
        """How many lanes are up."""
        return len(self._ready)

    def attach(self, course: Course, task: Task) -> bool:
        """Let the lanes work for `course`; False when the pool has closed."""
        with self._lock:
            if self.closed:
                return False
            self._courses.append((course, task))
            return True

    def detach(self, course: Course) -> None:
        """Let nobody begin anything for `course` any more."""
        with self._lock:
            self._courses = [pair for pair in self._courses if pair[0] is not course]
            self._idle_since = self._clock.ticks()

    def sync(self, slots: Iterable[Slot]) -> None:
        """Take note of what room there is now: nodes come up and go away.

        What ran on a node that is gone counts as lost, whether or not Tune has noticed; room that was lost with a lane
        is room again once its node is seen to be there.
        """
        with self._lock:
            there = {slot.lane: slot for slot in slots}
            for trial in [t for t, running in self._running.items() if running.slot.lane not in there]:
                self.lost(trial)
            busy = {running.slot.lane for running in self._running.values()}
            kept = [slot for slot in self._free if slot.lane in there]
            known = busy | {slot.lane for slot in kept}
            self._free = kept + [slot for lane, slot in there.items() if lane not in known]
            self._known, self._doubtful = set(there), False
            self._ready &= self._known

    def close(self) -> None:
        """Give out no more jobs."""
        with self._lock:
            self.closed = True

    def next(self, trial: str) -> Job | None:
        """Return the job of a new Tune trial; None while every lane has one, or when the pool has closed."""
        with self._lock:
            if self.closed or not self._free:
                return None
            slot = self._free.pop(0)
            running = self._choose(slot)
            if running is None:
                self._free.insert(0, slot)
                self.closed = True
                return None
            self._running[trial] = running
            return running.job

    def node_of(self, trial: str) -> str:
        """Return the id of the node that a trial's lane is on; empty where it does not matter."""
        with self._lock:
            return self._running[trial].slot.node

    def _choose(self, slot: Slot) -> _Running | None:
        """Return what the lane in `slot` is to do; None when nobody has needed it for long."""
        if not slot.ready:
            # It boots first: what it were given now would wait for seconds, and somebody else can have it at once.
            task = self._courses[0][1] if self._courses else None
            return _Running(slot, Job(slot.lane, self.pool, task))
        wait: float | None = None
        for course, task in self._in_turn():
            found = self._packed(slot, course, task)
            if isinstance(found, _Running):
                return found
            if found is not None:
                wait = found.seconds if wait is None else min(wait, found.seconds)
        if wait is not None:
            return _Running(slot, Job(slot.lane, self.pool, patience=min(REST, max(0.05, wait))))
        left = self.keep - (self._clock.ticks() - self._idle_since)
        if not self._courses and left <= 0:
            return None
        return _Running(slot, Job(slot.lane, self.pool, patience=min(REST, max(0.2, left))))

    def _packed(self, slot: Slot, course: Course, task: Task) -> "_Running | Wait | None":
        """Return what the lane in `slot` is to do for `course`; how long to wait, or None, when there is nothing."""
        packs: list[Pack] = []
        lanes: dict[int, str] = {}
        for seat in range(task.width):
            lane = f"{slot.lane}+{seat}" if seat else slot.lane
            answer = course.next_pack(lane)
            if isinstance(answer, Pack):
                packs.append(answer)
                lanes |= {order.number: lane for order in answer.orders}
            elif not packs:
                return answer if isinstance(answer, Wait) else None
        pack = packs[0]
        if len(packs) > 1:
            allowances = [one.allowance for one in packs if one.allowance is not None]
            pack = replace(
                pack,
                orders=tuple(order for one in packs for order in one.orders),
                allowance=min(allowances, default=None),
                stream=any(one.stream for one in packs),
            )
        patience = PATIENCE if slot.given_back < STUBBORN else REST
        opened = {order.number: Shown(order.number) for order in pack.orders}
        return _Running(slot, Job(slot.lane, self.pool, task, pack, patience), course, lanes, opened)

    def _in_turn(self) -> Sequence[tuple[Course, Task]]:
        self._turn += 1
        at = self._turn % len(self._courses) if self._courses else 0
        return [*self._courses[at:], *self._courses[:at]]

    def told(self, trial: str, shown: list[Shown]) -> bool:
        """Fold what a running job has shown, and empty the list; False when nothing of the job is wanted any more."""
        with self._lock:
            running = self._running.get(trial)
            news = list(shown)
            shown.clear()
            if running is None or running.course is None:
                return True
            wanted = dict.fromkeys(running.open, True)
            for word in news:
                go_on = running.course.shown(running.lane_of(word.number), word)
                wanted[word.number] = go_on
                if word.done:
                    running.open.pop(word.number, None)
                elif word.number in running.open:
                    running.open[word.number] = word
            return not running.open or any(wanted[number] for number in running.open)

    def ended(self, trial: str, shown: list[Shown]) -> None:
        """Close a job: its lane is free again, and orders that Tune cut off in the middle are over."""
        with self._lock:
            self.told(trial, shown)
            running = self._running.pop(trial, None)
            if running is None:
                return
            self._ready.add(running.slot.lane)
            running.slot.ready = True
            if running.course is not None:
                for number, last in running.open.items():
                    over = Shown(number, seconds=last.seconds, cpu_seconds=last.cpu_seconds, done=True, cut=True)
                    running.course.shown(running.lane_of(number), over)
            self._free.append(running.slot)

    def returned(self, trial: str, shown: Sequence[Shown]) -> None:
        """Note whether the job came back without a lease: such a lane waits longer for the next."""
        running = self._running.get(trial)
        if running is not None and running.job.pack is not None:
            back = bool(shown) and all(word.returned for word in shown)
            running.slot.given_back = running.slot.given_back + 1 if back else 0

    def lost(self, trial: str) -> None:
        """Close a job whose lane has died: others do what it had; the next `sync` tells whether its room is there."""
        with self._lock:
            running = self._running.pop(trial, None)
            if running is None:
                return
            running.slot.ready = False
            self._ready.discard(running.slot.lane)
            if running.course is not None:
                for lane in dict.fromkeys((running.slot.lane, *running.lanes.values())):
                    running.course.lost(lane)
            self._doubtful = True
