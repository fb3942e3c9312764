import shutil
from dataclasses import replace
from decimal import Decimal

import pytest

from mlray.coordinator.flows import _registered
from mlray.coordinator.workspace import Workspace
from mlray.records import Experiment, Interval, ModelVersion, Scorecard, Trial
from tests.projects import START, small_project

BEST = Trial(0, "xgboost", {"max_depth": 2}, 0.7, 8, 1.0, "finished")
SWEEP = Experiment("sweep-1", "orders@v1", "auc", (BEST,), BEST, Decimal("0.01"), 1.0, "all trials ran", 0)
BAND = {"auc": Interval(0.7, 0.6, 0.8)}
MODEL = ModelVersion(
    name="orders",
    number=0,
    dataset="orders@v1",
    dataset_digest="d",
    features="f",
    experiment="sweep-1",
    scorecard=Scorecard(BAND, BAND, None, (), (), 1, START, START),
    artifact="/nowhere/a",
    artifact_digest="a",
    created_at=START,
    caused_by="orders:1",
    traits={"seconds": 12.0},
)


@pytest.fixture
def space(tmp_path, empty_database):
    space = Workspace.at(small_project(tmp_path / "orders"))
    shutil.copy(empty_database, space.folder() / "mlflow.db")
    yield space
    space.journal.close()


def begin(space):
    space.journal.append("training", "orders", {"cause": "orders:1"}, at=START, key="training:orders:1")


def test_what_was_registered_before_the_process_died_is_found_and_written_down(space):
    begin(space)
    space.journal.append("experiment", SWEEP.id, SWEEP.to_json(), at=START, key=f"experiment:{SWEEP.id}")
    registered = space.registry.register(MODEL)
    for _ in range(2):
        found = _registered(space, "orders:1", 2, START)
        assert found is not None
        assert (found.version, found.experiment, found.spend.seconds) == (registered, SWEEP, 12.0)
    assert list(space.models()) == [registered.number]
    assert len(space.journal.entries(kind="model")) == 1


def test_a_training_that_died_before_it_registered_is_done_again(space):
    assert _registered(space, "orders:1", 2, START) is None
    begin(space)
    assert _registered(space, "orders:1", 2, START) is None


def test_a_model_whose_sweep_is_not_in_the_journal_was_made_elsewhere(space):
    begin(space)
    space.registry.register(replace(MODEL, experiment="sweep-9"))
    assert _registered(space, "orders:1", 2, START) is None


def test_what_a_person_asks_for_has_no_cause_and_is_always_done(space):
    assert _registered(space, "", 2, START) is None
