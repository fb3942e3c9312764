"""The broker's book: who has which lease, who is alive, what was stopped. Pure: every event comes with its time."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mlray.errors import InputError
from mlray.ids import Json
from mlray.leases._demand import Want, Wants
from mlray.leases._fair import Fair
from mlray.leases._party import Request
from mlray.leases._rules import Rules
from mlray.leases._shares import Shares, read_terms, terms_json
from mlray.leases._standing import Standing, standing
from mlray.leases._tallies import Tallies
from mlray.leases._terms import Resources, Terms

__all__ = ["QUIET", "Answer", "Book", "Claim", "Word"]

Answer = Literal["held", "waits", "stopped"]
Word = Literal["go", "pause", "stop"]

_PLACE = 5.0
"""Seconds for which a lane that stopped waiting keeps its place, since it will ask again."""
_SILENT = 3.0
"""Seconds after which it is looked whether a holder that did not renew is still alive."""
_LOST = 15.0
"""Seconds after which a lease that was not renewed is taken back, whoever held it."""
_REMEMBERED = 3600.0
"""Seconds for which it is known that a sweep was stopped, or that a lease is paused."""
_OVER = 60.0
"""Seconds for which it is known that a lease was given back: a renewal may be under way still."""
QUIET = 4.0
"""Seconds for which a new process of the broker waits for holders to announce themselves, not to grant all twice."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease as its holder describes it, each time: a broker that lost its memory learns of it so."""

    lease: str
    tenant: str
    sweep: str
    lane: str
    node: str
    need: Resources
    backed: bool = False
    holder: str = ""
    """The holder's actor in Ray; empty where it is another process."""

    def request(self, since: float) -> Request:
        """Return it as the scheduler sees it."""
        return Request(self.lease, self.tenant, self.sweep, self.node, self.need, since, self.backed)


@dataclass(slots=True)
class _Entry:
    claim: Claim
    since: float
    seen: float
    granted: float | None = None
    """Since when it is held; None while it waits or is paused."""
    seconds: float = 0.0
    """For which it was held before it was paused."""


