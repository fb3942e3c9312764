"""A small project on generated data that changes half-way, for tests that need a whole one."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = datetime(2024, 1, 1, tzinfo=UTC)

SPEC = """\
project: {name}
question: Will this order come back?
data:
  source: data/orders-*.parquet
  table: orders
  time: at
  columns:
    at: timestamp
    shop: {{type: string, allowed: [north, south, east]}}
    price: {{type: number, min: 0, max: 1000}}
    weight: {{type: number, nullable: true}}
    days_back: {{type: number, nullable: true, known: later}}
  target: {{name: returned, column: days_back, above: 0, known_after: 1 days}}
model:
  trainers: {{xgboost: {{max_depth: [2, 4]}}}}
  trials: {trials}
  retrain_trials: 1
  rounds: 12
  window: 30 days
  holdout: 4 days
gates: {{baseline: -1.0, champion: -1.0, slices: [shop], slice_tolerance: 1.0}}
serving: {{port: 0, shadow: 1 days, canary: [0.5], step: 1 days}}
drift: {{every: 2 days, cool_down: 2 days}}
costs: {{release: 2 USD, error: 1 USD, horizon: 14 days, budget: {{limit: {limit} USD, per: month}}}}
live: {{start: 2024-01-21, end: 2024-01-31, requests_per_day: 2}}
"""


@cache
def orders(rows_per_day: int = 200, days: int = 32, flip_after: int = 22) -> pa.Table:
    """Return orders of `days` days; what makes an order come back turns round after `flip_after` days."""
    rng = np.random.default_rng(7)
    rows = rows_per_day * days
    day = np.repeat(np.arange(days), rows_per_day)
    at = [
        START + timedelta(days=int(d), seconds=int(s)) for d, s in zip(day, rng.integers(0, 86400, rows), strict=True)
    ]
    price, weight = rng.uniform(0, 100, rows), rng.normal(5, 2, rows)
    shop = rng.choice(["north", "south", "east"], rows)
    turn = np.where(day >= flip_after, -1.0, 1.0)
    chance = 1 / (1 + np.exp(-turn * ((price - 50) / 12 + (shop == "north"))))
    back = np.where(rng.random(rows) < chance, rng.integers(1, 9, rows), 0)
    return pa.table(
        {
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "shop": pa.array(shop.tolist(), pa.string()),
            "price": price,
            "weight": pa.array(np.where(rng.random(rows) < 0.02, None, weight).tolist(), pa.float64()),
            "days_back": back.astype(float),
        }
    ).sort_by("at")


def small_project(folder: Path, *, name: str = "orders", trials: int = 1, limit: int = 100) -> Path:
    """Write a project into `folder` and return it."""
    (folder / "data").mkdir(parents=True)
    table = orders()
    half = table.num_rows // 2
    pq.write_table(table.slice(0, half), folder / "data" / "orders-1.parquet")
    pq.write_table(table.slice(half), folder / "data" / "orders-2.parquet")
    (folder / "mlray.yaml").write_text(SPEC.format(name=name, trials=trials, limit=limit), encoding="utf-8")
    return folder
