"""Ours: plans on Ray and without, versions read through Ray Data, and ingestion."""

import logging
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data.contenders.job import empty, told
from benchmarks.data.contenders.ours_contract import section
from benchmarks.data.made import DEVICES, SMALL
from benchmarks.data.workers import serve
from mlray.data import Plan, Snapshot, Store, call, col, ingest
from mlray.data.table import Table
from mlray.spec import Data

started: list[str] = []


def start() -> None:
    """Start Ray and its workers, so that no job pays for them."""
    import ray

    place = tempfile.mkdtemp(prefix="mlr-")
    started.append(place)
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR", _temp_dir=place)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    warm = ray.remote(lambda: __import__("pyarrow").__version__)
    ray.get([warm.remote() for _ in range(4)])


def stop() -> None:
    """End Ray where it was started, and remove what it wrote about itself."""
    if started:
        import ray

        ray.shutdown()
    for place in started:
        shutil.rmtree(place, ignore_errors=True)


def plan(files: list[str], out: str, on: str = "ray") -> dict[str, float]:
    """Do the job of the engines: one task reads, derives, joins, writes and sums up."""
    folder = empty(out)
    codes = pa.table({"device": DEVICES, "device_code": pa.array(range(len(DEVICES)), pa.int32())})
    whole = (
        Plan.of(files)
        .filter((col("amount") > 5.0) & (col("country") != "C49"))
        .derive(
            total=col("amount") * col("quantity").cast(pa.float64()),
            hour=call("hour", col("ts")),
            log_amount=call("log1p", col("amount")),
            z=col("score") * col("lat").cast(pa.float64()),
        )
        .lookup(codes, on="device")
        .lookup(SMALL, on="country")
        .derive(tax_amt=col("total") * col("tax"))
        .write(folder)
        .aggregate(
            by=["region", "device"],
            rows="count",
            mean=("total", "mean"),
            std=("total", "std"),
            low=("amount", "min"),
            high=("amount", "max"),
        )
    )
    found = whole.run(on=on).groups.to_pydict()
    return told(sum(found["rows"]), sum(found["mean"]), sum(found["std"]), folder)


def groups(files: list[str], on: str = "ray") -> int:
    """Group by two columns."""
    found = Plan.of(files).aggregate(
        by=["country", "device"],
        rows="count",
        mean=("amount", "mean"),
        std=("amount", "std"),
        low=("amount", "min"),
        high=("amount", "max"),
    )
    return found.run(on=on).groups.num_rows


def keep(files: list[str], folder: str) -> None:
    """Make a store of two versions: each file a fragment, then 5 % more."""
    shutil.rmtree(folder, ignore_errors=True)
    table = Table(Store(folder), "rows")
    table.append((pq.read_table(file) for file in files[:-1]), key=["id"])
    table.append(pq.read_table(files[-1]))


def read_version(folder: str, version: int) -> dict[str, int]:
    """Read a version through Ray Data."""
    rows = Snapshot.of(Store(folder), f"rows@v{version}").to_ray()
    sizes = [(table.num_rows, table.nbytes) for table in rows.iter_batches(batch_format="pyarrow", batch_size=None)]
    return {"rows": sum(size[0] for size in sizes), "bytes": sum(size[1] for size in sizes)}


def take_in(folder: str, pattern: str, store: str, on: str = "ray") -> dict[str, int]:
    """Ingest files through a contract into a new store."""
    shutil.rmtree(store, ignore_errors=True)
    told = section(pattern) | {"mappings": []}
    version = ingest(
        Data.model_validate(told),
        Path(folder),
        Store(store),
        until=datetime(2100, 1, 1, tzinfo=UTC),
        now=datetime(2026, 1, 1, tzinfo=UTC),
        run=_run(on),
        progress=_quiet,
    )
    return {"rows": version.rows}


def _quiet(done: int, total: int, note: str = "") -> None:
    """Say nothing."""


def _run(on: str) -> Any:
    if on == "ray":
        from mlray.data.on_ray import scan_on_ray

        return scan_on_ray
    from mlray.data import scan_here

    return scan_here


if __name__ == "__main__":
    try:
        serve(start=start, plan=plan, groups=groups, keep=keep, read_version=read_version, take_in=take_in)
    finally:
        stop()
