"""What is known of values without reading them, from the footers of the files that hold them."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

import pyarrow.parquet as pq

from mlray.records import Statistics

__all__ = ["merged", "moment", "statistics_of", "whole"]

LONGEST = 64
"""Characters of the longest text that is kept as a bound."""


def statistics_of(metadata: pq.FileMetaData) -> dict[str, Statistics]:
    """Return column → bounds and missing values as the footer has them; nested columns are left out."""
    found: dict[str, Statistics] = {}
    for place in range(metadata.num_columns):
        leaf = metadata.schema.column(place)
        if leaf.path != leaf.name or leaf.max_repetition_level:
            continue
        known: Statistics | None = Statistics()
        for group in range(metadata.num_row_groups):
            known = merged(known, _chunk(metadata.row_group(group).column(place)))
        if known is not None:
            found[leaf.name] = known
    return found


def merged(one: Statistics | None, other: Statistics | None) -> Statistics | None:
    """Return what is known of the values of both; None where one side is unknown.

    >>> merged(Statistics(1, 5), Statistics(3, 9, nulls=2))
    Statistics(min=1, max=9, nulls=2, unbounded=False)
    """
    if one is None or other is None:
        return None
    unbounded = one.unbounded or other.unbounded
    lows = [side.min for side in (one, other) if side.min is not None]
    highs = [side.max for side in (one, other) if side.max is not None]
    low = min(lows, default=None) if not unbounded else None
    high = max(highs, default=None) if not unbounded else None
    return Statistics(low, high, one.nulls + other.nulls, unbounded)


def whole(value: object) -> int | str | None:
    """Return a bound that keys can be compared with: a whole number or text, None for anything else."""
    return value if isinstance(value, int | str) and not isinstance(value, bool) else None


def moment(value: object) -> datetime | None:
    """Return a bound of an event time as a moment; one without a zone is UTC."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def nulls(names: Iterable[str], rows: int) -> Mapping[str, Statistics]:
    """Return the statistics of columns that have no value in any of `rows` rows."""
    return {name: Statistics(nulls=rows) for name in names}


def _chunk(chunk: pq.ColumnChunkMetaData) -> Statistics | None:
    known = chunk.statistics
    if known is None or not known.has_null_count:
        return None
    if not known.has_min_max:
        return Statistics(nulls=known.null_count, unbounded=known.num_values > 0)
    low, high = _value(known.min), _value(known.max)
    if low is None or high is None:
        return Statistics(nulls=known.null_count, unbounded=True)
    return Statistics(low, high, known.null_count)


def _value(value: object) -> int | float | str | bool | None:
    match value:
        case bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case str():
            return value if len(value) <= LONGEST else None
        case datetime() | date():
            return value.isoformat()
        case _:
            return None
