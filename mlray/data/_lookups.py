"""Lookups: small second sources, read whole, held to their own contract, and joined to every row by key."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from mlray.data._intake import gather
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


def read_lookup(
    contract: Contract, folder: Path, name: str, window: Window, counted: datetime | None, aside: Path
) -> LookupRows:
    """Return the rows of lookup `name`; of one that is keyed by event time only those in `window`.

    `counted` is the event time up to which an earlier ingestion counted its rows; None if none did. What is elsewhere
    comes to lie in the folder `aside`.

    Raises:
        DataError: a file is missing or unreadable, or lacks a column.
    """
    spec = contract.data.lookups[name]
    passes = _passes(window if contract.data.time in spec.on else None, counted)
    kept: list[pa.Table] = []
    bad = [quarantine()]
    mapped: Counter[str] = Counter()
    fresh = 0
    for file in gather(spec.origin, folder, aside, name):
        source = file.name
        for cut, counts in passes:
            raw = read_window(contract, file, source, cut, lookup=name)
            before = Before(pa.concat_tables(kept).select(spec.on)) if kept else None
            checked = contract.apply(raw.table, source, lookup=name, positions=raw.positions, before=before)
            kept.append(checked.table)
            bad.append(checked.set_aside)
            if counts:
                mapped.update(checked.mapped)
                fresh += checked.table.num_rows
    return LookupRows(pa.concat_tables(kept), fresh, pa.concat_tables(bad), mapped)


def _passes(window: Window | None, counted: datetime | None) -> list[tuple[Window | None, bool]]:
    """Return what to read, and whether its rows are to be counted or were by an earlier ingestion."""
    if counted is None:
        return [(window, True)]
    if window is None:
        # Without an event time there is no telling which rows are new.
        return [(None, False)]
    return [(Window(window.start, min(counted, window.until)), False), (Window(counted, window.until), True)]
