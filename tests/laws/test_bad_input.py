"""Whatever a source holds: a version that is whole, or an error that names the file, and nothing committed by half."""

import gzip
import io
import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlray.data import Store, ingest, scan_here
from mlray.errors import DataError, MlrayError, StoreError
from tests.unit.data.samples import LATER, NOON, orders, spec

plain = spec(lookups={}, mappings=[], source="orders-*")
GOOD = orders(*({"order": number} for number in range(1, 60)))


def parquet(table=GOOD, **said):
    sink = io.BytesIO()
    pq.write_table(table, sink, **said)
    return sink.getvalue()


def csv(table=GOOD):
    sink = io.BytesIO()
    pyarrow.csv.write_csv(table, sink)
    return sink.getvalue()


def lines(table=GOOD):
    return "".join(json.dumps(row, default=str) + "\n" for row in table.to_pylist()).encode()


CONTENTS = {
    "parquet": parquet(compression="none"),
    "csv": csv(),
    "jsonl": lines(),
    "csv.gz": gzip.compress(csv(), mtime=0),
}


@contextmanager
def shop():
    """A folder with one good file that was read, and the store it is in."""
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "orders-0.parquet").write_bytes(parquet(orders({"order": 1_000})))
        store = Store(folder / "store")
        read(folder, store)
        yield folder, store
    finally:
        shutil.rmtree(folder)


def read(folder, store, data=plain):
    return ingest(data, folder, store, until=LATER, now=NOON, run=scan_here, progress=lambda *_: None)


def outcome(name, content, data=plain):
    """Add a file, read it, and check what must hold whatever came of it; return the version or the error."""
    with shop() as (folder, store):
        before = store.head("orders")
        (folder / name).write_bytes(content)
        try:
            found = read(folder, store, data)
        except MlrayError as error:
            found = error
        if isinstance(found, MlrayError):
            assert name in found.problem
            assert found.remedy
            assert store.head("orders") == before
        else:
            kept = store.read(found)
            assert kept.num_rows == found.rows
            assert kept.slice(0, 1).column("order").to_pylist() == [1_000]
            assert found.quality.seen == found.quality.kept + sum(found.quality.set_aside.values())
        assert store.verify(store.head("orders"))
        assert list((folder / "store" / "aside").iterdir()) == []
        return found


@st.composite
def damaged(draw):
    """A good file of some format, and what a bad disk, a broken transfer or a careless hand makes of it."""
    kind = draw(st.sampled_from(sorted(CONTENTS)))
    content = bytearray(CONTENTS[kind])
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        match draw(st.sampled_from(["cut", "flip", "insert", "drop", "repeat"])):
            case "cut":
                del content[at:]
            case "flip" if content:
                content[at] ^= draw(st.integers(1, 255))
            case "insert":
                content[at:at] = draw(st.binary(min_size=1, max_size=20))
            case "drop":
                del content[at : at + draw(st.integers(1, 50))]
            case _:
                content[at:at] = content[at : at + draw(st.integers(1, 50))]
    return kind, bytes(content)


@settings(max_examples=40)
@given(damaged())
def test_a_damaged_file_is_read_or_refused_by_name(case):
    kind, content = case
    outcome(f"orders-1.{kind}", content)


@settings(max_examples=20)
@given(kind=st.sampled_from(["parquet", "csv", "jsonl", "csv.gz", "jsonl.gz"]), content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_by_name(kind, content):
    outcome(f"orders-1.{kind}", content)


@pytest.mark.parametrize("named", sorted(CONTENTS))
@pytest.mark.parametrize("kind", sorted(CONTENTS))
def test_a_file_that_is_not_what_its_name_says_is_refused(named, kind):
    found = outcome(f"orders-1.{named}", CONTENTS[kind])
    # A text that was packed is unpacked by its content, whatever its name; and JSON might be read as CSV with odd columns.
    alike = {"csv", "csv.gz"}
    assert isinstance(found, DataError) is (named != kind and not {named, kind} <= alike)


TEXT = "at,order,shop,weight,gift,days_back\n2024-01-01 12:00,7,north,2.5,,\n"


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp1252", "utf-8-sig", "utf-32"])
def test_another_character_set_is_refused_or_read_where_it_is_named(encoding):
    content = TEXT.replace("shop", "shop,müßig").replace("north", "north,Ärger").encode(encoding)
    found = outcome("orders-1.csv", content)
    if encoding == "utf-8-sig":
        assert found.rows == 2
        return
    assert isinstance(found, DataError)
    named = plain.model_copy(update={"source": {"files": "orders-*.csv", "encoding": encoding}})
    with shop() as (folder, store):
        (folder / "orders-1.csv").write_bytes(content)
        assert read(folder, store, spec(lookups={}, mappings=[], source=named.source)).rows == 2


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("2024-01-01 12:00,8,north,2.5,,,9", "Expected 6 columns, got 7"),
        ("2024-01-01 12:00,8", "Expected 6 columns, got 2"),
    ],
)
@pytest.mark.parametrize("threads", [1, 4])
def test_a_ragged_line_is_told_with_its_number(line, what, threads):
    usual = pa.cpu_count()
    pa.set_cpu_count(threads)
    try:
        refused_with_row_three(line, what)
    finally:
        pa.set_cpu_count(usual)


