"""Working under a lease: asked before a pack, heeded at every look, given back after it."""

from typing import Protocol

from mlray.clock import SystemClock
from mlray.errors import UnavailableError
from mlray.leases import Resources

__all__ = ["Leased", "Lender"]

ASK_EVERY = 0.5
"""Seconds between two questions whether to go on: a question is a round trip to the broker."""
PAUSE = 20.0
"""Seconds of one wait for a paused lease; asked again until an answer comes."""


class Lender(Protocol):
    """The part of the leases' desk that a lane needs."""

    def acquire(
        self, tenant: str, sweep: str, lane: str, node: str | None, need: Resources, patience_s: float, *, backed: bool
    ) -> str | None:
        """Return a lease, or None when patience ran out."""
        ...

    def may_go_on(self, lease: str) -> str:
        """Return `go`, `pause` or `stop`."""
        ...

    def resume(self, lease: str, patience_s: float) -> str:
        """Wait for a paused lease; return `go`, `pause` (not yet) or `stop`."""
        ...

    def release(self, lease: str, seconds: float | None = None) -> None:
        """Give a lease back."""
        ...


class Leased:
    """One lane's permit. Where the broker cannot be reached the lane works on: a lost referee stops no game."""

    def __init__(self, lender: Lender, tenant: str, sweep: str, lane: str, need: Resources, *, backed: bool) -> None:
        """Ask nothing yet."""
        self._lender, self._who, self._need, self._backed = lender, (tenant, sweep, lane), need, backed
        self._clock = SystemClock()
        self._lease: str | None = None
        self._asked = self._began = self._clock.ticks()
        self._paused = 0.0

    def take(self, patience: float) -> bool:
        """Wait at most `patience` seconds for a lease; False without one."""
        try:
            self._lease = self._lender.acquire(*self._who, None, self._need, patience, backed=self._backed)
        except UnavailableError:
            return True
        self._asked = self._began = self._clock.ticks()
        self._paused = 0.0
        return self._lease is not None

    def may_go_on(self) -> bool:
        """Return at once while the lease holds, after the pause where it was called back; False when told to stop."""
        now = self._clock.ticks()
        if self._lease is None or now - self._asked < ASK_EVERY:
            return True
        self._asked = now
        try:
            word = self._lender.may_go_on(self._lease)
            while word == "pause":
                word = self._lender.resume(self._lease, PAUSE)
        except UnavailableError:
            return True
        self._asked = self._clock.ticks()
        self._paused += self._asked - now
        return word != "stop"

    def give(self) -> None:
        """Give the lease back, with the seconds that were worked under it."""
        lease, self._lease = self._lease, None
        if lease is not None:
            self._lender.release(lease, self._clock.ticks() - self._began - self._paused)
