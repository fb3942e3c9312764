"""HTTP as ASGI brings it: the body within its limits, the reply, and the right status for every fault."""

import asyncio
import json
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mlray.errors import AccessDenied, InputError, MlrayError, NotFoundError, Refusal, RequestError, UnavailableError
from mlray.ids import Json
from mlray.serving.protocol import fault_body
from mlray.serving.scoring import ModelFailureError

__all__ = ["ClientGoneError", "Reply", "as_json", "fault", "read_body"]

_LOG = logging.getLogger("mlray.serving")
_JSON_TYPE = b"application/json"
DISCARDED = 8
"""A body of up to so many times the limit is read to its end before it is refused."""


class ClientGoneError(Exception):
    """The client hung up before its body had come; nobody waits for an answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP response."""

    status: int
    body: bytes
    content_type: bytes = _JSON_TYPE
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def all_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the headers with type and length."""
        length = str(len(self.body)).encode()
        return [(b"content-type", self.content_type), (b"content-length", length), *self.headers]


def as_json(value: Mapping[str, Json], status: int = 200) -> Reply:
    """Return a value as a reply."""
    retry = ((b"retry-after", b"1"),) if status == 503 else ()
    return Reply(status, json.dumps(value, separators=(",", ":")).encode(), headers=retry)


async def read_body(
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    headers: Mapping[bytes, bytes],
    *,
    most: int,
    seconds: float,
) -> bytes:
    """Return the request's body.

    Args:
        receive: ASGI's.
        headers: The request's headers, names in lower case.
        most: Bytes; a larger body is refused.
        seconds: How long all of it may take.

    Raises:
        RequestError: 415 for another content type, 413 when it is too large, 408 when it does not come.
        ClientGoneError: the client hung up.
    """
    kind = headers.get(b"content-type", _JSON_TYPE).split(b";")
    charset = b"".join(kind[1:]).strip().lower()
    if kind[0].strip().lower() != _JSON_TYPE or (charset.startswith(b"charset") and b"utf-8" not in charset):
        raise RequestError(
            f"The content type is {headers[b'content-type'].decode('latin-1')[:80]}.",
            remedy="Send application/json in UTF-8 (curl: -H 'content-type: application/json').",
            status=415,
            code="wrong_content_type",
        )
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise RequestError(
            "The body is compressed.", remedy="Send it as it is.", status=415, code="wrong_content_encoding"
        )
    told = int(headers.get(b"content-length", b"0"))
    if told > most and b"expect" not in headers:
        await _discard(receive, min(told, DISCARDED * most), seconds)
    _check_size(told, most)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body: bytes = message.get("body", b"")
        _check_size(len(body), most)
        return body
    try:
        async with asyncio.timeout(seconds):
            return await _rest(message, receive, most)
    except TimeoutError:
        raise RequestError(
            "The body did not come in time.", remedy="Send it again.", status=408, code="too_slow"
        ) from None


async def _discard(receive: Callable[[], Awaitable[MutableMapping[str, Any]]], size: int, seconds: float) -> None:
    """Let up to `size` bytes of a body go by, since many clients read an answer only when they have sent everything."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while size > 0 and (message := await receive())["type"] == "http.request":
                size -= len(message.get("body", b""))
                if not message.get("more_body"):
                    return


async def _rest(
    message: MutableMapping[str, Any], receive: Callable[[], Awaitable[MutableMapping[str, Any]]], most: int
) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise ClientGoneError
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        _check_size(size, most)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise RequestError(
            f"The body has more than {most:,} bytes.", remedy="Split the request.", status=413, code="body_too_large"
        )


def fault(error: Exception, authorization: bytes | None, methods: Sequence[str]) -> Reply:
    """Return the reply to a request that went wrong: 4xx where the caller can do something, 5xx where only we can.

    Args:
        error: What was raised.
        authorization: The request's Authorization header: without one a denial is 401, with one 403.
        methods: What the address allows, for 405.
    """
    if not isinstance(error, MlrayError):
        _LOG.error("a request failed for a reason nobody foresaw", exc_info=error)
        return Reply(500, fault_body("internal", "The endpoint failed.", "Its log tells why."))
    status, code = _status(error, authorization)
    extra: list[tuple[bytes, bytes]] = []
    if status in (429, 503):
        wait = max(1, math.ceil(getattr(error, "retry_after", 1)))
        extra.append((b"retry-after", str(wait).encode()))
    if status == 401:
        extra.append((b"www-authenticate", b"Bearer"))
    if status == 405:
        extra.append((b"allow", ", ".join(methods).encode()))
    if status == 408:
        extra.append((b"connection", b"close"))
    row, column = (error.row, error.column) if isinstance(error, RequestError) else (-1, "")
    return Reply(status, fault_body(code, error.problem, error.remedy, row=row, column=column), headers=tuple(extra))


def _status(error: MlrayError, authorization: bytes | None) -> tuple[int, str]:
    told = getattr(error, "status", None)
    match error:
        case RequestError():
            return error.status, error.code
        case AccessDenied():
            status = told if isinstance(told, int) else 403 if authorization else 401
            return status, str(getattr(error, "code", "missing_key" if status == 401 else "scope_not_allowed"))
        case Refusal():
            return (told if isinstance(told, int) else 403), "refused"
        case NotFoundError():
            return 404, "not_found"
        case InputError():
            return 422, "invalid_input"
        case UnavailableError():
            return 503, "unavailable"
        case ModelFailureError():
            return 500, "model_failed"
        case _:
            _LOG.error("a request failed", exc_info=error)
            return 500, "internal"
