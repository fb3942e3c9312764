"""Rows as the user's function gets them: a pandas frame whose types follow from the contract, never from the rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from mlray.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame_of", "plain_features", "typed"]


def frame_of(table: pa.Table, columns: Sequence[str]) -> "pd.DataFrame":
    """Return `columns` of `table` as a frame: numbers as int64 or float64, text as `str`, time as datetime64 in UTC.

    A whole number or boolean that may be missing is float64 even where nothing is: one null further down must not
    change how the rows above it are computed.

    Raises:
        DataError: a column is missing.
    """
    rows = typed(table, columns)
    for place, field in enumerate(rows.schema):
        if field.nullable and (pa.types.is_integer(field.type) or pa.types.is_boolean(field.type)):
            rows = rows.set_column(place, field.name, rows.column(place).cast(pa.float64()))
    return cast("pd.DataFrame", rows.to_pandas())


def typed(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return `columns` of `table` as Arrow has them; DataError where one is missing."""
    missing = next((name for name in columns if name not in table.column_names), None)
    if missing is not None:
        raise DataError(f"The rows have no column '{missing}'.", remedy=f"They have {', '.join(table.column_names)}.")
    return table.select(columns)


def plain_features(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return every column as it is, a time as `<name>_hour` (0 to 23) and `<name>_weekday` (0 is Monday), UTC."""
    import pandas as pd

    features = {}
    for name in rows.columns:
        column = rows[name]
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            features[f"{name}_hour"] = column.dt.hour
            features[f"{name}_weekday"] = column.dt.day_of_week
        else:
            features[name] = column
    return pd.DataFrame(features, copy=False)
