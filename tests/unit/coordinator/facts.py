"""Facts with defaults, so that a test names only what it is about."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from mlray.coordinator.policy import Facts
from mlray.records import Act, Budget, ColumnDrift, Decision, DriftReport, Endpoint, Interval, Performance, Price
from mlray.spec import ProjectSpec

NOON = datetime(2013, 5, 15, 12, tzinfo=UTC)
DAY, WEEK = timedelta(days=1), timedelta(days=7)


def spec(**more: object) -> ProjectSpec:
    base: dict[str, object] = {
        "project": "flights",
        "data": {
            "source": "x.parquet",
            "time": "t",
            "columns": {"t": {"type": "timestamp"}, "x": {"type": "number"}, "y": {"type": "number", "known": "later"}},
            "target": {"name": "late", "column": "y", "above": 15},
        },
        "costs": {"release": "40 USD", "error": "0.5 USD", "budget": {"limit": "100 USD"}},
        "folder": Path("/nowhere"),
    }
    return ProjectSpec.model_validate(base | more)


def drift(psi: float = 0.1, threshold: float = 0.25, broken: str = "") -> DriftReport:
    column = ColumnDrift("temp", psi, 0.1, 0.0, 0.0, psi > threshold)
    return DriftReport("flights", 1, NOON - WEEK, NOON, 6500, (column,), psi, threshold, NOON, broken)


def performance(excess: float | None = 0.02, labelled: int = 6000) -> Performance:
    band = None if excess is None else Interval(excess, excess - 0.01, excess + 0.01)
    error = {"error": Interval(0.25, 0.24, 0.26)} if labelled else {}
    return Performance("flights", 1, NOON - WEEK, NOON, 6500, labelled, Interval(0.24, 0.23, 0.25), error, band)


def budget(spent: str = "0", limit: str = "100") -> Budget:
    start, end = datetime(2013, 5, 1, tzinfo=UTC), datetime(2013, 6, 1, tzinfo=UTC)
    return Budget("flights", Decimal(limit), "USD", start, end, Decimal(spent))


def price(amount: str = "40.01") -> Price:
    return Price(Decimal(amount), "USD", {"compute": Decimal("0.01"), "release": Decimal(40)}, "measured")


def facts(**more: object) -> Facts:
    base: dict[str, object] = {
        "endpoint": "flights",
        "version": 1,
        "now": NOON,
        "drift": drift(),
        "performance": performance(),
        "rows_per_day": 900.0,
        "price": price(),
        "budget": budget(),
    }
    return Facts(**(base | more))  # type: ignore[arg-type]


def decision(act: Act = Act.RETRAIN, key: str = "d1", **evidence: object) -> Decision:
    return Decision(key, NOON, act, "flights", "because", {"version": 2, **evidence}, Decimal("40.01"))  # type: ignore[arg-type]


def table(**more: object) -> Endpoint:
    base: dict[str, object] = {"name": "flights", "url": "http://127.0.0.1:1", "live": 1, "versions": (1,)}
    return Endpoint(**(base | more))  # type: ignore[arg-type]
