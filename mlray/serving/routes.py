"""The addresses of an endpoint: which path means what, with which methods, and which scope its key needs."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

__all__ = ["METHODS", "SCOPES", "Action", "Target", "parse"]


class Action(StrEnum):
    """What one can ask of an endpoint."""

    SERVER = "server"
    LIVE = "live"
    READY = "ready"
    METADATA = "metadata"
    MODEL_READY = "model_ready"
    INFER = "infer"
    FEEDBACK = "feedback"
    ENDPOINT = "endpoint"
    FLUSH = "flush"
    OPENAPI = "openapi"
    METRICS = "metrics"


METHODS = {
    Action.SERVER: ("GET",),
    Action.LIVE: ("GET",),
    Action.READY: ("GET",),
    Action.METADATA: ("GET",),
    Action.MODEL_READY: ("GET",),
    Action.INFER: ("POST",),
    Action.FEEDBACK: ("POST",),
    Action.ENDPOINT: ("GET", "PUT"),
    Action.FLUSH: ("POST",),
    Action.OPENAPI: ("GET",),
    Action.METRICS: ("GET",),
}
SCOPES = {
    Action.METADATA: "predict",
    Action.INFER: "predict",
    Action.FEEDBACK: "feedback",
    Action.ENDPOINT: "admin",
    Action.FLUSH: "admin",
    Action.OPENAPI: "predict",
    Action.METRICS: "predict",
}
"""Actions that are not listed are open: whoever balances load must be able to ask for health without a key."""
_FIXED = {
    "/v2": Action.SERVER,
    "/v2/health/live": Action.LIVE,
    "/v2/health/ready": Action.READY,
    "/openapi.json": Action.OPENAPI,
    "/metrics": Action.METRICS,
}
_OF_MODEL = {
    (): Action.METADATA,
    ("ready",): Action.MODEL_READY,
    ("infer",): Action.INFER,
    ("feedback",): Action.FEEDBACK,
    ("endpoint",): Action.ENDPOINT,
    ("flush",): Action.FLUSH,
}
_OF_VERSION = {(): Action.METADATA, ("ready",): Action.MODEL_READY, ("infer",): Action.INFER}


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names."""

    action: Action
    model: str = ""
    version: str = ""
    """The version in the path as it was written; empty when the path follows the live one."""


@lru_cache(256)
def parse(path: str) -> Target | None:
    """Return what a path names, or None when it names nothing.

    >>> parse("/v2/models/flights/versions/2/infer")
    Target(action=<Action.INFER: 'infer'>, model='flights', version='2')
    """
    if path in _FIXED:
        return Target(_FIXED[path])
    parts = tuple(path.split("/"))
    if parts[:3] != ("", "v2", "models") or len(parts) < 4 or not parts[3]:
        return None
    model, rest = parts[3], parts[4:]
    if rest in _OF_MODEL:
        return Target(_OF_MODEL[rest], model)
    if rest[:1] == ("versions",) and len(rest) > 1 and rest[2:] in _OF_VERSION:
        return Target(_OF_VERSION[rest[2:]], model, rest[1])
    return None
