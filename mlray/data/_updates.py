"""Rows that a source gives again with other values: what changed there is written over what was known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlray.data._intake import Take
from mlray.data._lookups import read_lookup
from mlray.data._quarantine import repeats
from mlray.data.contract import Contract
from mlray.data.scan import Window, join, read_window
from mlray.data.store import Store
from mlray.data.store._edit import Said, make
from mlray.data.store._edit_rows import Upsert, located
from mlray.data.store._match import Keys, differs
from mlray.data.store._reading import placed
from mlray.data.store._types import fit
from mlray.errors import ConflictError
from mlray.records import DatasetVersion

__all__ = ["Update", "in_words", "update_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """Rows of `base` as the source has them now."""

    base: DatasetVersion
    rows: pa.Table
    """All columns of the contract, those of lookups among them."""

    def commit(self, store: Store, key: Sequence[str], now: datetime) -> int:
        """Write the rows over those of the head and return their number; 0 where somebody else changed them meanwhile.

        A process that dies after this finds them equal the next time.
        """
        said = Said(now, note=in_words(self.rows.num_rows))
        edit = Upsert(store, self.base.table, self.rows, tuple(key), said)
        try:
            make(store, self.base.table, self.base.branch, edit, said, self.base)
        except ConflictError:
            return 0
        return len(self.rows)


def in_words(rows: int) -> str:
    """Say that so many rows were updated; nothing for none."""
    return f"{rows:,} row{'' if rows == 1 else 's'} updated by the source" if rows else ""


def update_of(
    contract: Contract, store: Store, base: DatasetVersion, takes: Iterable[Take], folder: Path, aside: Path
) -> Update | None:
    """Return the good rows that `base` has under the same key with other values in the source's columns.

    A key counts once, where it comes first: any other row of it is a repeated one. Rows that break the contract are no
    update, and are set aside with all others. None where nothing differs.

    Raises:
        DataError: a lookup's file is missing or unreadable.
    """
    key = list(contract.data.key)
    found: list[pa.Table] = []
    met: pa.Table | None = None
    for take in takes:
        raw = read_window(contract, take.file, take.file.name, take.window)
        rows = contract.apply(raw.table, take.file.name, positions=raw.positions).table
        known, other = _compared(store, base, rows, key)
        first = known if met is None else known & ~repeats(rows, key, met)
        found.append(rows.filter(pa.array(first & other)))
        keys = rows.select(key).filter(pa.array(first))
        met = keys if met is None else pa.concat_tables([met, keys.cast(met.schema)])
    changed = [rows for rows in found if rows.num_rows]
    if not changed:
        return None
    whole = pa.concat_tables(changed, promote_options="default")
    return Update(base, _joined(contract, whole, folder, aside))


def _compared(
    store: Store, base: DatasetVersion, rows: pa.Table, key: Sequence[str]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return of which rows `base` has the key, and which of them differ from what it has; each of shape [n]."""
    known, other = np.zeros(rows.num_rows, dtype=np.bool_), np.zeros(rows.num_rows, dtype=np.bool_)
    fitted = fit(rows, base.columns, base.table)
    columns = [column for column in base.columns if column.name in rows.column_names]
    for fragment, which in located(store, base, base.fragments, Keys(fitted, key)):
        places = np.flatnonzero(which >= 0)
        if not len(places):
            continue
        hit = which[places]
        known[hit] = True
        old = placed(store.blobs, fragment, columns).take(pa.array(places))
        new = fitted.take(pa.array(hit))
        for column in columns:
            other[hit] |= differs(old[column.name], new[column.name])
    for name in key:
        # Nothing tells rows without a key apart: such a one is no update of another.
        known &= fitted[name].is_valid().to_numpy()
    return known, other


def _joined(contract: Contract, rows: pa.Table, folder: Path, aside: Path) -> pa.Table:
    time = pc.min_max(rows[contract.data.time]).as_py()
    window = Window(time["min"], time["max"] + timedelta(microseconds=1))
    place = aside / "updates"
    place.mkdir()
    lookups = {name: read_lookup(contract, folder, name, window, None, place).table for name in contract.data.lookups}
    return join(contract, rows, lookups)
