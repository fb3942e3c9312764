"""The rules of a rollout: shadow, then a growing share of the traffic, then live, or back. Pure.

A candidate moves on when its time is up and nothing speaks against it; it goes back as soon as the evidence says that
it is worse. The evidence may be looked at as often as one likes (see `mlray.serving.sequential`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self

import numpy as np

from mlray.clock import parse_duration
from mlray.records import Act, Endpoint, Stage
from mlray.serving.sequential import failures_e, worse_e
from mlray.spec import Serving

__all__ = ["Batch", "Evidence", "Step", "step"]

MIN_ROWS = 200
"""Rows that both versions must have scored before a candidate moves on."""
PATIENCE = 8
"""A step that has seen too few rows is given up after this many times its planned length, but not within a week."""
MIN_PATIENCE = timedelta(days=7)
DOUBT = 0.02
"""A candidate whose loss so far is above the live version's by more than this share does not move on yet."""
TOLD_DAYS = 7
"""Labelled days after which the test alone decides, doubt or not: an inverted model is found within three to seven. So
doubt delays a good candidate and never costs it, and the stated error rate stays that of the test."""


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
    def of(cls, rows: Any, *, live: int, candidate: int) -> Self:  # noqa: ANN401 (a pyarrow.Table)
        """Return the evidence in `rows` of the request log (see `LogWindow.everything`) about this pair of versions."""
        import pyarrow.compute as pc

        pair = rows.filter(pc.and_(pc.equal(rows["live"], live), pc.equal(rows["candidate"], candidate)))
        requests = pair.group_by("request_id").aggregate([("live_failed", "max"), ("candidate_failed", "max")])
        live_failed, candidate_failed = (np.asarray(requests[f"{who}_failed_max"]) for who in ("live", "candidate"))
        both = pair.filter(pc.and_(pc.is_valid(pair["live_score"]), pc.is_valid(pair["candidate_score"])))
        return cls(
            rows=both.num_rows,
            candidate_failures=int(np.sum(candidate_failed & ~live_failed)),
            live_failures=int(np.sum(live_failed & ~candidate_failed)),
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
        return Step(Act.HOLD, 0.0, "no candidate is on trial")
    name = f"v{endpoint.candidate}"
    if endpoint.stage is Stage.NONE:
        return Step(Act.SHADOW, 0.0, f"{name} answers copies of all requests first")
    against = _against(endpoint, evidence, serving.error_rate)
    if against:
        return Step(Act.ROLL_BACK, 0.0, against)
    length = parse_duration(serving.shadow if endpoint.stage is Stage.SHADOW else serving.step)
    if now - step_started < length:
        until = f"{step_started + length:%Y-%m-%d %H:%M}"
        return Step(
            Act.HOLD,
            endpoint.share,
            f"nothing speaks against {name} so far; it stays in {endpoint.stage} until {until}",
        )
    if evidence.rows < MIN_ROWS:
        return _wait(endpoint, evidence, now - step_started, length)
    if len(evidence.batches) < TOLD_DAYS and _doubtful(evidence):
        return _wait_for_labels(endpoint, evidence, now - step_started, length)
    return _forward(endpoint, evidence, serving, now - started)


def _doubtful(evidence: Evidence) -> bool:
    candidate, live = _mean_losses(evidence)
    return candidate > live * (1 + DOUBT)


def _against(endpoint: Endpoint, evidence: Evidence, error_rate: float) -> str:
    """Return what speaks against the candidate; empty while nothing does. Each test takes half of the error rate."""
    needed = 2 / error_rate
    strength = failures_e(evidence.candidate_failures, evidence.live_failures)
    if strength >= needed:
        return (
            f"v{endpoint.candidate} failed on {evidence.candidate_failures:,} requests that v{endpoint.live} "
            f"could answer, and the other way round it was {evidence.live_failures:,} ({_strength(strength, needed)})"
        )
    days = evidence.batches
    strength = worse_e([day.candidate_loss - day.live_loss for day in days], [day.rows for day in days])
    if strength >= needed:
        return (
            f"v{endpoint.candidate} is worse than v{endpoint.live}: {_losses(evidence)} on the same "
            f"{evidence.labelled:,} rows of {len(days)} days ({_strength(strength, needed)})"
        )
    return ""


def _strength(strength: float, needed: float) -> str:
    shown = f"{strength:,.0f}" if strength < 1e6 else f"{strength:.0e}"
    return f"evidence {shown} to 1, {needed:.0f} is enough"


def _losses(evidence: Evidence) -> str:
    candidate, live = _mean_losses(evidence)
    return f"Brier score {candidate:.4f} against {live:.4f}"


def _mean_losses(evidence: Evidence) -> tuple[float, float]:
    """Return the mean loss of candidate and live version over all labelled rows; 0 and 0 without any."""
    total = evidence.labelled or 1
    candidate = sum(day.candidate_loss * day.rows for day in evidence.batches) / total
    return candidate, sum(day.live_loss * day.rows for day in evidence.batches) / total


def _wait(endpoint: Endpoint, evidence: Evidence, waited: timedelta, length: timedelta) -> Step:
    seen = f"v{endpoint.candidate} has scored {evidence.rows:,} rows beside v{endpoint.live}, {MIN_ROWS:,} are needed"
    if waited >= max(PATIENCE * length, MIN_PATIENCE):
        return Step(Act.ROLL_BACK, 0.0, f"{seen}; given up after {waited.days} days in {endpoint.stage}")
    return Step(Act.HOLD, endpoint.share, f"{seen}; it waits")


def _wait_for_labels(endpoint: Endpoint, evidence: Evidence, waited: timedelta, length: timedelta) -> Step:
    seen = f"v{endpoint.candidate} looks worse so far ({_losses(evidence)} on {evidence.labelled:,} rows)"
    if waited >= max(PATIENCE * length, MIN_PATIENCE):
        return Step(Act.ROLL_BACK, 0.0, f"{seen}; too few labels came in {waited.days} days to tell, given up")
    return Step(Act.HOLD, endpoint.share, f"{seen}; more labels must tell")


def _forward(endpoint: Endpoint, evidence: Evidence, serving: Serving, trial: timedelta) -> Step:
    name = f"v{endpoint.candidate}"
    shown = f"{_losses(evidence)} on {evidence.labelled:,} rows" if evidence.labelled else "no outcome is known yet"
    reached = endpoint.share if endpoint.stage is Stage.CANARY else 0.0
    ahead = [share for share in _shares(serving.canary) if share > reached]
    if ahead:
        return Step(
            Act.CANARY, ahead[0], f"nothing speaks against {name} ({shown}); it answers {ahead[0]:.0%} of requests"
        )
    return Step(
        Act.PROMOTE, 1.0, f"nothing speaks against {name} after {trial.days} days on trial ({shown}); it goes live"
    )


def _shares(canary: Sequence[float]) -> list[float]:
    """Return the shares in rising order; 0 and 1 are not canary shares, they are shadow and live."""
    return sorted({share for share in canary if 0 < share < 1})
