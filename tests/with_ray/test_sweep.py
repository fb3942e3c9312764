"""Sweeps on a real Ray: lanes, leases, what is lost and found again."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

from mlray.errors import InputError, OverBudget
from mlray.experiments import Configuration, Listed, Problem, Wanted, fit, load_model, point_score
from mlray.records import Experiment, Trial
from mlray.spec import Model

pytestmark = [pytest.mark.ray, pytest.mark.slow]

SMALL = Model.model_validate(
    {
        "trainers": {
            "xgboost": {"learning_rate": [0.05, 0.3, "log"], "max_depth": [2, 4], "min_child_weight": 1},
            "hist_gradient_boosting": {"max_leaf_nodes": [4, 16, "log"], "min_samples_leaf": {"choices": [5, 20]}},
        },
        "rounds": 72,
    }
)
TREES = SMALL.model_copy(update={"trainers": {"xgboost": SMALL.trainers["xgboost"]}})


def problem(rows=900, seed=0, **changes):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 5)).astype(np.float32)
    y = (draw.random(rows) < 1 / (1 + np.exp(-2 * x[:, 0] * x[:, 1] - x[:, 2]))).astype(float)
    cut = rows * 2 // 3
    parts = {
        "train_x": x[:cut],
        "train_y": y[:cut],
        "valid_x": x[cut:],
        "valid_y": y[cut:],
        "names": tuple("abcde"),
        "categorical": (),
        "metric": "auc",
        "seed": 0,
    }
    return Problem(**{**parts, **changes})


def run(asked=None, model=SMALL, *, tenant="default", keep=60.0, **changes):
    from mlray.experiments.on_ray import sweep_on_ray

    wanted = {
        "name": "sweep-1",
        "trials": 8,
        "dataset": "departures@v1",
        "price_per_lane_second": Decimal("0.01"),
        "progress": lambda *_: None,
    }
    return sweep_on_ray(asked or problem(), model, Wanted(**{**wanted, **changes}), tenant=tenant, keep=keep)


@pytest.fixture(scope="module", autouse=True)
def _no_lane_outlives_these_tests(ray_session):
    yield
    from mlray.experiments.on_ray import close_pools

    close_pools()


@pytest.fixture(scope="module")
def told(ray_session, tmp_path_factory):
    """One sweep, what it told on the way, what it wrote, and what it changed in Tune's environment."""
    heard, environment = [], tunes_environment()
    folder = tmp_path_factory.mktemp("sweeps")
    found = run(progress=lambda *said: heard.append(said), folder=folder)
    return found, heard, folder, tunes_environment() ^ environment


def tunes_environment():
    return {item for item in os.environ.items() if item[0].startswith(("TUNE_", "RAY_AIR_"))}


def test_a_sweep_tries_what_was_asked_and_keeps_the_best(told):
    found = told[0]
    assert isinstance(found, Experiment)
    assert [trial.number for trial in found.trials] == list(range(8))
    assert {trial.trainer for trial in found.trials} == {"xgboost", "hist_gradient_boosting"}
    assert {trial.state for trial in found.trials} <= {"finished", "stopped early"}
    assert found.best.score == max(trial.score for trial in found.trials)
    assert found.best.score > 0.75
    assert found.stopped_because == "all trials done"
    assert found.spend == pytest.approx(
        sum(Decimal("0.01") * Decimal(str(t.seconds)) for t in found.trials), abs=Decimal("0.001")
    )


def test_trials_stay_within_the_space(told):
    for trial in told[0].trials:
        if trial.trainer == "xgboost":
            assert 0.05 <= trial.params["learning_rate"] <= 0.3
            assert trial.params["max_depth"] in (2, 3, 4)
            assert trial.params["min_child_weight"] == 1
        else:
            assert 4 <= trial.params["max_leaf_nodes"] <= 16
            assert trial.params["min_samples_leaf"] in (5, 20)
    assert len({str(trial.params) for trial in told[0].trials}) == 8


def test_every_finished_trial_is_told_with_the_best_so_far(told):
    found, heard, _, _ = told
    assert {total for _, total, _ in heard} == {8}
    assert [done for done, _, _ in heard] == sorted(done for done, _, _ in heard)
    assert heard[-1][0] == 8
    assert f"best auc {found.best.score:.4f} by {found.best.trainer}" in heard[-1][2]


def test_tune_s_settings_are_put_back(told):
    assert told[3] == set()


