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
from mlray.ids import Json, new_id
from mlray.ports import Predictor
from mlray.records import Endpoint
from mlray.serving.copies import Copies
from mlray.serving.counters import Counters
from mlray.serving.feedback import RecentRequests, decode_feedback
from mlray.serving.inference import Call, infer
from mlray.serving.openapi import document
from mlray.serving.protocol import check_outputs, decode, decode_json, encode, is_request_id, metadata
from mlray.serving.request_log import RequestLog
from mlray.serving.routes import METHODS, SCOPES, Action, Target, parse
from mlray.serving.table import EndpointTable, Snapshot, parse_table
from mlray.serving.wire import ClientGoneError, Reply, as_json, fault, read_body

__all__ = ["App", "Limits"]

_LOG = logging.getLogger("mlray.serving")
_LOOPBACK = ("127.0.0.1", "::1")
_FOLLOW_SECONDS = 0.5
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
    inline_bytes: int = 16 << 10
    """A body up to this size is answered on the event loop: a hop to a thread costs more than a small prediction."""
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

    def __init__(
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
            authorise: Takes the Authorization header (None without one) and a scope (`predict`, `feedback`, `admin`);
                returns the tenant, or raises AccessDenied (with `status`, `code` and `retry_after` where it can).
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
        while not self._stopping.wait(_FOLLOW_SECONDS):
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
        await receive()
        try:
            await asyncio.to_thread(self.start)
        except MlrayError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await asyncio.to_thread(self.stop)
        await send({"type": "lifespan.shutdown.complete"})

    async def _reply(self, scope: _Scope, receive: _Receive) -> Reply:
        target = parse(scope["path"])
        headers = dict(scope["headers"])
        try:
            request = _Request(scope["method"], _known(target, scope["path"]), headers)
            self._admit(request, scope)
            reply = self._get(request) if request.method == "GET" else await self._work(request, receive)
        except ClientGoneError:
            raise
        except Exception as error:  # noqa: BLE001 (the last line of defence: every fault becomes an answer)
            reply = fault(error, headers.get(b"authorization"), METHODS[target.action] if target else ())
        self.counters.responded(target.action.value if target else "none", reply.status)
        return reply

    def _admit(self, request: _Request, scope: _Scope) -> None:
        """Raise unless the method fits, the key may do this, and the model is ours; in this order."""
        target, allowed = request.target, METHODS[request.target.action]
        if request.method not in allowed:
            raise RequestError(
                f"{request.method[:20]} is not possible here.",
                remedy=f"Use {' or '.join(allowed)}.",
                status=405,
                code="wrong_method",
            )
        needed, client = SCOPES.get(target.action), (scope.get("client") or ("",))[0]
        described = target.action in (Action.OPENAPI, Action.METRICS) and client in _LOOPBACK
        if needed is not None and not described:
            header = request.headers.get(b"authorization")
            request.tenant = self._authorise(None if header is None else header.decode("latin-1"), needed)
        if target.model and target.model != self.name:
            raise RequestError(
                f"There is no model '{target.model[:80]}' here.",
                remedy=f"Known: {self.name}.",
                status=404,
                code="unknown_model",
            )

    def _get(self, request: _Request) -> Reply:
        snapshot, target = self.table.current, request.target
        match target.action:
            case Action.SERVER:
                extensions: Json = ["feedback", "endpoint", "flush"]
                return as_json({"name": "mlray", "version": "2", "models": [self.name], "extensions": extensions})
            case Action.LIVE:
                return as_json({"live": True})
            case Action.READY:
                return as_json({"ready": self.ready}, 200 if self.ready else 503)
            case Action.MODEL_READY:
                if target.version:
                    snapshot.version(target.version)
                return as_json({"name": self.name, "ready": self.ready}, 200 if self.ready else 503)
            case Action.ENDPOINT:
                return as_json({**snapshot.endpoint.to_json(), "counters": self.counters.by_version()})
            case Action.METRICS:
                text = self.counters.prometheus(self.name, self._gauges())
                return Reply(200, text.encode(), b"text/plain; version=0.0.4")
            case _:
                return self._described(snapshot, target)

    def _described(self, snapshot: Snapshot, target: Target) -> Reply:
        version = snapshot.version(target.version) if target.version else snapshot.live
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

    async def _work(self, request: _Request, receive: _Receive) -> Reply:
        """Do what needs a body, within the limits."""
        limits = self._limits
        if self._stopping.is_set():
            raise RequestError("The endpoint is stopping.", remedy="Ask again.", status=503, code="not_ready")
        if self._in_flight >= limits.in_flight:
            raise RequestError("Too many requests wait.", remedy="Ask again.", status=503, code="overloaded")
        self._in_flight += 1
        try:
            request.body = await read_body(receive, request.headers, most=limits.max_body, seconds=limits.body_seconds)
            match request.target.action:
                case Action.INFER if len(request.body) <= limits.inline_bytes:
                    return self._infer(request)
                case Action.INFER:
                    return await asyncio.get_running_loop().run_in_executor(self._pool, self._infer, request)
                case Action.FEEDBACK:
                    return self._feedback(request)
                case Action.FLUSH:
                    await asyncio.to_thread(self.flush)
                    return as_json({"flushed": True})
                case _:
                    wanted = parse_table(decode_json(request.body))
                    snapshot = await asyncio.to_thread(self.table.change, wanted)
                    return as_json(snapshot.endpoint.to_json())
        finally:
            self._in_flight -= 1

    def _infer(self, request: _Request) -> Reply:
        snapshot, named = self.table.current, request.target.version
        pinned = snapshot.version(named) if named else None
        asked = pinned or snapshot.live
        inference = decode(request.body, max_rows=self._limits.max_rows, known=asked.datatypes if asked else None)
        check_outputs(inference.outputs, asked.outputs if asked else ())
        header = request.headers.get(b"x-request-id", b"").decode("latin-1")
        name = inference.id or (header if is_request_id(header) else new_id("r"))
        call = Call(inference, name, request.tenant, self._clock.now(), len(request.body))
        outcome = infer(snapshot, call, self.counters, pinned)
        # Handed on before the answer is sent, so that a flush that follows the answer finds it.
        if outcome.copy is None:
            self.log.append(outcome.record)
        else:
            self.copies.put(outcome.copy)
        if outcome.failure is not None:
            self.counters.failed(outcome.by.number, name, outcome.failure)
            raise outcome.failure
        self._recent.add(name, inference.rows)
        number = outcome.by.number
        body = encode(self.name, number, inference, name, outcome.scores, outcome.by.outputs)
        self.counters.answered(number, inference.rows, time.perf_counter() - request.begin)
        told = (("x-request-id", name), ("x-model-version", str(number)), ("x-route", outcome.record.route))
        return Reply(200, body, headers=tuple((key.encode(), value.encode()) for key, value in told))

    def _feedback(self, request: _Request) -> Reply:
        labelled = decode_feedback(request.body, self._recent, self._clock.now())
        unknown: list[Json] = [item.request_id for item in labelled if self._recent.rows(item.request_id) is None]
        kept = [self.log.append(item) for item in labelled]
        if not all(kept):
            raise UnavailableError("The log is full; some labels were not kept.", remedy="Send them again.")
        return as_json({"accepted": sum(len(item.labels) for item in labelled), "unknown": unknown})


def _known(target: Target | None, path: str) -> Target:
    if target is None:
        raise RequestError(
            f"There is nothing at {path[:120]}.", remedy="GET /v2 names the model.", status=404, code="no_route"
        )
    return target
