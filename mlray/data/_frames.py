"""From pandas to Arrow."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from mlray.errors import DataError

__all__ = ["rows_of", "streamed", "table_of"]


def rows_of(rows: Any) -> pa.Table:  # noqa: ANN401 (what is no table is refused)
    """Return rows in whatever form a person has them, an Arrow table, a batch or a pandas frame, as a table.

    Raises:
        DataError: it is none of these, or Arrow has no such type.
    """
    if isinstance(rows, pa.Table):
        return rows
    return pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else table_of(rows)


def streamed(rows: Any) -> Iterable[pa.Table]:  # noqa: ANN401 (what is no table is refused)
    """Return rows, or a stream of them, as tables that come one after the other.

    Raises:
        DataError: as `rows_of`, when the part that is none comes.
    """
    # A frame can be iterated over as well, and gives the names of its columns.
    several = isinstance(rows, Iterable) and not isinstance(rows, pa.Table | pa.RecordBatch | str | dict)
    if several and not hasattr(rows, "columns"):
        return map(rows_of, rows)
    return [rows_of(rows)]


def table_of(frame: Any) -> pa.Table:  # noqa: ANN401 (what is no frame is refused)
    """Return a pandas frame as a table without its index; a time with a zone keeps it, and text is `string`.

    Raises:
        DataError: it is no frame, or Arrow has no such type.
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"{type(frame).__name__} is no table.", remedy="Give a pyarrow.Table, a RecordBatch or a pandas.DataFrame."
        )
    zoned = {place: dtype for place, dtype in enumerate(frame.dtypes) if isinstance(dtype, pd.DatetimeTZDtype)}
    plain = frame.copy(deep=False)
    for place in zoned:
        # pyarrow asks pandas for times with a zone in a way that pandas is about to change, and warns of.
        plain.isetitem(place, frame.iloc[:, place].dt.tz_convert(None))
    try:
        table = pa.Table.from_pandas(plain, preserve_index=False).replace_schema_metadata()
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            f"The frame cannot become a table: {error}.", remedy="Give every column one type, and a name of its own."
        ) from error
    for place, dtype in zoned.items():
        name = table.column_names[place]
        table = table.set_column(place, name, table.column(place).cast(pa.timestamp(dtype.unit, str(dtype.tz))))
    # pandas counts the bytes of a text column in 64 bits, which no row needs.
    kinds = [pa.string() if pa.types.is_large_string(field.type) else field.type for field in table.schema]
    return table.cast(pa.schema([field.with_type(kind) for field, kind in zip(table.schema, kinds, strict=True)]))
