"""The benchmarks of sweeps: everybody searches the same, and what is said of it adds up."""

import json
import math
import sys

import numpy as np
import pytest

from benchmarks import peers
from benchmarks.data.workers import Answer
from benchmarks.frame import known
from benchmarks.portfolio import __main__ as learning
from benchmarks.portfolio import greedy, tasks
from benchmarks.sweep import __main__ as command
from benchmarks.sweep import anytime, curves, job, limits, same, sharing
from benchmarks.sweep.contenders import trivial
from benchmarks.sweep.scale import OURS, Scale, compiled


def answer(wall=10.0, trials=8, training=16.0, cpu=20.0, line=((5.0, 0.7), (9.0, 0.8)), test=0.75):
    value = {"wall": wall, "trials": trials, "training": training, "line": [list(point) for point in line]}
    return Answer(wall, 100.0, {**value, "test": test}, cpu)


def test_the_fixed_list_is_the_same_for_everybody_and_lies_in_the_space():
    listed = job.configurations(64)
    assert listed == job.configurations(64)
    for name, domain in job.SPACE.items():
        assert all(domain.low <= params[name] <= domain.high for params in listed)
    assert {type(params["max_depth"]) for params in listed} == {int}
    assert {params["max_depth"] for params in listed} == {3, 4, 5, 6, 7, 8}


def test_rows_are_cut_in_their_order():
    x, y = np.arange(10.0).reshape(10, 1), np.arange(10) % 2
    rows = job._cut(x, y, [5, 3, 2])
    assert rows.train_x[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert rows.valid_x[:, 0].tolist() == [5, 6, 7]
    assert rows.test_y.tolist() == [0, 1]


def test_rows_are_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "PLACE", tmp_path)
    folder = job.made_job(0.01)
    rows = job.load(folder)
    assert (rows.train_x.shape, rows.valid_x.shape, rows.test_x.shape) == ((500, 30), (125, 30), (0, 30))
    monkeypatch.setattr(job, "_made", None)
    assert job.made_job(0.01) == folder


def test_a_line_rises_and_is_read_at_a_moment_and_at_a_score():
    line = curves.rising([(2, 0.6), (1, 0.5), (3, 0.55), (4, 0.7)])
    assert line == [(1, 0.5), (2, 0.6), (4, 0.7)]
    assert [curves.at(line, moment) for moment in (0.5, 2, 100)] == [0.5, 0.6, 0.7]
    assert [curves.reached(line, score) for score in (0.6, 0.65, 0.8)] == [2, 4, math.inf]


def test_who_saw_nothing_has_the_score_of_a_guess():
    assert curves.common({"a": [], "b": [(1, 0.9)]}) == 0.5


def test_the_same_score_is_timed_for_both_where_both_reached_it():
    ours = answer(line=((2.0, 0.7), (4.0, 0.81)))
    theirs = answer(line=((8.0, 0.8),))
    found = {same.SEARCHED: [ours], same.LISTED: [ours]} | {peer: [theirs] for peer in same.AGAINST}
    rows = {row.what: row for row in same.judge("made", found)}
    row = rows["made: wall to the same AUC, against FLAML"]
    assert (row.ours, row.peers, row.met) == (4.0, {"FLAML": 8.0}, True)
    assert rows["made: AUC in the end, against FLAML"].ours == pytest.approx(8100)


def test_overhead_is_what_slots_and_cpu_did_besides_training():
    assert limits.slot_overhead(answer()) == pytest.approx(0.5)
    assert limits.cpu_overhead(answer()) == pytest.approx(0.5)
    assert limits.cpu_overhead(answer(cpu=1.0)) == 0.001


def test_the_limit_judges_wall_score_and_overhead():
    found = {
        "whole, cold": [answer(10.5)],
        "whole, warm": [answer(10.0)],
        "halving, cold": [answer(4.0)],
        "halving, warm": [answer(5.0, line=((1.0, 0.798),))],
        limits.BARE: [answer(10.0)],
        limits.TUNE: [answer(90.0, trials=2, training=4.0)],
    }
    rows = {row.what: row for row in limits.judge(64, found)}
    assert rows["64 trials, wall, lanes cold"].met
    assert rows["64 trials with halving, wall, lanes cold"].met
    assert not rows["64 trials with halving, wall, lanes warm"].met
    assert rows["64 trials, whole: best AUC"].met
    assert rows["overhead of a trial, slot, lanes cold"].ratio == pytest.approx(88 / 0.625)
    assert rows["overhead of a trial, slot, lanes cold"].met


def test_after_so_many_seconds_the_best_seen_is_compared_seed_by_seed():
    found = {
        OURS: [answer(line=((3.0, 0.78), (20.0, 0.79)))] * 3,
        anytime.OPTUNA: [answer(line=((2.0, 0.77), (50.0, 0.785)))] * 3,
        anytime.FLAML: [answer(line=((1.0, 0.781),))] * 3,
    }
    others = {anytime.NO_RAY: found[OURS], anytime.OWN_RAY: [answer(line=())] * 3}
    rows = {row.what: row for row in anytime.judge((15, 60), found, others)}
    assert not rows["flights: AUC after 15 s"].met
    assert rows["flights: AUC after 60 s"].met
    assert rows["flights: AUC after 15 s, Ray's start included"].ours == pytest.approx(5000)
    assert rows["flights: wall to the same AUC, against Optuna in threads"].peers == {anytime.OPTUNA: 50.0}
    assert rows["flights: first result, from a cold start"].ours == 3.0


