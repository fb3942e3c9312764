"""The broker of leases on Ray, one detached actor per cluster, and the desk at which lanes and drivers talk to it."""

import asyncio
import json
import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError

from mlray.clock import SystemClock
from mlray.errors import MlrayError, UnavailableError
from mlray.ids import new_id
from mlray.leases._book import Answer, Book, Claim, Word
from mlray.leases._demand import Want
from mlray.leases._nodes import leasable, size
from mlray.leases._shares import Shares, read_shares
from mlray.leases._standing import Standing
from mlray.leases._terms import Resources, Terms

__all__ = ["NAME", "NAMESPACE", "Broker", "Desk", "Word"]

NAME, NAMESPACE = "mlray-leases", "mlray"
"""The broker's name on a cluster; every process finds it by that."""

_TICK = 0.5
_SAMPLE = 1.0
_SAVE = 10.0
_BEAT = 2.0
"""Seconds between two renewals of what a process holds."""
_POLL = 10.0
"""The longest that one call waits: a caller that died is forgotten after it."""
_ANSWER = 15.0
"""Seconds after which an answer that was due is no longer waited for."""
_HEARD = 5.0
"""Seconds for which a call to wake up is heard by who rests only afterwards."""


class Broker:
    """Grants leases. All decisions are the book's; here are only its clock, its waiting callers, and what Ray says."""

    def __init__(self) -> None:
        """Take up what an earlier process of this actor kept."""
        self._clock = SystemClock()
        self._book = Book()
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._pools: dict[str, tuple[int, float, asyncio.Event]] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._sampled = self._saved = float("-inf")
        self._shares: tuple[str, float] | None = None
        self._asked: list[dict[str, float]] = []
        if ray.get_runtime_context().was_current_actor_reconstructed:
            self._restore()

    # Leases.

    async def acquire(self, claim: Claim, patience_s: float) -> Answer:
        """Wait for a lease, or for a paused one to go on."""
        await self._begin()
        answer = self._book.ask(claim, self._clock.ticks())
        if answer != "waits":
            return answer
        future = self._waiting[claim.lease] = asyncio.get_running_loop().create_future()
        self._pump()
        try:
            return await asyncio.wait_for(asyncio.shield(future), patience_s)
        except TimeoutError:
            return "waits"
        finally:
            # Only the latest call for a lease may let go of it: an older one may end after it was asked again.
            if self._waiting.get(claim.lease) is future:
                del self._waiting[claim.lease]
                self._book.give_up(claim.lease, self._clock.ticks())

    async def word(self, claim: Claim) -> Word:
        """Tell a holder whether to go on."""
        await self._begin()
        word = self._book.word(claim, self._clock.ticks())
        if word == "pause":
            self._pump()
        return word

    async def renew(self, claims: Iterable[Claim]) -> None:
        """Hear that holders are alive."""
        await self._begin()
        self._book.renew(claims, self._clock.ticks())

    async def release(self, lease: str, seconds: float | None) -> None:
        """Take a lease back."""
        await self._begin()
        self._book.release(lease, seconds, self._clock.ticks())
        self._pump()

    def _pump(self) -> None:
        """Let the scheduler decide and tell those who wait."""
        for lease in self._book.grant(self._clock.ticks()):
            self._answer(lease, "held")

    def _answer(self, lease: str, answer: Answer) -> None:
        future = self._waiting.pop(lease, None)
        if future is not None and not future.done():
            future.set_result(answer)

    # Rest, stop, terms.

    async def rest(self, pool: str, heard: int | None, patience_s: float) -> tuple[int, bool]:
        """Wait until `pool` is woken; return how often it was, and whether that is news to who has `heard` so many."""
        number, at, event = self._pool(pool)
        if heard is None:
            heard = number - (self._clock.ticks() - at < _HEARD)
        if number == heard:
            try:
                await asyncio.wait_for(event.wait(), patience_s)
            except TimeoutError:
                return number, False
        return self._pool(pool)[0], True

    async def wake(self, pool: str) -> None:
        """Wake who rests in `pool`."""
        number, _, event = self._pool(pool)
        self._pools[pool] = (number + 1, self._clock.ticks(), asyncio.Event())
        event.set()

    def _pool(self, name: str) -> tuple[int, float, asyncio.Event]:
        return self._pools.setdefault(name, (0, float("-inf"), asyncio.Event()))

    async def stop(self, sweep: str) -> None:
        """Let every lane of a sweep stop."""
        await self._begin()
        for lease in self._book.stop(sweep, self._clock.ticks()):
            self._answer(lease, "stopped")
        await self._save()

    async def stopped(self, sweep: str) -> bool:
        """Return whether a sweep was stopped."""
        return self._book.stopped(sweep)

    async def claim(self, tenant: str, terms: Terms) -> Terms:
        """Note what a tenant claims and return what is in force."""
        await self._begin()
        found = self._book.claim(tenant, terms, self._clock.ticks())
        await self._save()
        return found

    async def want(self, want: Mapping[str, Any], money_left: float | None, price: float | None) -> int:
        """Note how many lanes a sweep could use."""
        await self._begin()
        asked = Want(**want, at=self._clock.ticks())
        return self._book.want(asked, money_left, price)

    async def usage(self) -> Standing:
        """Return how the cluster is shared."""
        await self._begin()
        await self._sample(0.0)
        return self._book.standing(self._clock.ticks())

    # What happens by itself.

    async def _begin(self) -> None:
        """Start ticking at the first call: before it there is no loop to tick in."""
        if self._ticking is None:
            self._ticking = asyncio.create_task(self._tick())
            self._read_shares()
        await self._sample(2 * _SAMPLE)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            try:
                await self._turn()
            except Exception:  # a broker that stops ticking grants nothing any more
                logging.getLogger(__name__).exception("A turn of the lease broker failed; the next may not.")

    async def _turn(self) -> None:
        now = self._clock.ticks()
        if not self._book.idle:
            await self._sample(_SAMPLE)
            silent = self._book.silent(now)
            dead = await asyncio.to_thread(_dead, silent) if silent else ()
            self._book.expire(dead, self._clock.ticks())
            self._pump()
        await self._ask_for_nodes()
        if now - self._saved >= _SAVE:
            self._read_shares()
            await self._save()

    async def _sample(self, age: float) -> None:
        """Ask Ray what it holds for others, if that is not known already and younger than `age` seconds."""
        now = self._clock.ticks()
        if now - self._sampled <= age:
            return
        self._sampled = now
        free, sizes = await asyncio.to_thread(_nodes)
        if sizes:
            self._book.offer(free, sizes, self._clock.ticks())

    async def _ask_for_nodes(self) -> None:
        """Ask the autoscaler for what sweeps could use. Who never asked says nothing: people may ask on their own."""
        asked = self._book.bundles()
        if asked == self._asked:
            return
        self._asked = asked
        await asyncio.to_thread(_request, asked)

    def _read_shares(self) -> None:
        """Read the operator's file if it has changed; a faulty one changes nothing but what is told."""
        path = os.environ.get("MLRAY_SHARES", "")
        if not path:
            return
        try:
            seen = (path, Path(path).stat().st_mtime)
            if seen == self._shares:
                return
            shares = read_shares(Path(path).read_text(encoding="utf-8"), path)
        except (OSError, ValueError, MlrayError) as error:
            self._book.fault = str(error)
            if self._shares is None:
                # Whose terms are set by an operator must not have what it claims because of a slip in the file.
                self._book.govern(Shares(others=Terms()), self._clock.ticks())
            return
        self._shares, self._book.fault = seen, ""
        self._book.govern(shares, self._clock.ticks())

    async def _save(self) -> None:
        self._saved = self._clock.ticks()
        kept = json.dumps(self._book.kept(self._saved)).encode()
        await asyncio.to_thread(_keep, kept)

    def _restore(self) -> None:
        from ray.experimental.internal_kv import _internal_kv_get

        kept = _internal_kv_get(NAME.encode(), namespace=NAMESPACE.encode())
        self._book.restore(json.loads(kept) if kept else {}, self._clock.ticks())


