"""The endpoint: one hand-written ASGI application, run by uvicorn in a thread, in a Ray Serve replica or anywhere else.

It knows nothing of Ray, files of models or keys: whatever it needs comes in as callables.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlray.clock import Clock, SystemClock
from mlray.errors import MlrayError, RequestError, UnavailableError
from mlray.ids import new_id
from mlray.ports import Predictor
from mlray.records import Endpoint
from mlray.serving.copies import Copies
from mlray.serving.counters import Counters
from mlray.serving.feedback import RecentRequests, decode_feedback
from mlray.serving.inference import Call, infer
from mlray.serving.openapi import document
from mlray.serving.protocol import decode, decode_json, encode, is_request_id, metadata
from mlray.serving.request_log import RequestLog
from mlray.serving.routes import METHODS, SCOPES, Action, Target, parse
from mlray.serving.table import EndpointTable, parse_table
from mlray.serving.wire import ClientGoneError, Reply, as_json, fault, read_body

__all__ = ["App", "Limits"]

_LOG = logging.getLogger("mlray.serving")
_LOOPBACK = ("127.0.0.1", "::1")
_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for, and how many may wait."""

    max_rows: int = 10_000
    max_body: int = 16 << 20
    """Bytes."""
    in_flight: int = 256
    """Requests that are worked on at once; beyond it 503."""
    inline_rows: int = 64
    """Up to here a request is answered on the event loop: a hop to a thread costs more than a small prediction."""
    body_seconds: float = 30.0
    """How long a client may take to send its body."""


@dataclass(slots=True)
class _Request:
    """What the routes need to know about one HTTP request."""

    method: str
    target: Target
    headers: dict[bytes, bytes]
    tenant: str = ""
    body: bytes = b""
    begin: float = field(default_factory=time.perf_counter)


