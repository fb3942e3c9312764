"""Users' training functions on a real Ray: one configuration per trial, under a lease, within time and money."""

import os
import time
from decimal import Decimal

import pytest
from ray import tune
from ray.tune.schedulers import ASHAScheduler, PopulationBasedTraining

import mlray
from mlray.errors import InputError
from mlray.experiments import ask_stop, read
from mlray.experiments.functions.on_ray import needs
from mlray.experiments.functions.trial.on_ray import Hold, leased, trainable
from mlray.leases.on_ray import Desk

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.usefixtures("ray_session"),
]


def train(config):
    for step in range(1, 4):
        tune.report({"loss": (config["x"] - 0.3) ** 2 + 1 / step, "pid": os.getpid()})


def test_a_function_that_reports_is_searched(tmp_path):
    heard = []
    found = mlray.sweep(
        train,
        {"x": tune.uniform(0.0, 1.0)},
        metric="loss",
        trials=5,
        reuse=True,
        folder=tmp_path,
        progress=lambda done, total, note="": heard.append((done, total, note)),
    )

    assert len(found.trials) == 5
    assert {trial.state for trial in found.trials} == {"finished"}
    assert found.best.score == min(trial.score for trial in found.trials)
    assert [rounds for rounds, _ in found.best.curve] == [1, 2, 3]
    assert heard[-1][:2] == (5, 5)
    assert sorted(trial.number for trial in read(tmp_path / f"{found.id}.jsonl").trials) == [0, 1, 2, 3, 4]
    assert (tmp_path / found.id / str(found.best.number)).is_dir()
    assert not [held for tenant in Desk().usage().tenants for held in tenant.sweeps if held.lanes]


def test_a_trial_that_raises_is_recorded_and_the_sweep_goes_on(tmp_path):
    def sometimes(config):
        if config["x"] == 2:
            message = "two is too many"
            raise ValueError(message)
        tune.report({"loss": float(config["x"])})

    found = mlray.sweep(
        sometimes, {"x": tune.grid_search([1, 2, 3])}, metric="loss", trials=3, reuse=True, folder=tmp_path
    )

    (failed,) = [trial for trial in found.trials if trial.state == "failed"]
    assert failed.params == {"x": 2}
    assert "ValueError: two is too many" in failed.error
    assert found.best.params == {"x": 1}


def test_when_all_first_trials_fail_the_sweep_stops_at_once_and_shows_the_error(tmp_path):
    def never(config):
        message = "no such column"
        raise KeyError(message)

    with pytest.raises(InputError, match="no such column"):
        mlray.sweep(never, {"x": tune.uniform(0, 1)}, metric="loss", trials=50, reuse=True, folder=tmp_path)

    (path,) = tmp_path.glob("*.jsonl")
    assert len(read(path).trials) < 8


def test_a_function_that_is_still_running_ends_with_the_time(tmp_path):
    def endless(config):
        while True:
            tune.report({"loss": config["x"]})
            time.sleep(0.05)

    found = mlray.sweep(
        endless, {"x": tune.uniform(0, 1)}, metric="loss", trials=50, time="15 seconds", folder=tmp_path
    )

    assert found.stopped_because == "the time of 15 s is over"
    assert found.best.score is not None


def test_a_budget_ends_a_sweep_of_functions(tmp_path):
    def endless(config):
        while True:
            tune.report({"loss": config["x"]})
            time.sleep(0.05)

    found = mlray.sweep(
        endless,
        {"x": tune.uniform(0, 1)},
        metric="loss",
        trials=50,
        budget="0.01 USD",
        price="3.60 USD",
        folder=tmp_path,
    )

    assert found.stopped_because.startswith("the budget of 0.01 USD")
    assert found.spend >= Decimal("0.01")
    assert found.spend < Decimal("0.03")


def test_a_command_ends_a_sweep_and_keeps_the_best_and_it_can_be_resumed(tmp_path):
    class Once:
        asked = False

        def __call__(self, done, total, note=""):
            if done >= 2 and not self.asked:
                self.asked = True
                (path,) = tmp_path.glob("*.jsonl")
                ask_stop(path)

    found = mlray.sweep(
        train, {"x": tune.uniform(0, 1)}, metric="loss", trials=40, reuse=True, folder=tmp_path, progress=Once()
    )
    assert found.stopped_because == "it was told to stop"
    assert 2 <= len(found.trials) < 40

    known = {trial.number: trial.seconds for trial in found.trials}
    more = len(found.trials) + 2
    again = mlray.sweep(
        train, {"x": tune.uniform(0, 1)}, metric="loss", trials=more, reuse=True, folder=tmp_path, resume=found.id
    )
    assert len(again.trials) == more
    assert {trial.number: trial.seconds for trial in again.trials if trial.number in known} == known


