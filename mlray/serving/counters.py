"""What an endpoint counts about itself, and how Prometheus reads it."""

import logging
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping

from mlray.ids import Json

__all__ = ["Counters"]

_LOG = logging.getLogger("mlray.serving")
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_PER_VERSION = ("requests", "rows", "errors", "shadow_rows", "shadow_dropped")
_HELP = {
    "requests": "Requests that this version answered.",
    "rows": "Rows that this version answered.",
    "errors": "Requests that this version could not score.",
    "shadow_rows": "Copies that this version scored after another one had answered.",
    "shadow_dropped": "Copies that were not scored because too many waited.",
}


class Counters:
    """Counts per version and per HTTP status; safe to use from any thread."""

    def __init__(self) -> None:
        """Start at zero: a replica that restarts counts anew, as Prometheus expects of counters."""
        self._lock = threading.Lock()
        self._versions: Counter[tuple[int, str]] = Counter()
        self._codes: Counter[tuple[str, int]] = Counter()
        self._latency: dict[int, list[int]] = {}
        self._seconds: dict[int, float] = {}

    def add(self, version: int, what: str, amount: int = 1) -> int:
        """Add to `requests`, `rows`, `errors`, `shadow_rows` or `shadow_dropped` of a version; return the new count."""
        with self._lock:
            self._versions[version, what] += amount
            return self._versions[version, what]

    def failed(self, version: int, request_id: str, why: object) -> None:
        """Count a request that a version could not score, and log the 1st, 2nd, 4th, 8th … of them.

        A version that fails on everything would otherwise fill the disk with one sentence.
        """
        count = self.add(version, "errors")
        if count & (count - 1) == 0:
            _LOG.warning("version %d failed on request %s, its failure number %d: %s", version, request_id, count, why)

    def answered(self, version: int, rows: int, seconds: float) -> None:
        """Count one answered request, its rows and how long it took."""
        with self._lock:
            self._versions[version, "requests"] += 1
            self._versions[version, "rows"] += rows
            buckets = self._latency.setdefault(version, [0] * (len(_BUCKETS) + 1))
            buckets[bisect_left(_BUCKETS, seconds)] += 1
            self._seconds[version] = self._seconds.get(version, 0.0) + seconds

    def responded(self, route: str, status: int) -> None:
        """Count one HTTP response by route and status."""
        with self._lock:
            self._codes[route, status] += 1

    def by_version(self) -> dict[str, Json]:
        """Return version → requests, rows, errors, shadow_rows, shadow_dropped."""
        with self._lock:
            counts = dict(self._versions)
        versions = sorted({version for version, _ in counts})
        return {str(version): {what: counts.get((version, what), 0) for what in _PER_VERSION} for version in versions}

    def prometheus(self, model: str, gauges: Mapping[str, float]) -> str:
        """Return everything in Prometheus' text format; `gauges` are added under `mlray_<name>`."""
        return "\n".join([*self._lines(model, gauges), ""])

    def _lines(self, model: str, gauges: Mapping[str, float]) -> Iterator[str]:
        with self._lock:
            versions, codes, seconds = dict(self._versions), dict(self._codes), dict(self._seconds)
            latency = {version: list(buckets) for version, buckets in self._latency.items()}
        for what in _PER_VERSION:
            yield f"# HELP mlray_{what}_total {_HELP[what]}"
            yield f"# TYPE mlray_{what}_total counter"
            for version, _ in sorted(key for key in versions if key[1] == what):
                yield f'mlray_{what}_total{{model="{model}",version="{version}"}} {versions[version, what]}'
        yield "# HELP mlray_responses_total Responses by route and HTTP status."
        yield "# TYPE mlray_responses_total counter"
        for (route, status), count in sorted(codes.items()):
            yield f'mlray_responses_total{{model="{model}",route="{route}",code="{status}"}} {count}'
        yield "# HELP mlray_request_seconds Time from the first byte read to the answer."
        yield "# TYPE mlray_request_seconds histogram"
        for version, buckets in sorted(latency.items()):
            yield from _histogram(f'model="{model}",version="{version}"', buckets, seconds[version])
        for name, value in gauges.items():
            yield f"# TYPE mlray_{name} gauge"
            yield f'mlray_{name}{{model="{model}"}} {value:g}'


def _histogram(labels: str, buckets: list[int], seconds: float) -> Iterator[str]:
    total = 0
    for edge, count in zip((*map(str, _BUCKETS), "+Inf"), buckets, strict=True):
        total += count
        yield f'mlray_request_seconds_bucket{{{labels},le="{edge}"}} {total}'
    yield f"mlray_request_seconds_sum{{{labels}}} {seconds:.6f}"
    yield f"mlray_request_seconds_count{{{labels}}} {total}"
