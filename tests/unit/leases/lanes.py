"""A cluster that is simulated: lanes that ask, work and pause, on a clock that is moved by hand."""

import heapq
import itertools
import random
from dataclasses import dataclass, field

from mlray.leases import Fair, Request, Resources


@dataclass
class Lane:
    """One lane of a sweep, working on one pack after the other."""

    tenant: str
    sweep: str
    node: str
    need: Resources
    pack: float | tuple[float, float]
    """Seconds of work per lease, or their bounds."""
    rung: float = 0.5
    """How often it asks whether it may go on."""
    packs: int = 1_000_000
    first: float | None = None
    """When it was granted its first lease."""
    worked: float = 0.0
    left: float = 0.0
    """Work left of its pack."""
    lease: str = ""


@dataclass
class Simulated:
    """Runs lanes under a scheduler, event by event."""

    fair: Fair
    seed: int = 0
    now: float = 0.0
    log: list[tuple] = field(default_factory=list)
    """(time, what, lane's number)."""

    def __post_init__(self):
        self.draw = random.Random(self.seed)
        self.events, self.serial, self.lanes, self.asking = [], itertools.count(), [], {}

    def start(self, at, *lanes):
        for lane in lanes:
            self.lanes.append(lane)
            self._later(at, "ask", len(self.lanes) - 1)
        return self

    def run(self, until, look=lambda simulated: None):
        while self.events and self.events[0][0] <= until:
            self.now, _, what, number = heapq.heappop(self.events)
            getattr(self, f"_{what}")(number)
            self._decide()
            look(self)
        self.now = until
        return self

    def worked(self, tenant, sweep=None):
        return sum(lane.worked for lane in self.lanes if lane.tenant == tenant and sweep in (None, lane.sweep))

    def _later(self, at, what, number=None):
        heapq.heappush(self.events, (at, next(self.serial), what, number))

    def _ask(self, number):
        lane = self.lanes[number]
        if not lane.left:
            if not lane.packs:
                return
            lane.packs -= 1
            lane.left = lane.pack if isinstance(lane.pack, float | int) else self.draw.uniform(*lane.pack)
            lane.lease, since = f"{lane.tenant}-{number}-{next(self.serial)}", self.now
        else:
            since = float("-inf")
        self.asking[lane.lease] = number
        self.fair.wait(Request(lane.lease, lane.tenant, lane.sweep, lane.node, lane.need, max(since, 0)), self.now)

    def _rung(self, number):
        lane = self.lanes[number]
        done = min(lane.rung, lane.left)
        lane.left -= done
        lane.worked += done * lane.need.share(self.fair.total)
        if lane.left <= 1e-9:
            lane.left = 0.0
            self.fair.release(lane.lease, self.now)
            self._ask(number)
        elif lane.lease in self.fair.revoked:
            self.log.append((self.now, "pause", number))
            self.fair.release(lane.lease, self.now)
            self._decide()
            self._ask(number)
        else:
            self._later(self.now + min(lane.rung, lane.left), "rung", number)

    def _tick(self, number):
        pass

    def _decide(self):
        for lease in self.fair.decide(self.now).grants:
            number = self.asking.pop(lease)
            lane = self.lanes[number]
            lane.first = self.now if lane.first is None else lane.first
            self.log.append((self.now, "grant", number))
            self._later(self.now + min(lane.rung, lane.left), "rung", number)