def test_every_configuration_is_a_line_of_the_journal(told):
    from mlray.experiments._journal import read

    found, _, folder, _ = told
    assert Path(found.journal).parent == folder
    assert sorted(read(Path(found.journal)).trials, key=lambda trial: trial.number) == list(found.trials)


def test_the_best_can_be_trained_again(told):
    asked, best = problem(), told[0].best
    content = fit(best.trainer, asked.train_x, asked.train_y, (), best.params, best.rounds, asked.seed)
    again = point_score("auc", asked.valid_y, load_model(best.trainer, content).predict(asked.valid_x))
    assert again == pytest.approx(best.score, abs=1e-6)


def test_a_later_sweep_uses_the_lanes_that_are_there_and_starts_from_what_was_found_without_a_word(told, capfd):
    before = _lanes_become(2)
    earlier = sorted(told[0].trials, key=lambda trial: -trial.score)[:2]
    found = run(trials=6, warm=earlier, name="sweep-2")
    assert all(trial.params in [t.params for t in found.trials] for trial in earlier)
    assert set(_lanes()) == before
    assert capfd.readouterr() == ("", "")


def test_lanes_claim_next_to_nothing_from_ray(told):
    import ray

    assert ray.available_resources()["CPU"] > 1.9


def test_a_sweep_runs_in_a_thread_of_an_actor(ray_session):
    import ray

    @ray.remote(num_cpus=0)
    class Somebody:
        def work(self):
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(run, trials=2, name="sweep-3", keep=0.0).result()

    somebody = Somebody.remote()
    found = ray.get(somebody.work.remote(), timeout=120)
    ray.kill(somebody)
    assert len(found.trials) == 2
    assert found.best.score > 0.6


def test_a_loss_is_searched_downwards(ray_session):
    model = TREES.model_copy(update={"metric": "brier"})
    found = run(problem(metric="brier"), model, trials=6, name="sweep-4")
    assert found.best.score == min(trial.score for trial in found.trials)


def test_a_space_of_constants_ends_when_all_is_tried(ray_session):
    model = Model.model_validate({"trainers": {"xgboost": {"max_depth": 3}}, "rounds": 24})
    warm = [Trial(0, "xgboost", {"max_depth": 2}, 0.7, 5, 1.0, "finished")]
    found = run(model=model, trials=40, warm=warm, name="sweep-5")
    assert found.stopped_because == "every configuration of the space was tried"
    assert 0 < len(found.trials) < 40


def test_when_every_trial_fails_the_error_is_told_once_and_soon(ray_session, capfd):
    broken = problem(categorical=(0,))  # negative numbers are no codes
    heard = []
    with pytest.raises(InputError, match=r"trials failed: .*categor") as caught:
        run(broken, TREES, trials=50, name="sweep-6", progress=lambda *said: heard.append(said))
    assert len(str(caught.value)) < 400
    assert len(heard) <= 12
    assert capfd.readouterr() == ("", "")


def test_a_lane_that_dies_loses_nothing(told):
    killed, before = [], set(_lanes())

    def kill_a_lane(done, total, note=""):
        if done >= 2 and not killed:
            killed.extend(_lanes()[:1])
            for lane in killed:
                os.kill(lane, signal.SIGKILL)

    model = TREES.model_copy(update={"rounds": 2000})
    found = run(problem(rows=6000), model, trials=6, name="sweep-7", progress=kill_a_lane)
    assert killed
    assert [trial.number for trial in found.trials] == list(range(6))
    assert [trial.error for trial in found.trials] == [""] * 6
    assert len(set(_lanes()) - before) <= 1, "one lane takes the place of the one that died"


def _lanes():
    """Return the processes of lanes whose raylet this test run has started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (command := _read(entry / "cmdline")).startswith("ray::"):
            raylet = _parent(entry)
            if "Lane" in command and _parent(Path("/proc") / raylet) == str(os.getpid()):
                found.append(int(entry.name))
    return found


def _lanes_become(many):
    """Return the lanes of this run once there are so many: a small sweep may end before they are up."""
    until = time.monotonic() + 60
    while len(_lanes()) != many and time.monotonic() < until:
        Event().wait(0.1)
    return set(_lanes())


def _read(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def _parent(process):
    return _read(process / "stat").rpartition(")")[2].split()[1]


def test_no_budget_starts_nothing(ray_session):
    with pytest.raises(OverBudget):
        run(budget=Decimal(0), name="sweep-8")


def test_a_budget_ends_the_sweep_in_the_middle_of_a_pack_and_what_was_found_is_kept(ray_session):
    found = run(trials=10_000, price_per_lane_second=Decimal(1), budget=Decimal(3), name="sweep-9", model=TREES)
    assert found.stopped_because == "the budget of 3.00 USD is spent"
    assert 0 < len(found.trials) < 10_000
    assert found.best.score is not None
    assert found.spend < Decimal(6)


def test_a_stop_command_ends_the_sweep_and_keeps_the_best(ray_session, tmp_path):
    from mlray.experiments._command import ask_stop

    def stop(done, total, note=""):
        if done == 3:
            ask_stop(tmp_path / "sweep-10.jsonl")

    found = run(trials=10_000, name="sweep-10", folder=tmp_path, progress=stop, model=TREES)
    assert "stop" in found.stopped_because
    assert 3 <= len(found.trials) < 10_000
    assert not list(tmp_path.glob("*.stop"))


def test_a_sweep_whose_driver_was_killed_goes_on_and_trains_nothing_twice(ray_with_dashboard, tmp_path):
    code = """