class Book:
    """What the broker knows and answers."""

    def __init__(self, rules: Rules | None = None, shares: Shares | None = None) -> None:
        """Begin with nobody; `shares` are an operator's terms."""
        self.fair = Fair(rules)
        self.fault = ""
        self._shares = shares or Shares()
        self._claimed: dict[str, Terms] = {}
        self._entries: dict[str, _Entry] = {}
        self._lanes: dict[tuple[str, str, str], str] = {}
        self._places: dict[tuple[str, str, str], tuple[float, float]] = {}
        self._over: dict[str, float] = {}
        self._stopped: dict[str, float] = {}
        self.tallies = Tallies()
        self.wants = Wants()
        self._sizes: Mapping[str, Resources] = {}
        self._quiet_until = -math.inf

    # Terms.

    def govern(self, shares: Shares, now: float) -> None:
        """Put an operator's terms in force."""
        self._shares = shares
        for tenant in {*self.fair.tenants, *self._claimed}:
            self._agree(tenant, now)

    def claim(self, tenant: str, terms: Terms, now: float) -> Terms:
        """Note what a tenant claims and return what is in force."""
        self._claimed[tenant] = terms
        return self._agree(tenant, now)

    def terms(self, tenant: str) -> Terms:
        """Return what is in force for a tenant."""
        return self._shares.terms(tenant, self._claimed.get(tenant))

    def _agree(self, tenant: str, now: float) -> Terms:
        terms = self.terms(tenant)
        self.fair.agree(tenant, terms, now)
        return terms

    # Leases.

    def ask(self, claim: Claim, now: float) -> Answer:
        """Enter a request, or a paused lease that would go on; may be repeated.

        Raises:
            InputError: it could never be granted.
        """
        if claim.sweep in self._stopped:
            return "stopped"
        key = (claim.tenant, claim.sweep, claim.lane)
        before = self._lanes.get(key)
        if before is not None and before != claim.lease:
            self.release(before, None, now)  # a lane does one thing at a time: it has lost sight of that one
        entry = self._entries.get(claim.lease)
        if entry is None:
            self._refuse(claim)
            since, until = self._places.pop(key, (now, now))
            entry = self._enter(claim, since if now <= until else now, now)
        entry.seen = now
        if claim.lease in self.fair.held:
            return "held"
        if claim.lease not in self.fair.waiting:
            self.fair.wait(claim.request(entry.since), now)
        return "waits"

    def give_up(self, lease: str, now: float) -> None:
        """Let a request wait no longer, for the time being; a lease that is held is left alone."""
        entry = self._entries.get(lease)
        if entry is None or lease in self.fair.held:
            return
        self.fair.drop(lease, now)
        if not entry.seconds:
            self._strike(entry.claim)
            self._places[self._key(entry.claim)] = (entry.since, now + _PLACE)

    def word(self, claim: Claim, now: float) -> Word:
        """Tell a holder whether to go on. Told to pause, it holds nothing any more."""
        if claim.sweep in self._stopped:
            return "stop"
        if claim.lease not in self._entries and not self._adopt(claim, now):
            return "stop"
        entry = self._entries[claim.lease]
        entry.seen = now
        if claim.lease in self.fair.revoked:
            self.fair.release(claim.lease, now)
            self._pause(entry, now)
        return "go" if claim.lease in self.fair.held else "pause"

    def renew(self, claims: Iterable[Claim], now: float) -> None:
        """Hear that holders are alive; of leases that nobody knew it learns here."""
        for claim in claims:
            entry = self._entries.get(claim.lease)
            if entry is not None:
                entry.seen = now
            else:
                self._adopt(claim, now)

    def release(self, lease: str, seconds: float | None, now: float) -> None:
        """Take a lease back, or a request; `seconds` are the lane's own count of them, where it kept one."""
        self._over[lease] = now
        entry = self._entries.get(lease)
        if entry is None:
            return
        self.fair.drop(lease, now)
        self.fair.release(lease, now)
        self._pause(entry, now)
        self._strike(entry.claim)
        self.tallies.had(entry.claim.tenant, entry.claim.sweep, entry.seconds if seconds is None else seconds)

    def grant(self, now: float) -> tuple[str, ...]:
        """Let the scheduler decide, and return the leases that are held from now on."""
        if now < self._quiet_until:
            return ()
        grants = self.fair.decide(now).grants
        for lease in grants:
            entry = self._entries[lease]
            if not entry.seconds:
                self.tallies.granted(entry.claim.tenant, entry.claim.sweep, now - entry.since)
            entry.granted = entry.seen = now
        return grants

    def _refuse(self, claim: Claim) -> None:
        terms, size = self.terms(claim.tenant), self._sizes.get(claim.node)
        if not terms.allows(claim.need):
            raise InputError(
                f"One lane of '{claim.sweep}' needs {claim.need}; '{claim.tenant}' may hold {terms.maximum} at most.",
                remedy="Ask for less per lane, or have the maximum raised.",
            )
        if size is not None and not claim.backed and not claim.need.fits(size):
            raise InputError(
                f"One lane of '{claim.sweep}' needs {claim.need}; its node has {size} in all.",
                remedy="Ask for less per lane, or start lanes on larger nodes.",
            )

    def _enter(self, claim: Claim, since: float, now: float) -> _Entry:
        if claim.tenant not in self.fair.tenants:
            self._agree(claim.tenant, now)
        self._lanes[self._key(claim)] = claim.lease
        entry = self._entries[claim.lease] = _Entry(claim, since, now)
        return entry

    def _adopt(self, claim: Claim, now: float) -> bool:
        """Enter a lease that its holder says it has, unless it was given back."""
        if claim.lease in self._over or claim.sweep in self._stopped:
            return False
        self._enter(claim, now, now).granted = now
        self.fair.hold(claim.request(now), now)
        return True

    def _pause(self, entry: _Entry, now: float) -> None:
        if entry.granted is not None:
            entry.seconds += now - entry.granted
            entry.granted = None

    def _strike(self, claim: Claim) -> None:
        self._entries.pop(claim.lease, None)
        if self._lanes.get(self._key(claim)) == claim.lease:
            del self._lanes[self._key(claim)]

    @staticmethod
    def _key(claim: Claim) -> tuple[str, str, str]:
        return claim.tenant, claim.sweep, claim.lane

    # Who is alive.

    def offer(self, free: Mapping[str, Resources], sizes: Mapping[str, Resources], now: float) -> None:
        """Say what may be leased on each node that is alive, and how large each is; leases elsewhere are lost."""
        self._sizes = sizes
        self.fair.offer(free, now)
        for lease, entry in list(self._entries.items()):
            if sizes and entry.claim.node not in sizes:
                self.release(lease, None, now)

    def silent(self, now: float) -> frozenset[str]:
        """Return the actors that hold leases and were not heard for a while: are they alive?"""
        return frozenset(
            entry.claim.holder
            for entry in self._entries.values()
            if entry.claim.holder and now - entry.seen > _SILENT and entry.claim.lease not in self.fair.waiting
        )

    def expire(self, dead: Iterable[str], now: float) -> tuple[str, ...]:
        """Take back the leases of `dead` actors, and those that nobody renewed; return their ids."""
        gone = frozenset(dead)
        lost = tuple(
            lease
            for lease, entry in self._entries.items()
            if entry.claim.holder in gone or now - entry.seen > self._patience(lease)
        )
        for lease in lost:
            self.release(lease, None, now)
            del self._over[lease]  # whoever was only slow may come back with it
        self._tidy(now)
        return lost

    @property
    def idle(self) -> bool:
        """Whether nobody holds or wants anything."""
        return not self._entries and not self.wants

    def _patience(self, lease: str) -> float:
        if lease in self.fair.waiting:
            return math.inf  # its call ends by itself
        return _LOST if lease in self.fair.held else _REMEMBERED

    def _tidy(self, now: float) -> None:
        self._over = {lease: at for lease, at in self._over.items() if now - at <= _OVER}
        self._stopped = {sweep: at for sweep, at in self._stopped.items() if now - at <= _REMEMBERED}
        self._places = {key: place for key, place in self._places.items() if now <= place[1]}
        self.wants.tidy(now)
        self.tallies.tidy({entry.claim.sweep for entry in self._entries.values()})

    # Stopping and telling.

    def stop(self, sweep: str, now: float) -> tuple[str, ...]:
        """Stop a sweep: holders hear it at their next rung, and the requests that are returned wait in vain."""
        self._stopped[sweep] = now
        self.wants.drop(sweep)
        vain = tuple(name for name, request in self.fair.waiting.items() if request.sweep == sweep)
        for lease in vain:
            self.release(lease, None, now)
        return vain

    def stopped(self, sweep: str) -> bool:
        """Return whether a sweep was stopped."""
        return sweep in self._stopped

    def want(self, want: Want, money_left: float | None, price_per_second: float | None) -> int:
        """Note how many lanes a sweep could use, and return how many of them its terms and money allow."""
        if want.sweep in self._stopped:
            return 0
        return self.wants.put(want, self.terms(want.tenant), money_left, price_per_second)

    def bundles(self) -> list[dict[str, float]]:
        """Return what the autoscaler is to be asked for: what sweeps could use, and what Ray holds for others."""
        nodes = self.fair.nodes
        taken = [size - nodes.get(name, Resources()) for name, size in sorted(self._sizes.items())]
        return self.wants.bundles(self.terms, taken)

    def standing(self, now: float) -> Standing:
        """Return how the cluster is shared."""
        running: dict[tuple[str, str], float] = {}
        for entry in self._entries.values():
            key = (entry.claim.tenant, entry.claim.sweep)
            held = entry.seconds + (now - entry.granted if entry.granted is not None else 0.0)
            running[key] = running.get(key, 0.0) + held
        return standing(self.fair, self.terms, self.tallies, running, self._stopped, now, self.wants.asked, self.fault)

    # What a new process of the broker must know.

    def kept(self, now: float) -> dict[str, Json]:
        """Return what holders cannot announce, as JSON: what was used, claimed, stopped."""
        return {
            "used": self.fair.used(now),
            "claimed": {name: terms_json(terms) for name, terms in self._claimed.items()},
            "stopped": {name: now - at for name, at in self._stopped.items()},
            "tallies": self.tallies.kept(),
        }

    def restore(self, kept: Mapping[str, Any], now: float, quiet: float = QUIET) -> None:
        """Take up what an earlier process knew, and grant nothing for `quiet` seconds: holders announce themselves."""
        self._quiet_until = now + quiet
        for name, terms in kept.get("claimed", {}).items():
            self.claim(name, read_terms(terms, name), now)
        for name, used in kept.get("used", {}).items():
            self.fair.remember(name, float(used), now)
        self._stopped.update({name: now - age for name, age in kept.get("stopped", {}).items()})
        self.tallies.restore(kept.get("tallies", {}))
