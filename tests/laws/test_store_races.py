"""Laws of the store under writers that race and die: processes of their own, really killed."""

import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from mlray.data import Store
from mlray.data.table import Table

pytestmark = pytest.mark.slow

WRITER = """
import sys
from pathlib import Path
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from mlray.data import Store
from mlray.data.table import Table
from mlray.errors import ConflictError

table, who, kind, count = Table(Store(Path(sys.argv[1])), "t"), sys.argv[2], sys.argv[3], int(sys.argv[4])

def rows(number):
    return pa.table({"k": [f"{who}-{number}"], "n": pa.array([number], pa.int64())})

def own(number):
    return pa.table({"k": [f"{who}-own"], "n": pa.array([number], pa.int64())})

def edit(number):
    match kind:
        case "append":
            return table.append(rows(number), once=f"{who}-{number}")
        case "upsert":
            return table.upsert(own(number), once=f"{who}-{number}")
        case "shared":
            return table.upsert(pa.table({"k": ["shared"], "n": pa.array([number], pa.int64())}), once=f"{who}-{number}")
        case _:
            steps = [
                lambda: table.append(rows(number), once=f"{who}-{number}"),
                lambda: table.upsert(own(number)),
                lambda: table.add_column(f"{who}{number}", ["n"], lambda some: pc.add(some["n"], 1)),
                lambda: table.delete([f"{who}-{number - 3}"]),
                lambda: table.drop_column(f"{who}{number - 2}"),
            ]
            return steps[number % len(steps)]()

print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    try:
        print(edit(number).number, flush=True)
    except ConflictError:
        print("refused", flush=True)
"""


def writer(root, who, kind, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), who, kind, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def go(writers):
    for one in writers:
        assert one.stdout.readline() == "ready\n"
    for one in writers:
        one.stdin.write("go\n")
        one.stdin.flush()


@pytest.fixture
def table(tmp_path):
    import pyarrow as pa

    table = Table(Store(tmp_path / "store"), "t")
    own = [f"{who}-own" for who in "abcd"]
    table.append(pa.table({"k": ["shared", *own], "n": pa.array([-1] * 5, pa.int64())}), key=["k"])
    return table


def is_whole(table):
    versions = table.store.versions("t")
    assert [version.number for version in versions] == list(range(1, len(versions) + 1))
    for before, after in pairwise(versions):
        assert after.parents == (before.digest,)
    for version in versions:
        assert table.store.verify(version) == len(version.blobs)
        assert table.read(version).num_rows == version.rows


def answers(writers):
    said = [one.communicate()[0].split() for one in writers]
    assert [one.returncode for one in writers] == [0] * len(writers)
    return said


def test_writers_of_other_rows_are_all_there(table):
    writers = [
        writer(table.store.root, who, kind, 5) for who, kind in zip("abcd", ["append", "upsert"] * 2, strict=True)
    ]
    go(writers)
    numbers = [int(number) for said in answers(writers) for number in said]
    assert sorted(numbers) == list(range(2, 22))
    found = dict(zip(*table.read().to_pydict().values(), strict=True))
    assert found == {
        "shared": -1,
        "a-own": -1,
        "b-own": 4,
        "c-own": -1,
        "d-own": 4,
        **{f"{who}-{number}": number for who in "ac" for number in range(5)},
    }
    is_whole(table)


def test_writers_of_one_row_win_or_are_refused(table):
    writers = [writer(table.store.root, who, "shared", 6) for who in "abc"]
    go(writers)
    said = answers(writers)
    assert [len(one) for one in said] == [6, 6, 6]
    made = [version for version in table.store.versions("t") if version.once]
    acknowledged = {number for one in said for number in one if number != "refused"}
    # Setting the value that is there already makes no version: the head is the answer.
    assert {str(version.number) for version in made} <= acknowledged
    is_whole(table)


@pytest.mark.parametrize("after", [1, 3, 7])
@pytest.mark.parametrize("kind", ["append", "mixed"])
def test_a_writer_killed_anywhere_leaves_a_whole_table(table, kind, after):
    killed = writer(table.store.root, "a", kind, 1000)
    go([killed])
    seen = [killed.stdout.readline() for _ in range(after)]
    # No sleep: it dies wherever it happens to be.
    threading.Timer(0.003 * after, killed.kill).start()
    seen += killed.stdout.read().splitlines()
    killed.communicate()
    head = table.head.number
    assert head - 1 in {len(seen), len(seen) + 1} or kind == "mixed"
    is_whole(table)
    again = writer(table.store.root, "a", kind, 2)
    go([again])
    answers([again])
    is_whole(table)
    if kind == "append":
        # What was done before under the same name is not done again.
        assert table.head.number == max(head, 3)
        assert len(set(table.read()["k"].to_pylist())) == table.head.rows


def test_a_commit_that_was_killed_after_it_happened_is_not_repeated(tmp_path):
    root = tmp_path / "store"
    code = WRITER.replace(
        "print(edit(number).number, flush=True)",
        "edit(number); import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    )
    for _ in range(2):
        one = subprocess.run(
            [sys.executable, "-c", code, str(root), "a", "append", "3"],
            input="go\n",
            text=True,
            capture_output=True,
            check=False,
        )
        assert (one.returncode, one.stderr) == (-9, "")
    assert Table(Store(Path(root)), "t").read().num_rows == 1
