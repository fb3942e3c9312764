"""Sweeps on a real Ray."""

import copy
import json
import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from mlray.errors import InputError, OverBudget
from mlray.experiments import Problem, fit, load_model, point_score
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


def run(asked=None, model=SMALL, **changes):
    from mlray.experiments.on_ray import sweep

    wanted = {
        "trials": 8,
        "dataset": "departures@v1",
        "price_per_second": Decimal("0.01"),
        "budget": None,
        "now_id": "sweep-1",
        "progress": lambda *_: None,
    }
    return sweep(asked or problem(), model, **{**wanted, **changes})


@pytest.fixture(scope="module")
def told(ray_session):
    """One sweep, what it told on the way, and what it left in the temporary folder and changed in Tune's environment."""
    heard, environment = [], tunes_environment()
    before = set(Path(tempfile.gettempdir()).iterdir())
    found = run(progress=lambda *said: heard.append(said))
    left = {path.name for path in set(Path(tempfile.gettempdir()).iterdir()) - before if "mlray-sweep" in path.name}
    return found, heard, left | (tunes_environment() ^ environment)


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
    assert found.spend == Decimal("0.01") * Decimal(str(found.seconds))


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
    found, heard, _ = told
    assert [(done, total) for done, total, _ in heard] == [(done, 8) for done in range(1, 9)]
    assert heard[-1][2] == f"best auc {found.best.score:.4f} by {found.best.trainer}"


def test_a_sweep_leaves_nothing_behind(told):
    assert told[2] == set()


def test_the_best_can_be_trained_again(told):
    asked, best = problem(), told[0].best
    content = fit(best.trainer, asked.train_x, asked.train_y, (), best.params, best.rounds, asked.seed)
    again = point_score("auc", asked.valid_y, load_model(best.trainer, content).predict(asked.valid_x))
    assert again == pytest.approx(best.score, abs=1e-6)


def test_a_later_sweep_starts_from_what_was_found_without_a_word(ray_session, told, capfd):
    earlier = sorted(told[0].trials, key=lambda trial: -trial.score)[:2]
    found = run(trials=4, warm=earlier, now_id="sweep-2")
    assert [trial.params for trial in found.trials[2:]] == [trial.params for trial in earlier]
    assert capfd.readouterr() == ("", "")


def test_a_sweep_runs_in_a_thread_of_an_actor(ray_session):
    import ray

    @ray.remote(num_cpus=0)
    class Somebody:
        def work(self):
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(run, trials=2, now_id="sweep-3").result()

    somebody = Somebody.remote()
    found = ray.get(somebody.work.remote(), timeout=120)
    ray.kill(somebody)
    assert len(found.trials) == 2
    assert found.best.score > 0.6


def test_a_loss_is_searched_downwards(ray_session):
    model = SMALL.model_copy(update={"metric": "brier", "trainers": {"xgboost": SMALL.trainers["xgboost"]}})
    found = run(problem(metric="brier"), model, trials=6, now_id="sweep-4")
    assert found.best.score == min(trial.score for trial in found.trials)


def test_a_space_of_constants_ends_when_all_is_tried(ray_session):
    model = Model.model_validate({"trainers": {"xgboost": {"max_depth": 3}}, "rounds": 24})
    warm = [Trial(0, "xgboost", {"max_depth": 2}, 0.7, 5, 1.0, "finished")]
    found = run(model=model, trials=9, warm=warm, now_id="sweep-5")
    assert found.stopped_because == "every configuration of the space was tried"
    assert 0 < len(found.trials) <= 3


def test_when_every_trial_fails_the_error_is_told_once_and_soon(ray_session, capfd):
    broken = problem(categorical=(0,))  # negative numbers are no codes
    model = SMALL.model_copy(update={"trainers": {"xgboost": SMALL.trainers["xgboost"]}})
    heard = []
    with pytest.raises(InputError, match=r"trials failed: XGBoostError: .*categor") as caught:
        run(broken, model, trials=50, now_id="sweep-6", progress=lambda *said: heard.append(said))
    assert str(caught.value).count("failed") == 1
    assert len(heard) <= 6
    assert capfd.readouterr() == ("", "")


def test_a_lane_that_dies_costs_its_trial_only(ray_session):
    killed = []

    def kill_a_lane(done, total, note=""):
        if done == 2:
            killed.extend(_lanes()[:1])
            for lane in killed:
                os.kill(lane, signal.SIGKILL)

    model = SMALL.model_copy(update={"rounds": 3000})
    found = run(problem(rows=6000), model, trials=6, now_id="sweep-7", progress=kill_a_lane)
    failed = [trial for trial in found.trials if trial.state == "failed"]
    assert killed
    assert [trial.error for trial in failed] == ["its process ended"] * len(failed)
    assert len(found.trials) == 6
    assert len(failed) <= 1


def _lanes():
    """Return the processes of lanes whose raylet this test run has started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (command := _read(entry / "cmdline")).startswith("ray::"):
            raylet = _parent(entry)
            if "Lane" in command and _parent(Path("/proc") / raylet) == str(os.getpid()):
                found.append(int(entry.name))
    return found


def _read(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def _parent(process):
    return _read(process / "stat").rpartition(")")[2].split()[1]


def test_no_budget_starts_nothing(ray_session):
    with pytest.raises(OverBudget, match=r"the budget of 0\.00 USD is spent"):
        run(budget=Decimal(0), now_id="sweep-8")


def test_a_budget_ends_the_sweep_and_what_was_found_is_kept(ray_session):
    found = run(
        trials=10_000,
        price_per_second=Decimal(1),
        budget=Decimal(3),
        now_id="sweep-9",
    )
    assert found.stopped_because == "the budget of 3.00 USD is spent"
    assert 0 < len(found.trials) < 10_000
    assert found.best.score is not None


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


def test_a_files_copy_of_a_configuration_does_not_hold_the_rows():
    from ray import cloudpickle
    from ray.tune.utils.serialization import TuneFunctionEncoder

    from mlray.experiments.on_ray import _Shared

    shared = _Shared("sweep-1", {"rows": 3})
    assert json.loads(json.dumps({"data": shared}, cls=TuneFunctionEncoder)) == {"data": "sweep-1"}
    assert copy.deepcopy(shared).rows is shared.rows
    assert cloudpickle.loads(cloudpickle.dumps(shared)).rows == {"rows": 3}
