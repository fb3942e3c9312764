"""Names for things: digests of content, and keys that make a repeated step harmless."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence

from typing_extensions import TypeAliasType

__all__ = ["Json", "canonical", "digest", "digest_of", "new_id"]

Json = TypeAliasType("Json", "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None")


def canonical(value: object) -> bytes:
    """Return the one JSON text of `value`: keys sorted, no spaces, UTF-8; equal values give equal bytes.

    >>> canonical({"b": 1, "a": [2.0]})
    b'{"a":[2.0],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(content: bytes) -> str:
    """Return the SHA-256 of `content` as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def digest_of(value: object) -> str:
    """Return the digest of the canonical JSON of `value`."""
    return digest(canonical(value))


def new_id(prefix: str) -> str:
    """Return a fresh name, `prefix` and 12 random hexadecimal digits; for things that have no content of their own."""
    return f"{prefix}-{secrets.token_hex(6)}"
