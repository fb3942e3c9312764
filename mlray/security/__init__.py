"""Security: keys and scopes of tenants, signed folders, private files, and text without secrets."""

from mlray.security._denied import Denied
from mlray.security._private import create_private, read_private
from mlray.security.access import SCOPES, Identity, KeyRing
from mlray.security.redaction import redact
from mlray.security.signing import MANIFEST, sign, signing_key, verified, verify
from mlray.security.tokens import ray_token

__all__ = [
    "MANIFEST",
    "SCOPES",
    "Denied",
    "Identity",
    "KeyRing",
    "create_private",
    "ray_token",
    "read_private",
    "redact",
    "sign",
    "signing_key",
    "verified",
    "verify",
]
