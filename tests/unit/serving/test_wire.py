import json
import logging

import pytest

from mlray.errors import AccessDenied, DataError, GateRefusal, NotFoundError, RequestError, StoreError
from mlray.serving.scoring import ModelFailureError
from mlray.serving.wire import fault


class Denied(AccessDenied):
    status, code, retry_after = 429, "too_many_requests", 0.2


@pytest.mark.parametrize(
    ("error", "key", "status", "code"),
    [
        (RequestError("no", status=404, code="unknown_model"), None, 404, "unknown_model"),
        (AccessDenied("no"), None, 401, "missing_key"),
        (AccessDenied("no"), b"Bearer x", 403, "scope_not_allowed"),
        (Denied("no"), b"Bearer x", 429, "too_many_requests"),
        (GateRefusal("no"), b"Bearer x", 403, "refused"),
        (NotFoundError("no"), None, 404, "not_found"),
        (DataError("no"), None, 422, "invalid_input"),
        (StoreError("no"), None, 503, "unavailable"),
        (ModelFailureError("no"), None, 500, "model_failed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_has_its_status(error, key, status, code):
    reply = fault(error, key, ())
    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (status, code)
    assert (b"retry-after", b"1") in reply.headers or status not in (429, 503)


def test_what_nobody_foresaw_is_logged_and_not_told(caplog):
    with caplog.at_level(logging.ERROR, "mlray.serving"):
        reply = fault(ZeroDivisionError("secret"), None, ())
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert caplog.records[0].exc_info[0] is ZeroDivisionError


def test_one_of_our_own_that_has_no_status_is_logged_as_well(caplog):
    from mlray.errors import MlrayError

    with caplog.at_level(logging.ERROR, "mlray.serving"):
        assert fault(MlrayError("odd"), None, ()).status == 500
    assert caplog.records
