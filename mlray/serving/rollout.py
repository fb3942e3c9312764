"""The rules of a rollout: shadow, then a growing share of the traffic, then live, or back. Pure.

A candidate moves on when its time is up and nothing speaks against it; it goes back as soon as the evidence says that it is
worse. The evidence may be looked at as often as one likes (see `mlray.serving.sequential`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from mlray.clock import parse_duration
from mlray.records import Act, Endpoint, Stage
from mlray.serving.sequential import failures_e, worse_e
from mlray.spec import Serving

__all__ = ["Batch", "Evidence", "Step", "step"]

MIN_ROWS = 200
"""Rows that both versions must have scored before a candidate moves on."""
PATIENCE = 8
"""A step that has seen too few rows is given up after this many times its planned length."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one day that both versions scored and whose outcome is known."""

    day: date
    rows: int
    live_loss: float
    """Mean Brier score of the live version, (probability - outcome)²."""
    candidate_loss: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about a candidate beside the live version, on the same rows."""

    rows: int = 0
    """Rows that both have scored."""
    candidate_failures: int = 0
    """Requests that only the candidate failed to score."""
    live_failures: int = 0
    """Requests that only the live version failed to score."""
    batches: tuple[Batch, ...] = ()

    @property
    def labelled(self) -> int:
        """Rows with a known outcome."""
        return sum(batch.rows for batch in self.batches)

    @classmethod
    def of(cls, rows: Any, *, live: int, candidate: int) -> "Evidence":  # noqa: ANN401 (a pyarrow.Table)
        """Return the evidence in rows of the request log (see `mlray.monitoring.read_window`) of this pair of versions."""
        import pyarrow.compute as pc

        pair = rows.filter(pc.and_(pc.equal(rows["live"], live), pc.equal(rows["candidate"], candidate)))
        failed = pair.select(["request_id", "live_failed", "candidate_failed"]).group_by("request_id")
        requests = failed.aggregate([("live_failed", "max"), ("candidate_failed", "max")])
        only_candidate = pc.and_(requests["candidate_failed_max"], pc.invert(requests["live_failed_max"]))
        only_live = pc.and_(requests["live_failed_max"], pc.invert(requests["candidate_failed_max"]))
        both = pair.filter(pc.and_(pc.is_valid(pair["live_score"]), pc.is_valid(pair["candidate_score"])))
        return cls(
            rows=both.num_rows,
            candidate_failures=int(pc.sum(only_candidate).as_py() or 0),
            live_failures=int(pc.sum(only_live).as_py() or 0),
            batches=_batches(both.filter(pc.is_valid(both["label"]))),
        )


def _batches(rows: Any) -> tuple[Batch, ...]:  # noqa: ANN401
    if not rows.num_rows:
        return ()
    days = rows["at"].cast("date32").to_numpy()
    label = rows["label"].to_numpy().astype(float)
    live = (rows["live_score"].to_numpy() - label) ** 2
    candidate = (rows["candidate_score"].to_numpy() - label) ** 2
    distinct, group = np.unique(days, return_inverse=True)
    counts = np.bincount(group)
    means = [np.bincount(group, weights=loss) / counts for loss in (live, candidate)]
    return tuple(
        Batch(day.astype(date), int(n), float(a), float(b))
        for day, n, a, b in zip(distinct, counts, *means, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with a candidate now, at which share of the traffic, and why."""

    act: Act
    share: float
    because: str


def step(
    endpoint: Endpoint, evidence: Evidence, serving: Serving, started: datetime, step_started: datetime, now: datetime
) -> Step:
    """Return the next step of the candidate of `endpoint`: the first rule that applies decides.

    Args:
        endpoint: The endpoint as it is; without a candidate nothing is to be done.
        evidence: What both versions showed since `started`.
        serving: How long each step lasts, the canary shares, and the error rate.
        started: When the candidate began in shadow.
        step_started: When its present stage and share began.
        now: The present moment.
    """
    if endpoint.candidate is None:
        return Step(Act.HOLD, 0.0, "No candidate is on trial.")
    name = f"v{endpoint.candidate}"
    if endpoint.stage is Stage.NONE:
        return Step(Act.SHADOW, 0.0, f"{name} answers copies of all requests first.")
    against = _against(endpoint, evidence, serving.error_rate)
    if against:
        return Step(Act.ROLL_BACK, 0.0, against)
    length = parse_duration(serving.shadow if endpoint.stage is Stage.SHADOW else serving.step)
    if now - step_started < length:
        return Step(
            Act.HOLD, endpoint.share, f"{name} stays in {endpoint.stage} until {step_started + length:%Y-%m-%d %H:%M}."
        )
    if evidence.rows < MIN_ROWS:
        return _wait(endpoint, evidence, now - step_started, length)
    return _forward(endpoint, evidence, serving, now - started)


def _against(endpoint: Endpoint, evidence: Evidence, error_rate: float) -> str:
    """Return what speaks against the candidate; empty while nothing does. Each test takes half of the error rate."""
    needed = 2 / error_rate
    failures = failures_e(evidence.candidate_failures, evidence.live_failures)
    if failures >= needed:
        return (
            f"v{endpoint.candidate} failed on {evidence.candidate_failures} requests that v{endpoint.live} answered, "
            f"the other way round it was {evidence.live_failures} (e-value {failures:.0f}, {needed:.0f} is enough)."
        )
    batches = evidence.batches
    worse = worse_e([b.candidate_loss - b.live_loss for b in batches], [b.rows for b in batches])
    if worse >= needed:
        return (
            f"v{endpoint.candidate} is worse than v{endpoint.live}: {_losses(evidence)} "
            f"on the same {evidence.labelled:,} rows of {len(batches)} days (e-value {worse:.0f}, {needed:.0f} is enough)."
        )
    return ""


def _losses(evidence: Evidence) -> str:
    total = evidence.labelled
    candidate = sum(b.candidate_loss * b.rows for b in evidence.batches) / total
    live = sum(b.live_loss * b.rows for b in evidence.batches) / total
    return f"Brier score {candidate:.4f} against {live:.4f}"


def _wait(endpoint: Endpoint, evidence: Evidence, waited: timedelta, length: timedelta) -> Step:
    seen = f"v{endpoint.candidate} has scored {evidence.rows:,} rows beside v{endpoint.live}, {MIN_ROWS:,} are needed"
    if waited >= PATIENCE * length and waited > timedelta(0):
        return Step(Act.ROLL_BACK, 0.0, f"{seen}; given up after {waited.days} days.")
    return Step(Act.HOLD, endpoint.share, f"{seen}; it waits.")


def _forward(endpoint: Endpoint, evidence: Evidence, serving: Serving, trial: timedelta) -> Step:
    name = f"v{endpoint.candidate}"
    shown = f"{_losses(evidence)} on {evidence.labelled:,} rows" if evidence.labelled else "no outcome is known yet"
    ahead = [share for share in _shares(serving.canary) if share > endpoint.share or endpoint.stage is Stage.SHADOW]
    if ahead:
        return Step(Act.CANARY, ahead[0], f"Nothing speaks against {name} ({shown}); it answers {ahead[0]:.0%} now.")
    return Step(
        Act.PROMOTE, 1.0, f"Nothing speaks against {name} after {trial.days} days on trial ({shown}); it goes live."
    )


def _shares(canary: Sequence[float]) -> list[float]:
    """Return the shares in rising order; 0 and 1 are not canary shares, they are shadow and live."""
    return sorted({share for share in canary if 0 < share < 1})