def refused_with_row_three(line, what):
    found = outcome("orders-1.csv", f"{TEXT}{line}\n".encode())
    assert isinstance(found, DataError)
    assert what in found.problem
    assert "Row #3" in found.problem


def test_values_of_several_types_are_set_aside_in_text_and_refused_where_a_column_cannot_be_read():
    found = outcome("orders-1.csv", f"{TEXT}2024-01-01 13:00,eight,north,x,,\n".encode())
    assert found.quality.set_aside == {"order is not a whole number": 1}
    assert isinstance(
        outcome("orders-1.jsonl", b'{"at": "2024-01-01", "order": 1}\n{"at": 5, "order": "x"}\n'), DataError
    )
    odd = GOOD.set_column(1, "order", pa.array([[1]] * GOOD.num_rows))
    assert "column 'order'" in outcome("orders-1.parquet", parquet(odd)).problem


def test_an_hour_that_the_clocks_left_out_or_had_twice_is_set_aside():
    zoned = spec(lookups={}, mappings=[{"files": "*.csv", "zone": "America/New_York"}], source="orders-*")
    times = ["2024-03-10 01:30", "2024-03-10 02:30", "2024-03-10 03:30", "2024-11-03 01:30"]
    text = TEXT.partition("\n")[0] + "".join(f"\n{time},{n},north,2.5,," for n, time in enumerate(times, 1))
    found = outcome("orders-1.csv", text.encode() + b"\n", zoned)
    assert found.rows == 1 + 2
    assert sum(found.quality.set_aside.values()) == 2
    assert all(reason.startswith("at ") for reason in found.quality.set_aside)


def test_repeated_keys_are_kept_once_and_counted():
    found = outcome("orders-1.parquet", parquet(orders({"order": 1}, {"order": 1, "weight": 9.0}, {"order": 1_000})))
    assert (found.rows, found.quality.set_aside) == (2, {"at, order repeated": 2})


def test_a_source_that_vanishes_in_the_middle_commits_nothing():
    with shop() as (folder, store):
        before = store.head("orders")
        for number in (1, 2):
            (folder / f"orders-{number}.parquet").write_bytes(parquet(orders({"order": number})))

        def run(parts):
            for one in scan_here(parts):
                (folder / "orders-2.parquet").unlink(missing_ok=True)
                yield one

        with pytest.raises(DataError, match=r"orders-2\.parquet cannot be opened: No such file"):
            ingest(plain, folder, store, until=LATER, now=NOON, run=run, progress=lambda *_: None)
        assert store.head("orders") == before
        assert read(folder, store).rows == 2


FILL = """
import json, resource, signal, sys
from datetime import datetime
from pathlib import Path
from mlray.data import Store, ingest, scan_here
from mlray.errors import MlrayError
from mlray.spec import Data

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
now = datetime.fromisoformat(sys.argv[4])
try:
    ingest(Data.model_validate(json.loads(sys.argv[1])), Path(sys.argv[2]), Store(Path(sys.argv[2]) / "store"),
           until=now, now=now, run=scan_here, progress=lambda *_: None)
except MlrayError as error:
    print(type(error).__name__, error)
else:
    print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit", [300, 1_500, 6_000])
def test_a_disk_that_fills_is_told_and_the_head_stays(limit):
    with shop() as (folder, store):
        before = store.head("orders")
        wide = orders(*({"order": number, "weight": number / 30} for number in range(1, 3_000)))
        (folder / "orders-1.parquet").write_bytes(parquet(wide))
        told = [plain.model_dump_json(), str(folder), str(limit), LATER.isoformat()]
        ended = subprocess.run([sys.executable, "-c", FILL, *told], capture_output=True, text=True, check=True)
        assert ended.stdout.startswith(StoreError.__name__), ended.stdout
        assert "File too large" in ended.stdout
        assert store.head("orders") == before
        assert store.verify(before)
        assert list((folder / "store" / "aside").iterdir()) == []
        assert read(folder, store).rows == 2_999
