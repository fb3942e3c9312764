"""Feedback: what became of the rows of a request, told later by whoever asked."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from mlray.errors import RequestError
from mlray.ids import Json
from mlray.serving.protocol import decode_json
from mlray.serving.request_log import Labelled

__all__ = ["RecentRequests", "decode_feedback"]


class RecentRequests:
    """How many rows the latest requests had, so that feedback of another length can be refused at once."""

    def __init__(self, most: int = 50_000) -> None:
        """Remember at most `most` requests; what is older is joined by the reader of the log."""
        self._most = most
        self._rows: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, request_id: str, rows: int) -> None:
        """Remember an answered request; safe from any thread."""
        with self._lock:
            self._rows[request_id] = rows
            self._rows.move_to_end(request_id)
            if len(self._rows) > self._most:
                self._rows.popitem(last=False)

    def rows(self, request_id: str) -> int | None:
        """Return the rows of a request; None when it was answered elsewhere or long ago."""
        return self._rows.get(request_id)


def decode_feedback(body: bytes, recent: RecentRequests, now: datetime) -> list[Labelled]:
    """Return the labels in a feedback body: `{"id", "labels", "at"?}` or a list of such under `feedback`.

    `labels` holds one of true, false and null (not known) per row of that request; `at` is when the outcome was known,
    in ISO 8601, and `now` when left out.

    Raises:
        RequestError: 400 when the body is not JSON, else 422 naming the row.
    """
    message = decode_json(body)
    if isinstance(message, dict) and "feedback" in message:
        message = message["feedback"]
        if not isinstance(message, list) or not message:
            raise RequestError(
                "`feedback` is not a list with entries.", remedy='Send {"feedback": [{"id", "labels"}]}.'
            )
        return [_labelled(item, recent, now) for item in message]
    return [_labelled(message, recent, now)]


def _labelled(item: Json, recent: RecentRequests, now: datetime) -> Labelled:
    if not isinstance(item, dict) or not isinstance(item.get("id"), str) or not item["id"]:
        raise RequestError("Feedback has no `id`.", remedy="Send the x-request-id of the answer.", column="id")
    request_id, labels = cast("str", item["id"]), item.get("labels")
    if len(request_id) > 128 or not request_id.isascii():
        raise RequestError(
            "The `id` of feedback is not a request's.", remedy="Send the x-request-id of the answer.", column="id"
        )
    if not isinstance(labels, list) or not labels:
        raise RequestError(
            f"Feedback on '{request_id}' has no list of labels.",
            remedy="Send true, false or null per row.",
            column="labels",
        )
    for row, label in enumerate(labels):
        if label is not None and not isinstance(label, bool):
            raise RequestError(
                f"Label {row} of '{request_id}' is neither true, false nor null.",
                remedy="Send labels without quotes.",
                column="labels",
                row=row,
            )
    rows = recent.rows(request_id)
    if rows is not None and rows != len(labels):
        raise RequestError(
            f"Request '{request_id}' had {rows} rows, but {len(labels)} labels came.",
            remedy="Send one label per row; null where the outcome is not known.",
            column="labels",
            row=min(rows, len(labels)),
        )
    return Labelled(request_id, cast("Sequence[bool | None]", labels), _moment(item.get("at"), now))


def _moment(text: Json, now: datetime) -> datetime:
    if text is None:
        return now
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise RequestError(
        "`at` is not a moment with a time zone.", remedy="Write it as 2013-04-04T06:00:00Z.", column="at"
    )