class App:
    """One endpoint with all its versions, as an ASGI application.

    Call `start` before serving and `stop` after (an ASGI server's lifespan does so too).
    """

    def __init__(  # noqa: PLR0913 (everything from outside comes in here)
        self,
        name: str,
        *,
        load: Callable[[int], Predictor],
        authorise: Callable[[str | None, str], str],
        log: RequestLog,
        table: Path,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Wire an endpoint up; nothing is loaded yet.

        Args:
            name: The model's name in every address.
            load: Returns one version; `predict` of what it returns must be safe in several threads.
            authorise: Takes the Authorization header (None without one) and a scope (`predict`, `feedback` or `admin`) and
                returns the tenant, or raises AccessDenied (with a `status` and, for 429, `retry_after`, where it knows them).
            log: Where answers and feedback are written.
            table: The file of the endpoint table.
            limits: Sizes; the defaults suit tabular models.
            clock: Tells when a request came; the machine's by default.
        """
        self.name = name
        self.table = EndpointTable(name, load, table)
        self.log, self.counters = log, Counters()
        self.copies = Copies(log.append, self.counters)
        self._authorise, self._limits, self._clock = authorise, limits or Limits(), clock or SystemClock()
        self._recent = RecentRequests()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="predict")
        self._in_flight = 0
        self._stopping = threading.Event()
        self._follower: threading.Thread | None = None

    @property
    def ready(self) -> bool:
        """Whether a live version is loaded and the endpoint is not stopping."""
        return self.table.current.live is not None and not self._stopping.is_set()

    def start(self) -> None:
        """Load the versions that the stored table names; returns when the endpoint can answer.

        Raises:
            UnavailableError: the table is damaged.
            RequestError: the live version cannot be loaded.
        """
        self.table.open()
        self._follower = threading.Thread(target=self._follow, name="follow-table", daemon=True)
        self._follower.start()

    def stop(self) -> None:
        """Score and write everything that waits; the endpoint is not ready from now on."""
        self._stopping.set()
        self._pool.shutdown()
        self.copies.close()
        self.log.close()
        if self._follower is not None:
            self._follower.join()

    def change(self, wanted: Endpoint) -> Endpoint:
        """Make `wanted` the endpoint table, as PUT does; see `EndpointTable.change`."""
        return self.table.change(wanted).endpoint

    def flush(self) -> None:
        """Return once every answer and label accepted before is on disk, the copies' scores included."""
        self.copies.join()
        self.log.flush()

    def _follow(self) -> None:
        while not self._stopping.wait(0.5):
            try:
                self.table.follow()
            except MlrayError as error:
                _LOG.warning("%s: the new endpoint table is not taken over: %s", self.name, error)

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one HTTP request, or take part in the server's lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            try:
                reply = await self._reply(scope, receive)
            except ClientGoneError:
                return
            await send({"type": "http.response.start", "status": reply.status, "headers": reply.all_headers()})
            await send({"type": "http.response.body", "body": reply.body})

    async def _lifespan(self, receive: _Receive, send: _Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await asyncio.to_thread(self.start)
                except MlrayError as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await asyncio.to_thread(self.stop)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _reply(self, scope: _Scope, receive: _Receive) -> Reply:
        target = parse(scope["path"])
        headers = dict(scope["headers"])
        route = target.action.value if target else "none"
        try:
            if target is None:
                raise RequestError(
                    f"There is nothing at {scope['path'][:120]}.",
                    remedy="GET /v2 names the addresses.",
                    status=404,
                    code="no_route",
                )
            reply = await self._routed(_Request(scope["method"], target, headers), scope, receive)
        except ClientGoneError:
            raise
        except Exception as error:  # noqa: BLE001 (the last line of defence: every fault becomes an answer)
            reply = fault(error, headers.get(b"authorization"), METHODS[target.action] if target else ())
        self.counters.responded(route, reply.status)
        return reply

    async def _routed(self, request: _Request, scope: _Scope, receive: _Receive) -> Reply:
        target = request.target
        if request.method not in METHODS[target.action]:
            raise RequestError(
                f"{request.method} is not possible here.",
                remedy=f"Use {' or '.join(METHODS[target.action])}.",
                status=405,
                code="wrong_method",
            )
        self._admit(request, scope)
        if target.model and target.model != self.name:
            raise RequestError(
                f"There is no model '{target.model[:80]}' here.",
                remedy=f"Known: {self.name}.",
                status=404,
                code="unknown_model",
            )
        if request.method == "GET":
            return self._get(request)
        if self._in_flight >= self._limits.in_flight:
            raise RequestError(
                "Too many requests are being answered.", remedy="Ask again.", status=503, code="overloaded"
            )
        self._in_flight += 1
        try:
            limits = self._limits
            request.body = await read_body(receive, request.headers, most=limits.max_body, seconds=limits.body_seconds)
            return await self._changing(request)
        finally:
            self._in_flight -= 1

    def _admit(self, request: _Request, scope: _Scope) -> None:
        wanted = SCOPES.get(request.target.action)
        if wanted is None:
            return
        here = (
            request.target.action in (Action.OPENAPI, Action.METRICS) and (scope.get("client") or ("",))[0] in _LOOPBACK
        )
        if not here:
            header = request.headers.get(b"authorization")
            request.tenant = self._authorise(None if header is None else header.decode("latin-1"), wanted)

    def _get(self, request: _Request) -> Reply:
        snapshot, target = self.table.current, request.target
        match target.action:
            case Action.SERVER:
                return as_json(
                    {"name": "mlray", "version": "2", "models": [self.name], "extensions": ["feedback", "endpoint"]}
                )
            case Action.LIVE:
                return as_json({"live": True})
            case Action.READY:
                return as_json({"ready": self.ready}, 200 if self.ready else 503)
            case Action.MODEL_READY:
                ready = self.ready and (not target.version or snapshot.version(_number(target.version)) is not None)
                return as_json({"name": self.name, "ready": ready}, 200 if ready else 503)
            case Action.ENDPOINT:
                return as_json({**snapshot.endpoint.to_json(), "counters": self.counters.by_version()})
            case Action.METRICS:
                return Reply(
                    200, self.counters.prometheus(self.name, self._gauges()).encode(), b"text/plain; version=0.0.4"
                )
            case _:
                version = snapshot.version(_number(target.version)) if target.version else snapshot.live
                description = {} if version is None else {**version.description, "example": version.example}
                if target.action is Action.OPENAPI:
                    return as_json(document(self.name, description))
                return as_json(metadata(self.name, sorted(snapshot.versions), description))

    def _gauges(self) -> dict[str, float]:
        return {
            "in_flight": self._in_flight,
            "ready": float(self.ready),
            "generation": self.table.current.endpoint.generation,
            "log_waiting": self.log.waiting,
            "log_dropped": self.log.dropped,
        }

    async def _changing(self, request: _Request) -> Reply:
        match request.target.action:
            case Action.INFER:
                return await self._infer(request)
            case Action.FEEDBACK:
                return self._feedback(request)
            case Action.FLUSH:
                await asyncio.to_thread(self.flush)
                return as_json({"flushed": True})
            case _:
                wanted = parse_table(decode_json(request.body))
                snapshot = await asyncio.to_thread(self.table.change, wanted)
                return as_json(snapshot.endpoint.to_json())

    async def _infer(self, request: _Request) -> Reply:
        snapshot = self.table.current
        pinned = snapshot.version(_number(request.target.version)) if request.target.version else None
        asked = pinned or snapshot.live
        inference = decode(request.body, max_rows=self._limits.max_rows, known=asked.datatypes if asked else None)
        header = request.headers.get(b"x-request-id", b"").decode("latin-1")
        name = inference.id or (header if is_request_id(header) else new_id("r"))
        call = Call(inference, name, request.tenant, self._clock.now())
        if inference.rows <= self._limits.inline_rows:
            outcome = infer(snapshot, call, self.counters, pinned)
        else:
            loop = asyncio.get_running_loop()
            outcome = await loop.run_in_executor(self._pool, infer, snapshot, call, self.counters, pinned)
        # Handed on before the answer is sent, so that a flush that follows the answer finds it.
        if outcome.copy is None:
            self.log.append(outcome.record)
        else:
            self.copies.put(outcome.copy)
        if outcome.failure is not None:
            self.counters.add(outcome.by.number, "errors")
            raise outcome.failure
        self._recent.add(name, inference.rows)
        body = encode(self.name, outcome.by.number, name, outcome.scores, outcome.by.outputs, wanted=inference.outputs)
        self.counters.answered(outcome.by.number, inference.rows, time.perf_counter() - request.begin)
        route = outcome.record.route.encode()
        version = str(outcome.by.number).encode()
        headers = ((b"x-request-id", name.encode()), (b"x-model-version", version), (b"x-route", route))
        return Reply(200, body, headers=headers)

    def _feedback(self, request: _Request) -> Reply:
        labelled = decode_feedback(request.body, self._recent, self._clock.now())
        unknown = [item.request_id for item in labelled if self._recent.rows(item.request_id) is None]
        if not all([self.log.append(item) for item in labelled]):
            raise UnavailableError("The log is full; some labels were not kept.", remedy="Send them again.")
        return as_json({"accepted": sum(len(item.labels) for item in labelled), "unknown": unknown})


def _number(text: str) -> int:
    """Return a version's number; 0, which no version has, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