def test_shares_are_counted_from_the_second_teams_first_result_on():
    first = [(float(second), second + 1.0) for second in range(100)]
    second = [(float(second), second + 1.0) for second in range(20, 100)]
    rows = {row.what: row for row in sharing.judge(first, second, 19.5, 60, 30.0)}
    wait = rows["second team's first result"]
    assert (wait.ours, wait.met, wait.peers) == (1.5, True, {"two Tuners": 30.0})
    assert rows["share of the second of two equal teams over 60 s: off a half by"].ours == 0
    assert rows["slots at work over these 60 s"].ours == 2
    assert curves.share_error(0, 0) == 50


def test_a_trivial_trial_is_the_better_the_closer_it_is_to_one():
    x, y = trivial.rows()
    run = trivial.Trivial().start(np.asarray(y), {"x": 0.5}, 0, 1)
    ((mark, told),) = run.advance([7])
    assert (mark, len(told), len(x)) == (7, len(y), len(y))
    assert set(told) == {0.25, 0.75}
    assert run.content() == b"0.5"


@pytest.mark.parametrize(
    ("package", "among"), sorted({peer for *_, told in command.SECTIONS.values() for peer in told})
)
def test_a_shared_environment_pins_all_its_peers(package, among):
    assert peers.pinned(package, among)
    lines = (peers.HERE / "requirements" / f"{among}.txt").read_text().splitlines()
    assert all("==" in line for line in lines if line)


def test_an_environment_is_compiled_once(tmp_path):
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "one.py").write_text("x = 1\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    compiled(tmp_path)
    (made,) = (packages / "__pycache__").glob("one.*.pyc")
    before = made.stat().st_mtime_ns
    (packages / "two.py").write_text("x = 2\n")
    (tmp_path / ".compiled").touch()
    compiled(tmp_path)
    assert made.stat().st_mtime_ns == before
    assert not list((packages / "__pycache__").glob("two.*"))


def test_everybody_trains_with_the_same_xgboost():
    assert peers.pinned("xgboost-cpu", "searches") == peers.pinned("xgboost-cpu", "raytune")


@pytest.mark.parametrize("wanted", [["--json"], ["--write"], ["--write", "--quick"]], ids=" ".join)
def test_the_command_runs_the_sections_that_it_is_asked_for_and_publishes_no_quick_ones(wanted, monkeypatch, capsys):
    def section(size: Scale):
        yield known(f"{size.rounds} rounds", "s", [1.0])

    written = []
    monkeypatch.setattr(command, "SECTIONS", {"a": (section, 1.0, 1.0, ()), "b": (None, 1.0, 1.0, ())})
    monkeypatch.setattr(command.frame, "write", lambda area, facts, rows: written.append((area, len(rows))))
    monkeypatch.setattr(sys, "argv", ["benchmarks.sweep", "--only=a", *wanted])
    command.main()
    said = capsys.readouterr()
    assert "1 figures, 0 of them short" in said.err
    if wanted == ["--json"]:
        assert json.loads(said.out)[0]["what"] == "2 rounds"
    assert written == ([("sweep-a", 1)] if wanted == ["--write"] else [])


def test_regret_measures_every_task_by_its_own_median():
    values = np.array([[0.9, 0.8, 0.7], [90.0, 100.0, 95.0]])
    assert greedy.regrets(values).tolist() == pytest.approx(np.array([[0, 1, 2], [2, 0, 1]]))


def test_the_list_adds_what_helps_most_and_no_configuration_twice():
    regret = np.array([[0.0, 5.0, 1.0, 9.0], [5.0, 0.0, 1.0, 9.0]])
    assert greedy.chosen(regret, 4) == [2, 0, 1, 3]
    assert greedy.of_list(regret[0], [2, 0], 1) == 1.0
    assert greedy.of_list(regret[0], [2, 0], 2) == 0.0


def test_chance_is_the_mean_over_all_draws():
    regret = np.array([3.0, 1.0, 2.0])
    assert greedy.by_chance(regret, 1) == pytest.approx(2.0)
    assert greedy.by_chance(regret, 2) == pytest.approx((1 + 2 + 1) / 3)
    assert greedy.by_chance(regret, 3) == pytest.approx(1.0)


def test_a_task_is_judged_by_a_list_of_other_families():
    # Both tasks of the first family have the same favourite; the third task alone would choose another.
    regret = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    found = greedy.left_out(regret, ["a", "a", "b"], 1, (1,))
    assert found == {1: (1.0, 0.5)}


def test_a_made_task_is_the_same_every_time_and_has_both_answers():
    one, other = (tasks._made("steps", 400, 8, 1) for _ in range(2))
    assert np.array_equal(one.x, other.x, equal_nan=True)
    learn_x, learn_y, choose_x, choose_y = one.cut()
    assert (len(learn_x), len(choose_x)) == (280, 120)
    assert 0 < learn_y.mean() < 1
    assert 0 < choose_y.mean() < 1


def test_the_lists_of_other_trainers_stay_in_the_file(tmp_path):
    file = tmp_path / "portfolio.json"
    theirs = {"trainer": "hist_gradient_boosting", "tasks": ["binary"], "rows": [0, None], "configurations": [{}]}
    file.write_text(json.dumps({"format": 1, "portfolios": [{"trainer": "xgboost"}, theirs]}))
    learning.write(file, learning.entries([(0, 100, [{"max_depth": 3}]), (100, None, [{"max_depth": 9}])]))
    kept = json.loads(file.read_text())
    assert [entry["rows"] for entry in kept["portfolios"]] == [[0, 100], [100, None], [0, None]]
    assert kept["portfolios"][2] == theirs
    assert learning.candidates(5) == learning.candidates(5)
