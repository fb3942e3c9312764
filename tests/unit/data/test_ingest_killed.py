"""Ingestions that are killed: the last version is whole, and the next one takes everything in exactly once."""

import shutil
import signal
import subprocess
import sys

import pytest

from mlray.data.table import Table
from tests.unit.data.samples import LATER, NOON
from tests.unit.data.test_cursor import HOUR, Project
from tests.unit.data.test_sql_updates import Changing

WRITES = """
import json, sys
from datetime import datetime
from pathlib import Path
from mlray.data import Store, ingest, scan_here
from mlray.data.store.storage import LocalStorage
from mlray.spec import Data

def told(write):
    def first(*given):
        print(write.__name__, flush=True)
        sys.stdin.readline()
        return write(*given)
    return first

for name in ("create", "replace", "put"):
    setattr(LocalStorage, name, told(getattr(LocalStorage, name)))
ingest(Data.model_validate_json(sys.argv[1]), Path(sys.argv[2]), Store(Path(sys.argv[2]) / "store"),
       until=datetime.fromisoformat(sys.argv[3]), now=datetime.fromisoformat(sys.argv[4]), run=scan_here,
       progress=lambda *_: None)
"""


def files(folder):
    """Two files, one of which grows, and a third."""
    project = Project(folder)
    project.source("a", {}, {"order": 2})
    project.ingest()
    project.source("a", {}, {"order": 2}, {"order": 3}, {"order": 0, "at": NOON + HOUR})
    project.source("b", {"order": 4}, {"order": 5, "at": NOON - HOUR})
    return project


def database(folder):
    """A table with rows that are new, bad, and updated."""
    project = Changing(folder)
    project.add(*((number, NOON + number * HOUR) for number in range(1, 4)))
    project.ingest()
    project.add((4, NOON + 5 * HOUR), (5, NOON + 6 * HOUR), (0, NOON + 7 * HOUR))
    project.tell("UPDATE orders SET weight = 7, at = '2024-01-01 23:00:00' WHERE \"order\" = 2")
    return project


def ingestion(project, folder):
    told = [project.data.model_dump_json(), str(folder), LATER.isoformat(), NOON.isoformat()]
    return subprocess.Popen(
        [sys.executable, "-c", WRITES, *told], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def let_write(process, most=None):
    """Let a process write up to `most` times, all times by default, and return how often it did."""
    count = 0
    while count != most and process.stdout.readline():
        process.stdin.write("go\n")
        process.stdin.flush()
        count += 1
    return count


@pytest.mark.slow
@pytest.mark.parametrize("made", [files, database])
def test_an_ingestion_that_is_killed_at_any_write_is_taken_up_exactly_once(tmp_path, made):
    begun = tmp_path / "begun"
    begun.mkdir()
    project = made(begun)
    undisturbed = shutil.copytree(begun, tmp_path / "undisturbed")
    process = ingestion(project, undisturbed)
    writes = let_write(process)
    process.communicate()
    assert process.returncode == 0
    assert writes >= 4
    places = {
        kill: shutil.copytree(begun, tmp_path / f"killed-{kill}")
        for kill in sorted({0, 1, writes // 2, writes - 2, writes - 1})
    }
    # All at once: most of the time goes into starting them.
    killed = {kill: ingestion(project, folder) for kill, folder in places.items()}
    for kill, process in killed.items():
        folder = places[kill]
        assert let_write(process, kill) == kill
        assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        _taken_up(project, folder)


def _taken_up(project, folder):
    project.folder, project.store = folder, type(project.store)(folder / "store")
    head = project.store.head("orders")
    assert head.operation in ("ingest", "upsert")
    assert [version.name for version in project.store.versions("orders")][-1] == head.name
    for version in project.store.versions("orders"):
        assert project.store.verify(version)
        assert len(project.orders(version)) == version.rows
    version = project.ingest()
    assert project.orders(version) == [1, 2, 3, 4, 5]
    assert version.quality.set_aside == {"order below 1": 1}
    assert (version.quality.seen, version.quality.kept) == (6, 5)
    weights = {row["order"]: row["weight"] for row in project.store.read(version).to_pylist()}
    assert weights[2] == (7.0 if isinstance(project, Changing) else 2.5)
    updates = [one for one in Table(project.store, "orders").log() if one.operation == "upsert"]
    assert len(updates) == isinstance(project, Changing)
    assert project.ingest() == version
