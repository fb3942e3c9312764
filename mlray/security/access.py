"""Keys of tenants: made once, shown once, kept as a hash, checked at every request."""

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from mlray.clock import SystemClock
from mlray.errors import InputError, NotFoundError, StoreError
from mlray.records import Record
from mlray.security._bucket import Bucket, take
from mlray.security._denied import Denied
from mlray.security._private import private_folder, read_private, replace_private

__all__ = ["SCOPES", "Identity", "KeyRing"]

SCOPES = ("predict", "feedback", "admin")
"""What a key can allow: asking for predictions, sending true outcomes, changing what an endpoint serves."""

_FILE = "keys.json"
_TENANT = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_KEY = re.compile(r"mlray_[a-z][a-z0-9_-]{0,62}_[A-Za-z0-9_-]{43}")
_HOW = "Send the header `Authorization: Bearer mlray_…`; whoever runs the endpoint gives out keys."


@dataclass(frozen=True, slots=True)
class Identity(Record):
    """Who asks: the tenant, the key's public name, and what the key allows."""

    tenant: str
    key: str
    """The first 12 digits of the key's SHA-256: enough to name it, useless to forge it."""
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    tenant: str
    scopes: tuple[str, ...]
    sha256: str

    @property
    def identity(self) -> Identity:
        return Identity(self.tenant, self.sha256[:12], self.scopes)


class KeyRing:
    """The keys of one folder. Several processes may share it: what one issues or revokes, the others see at once."""

    def __init__(
        self, folder: Path, *, requests_per_second: float = 0.0, ticks: Callable[[], float] | None = None
    ) -> None:
        """Use `folder` (made with mode 700); each key may ask `requests_per_second` times (0: no limit) by `ticks`.

        The limit is kept by each process for itself: behind n replicas a key may ask n times as often.

        Raises:
            AccessDenied: others may read the folder or the file of keys.
        """
        self._folder = private_folder(folder)
        self._rate = requests_per_second
        self._ticks = ticks or SystemClock().ticks
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._keys: tuple[_Kept, ...] = ()
        self._read()

    def issue(self, tenant: str, scopes: Sequence[str]) -> str:
        """Make a key of 256 random bits and return it, `mlray_<tenant>_<43 characters>`: it is shown this once only.

        Raises:
            InputError: the tenant's name is not allowed, or a scope is unknown.
        """
        if not _TENANT.fullmatch(tenant):
            raise InputError(
                f"'{tenant}' cannot name a tenant.", remedy="Use a small letter, then small letters, digits, _ or -."
            )
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes or isinstance(scopes, str):
            raise InputError(
                f"{unknown or scopes!r} is not a list of scopes.", remedy=f"Choose from: {', '.join(SCOPES)}."
            )
        secret = f"mlray_{tenant}_{secrets.token_urlsafe(32)}"
        kept = _Kept(tenant, tuple(scope for scope in SCOPES if scope in scopes), _hash(secret))
        with self._changing() as keys:
            keys.append(kept)
        return secret

    def revoke(self, key: str) -> Identity:
        """Take back the key of this public name (see `identities`) and return whose it was.

        Raises:
            NotFoundError: there is none; the remedy lists what there is.
        """
        with self._changing() as keys:
            found = [kept for kept in keys if kept.identity.key == key]
            if not found:
                known = ", ".join(f"{kept.identity.key} ({kept.tenant})" for kept in keys) or "none"
                raise NotFoundError(f"There is no key '{key}'.", remedy=f"Known: {known}.")
            keys[:] = [kept for kept in keys if kept not in found]
        return found[0].identity

    def identities(self) -> tuple[Identity, ...]:
        """Return whose keys are known, the oldest first; the keys themselves are known to their owners only."""
        return tuple(kept.identity for kept in self._current())

    def check(self, authorization: str | None, scope: str) -> Identity:
        """Return who sent the header `authorization`, provided that the key allows `scope`.

        Raises:
            Denied: (an AccessDenied) with `status` and `code`: 401 `missing_key`, `malformed_key` or `unknown_key`,
                403 `scope_not_allowed`, 429 `too_many_requests` with `retry_after` in seconds.
        """
        if not authorization:
            raise Denied("The request carries no key.", remedy=_HOW, status=401, code="missing_key")
        scheme, _, secret = authorization.strip().partition(" ")
        if scheme.lower() != "bearer" or not _KEY.fullmatch(secret.strip()):
            raise Denied("The Authorization header holds no mlray key.", remedy=_HOW, status=401, code="malformed_key")
        kept = self._match(_hash(secret.strip()))
        if kept is None:
            raise Denied("The key is not known here, or was revoked.", remedy=_HOW, status=401, code="unknown_key")
        if scope not in kept.scopes:
            raise Denied(
                f"This key of '{kept.tenant}' allows {', '.join(kept.scopes)}, not {scope}.",
                remedy=f"Ask for a key with the scope '{scope}'.",
                status=403,
                code="scope_not_allowed",
            )
        self._slow_down(kept)
        return kept.identity

    def _match(self, presented: str) -> _Kept | None:
        # Every kept hash is compared, in constant time, so that how long it takes says nothing about which one is near.
        found = None
        for kept in self._current():
            if hmac.compare_digest(kept.sha256, presented):
                found = kept
        return found

    def _slow_down(self, kept: _Kept) -> None:
        if self._rate <= 0:
            return
        with self._lock:
            self._buckets[kept.sha256], wait = take(self._buckets.get(kept.sha256), self._rate, self._ticks())
        if wait > 0:
            raise Denied(
                f"The key of '{kept.tenant}' asks more than {self._rate:g} times a second.",
                remedy=f"Ask again in {wait:.2f} s, or send more rows in one request.",
                status=429,
                code="too_many_requests",
                retry_after=wait,
            )

    def _current(self) -> tuple[_Kept, ...]:
        """Return the keys as the file has them now; one look at its stamp tells whether they are known already."""
        stamp = _stamp(self._folder / _FILE)
        if stamp != self._stamp:
            self._read()
        return self._keys

    def _read(self) -> None:
        file = self._folder / _FILE
        with self._lock:
            # The stamp is taken first: keys that arrive in between are then read twice, not overlooked.
            stamp = _stamp(file)
            self._keys = () if stamp is None else _parse(file)
            self._stamp = stamp

    @contextmanager
    def _changing(self) -> Iterator[list[_Kept]]:
        """Give the keys to be changed while every other process waits; nothing is written where the change fails."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            self._read()
            keys = list(self._keys)
            yield keys
            content = json.dumps({"keys": [asdict(kept) for kept in keys]}, indent=1)
            replace_private(self._folder / _FILE, content.encode())
            self._read()
        finally:
            os.close(folder)


def _hash(secret: str) -> str:
    # A fast hash is enough: 256 random bits cannot be guessed, unlike a password.
    return hashlib.sha256(secret.encode()).hexdigest()


def _stamp(file: Path) -> tuple[int, int, int] | None:
    # The time of the last change to content or mode: a file that was opened to others is noticed as well.
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_ctime_ns, found.st_size


def _parse(file: Path) -> tuple[_Kept, ...]:
    try:
        listed = cast("list[dict[str, object]]", json.loads(read_private(file))["keys"])
        return tuple(
            _Kept(str(kept["tenant"]), tuple(cast("list[str]", kept["scopes"])), str(kept["sha256"])) for kept in listed
        )
    except FileNotFoundError:
        return ()
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{file} is not a file of keys: {type(error).__name__}.",
            remedy="Restore it, or remove it and issue new keys.",
        ) from error
