"""The benchmarks of the data layer: what they compare is the same work, and what they say of it adds up."""

import json
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks import peers
from benchmarks.data import __main__ as command
from benchmarks.data import commits, engines, made, scale, versions
from benchmarks.data.contenders import committer, job
from benchmarks.data.contenders.steps import STEPS
from benchmarks.data.scale import Clock, Scale, agree
from benchmarks.data.workers import Answer, Worker, WorkerError
from benchmarks.frame import known


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(made, "PLACE", tmp_path)
    monkeypatch.setattr(scale, "PLACE", tmp_path)
    monkeypatch.setenv("BENCH_PLACE", str(tmp_path))
    return tmp_path


def test_rows_are_made_alike_every_time_and_their_ids_go_on():
    assert made.part(1, 10).equals(made.part(1, 10))
    assert made.part(1, 10)["id"].to_pylist() == list(range(10, 20))
    assert made.part(5, 2, step=10)["id"].to_pylist() == [50, 51]


def test_made_files_are_used_again(place):
    (file,) = made.parts(1, 100)
    before = file.stat().st_mtime_ns
    assert made.parts(1, 100) == [file]
    assert file.stat().st_mtime_ns == before
    assert pq.read_table(file).equals(made.part(0, 100))


def test_raised_rows_differ_in_their_amount_alone():
    tables = [made.part(number, 10) for number in range(2)]
    rows = made.raised(tables, np.array([3, 12]))
    assert rows["id"].to_pylist() == [3, 12]
    old = [tables[0].slice(3, 1), tables[1].slice(2, 1)]
    for row, before in zip(rows.to_pylist(), [table.to_pylist()[0] for table in old], strict=True):
        assert row.pop("amount") == pytest.approx(1.1 * before.pop("amount"), abs=0.01)
        assert row == before


def test_groups_of_parts_are_those_of_the_whole():
    table = job.in_arrow(made.part(0, 2000))
    parts = [job.partial(table.slice(0, 700)), job.partial(table.slice(700))]
    assert job.combined(parts) == pytest.approx(job.combined([job.partial(table)]))
    assert job.combined(parts)[0] == table.num_rows


def test_a_store_goes_through_its_history_in_a_process_of_its_own(place):
    with Worker("copies") as worker:
        worker.ask("open", folder=str(place / "copies"), rows=1000)
        for step in STEPS:
            worker.ask("step", name=step)
        seven = [worker.ask("read", version=version) for version in range(1, 8)]
        assert [answer.value["rows"] for answer in seven] == [1000] + [1050] * 6
        assert [answer.value["columns"] for answer in seven] == [12, 12, 12, 12, 13, 12, 12]
        assert seven[0].memory > 0
        assert worker.ask("size").value > 0
        with pytest.raises(WorkerError, match="FileNotFoundError"):
            worker.ask("read", version=9)


def test_a_contender_that_does_not_start_tells_why(place):
    with pytest.raises(WorkerError, match="No module named"):
        Worker("nobody")


def test_contenders_that_disagree_are_not_compared():
    agree({"a": 1, "b": 1})
    with pytest.raises(AssertionError, match="disagree"):
        agree({"a": 1, "b": 2})


def test_time_left_is_what_is_expected_at_the_pace_so_far(capsys):
    clock = Clock({"a": 10.0, "b": 20.0, "c": 30.0}, begun=0.0)
    assert clock.left(0.0) == 60.0
    clock.section, clock._since = "b", 20.0
    clock._done["a"] = 20.0
    assert clock.left(30.0) == 2 * 30.0 + (2 * 20.0 - 10.0)
    clock.begin("c")
    assert "section 'c'" in capsys.readouterr().err


def test_totals_are_judged_against_the_first_version_and_each_peer():
    added = {
        "mlray": [10.0, 1.0],
        "iceberg": [20.0, 20.0],
        "delta": [30.0, 30.0],
        "dvc": [50.0, 50.0],
        "chunks": [11.0, 1.0],
        "copies": [90.0, 90.0],
    }
    rows = {row.what: row for row in versions._totals(added)}
    assert (rows["seven versions"].ours, rows["seven versions"].met) == (11.0, True)
    assert rows["seven versions, against iceberg"].met
    assert rows["seven versions, against dvc and delta"].peers == {"dvc": 100.0, "delta": 60.0}


