import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import frame, loop, peers, processes
from benchmarks.frame import Aim, Row, compare, known, replace_between, table
from benchmarks.processes import Sample, Usage, cpu_seconds, descendants, run_sampled, within

PYTHON = sys.executable


def test_the_ratio_is_taken_within_each_round_against_the_best_peer():
    row = known("x", "s", [1.0, 2.0, 4.0], {"a": [2.0, 8.0, 6.0], "b": [3.0, 6.0, 80.0]})
    assert (row.ours, row.peers) == (2.0, {"a": 6.0, "b": 6.0})
    assert row.ratio == 2.0
    assert row.spread == (1.5, 3.0)


def test_where_more_is_better_the_ratio_turns_round():
    row = known("x", "requests/s", [300.0], {"a": [100.0], "b": [150.0]}, better="higher")
    assert (row.ratio, row.spread) == (2.0, (2.0, 2.0))


def test_without_peers_there_is_no_ratio():
    row = known("x", "s", [3.0, 1.0, 2.0])
    assert (row.ours, row.ratio, row.spread, row.met) == (2.0, None, None, None)


def test_a_value_of_nothing_divides_no_one():
    assert known("x", "s", [0.0], {"a": [1.0]}).ratio > 1e300
    assert known("x", "1/s", [1.0], {"a": [0.0]}, better="higher").ratio > 1e300


@pytest.mark.parametrize(
    ("aim", "better", "met", "text"),
    [
        (Aim(), "lower", None, ""),
        (Aim(ours=2), "lower", True, "≤ 2 s"),
        (Aim(ours=1.9), "lower", False, "≤ 1.9 s"),
        (Aim(ours=2), "higher", True, "≥ 2 s"),
        (Aim(ours=2.1), "higher", False, "≥ 2.1 s"),
        (Aim(ratio=3), "lower", True, "ratio ≥ 3"),
        (Aim(ratio=3.1), "lower", False, "ratio ≥ 3.1"),
        (Aim(ours=2, ratio=4), "lower", False, "≤ 2 s, ratio ≥ 4"),
    ],
)
def test_an_aim_is_said_and_judged(aim, better, met, text):
    peer = 6.0 if better == "lower" else 0.5
    row = known("x", "s", [2.0], {"a": [peer]}, better=better, aim=aim)
    assert (row.met, row.aim) == (met, text)


def test_a_ratio_that_nobody_measured_is_neither_met_nor_missed():
    assert known("x", "s", [1.0], aim=Aim(ours=2, ratio=2)).met is None


def test_ours_and_the_peers_are_measured_in_turn_and_the_first_changes():
    order = []

    def runner(name, value):
        def run():
            order.append(name)
            return value

        return run

    row = compare("x", "s", runner("m", 1.0), {"a": runner("a", 2.0), "b": runner("b", 4.0)}, rounds=3)
    assert order == ["m", "a", "b", "a", "b", "m", "b", "m", "a"]
    assert (row.ours, row.peers, row.ratio) == (1.0, {"a": 2.0, "b": 4.0}, 2.0)


def test_a_row_in_json_has_the_agreed_keys():
    row = known("x", "s", [1.0], {"a": [2.0]}, aim=Aim(ratio=1.5))
    assert row.to_json() == {
        "what": "x",
        "ours": 1.0,
        "peers": {"a": 2.0},
        "unit": "s",
        "ratio": 2.0,
        "spread": [2.0, 2.0],
        "aim": "ratio ≥ 1.5",
        "met": True,
    }
    assert Row("x", "s", 1.0).to_json()["spread"] is None


def test_the_table_has_a_column_for_every_peer_of_any_row():
    rows = [known("x", "s", [0.25], {"a": [0.5]}, aim=Aim(ours=0.2)), known("y", "MB", [1234.0], {"b": [0.0]})]
    assert table(rows).splitlines() == [
        "| what | unit | mlray | a | b | ratio (spread) | aim | met |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| x | s | 0.25 | 0.5 | – | 2 (2–2) | ≤ 0.2 s | **no** |",
        "| y | MB | 1,234 | – | 0 | 0 (0–0) | – | – |",
    ]


def test_a_table_replaces_the_one_between_its_markers_and_nothing_else():
    text = "# M\n\n<!-- a: begin -->\nold\n<!-- a: end -->\n\n<!-- b: begin -->\nkept\n<!-- b: end -->\n"
    assert replace_between(text, "a", "new") == text.replace("old", "new")
    added = replace_between(text, "c", "fresh")
    assert added.startswith(text.rstrip())
    assert added.endswith("## c\n\n<!-- c: begin -->\nfresh\n<!-- c: end -->\n")


