"""Our contract, compiled once and applied to the same rows."""

from typing import Any

from benchmarks.data.contenders.terms import DEVICE, LIMITS, RENAME, ZONE, facts, one_core, raw
from benchmarks.data.made import COUNTRIES, DEVICES
from benchmarks.data.workers import serve
from mlray.data import Contract
from mlray.spec import Data

__all__ = ["section"]

state: dict[str, Any] = {}


def section(source: str = "rows.parquet") -> dict[str, Any]:
    """Return the section `data` of a project file that says all this."""
    limits = {name: {"min": low, "max": high} for name, (low, high) in LIMITS.items()}
    columns: dict[str, Any] = {
        "id": "integer",
        "ts": "timestamp",
        "user_id": "integer",
        "country": {"type": "string", "allowed": [*COUNTRIES]},
        "device": {"type": "string", "allowed": [*DEVICES]},
        "amount": {"type": "number", **limits["amount"]},
        "price": {"type": "number", "known": "later", **limits["price"]},
        "quantity": {"type": "integer", **limits["quantity"]},
        "lat": {"type": "number", **limits["lat"]},
        "lon": {"type": "number", **limits["lon"]},
        "score": {"type": "number", "unit": "degC"},
        "visit": "string",
    }
    mapping = {"files": "*", "rename": RENAME, "units": {"score": "degF"}, "values": {"device": DEVICE}, "zone": ZONE}
    return {
        "source": source,
        "time": "ts",
        "columns": columns,
        "mappings": [mapping],
        "target": {"name": "dear", "column": "price", "above": 50},
    }


def prepare(rows: int) -> None:
    """Make the rows and compile the contract."""
    one_core()
    state.update(rows=raw(rows), contract=Contract.compile(Data.model_validate(section())))


def apply() -> int:
    """Apply it, and return how many rows were set aside."""
    state["made"] = state["contract"].apply(state["rows"], "rows.parquet")
    return state["made"].set_aside.num_rows


def made() -> dict[str, float]:
    """Return what the rows are in the contract's words."""
    return facts(state["made"].table)


if __name__ == "__main__":
    serve(prepare=prepare, apply=apply, made=made)
