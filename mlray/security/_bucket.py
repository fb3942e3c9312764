"""A token bucket: so many requests a second, and a little more at once."""

from dataclasses import dataclass

__all__ = ["Bucket", "take"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one key may still ask: `tokens` as of `ticks` (seconds of a clock that never runs backwards)."""

    tokens: float
    ticks: float


def take(bucket: Bucket | None, rate: float, now: float) -> tuple[Bucket, float]:
    """Return the bucket after one request, and 0 where it may pass or else the seconds until one may.

    A bucket holds one second's worth, at least one token, and starts full. What is refused takes nothing, so
    that asking too often does not lock a client out for ever.

    >>> bucket, wait = take(None, rate=2, now=0.0)
    >>> bucket.tokens, wait
    (1.0, 0.0)
    """
    room = max(1.0, rate)
    tokens = room if bucket is None else min(room, bucket.tokens + max(0.0, now - bucket.ticks) * rate)
    # Rounding leaves a token at 0.9999…; without the allowance a client that keeps to the rate is refused now and then.
    if tokens >= 1.0 - 1e-9:
        return Bucket(max(0.0, tokens - 1.0), now), 0.0
    return Bucket(tokens, now), (1.0 - tokens) / rate
