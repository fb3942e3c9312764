"""Looking at sources from the command line."""

import json

import pyarrow.parquet as pq
import pytest

from tests.projects import orders, small_project


@pytest.fixture
def folder(tmp_path):
    return small_project(tmp_path / "orders")


def add(folder, name, rows):
    pq.write_table(rows, folder / "data" / name)


def crawl(mlray, folder):
    (verdict,) = json.loads(mlray("crawl", folder, "--json").stdout)["sources"]
    return verdict["state"]


def test_each_verdict_is_told_in_a_line_with_what_to_do(mlray, folder):
    first, second = mlray("crawl", folder), mlray("crawl", folder)
    assert first.stdout.startswith("orders: new: first seen: 2 files, up to 2024-02-01 23:55\n")
    assert second.stdout.startswith("orders: unchanged: 2 files as at the last look")
    assert first.exit_code == second.exit_code == 0
    assert first.stderr == ""


def test_a_broken_source_is_paused_until_it_is_resumed(mlray, folder):
    add(folder, "orders-3.parquet", orders(days=1).drop_columns("price"))
    broken, refused = mlray("crawl", folder), mlray("ingest", folder)
    assert (broken.exit_code, "Then `mlray source resume orders`." in broken.stdout) == (2, True)
    assert (refused.exit_code, "is paused" in refused.stderr) == (4, True)
    assert "paused since" in mlray("status", folder).stdout
    assert mlray("source", "resume", "orders", folder).exit_code == 4

    (folder / "data" / "orders-3.parquet").unlink()
    resumed = mlray("source", "resume", "orders", folder)
    assert (resumed.exit_code, "'orders' goes on." in resumed.stdout) == (0, True)
    assert mlray("ingest", folder).exit_code == 0
    assert mlray("source", "resume", "orders", folder).exit_code == 4


def test_somebody_may_resume_what_does_not_fit(mlray, folder):
    add(folder, "orders-3.parquet", orders(days=1).drop_columns("price"))
    assert crawl(mlray, folder) == "breaking"
    told = json.loads(mlray("source", "resume", "orders", folder, "--anyway", "--json").stdout)
    assert told["state"] == "breaking"
    assert crawl(mlray, folder) == "unchanged"


def test_a_source_that_vanished_is_no_fault_of_the_project_file(mlray, folder):
    for path in (folder / "data").iterdir():
        path.unlink()
    gone = mlray("crawl", folder)
    assert (gone.exit_code, gone.stdout.startswith("orders: unreachable: No file matches")) == (3, True)
    assert mlray("status", folder).exit_code == 0
    assert mlray("ingest", folder).exit_code == 2


def test_damaged_files_of_the_store_are_told(mlray, folder):
    with (folder / "mlray.yaml").open("a") as file:
        file.write("crawl: {verify: 1.0, notify: {webhook: 'http://127.0.0.1:9/x'}}\n")
    assert mlray("ingest", folder).exit_code == 0
    sound = mlray("crawl", folder)
    assert "hashed again: all sound" in sound.stdout
    assert "not told: the webhook 127.0.0.1 does not answer" in sound.stdout
    largest = max((folder / ".mlray" / "store" / "blobs").rglob("*/*"), key=lambda path: path.stat().st_size)
    largest.unlink()
    damaged = mlray("crawl", folder)
    assert (damaged.exit_code, "is missing, needed by orders@v1" in damaged.stdout) == (3, True)
    assert largest.name[:12] in mlray("status", folder).stdout


def test_only_one_source_can_be_asked_for_and_read_whole(mlray, folder):
    told = json.loads(mlray("crawl", folder, "--source", "orders", "--all", "--json").stdout)
    assert told["sources"][0]["read"] == "everything"
    unknown = mlray("crawl", folder, "--source", "order")
    assert (unknown.exit_code, "no source 'order'" in unknown.stderr, "orders" in unknown.stderr) == (2, True, True)
