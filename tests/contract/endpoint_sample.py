"""A small endpoint for the tests: two columns, a logistic score, and versions that misbehave on purpose."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from mlray.errors import AccessDenied, NotFoundError, RequestError
from mlray.ids import Json
from mlray.serving import App, Limits, RequestLog

KEYS = {"all": {"predict", "feedback", "admin"}, "caller": {"predict", "feedback"}, "watcher": {"admin"}}
COLUMNS = {"at": "BYTES", "origin": "BYTES", "distance": "FP64"}


class Tired(AccessDenied):
    """Too many requests with one key."""

    status = 429
    code = "too_many_requests"
    retry_after = 2.5


def authorise(authorization: str | None, scope: str) -> str:
    """Return the tenant of `Bearer <name>`; `tired` has asked too often."""
    if authorization is None:
        raise AccessDenied("There is no key.", remedy="Send Authorization: Bearer <key>.")
    who = authorization.removeprefix("Bearer ")
    if who == "tired":
        raise Tired("Too many requests.", remedy="Wait.")
    if scope not in KEYS.get(who, set()):
        raise AccessDenied(f"This key may not {scope}.", remedy="Ask for another one.")
    return who


class Flights:
    """Checks two columns and a time, and scores by distance: 1 / (1 + exp(-(distance - middle) / 500))."""

    def __init__(self, middle: float = 1000.0) -> None:
        self.middle = middle

    def check(self, columns: Mapping[str, Sequence[Json]]) -> pa.Table:
        lost = [name for name in COLUMNS if name not in columns]
        extra = [name for name in columns if name not in COLUMNS]
        if lost or extra:
            what = f"Column '{lost[0]}' is missing." if lost else f"Column '{extra[0]}' is not known."
            raise RequestError(what, remedy=f"Send {', '.join(COLUMNS)}.", column=(lost or extra)[0])
        moments = [self._moment(row, value) for row, value in enumerate(columns["at"])]
        for row, value in enumerate(columns["origin"]):
            if value not in ("JFK", "LGA"):
                raise RequestError(f"{value!r} is not an airport.", remedy="JFK or LGA.", column="origin", row=row)
        for row, value in enumerate(columns["distance"]):
            if isinstance(value, bool | str):
                raise RequestError(f"{value!r} is not a number.", remedy="A number.", column="distance", row=row)
        return pa.table(
            {
                "at": pa.array(moments, pa.timestamp("us", "UTC")),
                "origin": pa.array(columns["origin"], pa.string()),
                "distance": pa.array(columns["distance"], pa.float64()),
            }
        )

    def _moment(self, row: int, value: Json) -> datetime:
        try:
            moment = datetime.fromisoformat(str(value))
            moment.astimezone()
        except (ValueError, OverflowError):
            raise RequestError(f"{value!r} is not a time.", remedy="ISO 8601.", column="at", row=row) from None
        return moment

    def predict(self, rows: pa.Table) -> list[float]:
        distances = rows["distance"].fill_null(self.middle).to_pylist()
        return [1 / (1 + math.exp(-max(-700.0, min(700.0, (d - self.middle) / 500)))) for d in distances]

    def describe(self) -> Mapping[str, Json]:
        return {
            "inputs": [{"name": name, "datatype": kind, "shape": [-1]} for name, kind in COLUMNS.items()],
            "outputs": [
                {"name": "probability", "datatype": "FP64", "shape": [-1]},
                {"name": "late", "datatype": "BOOL", "shape": [-1]},
            ],
            "example": {"at": ["2013-04-01T06:00:00+00:00"], "origin": ["JFK"], "distance": [500.0]},
        }


class Breaks(Flights):
    """Answers its own example and fails on everything else, as a model that was tested too little."""

    def predict(self, rows: pa.Table) -> list[float]:
        if rows["distance"].to_pylist() != [500.0]:
            raise KeyError("hour")
        return [0.5]


class Strict(Flights):
    """Knows fewer airports than the others: a candidate with another contract."""

    def check(self, columns: Mapping[str, Sequence[Json]]) -> pa.Table:
        rows = super().check(columns)
        if "LGA" in columns["origin"]:
            raise RequestError("LGA is not known.", remedy="JFK.", column="origin", row=0)
        return rows


VERSIONS = {1: Flights(), 2: Flights(1200.0), 3: Breaks(), 4: Strict()}


def load(version: int) -> Flights:
    """Return a version; 9 exists but cannot be read."""
    if version == 9:
        raise OSError("model.bin: damaged")
    if version not in VERSIONS:
        raise NotFoundError(f"There is no version {version}.", remedy=f"Known: {', '.join(map(str, VERSIONS))}.")
    return VERSIONS[version]


def build(folder: str, **limits: float) -> App:
    """Return the endpoint with its files under `folder`."""
    root = Path(folder)
    return App(
        "flights",
        load=load,
        authorise=authorise,
        log=RequestLog(root / "log", time_column="at"),
        table=root / "endpoint" / "flights.json",
        limits=Limits(**limits),  # type: ignore[arg-type]
    )


def request(rows: int = 1, request_id: str = "", **changed: Sequence[Json]) -> dict[str, Json]:
    """Return a request that works, with some columns changed."""
    columns: dict[str, Sequence[Json]] = {
        "at": ["2013-04-01T06:00:00Z"] * rows,
        "origin": ["JFK"] * rows,
        "distance": [float(100 * row) for row in range(rows)],
        **changed,
    }
    inputs: list[Json] = [
        {"name": name, "shape": [len(values)], "datatype": COLUMNS[name], "data": values}
        for name, values in columns.items()
    ]
    return {"inputs": inputs, **({"id": request_id} if request_id else {})}