import os, sys
from decimal import Decimal
from pathlib import Path
import ray
from test_sweep import TREES, problem, run
from mlray.experiments import Configuration, Listed
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
def die(done, total, note=""):
    if done >= 5:
        os._exit(9)
run(problem(rows=3000), TREES, trials=14, name="sweep-11", folder=Path(sys.argv[2]), progress=die, keep=0.0)
"""
    died = subprocess.run(
        [sys.executable, "-c", code, ray_with_dashboard.address, str(tmp_path)],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parent)])},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert died.returncode == 9, died.stderr[-2000:]
    journal = tmp_path / "sweep-11.jsonl"
    from mlray.experiments._journal import read

    before = read(journal).trials
    assert len(before) >= 5
    found = run(problem(rows=3000), TREES, trials=14, name="sweep-11", resumed=journal)
    assert [trial.number for trial in found.trials] == list(range(14))
    assert list(read(journal).trials[: len(before)]) == list(before)
    assert all(trial in found.trials for trial in before)


def test_a_second_team_does_not_wait_for_the_first(told):
    # 60 configurations against 4: the small sweep ends long before the large one.
    ended = []

    def large():
        run(problem(rows=20_000), TREES.model_copy(update={"rounds": 200}), tenant="a", trials=60, name="sweep-12")
        ended.append("a")

    thread = Thread(target=large)
    thread.start()
    run(problem(rows=2_000), TREES, tenant="b", trials=4, name="sweep-13")
    ended.append("b")
    thread.join()
    assert ended == ["b", "a"]


def test_several_objectives_leave_a_front(ray_session):
    model = TREES.model_copy(update={"objectives": ("score", "latency", "cost")})
    found = run(model=model, trials=8, name="sweep-14")
    assert found.front
    best = max(found.trials, key=lambda trial: trial.score)
    assert best.number in found.front
    assert all(trial.objectives["latency"] > 0 for trial in found.trials if trial.number in found.front)


def test_a_listed_sweep_is_the_same_on_ray_and_here(ray_session):
    from mlray.experiments import sweep_here

    listed = [Configuration("xgboost", {"max_depth": 2 + n % 3, "learning_rate": 0.1 + n / 50}) for n in range(6)]
    wanted = {"name": "sweep-15", "trials": 6, "progress": lambda *_: None, "halving": False}
    on_ray = run(model=TREES, search=Listed(listed), **{k: v for k, v in wanted.items() if k != "progress"})
    here = sweep_here(problem(), TREES, Wanted(search=Listed(listed), **wanted))
    assert [(t.number, t.params, t.score, t.rounds) for t in on_ray.trials] == [
        (t.number, t.params, t.score, t.rounds) for t in here.trials
    ]


def test_without_a_ray_nothing_is_started_secretly():
    code = """
from test_sweep import run
try:
    run()
except Exception as error:
    print(type(error).__name__, error)
import ray
print(ray.is_initialized())
"""
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=120, check=True
    )
    assert said.stdout.splitlines() == [
        "UnavailableError A sweep runs on Ray; this process is not connected to one. Call `ray.init`.",
        "False",
    ]


def test_a_pool_that_is_closed_leaves_nothing_behind(ray_session):
    from mlray.experiments.on_ray import close_pools

    close_pools()
    before = set(Path(tempfile.gettempdir()).iterdir())
    run(trials=2, name="sweep-16")
    made = {path for path in set(Path(tempfile.gettempdir()).iterdir()) - before if path.name.startswith("mlray-pool-")}
    assert made
    close_pools()
    assert not any(path.exists() for path in made)
    assert _lanes_become(0) == set()
    run(trials=2, name="sweep-17")
