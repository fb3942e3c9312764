"""Ray Data as its documentation teaches it, in its fastest form: Arrow blocks in polars, partial sums, no pandas."""

import os
import shutil
import tempfile
from typing import Any

import pyarrow as pa

# The default starts 32 processes that read footers, for every read.
os.environ.setdefault("RAY_DATA_PARQUET_FOOTER_NUM_ACTORS", "1")
os.environ["POLARS_MAX_THREADS"] = "1"  # one core for each task; read when polars is imported

import ray
import ray.data

from benchmarks.data.contenders.job import COLUMNS, combined, empty, in_polars, partial, told
from benchmarks.data.made import LEVEL
from benchmarks.data.workers import serve

WHOLE: dict[str, Any] = {"batch_format": "pyarrow", "batch_size": None, "zero_copy_batch": True}


def start() -> None:
    """Start Ray and its workers, so that no job pays for them."""
    place = tempfile.mkdtemp(prefix="mlr-")
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR", _temp_dir=place)
    ray.data.DataContext.get_current().enable_progress_bars = False
    warm = ray.remote(lambda: __import__("polars").__version__)
    ray.get([warm.remote() for _ in range(4)])
    started.append(place)


started: list[str] = []


def stop() -> None:
    """End Ray, and remove what it wrote about itself."""
    ray.shutdown()
    for place in started:
        shutil.rmtree(place, ignore_errors=True)


def idiom(files: list[str], out: str) -> dict[str, float]:
    """Read, map, write; then read what was written, and return partial sums."""
    folder = empty(out)

    def stage(block: pa.Table) -> pa.Table:
        import polars as pl

        return in_polars(pl.from_arrow(block).lazy()).collect().to_arrow()

    ray.data.read_parquet(files).map_batches(stage, **WHOLE).write_parquet(
        str(folder), compression="zstd", compression_level=LEVEL
    )
    sums = ray.data.read_parquet(str(folder)).select_columns(COLUMNS).map_batches(partial, **WHOLE)
    return told(*combined(ray.get(sums.to_arrow_refs())), folder)


def groups(files: list[str]) -> int:
    """Group by two columns with the built-in aggregates, on rows that need no join."""
    from ray.data.aggregate import Count, Max, Mean, Min, Std

    rows = ray.data.read_parquet(files, columns=["country", "device", "amount"])
    wanted = [Count(), Mean("amount"), Std("amount"), Min("amount"), Max("amount")]
    return len(rows.groupby(["country", "device"], num_partitions=2).aggregate(*wanted).take_all())


def read_parquet(files: list[str]) -> dict[str, int]:
    """Read files through its own reader."""
    return _drained(ray.data.read_parquet(files))


def read_iceberg(folder: str, snapshot: int | None = None) -> dict[str, int]:
    """Read a snapshot of an Iceberg table through its own reader."""
    catalog = {
        "name": "bench",
        "type": "sql",
        "uri": f"sqlite:///{folder}/catalog.db",
        "warehouse": f"file://{folder}/warehouse",
    }
    return _drained(ray.data.read_iceberg(table_identifier="bench.rows", catalog_kwargs=catalog, snapshot_id=snapshot))


def _drained(rows: ray.data.Dataset) -> dict[str, int]:
    sizes = [(table.num_rows, table.nbytes) for table in rows.iter_batches(batch_format="pyarrow", batch_size=None)]
    return {"rows": sum(size[0] for size in sizes), "bytes": sum(size[1] for size in sizes)}


if __name__ == "__main__":
    try:
        serve(start=start, idiom=idiom, groups=groups, read_parquet=read_parquet, read_iceberg=read_iceberg)
    finally:
        stop()
