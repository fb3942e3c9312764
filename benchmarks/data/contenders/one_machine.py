"""The engines of one machine: polars streaming, DuckDB and pandas, each alone in its process."""

import os
from typing import Any

import pyarrow.parquet as pq

from benchmarks.data.contenders.job import empty, in_polars, told
from benchmarks.data.made import DEVICES, LEVEL, SMALL
from benchmarks.data.workers import serve


def polars(files: list[str], out: str) -> dict[str, float]:
    """Sink the rows, then group what was written; both in one query (`collect_all`) took as long."""
    import polars as pl

    folder = empty(out)
    lazy = in_polars(pl.scan_parquet(files))
    lazy.sink_parquet(folder / "x.parquet", compression="zstd", compression_level=LEVEL)
    total, amount = pl.col("total"), pl.col("amount")
    stats = [pl.len(), total.mean().alias("mean"), total.std().alias("std"), amount.min().alias("low"), amount.max()]
    groups = pl.scan_parquet(folder / "x.parquet").group_by("region", "device").agg(stats).collect(engine="streaming")
    return told(int(groups["len"].sum()), groups["mean"].sum(), groups["std"].sum(), folder)


def duckdb(files: list[str], out: str) -> dict[str, float]:
    """Copy the rows, then group what was written."""
    import duckdb as db

    folder = empty(out)
    connection = db.connect()
    connection.execute(f"set threads={len(os.sched_getaffinity(0))}; set preserve_insertion_order=false")
    connection.register("small", SMALL)
    cases = " ".join(f"when '{device}' then {code}" for code, device in enumerate(DEVICES))
    connection.execute(f"""
        copy (select f.*, amount * quantity total, hour(ts)::tinyint "hour", ln(1 + amount) log_amount, score * lat z,
        (case device {cases} end)::int device_code, region, tax, amount * quantity * tax tax_amt
        from read_parquet({files}) f left join small using (country) where amount > 5 and country != 'C49')
        to '{folder}/x.parquet' (format parquet, compression zstd, compression_level {LEVEL})""")
    groups = connection.execute(f"""
        select count(*), avg(total), stddev(total), min(amount), max(amount)
        from '{folder}/x.parquet' group by region, device""").fetchall()
    return told(sum(row[0] for row in groups), sum(row[1] for row in groups), sum(row[2] for row in groups), folder)


def pandas(files: list[str], out: str) -> dict[str, float]:
    """Do all in memory, as one does with a million rows."""
    import numpy as np
    import pandas as pd

    folder = empty(out)
    frame = pq.read_table(files[0]).to_pandas() if len(files) == 1 else pd.concat(map(pd.read_parquet, files))
    frame = frame[(frame["amount"] > 5) & (frame["country"] != "C49")]
    frame = frame.assign(
        total=frame["amount"] * frame["quantity"],
        hour=frame["ts"].dt.hour,
        log_amount=np.log1p(frame["amount"]),
        z=frame["score"] * frame["lat"],
        device_code=frame["device"].map({name: code for code, name in enumerate(DEVICES)}).astype("int32"),
    ).merge(SMALL.to_pandas(), on="country", how="left")
    frame["tax_amt"] = frame["total"] * frame["tax"]
    frame.to_parquet(folder / "x.parquet", compression="zstd", compression_level=LEVEL, index=False)
    groups = frame.groupby(["region", "device"]).agg(
        rows=("total", "size"),
        mean=("total", "mean"),
        std=("total", "std"),
        low=("amount", "min"),
        high=("amount", "max"),
    )
    return told(int(groups["rows"].sum()), groups["mean"].sum(), groups["std"].sum(), folder)


def load(engine: str) -> str:
    """Import an engine, so that its job does not pay for it."""
    module: Any = __import__(engine)
    return module.__version__


if __name__ == "__main__":
    serve(load=load, polars=polars, duckdb=duckdb, pandas=pandas)
