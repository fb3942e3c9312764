"""The rows that every section measures on: 12 columns of four kinds, seeded, about 43 MB of Parquet per million."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.peers import PLACE

__all__ = ["COUNTRIES", "DEVICES", "LEVEL", "PLACE", "ROW_GROUP", "SMALL", "part", "parts", "raised", "total"]

REGIONS = ("NA", "EU", "APAC", "LATAM", "MEA")
COUNTRIES = tuple(f"C{number:02d}" for number in range(50))
DEVICES = ("ios", "android", "web", "tv", "desktop", "other")
SMALL = pa.table(
    {
        "country": COUNTRIES,
        "region": [REGIONS[number % 5] for number in range(50)],
        "tax": [0.05 + 0.003 * number for number in range(50)],
    }
)
LEVEL = 1
"""Of zstd, for everybody: their own defaults differ (1 or 3), and writing is half of the work."""
ROW_GROUP = 1_000_000
"""Rows in a row group of every store: 262,144 instead costs 17 % more bytes."""


def part(number: int, rows: int, step: int = 0) -> pa.Table:
    """Return `rows` rows with ids from `number * step` on (`step` is `rows` unless given)."""
    rng = np.random.default_rng(number)
    first = number * (step or rows)
    ids = np.arange(first, first + rows, dtype="int64")
    start = np.datetime64("2025-01-01T00:00:00", "us").astype("int64")
    countries = np.minimum(rng.exponential(8, rows).astype(int), 49)
    return pa.table(
        {
            "id": ids,
            "ts": pa.array(start + ids * 750_000 + rng.integers(0, 700_000, rows), pa.timestamp("us")),
            "user_id": rng.integers(0, 500_000, rows).astype("int32"),
            "country": pa.array(np.array(COUNTRIES)[countries], pa.string()),
            "device": pa.array(np.array(DEVICES)[rng.integers(0, 6, rows)], pa.string()),
            "amount": np.round(rng.lognormal(3, 1, rows), 2),
            "price": np.round(rng.gamma(2, 20, rows), 2),
            "quantity": rng.integers(1, 20, rows).astype("int32"),
            "lat": rng.uniform(-60, 60, rows).astype("float32"),
            "lon": rng.uniform(-180, 180, rows).astype("float32"),
            "score": rng.normal(0, 1, rows),
            "visit": pa.array(np.char.mod("s%010d", rng.integers(0, 2**31, rows)), pa.string()),
        }
    )


def parts(count: int, rows: int) -> list[Path]:
    """Return `count` Parquet files of `rows` rows each; those that an earlier run has made are used again."""
    files = [PLACE / f"made-{rows}" / f"part-{number:03d}.parquet" for number in range(count)]
    missing = [(number, rows, str(file)) for number, file in enumerate(files) if not file.exists()]
    if missing:
        files[0].parent.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor() as pool:
            list(pool.map(_write, missing))
    return files


def _write(wanted: tuple[int, int, str]) -> None:
    number, rows, name = wanted
    file = Path(name)
    aside = file.with_suffix(".aside")
    # Row groups of a usual size: an engine that streams wants several to a file.
    pq.write_table(part(number, rows), aside, compression="zstd", compression_level=LEVEL, row_group_size=262_144)
    aside.replace(file)


def raised(tables: Sequence[pa.Table], ids: np.ndarray) -> pa.Table:
    """Return the rows of `ids` (sorted) out of `tables` whole, with `amount` a tenth higher."""
    step = tables[0].num_rows
    found = []
    for number, table in enumerate(tables):
        inside = ids[(ids >= number * step) & (ids < number * step + table.num_rows)]
        found.append(table.take(pa.array(inside - number * step)))
    rows = pa.concat_tables(found).combine_chunks()
    place = rows.schema.get_field_index("amount")
    return rows.set_column(place, "amount", pc.round(pc.multiply(rows["amount"], 1.1), 2))


def total(table: pa.Table) -> pa.ChunkedArray:
    """Return the derived column."""
    return pc.multiply(table["amount"], table["quantity"].cast(pa.float64()))
