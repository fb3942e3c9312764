"""The job of the engines, on Arrow tables: a filter, derived columns, a small join; and its answer, by group."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.data.made import DEVICES, SMALL

__all__ = ["COLUMNS", "combined", "empty", "in_arrow", "in_polars", "partial", "told"]

COLUMNS = ["region", "device", "total", "amount"]


def empty(folder: str) -> Path:
    """Return the folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    Path(folder).mkdir(parents=True)
    return Path(folder)


def told(rows: int, means: float, deviations: float, folder: Path) -> dict[str, float]:
    """Return what all engines must agree on, and the bytes that they wrote."""
    written = sum(file.stat().st_size for file in folder.iterdir())
    return {"rows": rows, "means": round(means, 2), "deviations": round(deviations, 2), "bytes": written}


def in_arrow(table: pa.Table) -> pa.Table:
    """Do all but the writing to one table."""
    table = table.filter(pc.and_(pc.greater(table["amount"], 5.0), pc.not_equal(table["country"], "C49")))
    total = pc.multiply(table["amount"], table["quantity"].cast(pa.float64()))
    place = pc.index_in(table["country"], SMALL["country"].combine_chunks())
    tax = SMALL["tax"].take(place)
    new = {
        "total": total,
        "hour": pc.hour(table["ts"]),
        "log_amount": pc.log1p(table["amount"]),
        "z": pc.multiply(table["score"], table["lat"].cast(pa.float64())),
        "device_code": pc.index_in(table["device"], pa.array(DEVICES)),
        "region": SMALL["region"].take(place),
        "tax": tax,
        "tax_amt": pc.multiply(total, tax),
    }
    for name, values in new.items():
        table = table.append_column(name, values)
    return table


def in_polars(lazy: object) -> object:
    """Do the same to a lazy frame of polars."""
    import polars as pl

    return (
        lazy.filter((pl.col("amount") > 5) & (pl.col("country") != "C49"))
        .with_columns(
            total=pl.col("amount") * pl.col("quantity"),
            hour=pl.col("ts").dt.hour(),
            log_amount=pl.col("amount").log1p(),
            z=pl.col("score") * pl.col("lat"),
            device_code=pl.col("device").replace_strict(
                {name: code for code, name in enumerate(DEVICES)}, return_dtype=pl.Int32
            ),
        )
        .join(pl.from_arrow(SMALL).lazy(), on="country", how="left")
        .with_columns(tax_amt=pl.col("total") * pl.col("tax"))
    )


def partial(table: pa.Table) -> pa.Table:
    """Return 30 rows of partial sums: what spares a shuffle."""
    table = table.select(COLUMNS).append_column("square", pc.multiply(table["total"], table["total"]))
    wanted = [("total", "count"), ("total", "sum"), ("square", "sum"), ("amount", "min"), ("amount", "max")]
    return table.group_by(["region", "device"]).aggregate(wanted)


def combined(partials: list[pa.Table]) -> tuple[int, float, float]:
    """Return rows, the sum of the groups' means and the sum of their standard deviations."""
    table = pa.concat_tables([part for part in partials if part.num_rows])
    wanted = [(name, "sum") for name in ("total_count", "total_sum", "square_sum")]
    wanted += [("amount_min", "min"), ("amount_max", "max")]
    table = table.group_by(["region", "device"]).aggregate(wanted)
    count = table["total_count_sum"].cast(pa.float64())
    mean = pc.divide(table["total_sum_sum"], count)
    spread = pc.subtract(table["square_sum_sum"], pc.multiply(count, pc.multiply(mean, mean)))
    deviation = pc.sqrt(pc.divide(spread, pc.subtract(count, 1.0)))
    return int(pc.sum(count).as_py()), pc.sum(mean).as_py(), pc.sum(deviation).as_py()
