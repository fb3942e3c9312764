"""What the contract section is about: 12 columns as a source says them, and what they have to be."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.data.made import DEVICES, part

__all__ = ["DEVICE", "LIMITS", "RENAME", "ZONE", "facts", "one_core", "raw"]

ZONE = "America/New_York"
RENAME = {"when": "ts", "amt": "amount", "cc": "country"}
DEVICE = {device.upper(): device for device in DEVICES}
LIMITS = {"amount": (0, 1e6), "price": (0, 1e5), "quantity": (1, 20), "lat": (-60, 60), "lon": (-180, 180)}
BAD = 1000
"""One row in so many breaks a limit."""


def raw(rows: int) -> pa.Table:
    """Return rows as the source says them: other names, local times, degrees Fahrenheit, devices in capitals."""
    table = part(0, rows)
    amount = table["amount"].to_numpy().copy()
    amount[::BAD] = -1.0
    device = pa.array(np.array(list(DEVICE))[pc.index_in(table["device"], pa.array(DEVICES)).to_numpy()], pa.string())
    names = {ours: theirs for theirs, ours in RENAME.items()}
    columns = {
        "amount": pa.array(amount),
        "device": device,
        "score": pc.add(pc.multiply(table["score"], 1.8), 32.0),
    }
    return pa.table({names.get(name, name): columns.get(name, table[name]) for name in table.column_names})


def one_core() -> None:
    """Keep this process to one core, whatever pools its libraries have."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def facts(made: pa.Table) -> dict[str, float]:
    """Return what tells whether rows are in the contract's words; those that break a limit are left out."""
    good = made.filter(pc.greater_equal(made["amount"], 0))
    moments = good["ts"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return {
        "rows": good.num_rows,
        "ts": pc.sum(moments).as_py(),
        "score": round(pc.sum(good["score"]).as_py(), 3),
        "ios": pc.sum(pc.equal(good["device"], "ios")).as_py(),
    }
