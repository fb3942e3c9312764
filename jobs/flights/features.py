"""What a flight's record says about its delay, before it departs."""

import pandas as pd


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row of features per flight; text becomes categories, numbers stay numbers."""
    departs = rows["sched_dep_time"] // 100 + rows["sched_dep_time"] % 100 / 60
    arrives = rows["sched_arr_time"] // 100 + rows["sched_arr_time"] % 100 / 60
    return rows[["carrier", "origin", "dest", "distance", "temp", "wind_dir", "wind_speed", "precip", "visib"]].assign(
        departs=departs,
        hours=(arrives - departs) % 24,
        weekday=rows["time_hour"].dt.day_of_week,
        dew_gap=rows["temp"] - rows["dewp"],
        pressure=rows["pressure"],
    )
