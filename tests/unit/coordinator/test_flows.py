import shutil
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from mlray.coordinator.artifact import ArtifactPredictor, read_artifact, write_artifact
from mlray.coordinator.candidates import candidates
from mlray.coordinator.flows import _final, _judge, _registered, ingest
from mlray.coordinator.rows import labels, matrices, split
from mlray.coordinator.workspace import Workspace
from mlray.errors import AccessDenied
from mlray.evaluation import score
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


PAIR = (
    Trial(0, "xgboost", {"max_depth": 2, "learning_rate": 0.3}, 0.71, 12, 1.0, "finished"),
    Trial(1, "hist_gradient_boosting", {"max_leaf_nodes": 5, "learning_rate": 0.3}, 0.7, 12, 1.0, "finished"),
)
BLEND = replace(SWEEP, trials=PAIR, best=PAIR[0], ensemble=((0, 0.5), (1, 0.5)), ensemble_score=0.72)


def test_an_ensemble_is_judged_signed_and_answers_like_any_other_model(space):
    until = START + timedelta(days=20)
    parts = split(space, ingest(space, until, until))
    fitted, _, _ = matrices(space, parts.train, parts.valid)
    proposed = candidates(BLEND)
    chosen, card, traits, calibrated = _judge(space, parts, fitted, proposed, None)
    assert chosen in proposed
    assert traits["members"] == len(chosen.members)
    alone = [_judge(space, parts, fitted, [one], None)[1].metrics["auc"].value for one in proposed]
    assert card.metrics["auc"].value == max(alone)
    folder = space.folder("models") / "orders-1"
    write_artifact(_final(space, parts, proposed[1], calibrated, ""), folder, space.signing_key)
    served = ArtifactPredictor(read_artifact(folder, space.signing_key))
    told = served.predict(parts.holdout)
    assert served.describe()["platform"] == "mlray_ensemble"
    assert score("auc", labels(space, parts.holdout), told).value > 0.7
    assert 0 <= told.min() <= told.max() <= 1
    (folder / "model.bin").write_bytes((folder / "model.bin").read_bytes() + b"x")
    with pytest.raises(AccessDenied):
        read_artifact(folder, space.signing_key)
