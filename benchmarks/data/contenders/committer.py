"""A process that commits, and writes down what was acknowledged: to be run beside others, and to be killed.

    python -m benchmarks.data.contenders.committer STORE ACKNOWLEDGED WRITER COUNT

It goes on after what an earlier process of the same writer acknowledged, and repeats under the same name the commit
that was under way when that was killed.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

ROWS = 20
"""Rows of an append."""
SPAN = 1_000_000
"""Ids of one writer."""
EVERY = 4
"""One commit in so many changes values of the append before it, the others append."""


def rows(writer: int, number: int) -> pa.Table:
    """Return the rows of an append; its number is their value."""
    first = writer * SPAN + number * ROWS
    ids = pa.array(np.arange(first, first + ROWS))
    return pa.table({"id": ids, "value": pa.array(np.full(ROWS, float(number))), "writer": [f"w{writer}"] * ROWS})


def changes(writer: int, number: int) -> pa.Table:
    """Return what commit `number` changes: half the rows of the append before it."""
    before = rows(writer, number - 1).slice(0, ROWS // 2)
    return before.set_column(1, "value", pa.array(np.full(before.num_rows, float(number))))


def expected(writer: int, done: int) -> dict[int, float]:
    """Return id → value after `done` commits of a writer."""
    found: dict[int, float] = {}
    for number in range(done):
        edit = changes if number % EVERY == EVERY - 1 else rows
        made = edit(writer, number).to_pydict()
        found |= dict(zip(made["id"], made["value"], strict=True))
    return found


def main(store: str, acknowledged: str, writer: int, count: int) -> None:
    """Commit from where it stopped up to `count`."""
    from mlray.data import Store
    from mlray.data.table import Table

    table = Table(Store(store), "rows")
    done = len(Path(acknowledged).read_text().splitlines()) if Path(acknowledged).exists() else 0
    with Path(acknowledged).open("a") as log:
        print("begun", flush=True)
        for number in range(done, count):
            once = f"w{writer}-{number}"
            if number % EVERY == EVERY - 1:
                version = table.upsert(changes(writer, number), key=["id"], once=once)
            else:
                version = table.append(rows(writer, number), key=["id"], once=once)
            log.write(f"{version.number}\n")
            log.flush()
            os.fsync(log.fileno())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
