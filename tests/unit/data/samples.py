"""A small contract with one of everything, and rows for it."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlray.data import Contract
from mlray.spec import Data

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def spec(**changes) -> Data:
    """Return orders with a key, a unit, a lookup of the weather and a mapping; `changes` replace sections."""
    sections = {
        "source": "orders-*.parquet",
        "table": "orders",
        "time": "at",
        "key": ["at", "order"],
        "columns": {
            "at": "timestamp",
            "order": {"type": "integer", "min": 1},
            "shop": {"type": "string", "allowed": ["north", "south"]},
            "weight": {"type": "number", "unit": "kilogram", "nullable": True, "min": 0, "max": 100},
            "gift": {"type": "boolean", "nullable": True},
            "days_back": {"type": "number", "nullable": True, "known": "later"},
        },
        "lookups": {
            "weather": {
                "source": "weather-*.parquet",
                "on": ["shop", "at"],
                "columns": {"temp": {"type": "number", "unit": "degC", "min": -60, "max": 60}},
            }
        },
        "mappings": [
            {
                "files": "*-old.parquet",
                "rename": {"pounds": "weight"},
                "units": {"weight": "pound", "temp": "degF"},
                "values": {"shop": {"N": "north", "S": "south"}},
            }
        ],
        "target": {"name": "returned", "column": "days_back", "above": 0},
    }
    return Data.model_validate(sections | changes)


def contract(**changes) -> Contract:
    return Contract.compile(spec(**changes))


def row(**changes):
    good = {"at": NOON, "order": 1, "shop": "north", "weight": 2.5, "gift": True, "days_back": 0.0}
    return good | changes


def table(*rows) -> pa.Table:
    kinds = {"at": pa.timestamp("us", "UTC"), "order": pa.int64(), "weight": pa.float64(), "days_back": pa.float64()}
    names = list(dict.fromkeys(name for one in rows for name in one))
    return pa.table({name: pa.array([one.get(name) for one in rows], kinds.get(name)) for name in names})


def orders(*rows) -> pa.Table:
    return table(*(row(**one) for one in rows))


def write(folder: Path, name: str, rows: pa.Table) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path)
    return path