def test_results_are_written_with_machine_and_versions(tmp_path):
    (tmp_path / "README.md").write_text("# M\n")
    facts = {
        "area": "a",
        "at": "2026-11-23",
        "quick": False,
        "machine": frame.machine(),
        "versions": {"mlray": "0.1.0"},
    }
    frame.write("a", facts, [known("x", "s", [1.0], {"p": [2.0]})], tmp_path)
    kept = json.loads((tmp_path / "results" / "a.json").read_text())
    assert kept["rows"][0]["ratio"] == 2.0
    assert kept["machine"]["cpus"] >= 1
    readme = (tmp_path / "README.md").read_text()
    assert "mlray 0.1.0." in readme
    assert "| x | s | 1 | 2 | 2 (2–2) | – | – |" in readme


@pytest.mark.parametrize("wanted", ["--json", "--write"])
def test_an_area_prints_its_rows(wanted, monkeypatch, capsys):
    written = []
    monkeypatch.setattr(sys, "argv", ["benchmarks.a", "--quick", wanted])
    monkeypatch.setattr(frame, "write", lambda area, facts, rows: written.append((area, facts["quick"], len(rows))))
    frame.main("a", lambda quick: [known("quick" if quick else "full", "s", [1.0])], lambda: {"mlray": "0.1.0"})
    said = capsys.readouterr()
    assert said.err == "quick: 1 s\n"
    if wanted == "--json":
        assert json.loads(said.out)[0]["what"] == "quick"
        assert written == []
    else:
        assert said.out.startswith("| what |")
        assert written == [("a", True, 1)]


def test_between_samples_the_tree_is_taken_to_have_used_its_cpu_evenly():
    samples = [Sample(1.0, 2.0, 100.0), Sample(3.0, 4.0, 300.0), Sample(4.0, 4.0, 50.0)]
    assert within(samples, 0.0, 2.0) == (3.0, 100.0)
    assert within(samples, 2.0, 4.0) == (1.0, 300.0)
    assert within(samples, 3.0, 9.0) == (0.0, 300.0)
    assert within(samples, 1.4, 1.6) == pytest.approx((0.2, 160.0))
    assert within([], 0.0, 1.0) == (0.0, 0.0)


def test_the_stages_of_a_run_lie_one_after_another_between_start_and_end():
    output = json.dumps({"seconds": {"gather": 4.0, "train": 4.0}})
    samples = [Sample(float(t), float(t), 100.0 + t) for t in range(11)]
    found = {row.what: row for row in loop.stages(Usage(wall=10.0, output=output, samples=samples))}
    assert found["main job, wall"].ours == 10.0
    assert found["main job, CPU"].ours == 10.0
    assert found["main job, processes left behind"].met
    assert found["stage 'gather', peak memory"].ours == 105.0
    assert found["stage 'train', CPU"].ours == 4.0


def test_the_cpu_of_a_command_is_counted_and_its_failure_is_not_hidden():
    assert cpu_seconds([PYTHON, "-c", "sum(range(10**6))"]) > 0
    with pytest.raises(subprocess.CalledProcessError):
        cpu_seconds([PYTHON, "-c", "raise SystemExit(3)"])


def test_a_sampled_run_sees_the_children_and_counts_the_one_left_behind(tmp_path):
    gate = tmp_path / "gate"
    subprocess.run(["mkfifo", gate], check=True)
    # The background process waits at the gate, after its parent has ended.
    usage = run_sampled(
        ["sh", "-c", f"cat {gate} >/dev/null 2>&1 & {PYTHON} -c 'sum(range(10**7))'; echo done"], every=0.01
    )
    assert usage.output == "done\n"
    assert usage.left_running == 1
    assert usage.samples[-1].cpu > 0
    assert max(sample.memory for sample in usage.samples) > 1
    gate.write_text("go")


def test_a_sampled_run_that_fails_says_so():
    with pytest.raises(subprocess.CalledProcessError):
        run_sampled(["sh", "-c", "exit 3"], every=0.01)


def test_descendants_are_found_at_any_depth_and_only_while_they_live():
    with subprocess.Popen(["sh", "-c", "cat; exit 0"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        assert child.pid in descendants(processes.os.getpid())
        child.stdin.close()
    assert child.pid not in descendants(processes.os.getpid())
    assert descendants(2**30) == []


@pytest.mark.parametrize("peer", ["metaflow", "mlflow"])
def test_a_peers_requirements_pin_it_and_everything_it_needs(peer):
    assert peers.pinned(peer)
    lines = (Path(peers.HERE) / "requirements" / f"{peer}.txt").read_text().splitlines()
    assert all("==" in line for line in lines if line and not line.startswith("#"))


def test_requirements_that_do_not_pin_the_peer_are_refused(monkeypatch, tmp_path):
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "zenml.txt").write_text("numpy==2.4.0\n")
    monkeypatch.setattr(peers, "HERE", tmp_path)
    with pytest.raises(LookupError, match="does not pin zenml"):
        peers.pinned("zenml")


def test_the_size_of_an_installation_leaves_compiled_files_out(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.py").write_bytes(b"x" * 2000)
    (tmp_path / "lib" / "a.pyc").write_bytes(b"x" * 9000)
    assert peers.installed_size(tmp_path) == 0.002
