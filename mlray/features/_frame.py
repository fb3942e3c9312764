"""Rows as the user's function gets them: a pandas frame whose types follow from the contract, never from the rows."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from mlray.errors import DataError

__all__ = ["frame_of", "plain_features"]


def frame_of(table: pa.Table, columns: Sequence[str]) -> pd.DataFrame:
    """Return `columns` of `table` as a frame: numbers as int64 or float64, text as `str`, time as datetime64 in UTC.

    A whole number or boolean that may be missing is float64 even where nothing is: one null further down must not
    change how the rows above it are computed.

    Raises:
        DataError: a column is missing.
    """
    return pd.DataFrame({name: _series(table, name) for name in columns}, copy=False)


def _series(table: pa.Table, name: str) -> "pd.Series[Any]":
    if name not in table.column_names:
        raise DataError(f"The rows have no column '{name}'.", remedy=f"They have {', '.join(table.column_names)}.")
    column = table[name]
    kind = column.type
    if table.schema.field(name).nullable and (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        column = column.cast(pa.uint8()).cast(pa.float64()) if pa.types.is_boolean(kind) else column.cast(pa.float64())
    return column.to_pandas()  # type: ignore[no-any-return]


def plain_features(rows: pd.DataFrame) -> pd.DataFrame:
    """Return every column as it is, a time as `<name>_hour` (0 to 23) and `<name>_weekday` (0 is Monday), UTC."""
    features = {}
    for name in rows.columns:
        column = rows[name]
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            features[f"{name}_hour"] = column.dt.hour
            features[f"{name}_weekday"] = column.dt.dayofweek
        else:
            features[name] = column
    return pd.DataFrame(features, copy=False)
