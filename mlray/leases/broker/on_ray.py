"""The broker of leases: one detached actor per cluster."""

import asyncio
import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import ray

from mlray.clock import SystemClock
from mlray.errors import MlrayError
from mlray.leases._book import QUIET, Answer, Book, Claim, Word
from mlray.leases._demand import Want
from mlray.leases._nodes import leasable, size
from mlray.leases._shares import Shares, read_shares
from mlray.leases._standing import Standing
from mlray.leases._terms import Resources, Terms

__all__ = ["NAME", "NAMESPACE", "Broker", "find", "start"]

NAME, NAMESPACE = "mlray-leases", "mlray"
"""The broker's name on a cluster; every process finds it by that."""

_TICK = 0.5
_SAMPLE = 1.0
_SAVE = 10.0
_ASK = 5.0
_LATELY = 60.0
"""Seconds after which nobody works any more under leases of a broker that is gone."""
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
        self._asked_at = float("-inf")
        self._busy = False
        context = ray.get_runtime_context()
        self._restore(reconstructed=bool(context.get_actor_id() and context.was_current_actor_reconstructed))

    # Leases.

    async def acquire(self, claim: Claim, patience_s: float) -> Answer:
        """Wait for a lease, or for a paused one to go on."""
        await self._begin()
        answer = self._book.ask(claim, self._clock.ticks())
        if answer != "waits":
            return answer
        future = self._waiting[claim.lease] = asyncio.get_running_loop().create_future()
        self._pump()
        done, _ = await asyncio.wait({future}, timeout=patience_s)
        if done:
            return future.result()
        # Only the latest call for a lease may let go of it: this one may end after it was asked again.
        if self._waiting.get(claim.lease) is future:
            del self._waiting[claim.lease]
            self._book.give_up(claim.lease, self._clock.ticks())
        return "waits"

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
        await self._ask_for_nodes(now)
        if now - self._saved >= _SAVE:
            self._read_shares()
            # Once more when all has ended, and then no more.
            if not self._book.idle or self._busy:
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

    async def _ask_for_nodes(self, now: float) -> None:
        """Ask the autoscaler for what sweeps could use. Who never asked says nothing: people may ask on their own."""
        asked = self._book.bundles()
        if asked == self._asked or (asked and now - self._asked_at < _ASK):
            return
        self._asked, self._asked_at = asked, now
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
        self._saved, self._busy = self._clock.ticks(), not self._book.idle
        kept = {**self._book.kept(self._saved), "busy": self._busy, "at": self._clock.now().timestamp()}
        await asyncio.to_thread(_keep, json.dumps(kept).encode())

    def _restore(self, *, reconstructed: bool) -> None:
        """Take up what an earlier broker kept, this actor or one that it replaces, and wait for its holders."""
        from ray.experimental.internal_kv import _internal_kv_get

        kept = json.loads(_internal_kv_get(NAME.encode(), namespace=NAMESPACE.encode()) or "{}")
        age = self._clock.now().timestamp() - kept.get("at", 0.0)
        holders = reconstructed or (kept.get("busy", False) and age < _LATELY)
        self._book.restore(kept, self._clock.ticks(), QUIET if holders else 0.0)


def _keep(kept: bytes) -> None:
    from ray.experimental.internal_kv import _internal_kv_put

    _internal_kv_put(NAME.encode(), kept, overwrite=True, namespace=NAMESPACE.encode())


def _nodes() -> tuple[dict[str, Resources], dict[str, Resources]]:
    """Return what may be leased on each node that is alive, and how large each is."""
    from ray._private.state import state

    sizes = {name: size(total) for name, total in state.total_resources_per_node().items()}
    available = cast("Any", state).available_resources_per_node()
    return {name: leasable(available.get(name, {})) for name in sizes}, sizes


def _dead(actors: Iterable[str]) -> list[str]:
    """Return those of `actors` whose process has ended."""
    from ray._private.state import state

    return [actor for actor in actors if state.actor_table(actor).get("State") in ("DEAD", "RESTARTING")]


def _request(bundles: list[dict[str, float]]) -> None:
    from ray.autoscaler.sdk import request_resources

    request_resources(bundles=bundles)


def find() -> Any:
    """Return the cluster's broker, started if there is none."""
    try:
        return ray.get_actor(NAME, namespace=NAMESPACE)
    except ValueError:
        return start()


def start() -> Any:
    """Start the broker, or find the one that somebody else has started meanwhile."""
    kind = cast("Any", ray.remote(Broker)).options(
        name=NAME,
        namespace=NAMESPACE,
        get_if_exists=True,
        lifetime="detached",
        num_cpus=0,
        resources={"node:__internal_head__": 0.001},  # the node that lives as long as the cluster
        scheduling_strategy="DEFAULT",  # a lane that starts it lives in a placement group, which has no such resource
        max_restarts=-1,
        max_task_retries=-1,
        max_concurrency=10_000,
    )
    return kind.remote()
