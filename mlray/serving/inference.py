"""One inference request: who answers it, who scores a copy, and what happens when a version fails."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlray.errors import MlrayError, RequestError
from mlray.serving.copies import Copy
from mlray.serving.counters import Counters
from mlray.serving.protocol import Inference
from mlray.serving.request_log import Answered
from mlray.serving.scoring import ModelFailureError, predict
from mlray.serving.split import goes_to_candidate
from mlray.serving.table import Loaded, Snapshot

__all__ = ["Call", "Outcome", "infer"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request with what is known about its caller."""

    request: Inference
    id: str
    tenant: str
    received_at: datetime
    size: int
    """Bytes of the request's body."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a call: the answering version with its scores, and what remains to be done behind the answer."""

    by: Loaded
    record: Answered
    copy: Copy | None = None
    failure: ModelFailureError | None = None
    """Why there are no scores."""

    @property
    def scores(self) -> Sequence[float]:
        """The probabilities that were answered."""
        return self.record.scores or ()


def infer(snapshot: Snapshot, call: Call, counters: Counters, pinned: Loaded | None = None) -> Outcome:
    """Answer a call by the pinned version, the candidate (its share of canary traffic) or the live version.

    A candidate that fails never harms the answer: the live version takes over, and the failure is counted.

    Raises:
        RequestError: the rows do not keep the contract; or 503, when no version is live.
    """
    if pinned is not None:
        return _answered(pinned, call, _check(pinned, call), "pinned")
    live = snapshot.live
    if live is None:
        raise RequestError(
            f"'{snapshot.endpoint.name}' has no live version yet.",
            remedy="Ask again shortly.",
            status=503,
            code="not_ready",
        )
    failed = ""
    if snapshot.endpoint.candidate is not None and snapshot.candidate is None:
        failed = "it could not be loaded after a restart"
    elif snapshot.candidate is not None and goes_to_candidate(snapshot.endpoint, call.id):
        try:
            rows = snapshot.candidate.predictor.check(call.request.columns)
            outcome = _answered(snapshot.candidate, call, rows, "canary")
        except Exception as error:  # noqa: BLE001 (whatever a candidate raises, its contract included, the live version answers)
            failed = f"{type(error).__name__}: {error}"
        else:
            if outcome.failure is None:
                return _with_copy(outcome, snapshot, live, call)
            failed = str(outcome.failure)
    # Bad input raises here, before the failure is held against the candidate.
    outcome = _with_copy(_answered(live, call, _check(live, call), "live"), snapshot, snapshot.candidate, call)
    if failed and snapshot.endpoint.candidate is not None:
        counters.failed(snapshot.endpoint.candidate, call.id, failed)
        outcome.record.candidate_failed = True
        return Outcome(outcome.by, outcome.record, None, outcome.failure)
    return outcome


def _answered(version: Loaded, call: Call, rows: Any, route: str) -> Outcome:  # noqa: ANN401
    # While it waits, a request is both a table and lists of Python values: some four times its JSON.
    size = 1_000 + 4 * call.size
    record = Answered(call.id, call.received_at, call.tenant, version.number, route, rows, None, size=size)
    try:
        record.scores = predict(version, rows)
    except ModelFailureError as failure:
        return Outcome(version, record, None, failure)
    return Outcome(version, record)


def _with_copy(outcome: Outcome, snapshot: Snapshot, by: Loaded | None, call: Call) -> Outcome:
    """Note who is live and on trial beside the answer, and let the other one score a copy."""
    record, endpoint = outcome.record, snapshot.endpoint
    record.live, record.candidate = endpoint.live, endpoint.candidate
    if outcome.by.number == endpoint.live:
        record.live_scores, record.live_failed = record.scores, outcome.failure is not None
    else:
        record.candidate_scores = record.scores
    copy = None if by is None else Copy(record, call.request.columns, by)
    return Outcome(outcome.by, record, copy, outcome.failure)


def _check(version: Loaded, call: Call) -> Any:  # noqa: ANN401
    try:
        return version.predictor.check(call.request.columns)
    except MlrayError:
        raise
    except (ValueError, TypeError, OverflowError, ArithmeticError) as error:
        raise RequestError(
            f"The rows cannot be read: {str(error)[:200]}.", remedy="Compare them with the example in /openapi.json."
        ) from error
