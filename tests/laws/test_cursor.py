"""However files come and whenever they are read: in the end every row is there once."""

import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mlray.data import Store, ingest, scan_here
from tests.unit.data.samples import LATER, NOON, orders, spec, write

HOUR = timedelta(hours=1)
hours = st.integers(0, 8)

steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 3), st.lists(hours, min_size=1, max_size=4)),
        st.tuples(st.just("grow"), st.integers(0, 3), st.lists(hours, min_size=1, max_size=3)),
        st.tuples(st.just("read"), hours),
        st.tuples(st.just("move"), st.integers(0, 3)),
    ),
    max_size=9,
)


@contextmanager
def folder():
    place = Path(tempfile.mkdtemp())
    try:
        yield place
    finally:
        shutil.rmtree(place)


def read(data, place, until):
    return ingest(data, place, Store(place / "store"), until=until, now=NOON, run=scan_here, progress=lambda *_: None)


def found(place, version):
    return sorted(Store(place / "store").read(version)["order"].to_pylist())


@settings(max_examples=25)
@given(steps=steps, keyed=st.booleans())
def test_files_that_come_late_grow_or_move_give_every_row_once(steps, keyed):
    data = spec(lookups={}, mappings=[], source="orders-*", key=["order"] if keyed else [])
    with folder() as place:
        write(place, "orders-first.parquet", orders({"order": 1}))
        number, until, names, rows = 1, NOON, {}, {}
        for step in [*steps, ("read", 9)]:
            match step:
                case ("read", hour):
                    until = max(until, NOON + hour * HOUR)
                    version = read(data, place, until + HOUR)
                case ("move", slot) if slot in names:
                    names[slot] = (place / names[slot]).rename(place / f"orders-{slot}-{number}-moved.parquet").name
                case ("add" | "grow", slot, times) if slot not in rows or (step[0] == "grow" and keyed):
                    fresh = [{"order": number + n, "at": NOON + hour * HOUR} for n, hour in enumerate(times, 1)]
                    number += len(times)
                    rows[slot] = rows.get(slot, []) + fresh
                    names.setdefault(slot, f"orders-{slot}.parquet")
                    write(place, names[slot], orders(*rows[slot]))
                case _:
                    pass
        version = read(data, place, LATER)
        assert found(place, version) == list(range(1, number + 1))
        assert read(data, place, LATER) == version
        # A file that moved and grew before anybody looked is another file, which repeats what the first one said.
        assert (version.quality.kept, {*version.quality.set_aside} - {"order repeated"}) == (number, set())


@settings(max_examples=15)
@given(
    batches=st.lists(st.tuples(st.lists(hours, max_size=4), hours), max_size=6),
    column=st.sampled_from(["id", "at"]),
    keyed=st.booleans(),
)
def test_rows_of_a_database_come_once_whenever_it_is_read(batches, column, keyed):
    source = {"sql": "sqlite:///shop.db", "table": "orders", "cursor": {"column": column}}
    data = spec(lookups={}, mappings=[], source=source, key=["order"] if keyed else [])
    with folder() as place, closing(sqlite3.connect(place / "shop.db")) as shop:
        shop.execute('CREATE TABLE orders (id INTEGER PRIMARY KEY, at TEXT, "order", shop, weight, gift, days_back)')
        number, now, expected = 0, NOON, []
        for times, step in [([0], 0), *batches]:
            # By an event time only rows that are later than all before are found; an id finds rows of any time.
            begin = now + HOUR if column == "at" else NOON - 9 * HOUR
            for hour in times:
                number += 1
                at = begin + (hour * HOUR if column == "at" or keyed else timedelta())
                insert = 'INSERT INTO orders (at, "order", shop) VALUES (?, ?, ?)'
                shop.execute(insert, (f"{at:%Y-%m-%d %H:%M:%S}", number, "north"))
                expected.append(number)
                now = max(now, at)
            shop.commit()
            until = now + HOUR if column == "at" or not keyed else NOON + step * HOUR
            if expected:
                version = read(data, place, max(until, NOON + 9 * HOUR) if not keyed else until + 9 * HOUR)
        version = read(data, place, LATER)
        assert found(place, version) == expected
        assert read(data, place, LATER) == version
