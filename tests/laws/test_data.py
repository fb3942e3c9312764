"""Data: one contract everywhere, nothing lost or counted twice, versions that survive races and kills."""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow.csv import write_csv

from mlray.data import Contract, Store, ingest, scan_here, sources
from mlray.data._units import _KINDS, conversion
from mlray.errors import RequestError
from mlray.sketches import Profile, profile
from mlray.spec import Data

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

DATA = Data.model_validate(
    {
        "source": "orders-*.parquet",
        "time": "at",
        "columns": {
            "at": "timestamp",
            "order": {"type": "integer", "min": 1, "max": 5},
            "shop": {"type": "string", "allowed": ["north", "south"], "nullable": True},
            "weight": {"type": "number", "nullable": True, "min": 0, "max": 100},
            "gift": {"type": "boolean", "nullable": True},
            "late": {"type": "number", "nullable": True, "known": "later"},
        },
        "target": {"name": "is_late", "column": "late"},
    }
)
KINDS = {
    "at": pa.timestamp("us", "UTC"),
    "order": pa.int64(),
    "shop": pa.string(),
    "weight": pa.float64(),
    "gift": pa.bool_(),
    "late": pa.float64(),
}

rows = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.none() | st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
            "order": st.none() | st.integers(-1, 7) | st.just(2**62),
            "shop": st.none() | st.sampled_from(["north", "south", "west"]),
            "weight": st.none() | st.floats(-1, 101) | st.sampled_from([0.0, 100.0, -0.0, float("inf")]),
            "gift": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=8,
)


def table(found):
    return pa.Table.from_pylist([{**row, "late": None} for row in found], schema=pa.schema(KINDS))


def request(found):
    columns = {name: [row[name] for row in found] for name in found[0]}
    return columns | {"at": [time and time.isoformat() for time in columns["at"]]}


def accepted(contract, found):
    try:
        return contract.check_request(request(found))
    except RequestError:
        return None


@given(found=rows)
def test_a_file_a_batch_and_a_request_give_the_same_answer(found):
    contract = Contract.compile(DATA)
    kept = contract.apply(table(found), "orders-1.parquet").table.select(contract.request_columns)
    alone = [one for row in found if (one := accepted(contract, [row])) is not None]
    assert kept.to_pylist() == [row for one in alone for row in one.to_pylist()]
    together = accepted(contract, found)
    assert (together is not None) == (kept.num_rows == len(found))
    if together is not None:
        assert together.equals(kept.combine_chunks())


@settings(max_examples=40)
@given(found=rows)
def test_a_csv_file_gives_the_same_answer_as_a_parquet_file(found):
    contract = Contract.compile(DATA)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "orders-1.parquet", Path(folder) / "orders-1.csv"]
        pq.write_table(table(found), paths[0])
        write_csv(table(found), paths[1])
        one, two = (contract.apply(sources.read(path, KINDS).table, path.name) for path in paths)
    assert one.table.equals(two.table)
    assert one.reasons == two.reasons


@settings(max_examples=60)
@given(found=rows, cut=st.integers(0, 8))
def test_rows_are_judged_one_by_one(found, cut):
    contract = Contract.compile(DATA)
    whole = contract.apply(table(found), "f")
    parts = [contract.apply(part, "f") for part in (table(found).slice(0, cut), table(found).slice(cut))]
    assert pa.concat_tables(part.table for part in parts).equals(whole.table)
    assert Counter(parts[0].reasons) + Counter(parts[1].reasons) == Counter(whole.reasons)
    assert whole.table.num_rows + whole.set_aside.num_rows == len(found)


@given(kind=st.sampled_from(sorted(_KINDS)), value=st.floats(-1e6, 1e6), choice=st.data())
def test_units_go_there_and_back(kind, value, choice):
    one, two = (choice.draw(st.sampled_from(sorted(_KINDS[kind]))) for _ in range(2))
    there = conversion(one, two, where="x").apply(np.array([value]))
    back = conversion(two, one, where="x").apply(there)
    # Kelvin's offset takes digits from values near zero, in proportion to the offset.
    assert back[0] == pytest.approx(value, rel=1e-9, abs=1e-6)


keyed = DATA.model_copy(update={"key": ("at", "order")})
events = st.lists(
    st.tuples(
        st.none() | st.integers(0, 6).map(lambda hour: NOON + hour * HOUR),
        st.integers(0, 6),
        st.sampled_from(["north", "west"]),
    ),
    min_size=1,
    max_size=14,
)


def put(folder, files):
    for number, one in enumerate(files):
        found = [{"at": at, "order": order, "shop": shop} for at, order, shop in one]
        pq.write_table(pa.Table.from_pylist(found, schema=pa.schema(KINDS)), folder / f"orders-{number}.parquet")


def read_up_to(folder, store, hours):
    return ingest(
        keyed,
        folder,
        store,
        until=NOON + hours * HOUR,
        now=NOON,
        run=scan_here,
        progress=lambda done, total, note="": None,
    )


