"""Lookups: small second sources, read whole, held to their own contract, and joined to every row by key."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mlray.data import sources
from mlray.data._convert import ARROW
from mlray.data._quarantine import quarantine
from mlray.data.contract import Before, Contract
from mlray.data.scan import Window, read_window

__all__ = ["LookupRows", "read_lookup"]


@dataclass(frozen=True, slots=True, eq=False)
class LookupRows:
    """A lookup's good rows, each key once, and what was found on the way."""

    table: pa.Table
    fresh: int
    """Good rows that no earlier ingestion counted."""
    set_aside: pa.Table
    mapped: Mapping[str, int]


def read_lookup(contract: Contract, folder: Path, name: str, window: Window, counted: datetime | None) -> LookupRows:
    """Return the rows of lookup `name`; of one that is keyed by event time only those in `window`.

    `counted` is the event time up to which an earlier ingestion counted its rows; None if none did.

    Raises:
        DataError: a file is missing or unreadable, or lacks a column.
    """
    spec = contract.data.lookups[name]
    timed = contract.data.time in spec.on
    kept: list[pa.Table] = []
    aside = [quarantine()]
    mapped: Counter[str] = Counter()
    for path in sources.files(folder, spec.source):
        source = sources.name_of(path, folder)
        table, positions = read_window(contract, path, source, window if timed else None, lookup=name)
        before = Before(pa.concat_tables(kept).select(spec.on)) if kept else None
        checked = contract.apply(table, source, lookup=name, positions=positions, before=before)
        kept.append(checked.table)
        aside.append(checked.set_aside)
        mapped.update(checked.mapped)
    rows = pa.concat_tables(kept)
    return LookupRows(rows, _fresh(rows, contract.data.time if timed else "", counted), pa.concat_tables(aside), mapped)


def _fresh(rows: pa.Table, time: str, counted: datetime | None) -> int:
    if counted is not None and time:
        rows = rows.filter(pc.greater_equal(rows[time], pa.scalar(counted, ARROW["timestamp"])))
    # Without an event time there is no telling which rows are new: they were counted when first read.
    number: int = 0 if counted is not None and not time else rows.num_rows
    return number