def test_a_scheduler_of_tune_stops_trials_early(tmp_path):
    def long(config):
        for step in range(1, 17):
            tune.report({"loss": config["x"] + 1 / step})

    found = mlray.sweep(
        long,
        {"x": tune.grid_search([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])},
        metric="loss",
        trials=6,
        reuse=True,
        scheduler=ASHAScheduler(max_t=16, grace_period=1, reduction_factor=2),
        folder=tmp_path,
    )

    states = [trial.state for trial in found.trials]
    assert "stopped early" in states
    assert found.best.params["x"] == min(t.params["x"] for t in found.trials if t.state == "finished")


def test_population_based_training_changes_parameters_and_the_journal_says_which_were_best(tmp_path):
    def bred(config):
        import json
        import tempfile
        from pathlib import Path

        value, first = 10.0, 1
        kept = tune.get_checkpoint()
        if kept:
            with kept.as_directory() as folder:
                value, first = json.loads((Path(folder) / "state.json").read_text())
        for step in range(first, 13):
            value -= config["speed"]
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "state.json").write_text(json.dumps([value, step + 1]))
                tune.report({"loss": value}, checkpoint=tune.Checkpoint.from_directory(folder))

    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=3,
        hyperparam_mutations={"speed": tune.uniform(0.0, 1.0)},
    )
    found = mlray.sweep(
        bred, {"speed": tune.uniform(0.0, 1.0)}, metric="loss", trials=2, scheduler=scheduler, folder=tmp_path
    )

    assert len(found.trials) == 2
    assert found.best.score < 10.0
    assert "speed" in found.best.params
    assert list((tmp_path / found.id / str(found.best.number)).glob("checkpoint_*"))


def test_a_process_that_dies_costs_one_trial_that_is_tried_again(tmp_path):
    mark = tmp_path / "died"

    def fragile(config):
        if not mark.exists():
            mark.touch()
            os._exit(1)
        tune.report({"loss": config["x"]})

    found = mlray.sweep(fragile, {"x": tune.uniform(0, 1)}, metric="loss", trials=2, folder=tmp_path / "sweeps")

    assert [trial.state for trial in found.trials] == ["finished", "finished"]
    assert mark.exists()


class Climber(tune.Trainable):
    """A trainable class of the user's own."""

    def setup(self, config):
        self.height, self.pace = 0.0, config["group"]["pace"]

    def step(self):
        self.height += self.pace
        return {"height_score": self.height, "done": self.iteration >= 3}

    def save_checkpoint(self, checkpoint_dir):
        return {"height": self.height}

    def load_checkpoint(self, checkpoint):
        self.height = checkpoint["height"]

    def reset_config(self, new_config):
        self.setup(new_config)
        return True


def test_a_trainable_class_runs_too_with_parameters_in_groups(tmp_path):
    found = mlray.sweep(
        Climber, {"group": {"pace": tune.choice([1.0, 2.0])}}, metric="height_score", trials=3, reuse=True,
        stop={"training_iteration": 3}, folder=tmp_path,
    )  # fmt: skip

    assert found.best.score == 3 * found.best.params["group/pace"]


@pytest.mark.parametrize(
    ("resources", "bundles"),
    [
        (None, [{"CPU": 0.001}]),
        ({"cpu": 4}, [{"CPU": 0.001}]),
        ({"cpu": 1, "gpu": 0.5}, [{"CPU": 1.0, "GPU": 0.5}]),
        ([{"cpu": 1}, {"cpu": 2}], [{"CPU": 1.0}, {"CPU": 2.0}]),
        (tune.PlacementGroupFactory([{"CPU": 1}, {"GPU": 1}], strategy="SPREAD"), [{"CPU": 1.0}, {"GPU": 1.0}]),
    ],
)
def test_what_only_ray_can_give_is_claimed_from_it_and_cpus_are_left_to_the_lease(resources, bundles):
    kind = leased(trainable(train), Hold("team", "sweep", needs(resources)))

    assert kind.default_resource_request({}).bundles == bundles
    if resources is None:
        assert kind.default_resource_request({"mlray_node": "node:10.0.0.2"}).bundles == [
            {"CPU": 0.001, "node:10.0.0.2": 0.001}
        ]


def test_what_no_node_has_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(InputError, match="A trial needs 1 GPU; no node has any"):
        mlray.sweep(train, {"x": tune.uniform(0, 1)}, metric="loss", resources={"gpu": 1}, folder=tmp_path / "a")
    with pytest.raises(InputError, match="A trial needs 64 CPU; the largest node has 2"):
        mlray.sweep(train, {"x": tune.uniform(0, 1)}, metric="loss", resources={"cpu": 64}, folder=tmp_path / "b")