@settings(max_examples=20)
@given(files=st.lists(events, min_size=1, max_size=3), ends=st.sets(st.integers(1, 8), max_size=4))
def test_reading_step_by_step_comes_to_the_same_as_reading_at_once(files, ends):
    folder = Path(tempfile.mkdtemp())
    try:
        # A first good row, so that every step has something to stand on.
        put(folder, [[(NOON, 1, "north")], *files])
        once = read_up_to(folder, Store(folder / "once"), 9)
        steps = Store(folder / "steps")
        for end in [*sorted(ends), 9]:
            last = read_up_to(folder, steps, end)
        assert sorted(rows_of(steps, last)) == sorted(rows_of(Store(folder / "once"), once))
        assert last.quality.set_aside == once.quality.set_aside
        assert last.quality.seen == once.quality.seen == 1 + sum(map(len, files))
        assert last.quality.kept == last.rows == len({row[:2] for row in rows_of(steps, last)})
        counted = Profile.from_json(steps.get_json(last.profile))
        assert counted == profile(steps.read(last), counted.reference)
        assert all(steps.verify(version) for version in steps.versions("rows"))
    finally:
        shutil.rmtree(folder)


def rows_of(store, version):
    return [(row["at"], row["order"], row["shop"]) for row in store.read(version).to_pylist()]


APPEND = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import pyarrow as pa
from mlray.data import Draft, Store
from mlray.records import Quality

store, writer, count = Store(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
now = datetime(2024, 1, 1, tzinfo=UTC)
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    fragment = store.put(pa.table({"who": [f"{writer}-{number}"]}))
    version = store.commit("t", lambda head: Draft(
        {"who": "string"}, "c", (*(head.fragments if head else ()), fragment), "", Quality(1, 1), "", now, now))
    print(version.number, flush=True)
"""


def writer(folder, name, count):
    return subprocess.Popen(
        [sys.executable, "-c", APPEND, str(folder), name, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def written(store):
    head = store.head("t")
    return [] if head is None else store.read(head)["who"].to_pylist()


def chain_is_whole(store):
    versions = store.versions("t")
    assert [version.number for version in versions] == list(range(1, len(versions) + 1))
    for before, after in zip([None, *versions], versions, strict=False):
        assert after.parents == ((before.digest,) if before else ())
        assert store.verify(after) == len(after.fragments)


@pytest.mark.slow
def test_writers_in_several_processes_lose_nothing(tmp_path):
    store = Store(tmp_path / "store")
    writers = [writer(store.root, name, 8) for name in "abc"]
    for one in writers:
        assert one.stdout.readline() == "ready\n"
    for one in writers:
        one.stdin.write("go\n")
        one.stdin.flush()
    acknowledged = [int(line) for one in writers for line in one.communicate()[0].split()]
    assert [one.returncode for one in writers] == [0, 0, 0]
    assert sorted(acknowledged) == list(range(1, 25))
    assert sorted(written(store)) == sorted(f"{name}-{number}" for name in "abc" for number in range(8))
    chain_is_whole(store)


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_writer_that_is_killed_leaves_every_version_whole(tmp_path, after):
    store = Store(tmp_path / "store")
    killed = writer(store.root, "k", 1_000)
    assert killed.stdout.readline() == "ready\n"
    killed.stdin.write("go\n")
    killed.stdin.flush()
    seen = [int(killed.stdout.readline()) for _ in range(after)]
    killed.send_signal(signal.SIGKILL)
    # `communicate` reads past what `readline` has buffered already.
    seen += [int(line) for line in killed.stdout.read().split()]
    killed.communicate()
    found = written(store)
    # What was acknowledged is there; the last one may be there without having been acknowledged.
    assert len(found) in (len(seen), len(seen) + 1)
    assert found == [f"k-{number}" for number in range(len(found))]
    chain_is_whole(store)
    next_one = writer(store.root, "n", 1)
    assert next_one.communicate("go\n")[0].split()[-1] == str(len(found) + 1)


INGEST = """
import json, sys
from datetime import datetime
from pathlib import Path
from mlray.data import Store, ingest, scan_here
from mlray.spec import Data

def run(parts):
    for one in scan_here(parts):
        print("in the middle", flush=True)
        sys.stdin.readline()
        yield one

ingest(Data.model_validate(json.loads(sys.argv[1])), Path(sys.argv[2]), Store(Path(sys.argv[2]) / "store"),
       until=datetime.fromisoformat(sys.argv[3]), now=datetime.fromisoformat(sys.argv[3]), run=run,
       progress=lambda *_: None)
"""


@pytest.mark.slow
def test_an_ingestion_that_is_killed_in_the_middle_leaves_the_last_version(tmp_path):
    put(tmp_path, [[(NOON, 1, "north")], [(NOON + 2 * HOUR, 2, "north")], [(NOON + 3 * HOUR, 3, "north")]])
    store = Store(tmp_path / "store")
    one = read_up_to(tmp_path, store, 1)
    told = [keyed.model_dump_json(), str(tmp_path), (NOON + 9 * HOUR).isoformat()]
    killed = subprocess.Popen(
        [sys.executable, "-c", INGEST, *told], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert killed.stdout.readline() == "in the middle\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert store.head("rows") == one
    assert store.verify(one)
    two = read_up_to(tmp_path, store, 9)
    assert [row[1] for row in rows_of(store, two)] == [1, 2, 3]
    assert store.resolve("rows@v2") == two
