"""A client for an endpoint: what a user's program would send, and what the coordinator asks of it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from mlray.clock import SystemClock
from mlray.errors import AccessDenied, MlrayError, RequestError, UnavailableError
from mlray.ids import Json
from mlray.records import Endpoint

__all__ = ["EndpointClient", "post_json", "tensors"]

PATIENCE = 30.0
"""Seconds: within them Serve has replaced a replica that died."""
SHORTLY = 5.0
"""Seconds that somebody who is told something may take to answer."""
_BUSY = 429
_NUMBERS = {bool: "BOOL", int: "INT64", float: "FP64", str: "BYTES"}


def tensors(columns: Mapping[str, Sequence[Json]]) -> list[dict[str, Json]]:
    """Return columns as named input tensors of the Open Inference Protocol.

    >>> tensors({"origin": ["JFK"]})
    [{'name': 'origin', 'shape': [1], 'datatype': 'BYTES', 'data': ['JFK']}]
    """
    return [
        {"name": name, "shape": [len(values)], "datatype": _datatype(values), "data": list(values)}
        for name, values in columns.items()
    ]


def _datatype(values: Sequence[Json]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and float in kinds:
        return "FP64"
    return _NUMBERS.get(next(iter(kinds)), "BYTES") if kinds else "FP64"


class EndpointClient:
    """Speaks to one model's endpoint over HTTP, with one kept connection."""

    def __init__(self, url: str, name: str, key: str, *, timeout: float = 60.0, patience: float = PATIENCE) -> None:
        """Take the address of the server, the model's name and a key.

        A server that cannot be reached, or is too busy, is asked again for `patience` seconds. Nothing is done twice by
        that: requests carry ids, and equal tables and labels change nothing.
        """
        self._name = name
        self._url = url
        self._patience = patience
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=timeout,
            limits=httpx.Limits(keepalive_expiry=2.0),  # shorter than a server's: it closes none that we still use
            trust_env=False,  # a proxy of the environment must not see keys, and would not find a local endpoint
        )

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def infer(
        self, columns: Mapping[str, Sequence[Json]], request_id: str, version: int | None = None
    ) -> dict[str, Any]:
        """Return the answer for rows given by column; `version` asks one version instead of the live alias."""
        path = f"/v2/models/{self._name}" + (f"/versions/{version}" if version is not None else "")
        return self._send("POST", f"{path}/infer", {"id": request_id, "inputs": tensors(columns)})

    def feedback(self, labels: Mapping[str, Sequence[bool | None]], at: datetime) -> None:
        """Send the truth for earlier requests, known since `at`: request id → one label per row, None where unknown."""
        told = [
            {"id": request_id, "labels": list(values), "at": at.isoformat()} for request_id, values in labels.items()
        ]
        self._send("POST", f"/v2/models/{self._name}/feedback", {"feedback": told})

    def endpoint(self) -> tuple[Endpoint, dict[str, Any]]:
        """Return which versions answer, and the counters of each."""
        answer = self._send("GET", f"/v2/models/{self._name}/endpoint")
        counters = answer.pop("counters", {})
        return replace(Endpoint.from_json(answer), url=self._url), counters

    def set_endpoint(self, endpoint: Endpoint) -> Endpoint:
        """Make the endpoint answer like this and return its table."""
        answer = self._send("PUT", f"/v2/models/{self._name}/endpoint", endpoint.to_json())
        answer.pop("counters", None)
        return replace(Endpoint.from_json(answer), url=self._url)

    def flush(self) -> None:
        """Return once everything accepted so far is in the log on disk."""
        self._send("POST", f"/v2/models/{self._name}/flush", {})

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        answer = self._ask(method, path, body)
        if not answer.is_success:
            raise _refusal(answer)
        try:
            content = answer.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise UnavailableError(
                f"{self._url} is not an endpoint of mlray: it answers {answer.text[:80]!r}.",
                remedy="Something else may have taken its port: deploy it again.",
            )
        return content

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        clock, pause = SystemClock(), 0.05
        end = clock.ticks() + self._patience
        while True:
            try:
                answer = self._http.request(method, path, json=body)
            except httpx.HTTPError as error:
                if not isinstance(error, httpx.TransportError) or clock.ticks() + pause > end:
                    raise UnavailableError(
                        f"{self._url} does not answer: {error!r}.", remedy="Is it deployed? `mlray status` tells."
                    ) from error
            else:
                if answer.status_code != _BUSY or clock.ticks() + _wait(answer) > end:
                    return answer
                pause = _wait(answer)
            time.sleep(pause)
            pause = min(2 * pause, 1.0)


def _wait(answer: httpx.Response) -> float:
    """Return how many seconds a busy server asks us to wait."""
    told = answer.headers.get("retry-after", "")
    return float(told) if told.isdigit() else 1.0


def _refusal(answer: httpx.Response) -> MlrayError:
    """Return the error that the server told of."""
    try:
        told = answer.json()["error"]
        message, remedy, code = (str(told.get(name, "")) for name in ("message", "remedy", "code"))
    except (ValueError, KeyError, TypeError, AttributeError):
        message, remedy, code = answer.text[:200], "", ""
    if answer.status_code in (401, 403):
        return AccessDenied(message, remedy=remedy)
    if answer.is_client_error:
        return RequestError(message, remedy=remedy, status=answer.status_code, code=code)
    return UnavailableError(f"{answer.status_code}: {message}", remedy=remedy)


def post_json(url: str, body: Mapping[str, Json], headers: Mapping[str, str]) -> None:
    """Post a JSON object to somebody who wants to be told, once and without following where they point.

    Raises:
        UnavailableError: nobody answers in time, or they do not take it; the address is not told beyond the host.
    """
    host = ""
    try:
        host = urlsplit(url).hostname or ""
        # Here a proxy of the environment is used: chat services lie outside, and the message holds no key of ours.
        answer = httpx.post(url, json=dict(body), headers=dict(headers), timeout=SHORTLY)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise UnavailableError(
            f"the webhook {host} does not answer: {type(error).__name__}.",
            remedy="Check the webhook's address and the network.",
        ) from None
    if not answer.is_success:
        raise UnavailableError(
            f"the webhook {host} did not take the message: {answer.status_code}.",
            remedy="Check the webhook's address and its key.",
        )
