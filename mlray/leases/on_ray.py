"""The desk at which lanes and drivers ask the cluster's broker for leases."""

import threading
import time
from decimal import Decimal
from typing import Any, cast

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError

from mlray.clock import SystemClock
from mlray.errors import MlrayError, UnavailableError
from mlray.ids import new_id
from mlray.leases._book import Answer, Claim, Word
from mlray.leases._standing import Standing
from mlray.leases._terms import Resources, Terms
from mlray.leases.broker.on_ray import find

__all__ = ["Desk", "Word"]

_AGAIN = 0.5
_BEAT = 2.0
"""Seconds between two renewals of what a process holds."""
_POLL = 10.0
"""The longest that one call waits: a caller that died is forgotten after it."""
_ANSWER = 15.0
"""Seconds after which an answer that was due is no longer waited for."""


class Desk:
    """Where lanes and drivers ask for leases. One per process; any thread may use it; every call may be repeated.

    What a process holds is renewed from a thread of its own, however long training takes between two calls. An error of
    the broker is met by patience: it comes back by itself, and learns from the desks who holds what.
    """

    def __init__(self) -> None:
        """Connect at the first call, and start the cluster's broker if there is none."""
        self._lock = threading.Lock()
        self._handle: Any = None
        self._claims: dict[str, Claim] = {}
        self._paused: dict[str, Claim] = {}
        self._heard: dict[str, int] = {}
        self._beating = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Arrive in another process as a fresh desk: leases belong to the process that asked for them."""
        return (Desk, ())

    def prepare(self) -> None:
        """Have the broker started, without waiting until it is there: the first on a cluster takes seconds."""
        self._broker()

    def acquire(
        self,
        tenant: str,
        sweep: str,
        lane: str,
        node: str | None,
        need: Resources,
        patience_s: float,
        *,
        backed: bool = False,
    ) -> str | None:
        """Wait up to `patience_s` for a lease and return its id, or None: not yet, or the sweep was stopped.

        Args:
            tenant: Whose share it counts against.
            sweep: Unique on the cluster.
            lane: Unique in the sweep. A lane has one lease at a time: asking for another gives the one before back.
            node: Where the lane lives, as Ray's hexadecimal id; None for this process's node.
            need: What it will use. A lane itself should claim next to nothing of Ray, 0.001 CPU.
            patience_s: Seconds. Who asks again soon keeps its place.
            backed: Ray itself holds `need` for this process: the lease only counts against share and maximum.

        Raises:
            InputError: it can never be granted.
            UnavailableError: this process is not connected to a Ray.
        """
        context = _context()
        claim = Claim(
            new_id("lease"),
            tenant,
            sweep,
            lane,
            node or context.get_node_id(),
            need,
            backed,
            context.get_actor_id() or "",
        )
        return claim.lease if self._wait(claim, patience_s) == "held" else None

    def may_go_on(self, lease: str) -> Word:
        """Return whether to go on: one round trip, to be made at rungs, twice a second at most.

        After "pause" the lease holds nothing any more: keep the work in memory and call `resume`. After "stop" end.
        """
        claim = self._claims.get(lease)
        if claim is None:
            return "pause" if lease in self._paused else "stop"
        # Who gets no answer goes on: better that two share a core for a while than that all stand still.
        word = cast("Word", self._call("word", claim, otherwise="go"))
        if word == "pause":
            with self._lock:
                self._paused[lease] = claim
                self._claims.pop(lease, None)
        return word

    def resume(self, lease: str, patience_s: float) -> Word:
        """Wait up to `patience_s` until a paused lease may go on: "go", not yet ("pause"), or never ("stop")."""
        if lease in self._claims:
            return "go"
        claim = self._paused.get(lease)
        if claim is None:
            return "stop"
        answer = self._wait(claim, patience_s)
        return {"held": "go", "waits": "pause", "stopped": "stop"}[answer]  # type: ignore[return-value]

    def release(self, lease: str, seconds: float | None = None) -> None:
        """Give a lease back, whatever its state, without waiting for an answer; `seconds` of work, if counted."""
        with self._lock:
            known = self._claims.pop(lease, None) or self._paused.pop(lease, None)
            if known is not None:
                # Under the lock: a renewal under way would bring it back.
                self._send("release", lease, seconds)

    def rest(self, pool: str, patience_s: float) -> bool:
        """Sleep until `pool` is woken, `patience_s` at most; return whether it was since this process heard last."""
        until = SystemClock().ticks() + patience_s
        while (left := until - SystemClock().ticks()) > 0:
            patience = min(left, _POLL)
            number, woken = self._call(
                "rest", pool, self._heard.get(pool), patience, patience=patience, otherwise=(None, False)
            )
            if number is None:
                self._heard.pop(pool, None)  # another broker, which counts anew
            else:
                self._heard[pool] = number
            if woken:
                return True
        return False

    def wake(self, pool: str) -> None:
        """Wake all lanes that rest in `pool`."""
        self._call("wake", pool)

    def say_stop(self, sweep: str) -> None:
        """Let every lane of `sweep` stop at its next rung; requests that wait come back empty at once."""
        self._call("stop", sweep)

    def stopped(self, sweep: str) -> bool:
        """Return whether `sweep` was told to stop."""
        return bool(self._call("stopped", sweep, otherwise=False))

    def claim(self, tenant: str, terms: Terms) -> Terms:
        """Claim terms for a tenant and return those in force: an operator's file (`MLRAY_SHARES`) has the last word."""
        return cast("Terms", self._call("claim", tenant, terms, otherwise=terms))

    def want(
        self,
        tenant: str,
        sweep: str,
        lanes: int,
        need: Resources,
        *,
        money_left: Decimal | float | None = None,
        price_per_second: Decimal | float | None = None,
    ) -> int:
        """Say how many lanes of `need` a sweep could use in all, and return how many its terms and money allow.

        Only the autoscaler hears of it, no share depends on it. To be repeated every ten seconds; 0 takes it back.
        """
        left = None if money_left is None else float(money_left)
        price = None if price_per_second is None else float(price_per_second)
        wanted = {"tenant": tenant, "sweep": sweep, "lanes": lanes, "need": need}
        return int(self._call("want", wanted, left, price, otherwise=lanes))

    def usage(self) -> Standing:
        """Return how the cluster is shared: for people."""
        found = self._call("usage")
        if found is None:
            raise UnavailableError("The broker of leases did not answer.", remedy="It comes back by itself: try again.")
        return cast("Standing", found)

    # How the broker is reached.

    def _wait(self, claim: Claim, patience_s: float) -> Answer:
        until = SystemClock().ticks() + patience_s
        answer: Answer = "waits"
        while answer == "waits":
            patience = max(0.0, min(until - SystemClock().ticks(), _POLL))
            answer = self._call("acquire", claim, patience, patience=patience, otherwise="waits")
            if SystemClock().ticks() >= until:
                break
        if answer == "held":
            with self._lock:
                self._claims[claim.lease] = claim
                self._paused.pop(claim.lease, None)
                if not self._beating:
                    self._beating = True
                    threading.Thread(target=self._beat, name="mlray-leases", daemon=True).start()
        return answer

    def _beat(self) -> None:
        """Renew what is held until nothing is; a process that was disconnected must not connect anew by it."""
        while True:
            time.sleep(_BEAT)
            with self._lock:
                if not self._claims or not ray.is_initialized():
                    self._beating = False
                    return
                self._send("renew", tuple(self._claims.values()))

    def _send(self, method: str, *arguments: Any) -> None:
        try:
            getattr(self._broker(), method).remote(*arguments)
        except (RayError, MlrayError):
            self._handle = None

    def _call(self, method: str, *arguments: Any, patience: float = 0.0, otherwise: Any = None) -> Any:
        for _ in range(3):
            try:
                return ray.get(getattr(self._broker(), method).remote(*arguments), timeout=patience + _ANSWER)
            except GetTimeoutError:
                return otherwise
            except RayTaskError as error:
                cause = getattr(error, "cause", None)
                raise (cause if isinstance(cause, MlrayError) else error) from None
            except RayActorError:
                self._handle = None
                time.sleep(_AGAIN)
            except RayError as error:
                message = f"The broker of leases cannot be reached: {type(error).__name__}."
                raise UnavailableError(message, remedy="`mlray status` tells what is up.") from error
        return otherwise

    def _broker(self) -> Any:
        if self._handle is None:
            _context()
            self._handle = find()
        return self._handle


def _context() -> Any:
    # Asked without a connection, Ray would quietly start a cluster of its own.
    if not ray.is_initialized():
        raise UnavailableError("Leases are given on a Ray; this process is not connected to one.", remedy="`ray.init`")
    return ray.get_runtime_context()