def test_engines_are_judged_on_time_and_memory():
    def taken(seconds, memory):
        return [Answer(seconds, memory, {"bytes": 1e6})]

    found = {
        "mlray": taken(10.0, 1000.0),
        "polars": taken(20.0, 2000.0),
        "duckdb": taken(8.0, 300.0),
        "Ray Data": taken(30.0, 4000.0),
    }
    rows = {row.what: row for row in engines._at_20("20M rows", found)}
    assert rows["20M rows, wall, against polars"].met
    assert rows["20M rows, wall, against Ray Data"].ratio == 3.0
    assert rows["20M rows, wall, against duckdb"].met is None
    assert rows["20M rows, memory"].ratio == 2.0
    rows = {row.what: row for row in engines._at_60("60M rows", found)}
    assert rows["60M rows, memory"].met


def test_what_a_writer_is_expected_to_leave():
    found = committer.expected(2, 4)
    assert len(found) == 3 * committer.ROWS
    first = 2 * committer.SPAN + 2 * committer.ROWS
    assert [found[first], found[first + committer.ROWS - 1]] == [3.0, 2.0]


@pytest.mark.parametrize(
    ("package", "among"), sorted({peer for _, _, told in command.SECTIONS.values() for peer in told})
)
def test_a_shared_environment_pins_all_its_peers(package, among):
    assert peers.pinned(package, among)
    lines = (peers.HERE / "requirements" / f"{among}.txt").read_text().splitlines()
    assert all("==" in line for line in lines if line)


@pytest.mark.parametrize("wanted", [[], ["--json"], ["--write"]])
def test_the_command_runs_the_sections_that_it_is_asked_for(wanted, monkeypatch, capsys):
    def section(size: Scale):
        yield known(f"{size.rows} rows", "s", [1.0])

    written = []
    monkeypatch.setattr(command, "SECTIONS", {"a": (section, 1.0, ()), "b": (None, 1.0, ())})
    monkeypatch.setattr(
        command.frame, "write", lambda area, facts, rows: written.append((area, facts["quick"], len(rows)))
    )
    monkeypatch.setattr(sys, "argv", ["benchmarks.data", "--only", "a", "--rows", "1000", *wanted])
    command.main()
    said = capsys.readouterr()
    assert "1 figures, 0 of them short" in said.err
    if wanted == ["--json"]:
        assert json.loads(said.out)[0]["what"] == "1000 rows"
    else:
        assert "| 1000 rows | s |" in said.out
    assert written == ([("data-a", True, 1)] if wanted == ["--write"] else [])


def test_damage_is_told_apart():
    damage = commits.Damage(lost=1, double=2, foreign=3, broken=4, versions=9, extra=5)
    rows = {row.what: row for row in commits._damage("x", damage)}
    assert [row.ours for row in rows.values()] == [1, 5, 4, 5]
    assert not any(row.met for row in rows.values())


def test_a_commit_that_was_acknowledged_and_is_not_there_is_seen(tmp_path):
    committer.main(str(tmp_path / "store"), str(tmp_path / "acknowledged-0"), 0, 5)
    assert commits.damage(tmp_path, [0]) == commits.Damage(lost=0, double=0, foreign=0, broken=0, versions=5, extra=0)
    committer.main(str(tmp_path / "store"), str(tmp_path / "acknowledged-0"), 0, 5)  # all acknowledged: nothing to do
    acknowledged = tmp_path / "acknowledged-0"
    told = acknowledged.read_text()
    acknowledged.write_text(f"{told}6\n")
    assert commits.damage(tmp_path, [0]).lost == committer.ROWS
    acknowledged.write_text(told.rpartition("5")[0])
    found = commits.damage(tmp_path, [0])
    assert (found.foreign, found.extra) == (committer.ROWS, 1)
    committer.main(str(tmp_path / "store"), str(acknowledged), 0, 5)  # repeated under its name: it happens once
    assert commits.damage(tmp_path, [0]) == commits.Damage(lost=0, double=0, foreign=0, broken=0, versions=5, extra=0)