def _keep(kept: bytes) -> None:
    from ray.experimental.internal_kv import _internal_kv_put

    _internal_kv_put(NAME.encode(), kept, overwrite=True, namespace=NAMESPACE.encode())


def _nodes() -> tuple[dict[str, Resources], dict[str, Resources]]:
    """Return what may be leased on each node that is alive, and how large each is."""
    from ray._private.state import state

    sizes = {name: size(total) for name, total in state.total_resources_per_node().items()}
    available = state.available_resources_per_node()
    return {name: leasable(available.get(name, {})) for name in sizes}, sizes


def _dead(actors: Iterable[str]) -> list[str]:
    """Return those of `actors` whose process has ended."""
    from ray._private.state import state

    return [actor for actor in actors if state.actor_table(actor).get("State") in ("DEAD", "RESTARTING")]


def _request(bundles: list[dict[str, float]]) -> None:
    from ray.autoscaler.sdk import request_resources

    request_resources(bundles=bundles)


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
        """Sleep until `pool` is woken, for `patience_s` at most; return whether it was since this process last heard."""
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
        except (RayActorError, MlrayError):
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
                time.sleep(_TICK)
        return otherwise

    def _broker(self) -> Any:
        if self._handle is None:
            _context()
            try:
                self._handle = ray.get_actor(NAME, namespace=NAMESPACE)
            except ValueError:
                self._handle = _start()
        return self._handle


def _context() -> Any:
    # Asked without a connection, Ray would quietly start a cluster of its own.
    if not ray.is_initialized():
        raise UnavailableError("Leases are given on a Ray; this process is not connected to one.", remedy="`ray.init`")
    return ray.get_runtime_context()


def _start() -> Any:
    """Start the broker, or find the one that somebody else has started meanwhile."""
    kind = cast("Any", ray.remote(Broker)).options(
        name=NAME,
        namespace=NAMESPACE,
        get_if_exists=True,
        lifetime="detached",
        num_cpus=0,
        resources={"node:__internal_head__": 0.001},  # the node that lives as long as the cluster
        max_restarts=-1,
        max_task_retries=-1,
        max_concurrency=10_000,
    )
    return kind.remote()
