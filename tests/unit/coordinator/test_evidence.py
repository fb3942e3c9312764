"""The coordinator's senses over a real store, a real artifact and a real request log."""

from datetime import timedelta
from decimal import Decimal

import pytest

from mlray.coordinator.artifact import artifact_of, write_artifact
from mlray.coordinator.candidates import Candidate
from mlray.coordinator.challenger import Excess, challenge, learnt_until
from mlray.coordinator.evidence import Observer, money
from mlray.coordinator.flows import _final, ingest
from mlray.coordinator.rows import split
from mlray.coordinator.state import State
from mlray.coordinator.workspace import Workspace
from mlray.errors import DataError, StoreError
from mlray.monitoring import calibration
from mlray.records import Interval, ModelVersion, Scorecard, Trial
from mlray.serving import RequestLog
from mlray.serving.log_files import Answered, Labelled
from tests.projects import START, small_project

DAY = timedelta(days=1)
TRAINED = START + 20 * DAY
NOW = START + 23 * DAY


@pytest.fixture
def space(tmp_path):
    space = Workspace.at(small_project(tmp_path / "orders"))
    yield space
    space.journal.close()


def register(space, number=1):
    """Train without a sweep and write the version down as the registry would."""
    dataset = ingest(space, TRAINED - DAY, TRAINED)
    parts = split(space, dataset)
    best = Trial(0, "xgboost", {"max_depth": 2}, 0.7, 8, 1.0, "finished")
    artifact = _final(space, parts, Candidate(((best, 1.0),)), calibration([0, 1] * 50, [0.2, 0.8] * 50).to_json(), "")
    folder = space.folder("models") / f"v{number}"
    band = {"auc": Interval(0.7, 0.6, 0.8)}
    version = ModelVersion(
        name=space.name,
        number=number,
        dataset=dataset.name,
        dataset_digest=dataset.digest,
        features=artifact.features.digest,
        experiment="e",
        scorecard=Scorecard(band, band, None, (), (), 1, START, TRAINED),
        artifact=str(folder),
        artifact_digest=write_artifact(artifact, folder, space.signing_key),
        created_at=TRAINED,
        traits={"challenger_gap": 0.0, "seconds": 1.0},
    )
    space.journal.append("model", f"{space.name}/v{number}", version.to_json(), at=TRAINED)
    return version


def traffic(space, *, versions=(1,), rows=200):
    """Answer `rows` rows of each day from the training on, the versions in turn, and tell the truth about them."""
    log = RequestLog(space.log_folder, time_column="at")
    names = list(space.spec.data.request_columns)
    for number in range(3):
        start = TRAINED + (number - 1) * DAY
        part = space.store.read(ingest(space, NOW, NOW), start=start, end=start + DAY).select(names).slice(0, rows)
        version = versions[number % len(versions)]
        scores = [0.5] * part.num_rows
        log.append(Answered(f"r{number}", start, "t", version, "live", part, scores, live=version, size=1000))
        log.append(Labelled(f"r{number}", [True] * part.num_rows, start + DAY))
    log.flush()
    log.close()


def excess_of(value=0.1):
    return lambda *_: Excess(Interval(value, value, value), 10, 0.1)


def look(space, challenge=None, now=NOW):
    observer = Observer(space, challenge or excess_of(), lambda: None)
    return observer.facts(State(live=1), now)


def test_everything_that_bears_on_a_retraining_is_gathered(space):
    register(space)
    traffic(space)
    facts = look(space)
    assert facts.broken == ""
    assert facts.drift is not None
    assert facts.performance is not None
    assert facts.performance.excess == Interval(0.1, 0.1, 0.1)
    assert facts.performance.labelled
    assert facts.rows_per_day == facts.drift.rows / 2


def test_only_answers_of_the_live_version_are_measured(space):
    register(space)
    traffic(space, versions=(2, 1))
    facts, everything = look(space), 400
    assert facts.performance is not None
    assert 0 < facts.performance.labelled < everything


def test_asking_again_about_a_moment_adds_no_entry(space):
    register(space)
    traffic(space)
    look(space)
    before = space.journal.head()
    look(space)
    assert space.journal.head() == before


@pytest.mark.parametrize("error", [DataError("one class only."), StoreError("damaged.")])
def test_what_cannot_be_compared_is_a_fact_and_no_crash(space, error):
    register(space)
    traffic(space)

    def fail(*_):
        raise error

    facts = look(space, fail)
    assert facts.broken == str(error)
    assert facts.performance is None


def test_a_changed_artifact_is_a_fact_and_no_crash(space):
    version = register(space)
    traffic(space)
    (space.folder("models") / "v1" / "model.bin").write_bytes(b"other")
    facts = look(space)
    assert "model.bin" in facts.broken
    assert version.number == facts.version


def test_a_live_version_that_the_journal_does_not_know_is_a_fact(space):
    register(space)
    traffic(space)
    facts = Observer(space, excess_of(), lambda: None).facts(State(live=7), NOW)
    assert "v7" in facts.broken


def test_rows_that_the_live_version_learnt_from_say_nothing(space):
    version = register(space)
    traffic(space)
    head = space.store.head("orders")
    observer = Observer(space, excess_of(), lambda: None)
    learnt = space.store.version("orders", 1)
    assert learnt_until(space, version) == learnt.as_of
    assert not observer._new(learnt, version, learnt.as_of - DAY)
    assert observer._new(head, version, head.as_of - DAY)
    assert not observer._new(head, version, head.as_of)


def test_the_challenge_judges_only_what_the_live_version_has_not_seen(space):
    version = register(space)
    head = ingest(space, NOW - DAY, NOW)
    new = space.store.read(head, start=TRAINED - DAY, end=NOW - DAY).num_rows
    found = challenge(space, head, version, timedelta(days=10))
    assert found.rows == new
    with pytest.raises(DataError, match="0 new rows"):
        challenge(space, space.store.version("orders", 1), version, timedelta(days=10))


def test_a_dataset_that_was_committed_before_a_crash_is_still_written_down(space):
    first = ingest(space, TRAINED, TRAINED)
    other = Workspace.at(space.spec.folder)
    fresh = type(space)(
        other.spec.model_copy(
            update={
                "workspace": other.spec.workspace.model_copy(update={"journal": f"sqlite:///{space.root}/other.db"})
            }
        )
    )
    assert ingest(fresh, TRAINED, TRAINED).digest == first.digest
    assert [entry.data["digest"] for entry in fresh.journal.entries(kind="dataset")] == [first.digest]
    fresh.journal.close()


def test_how_many_rows_are_usual_is_known_after_two_weeks(space):
    register(space)
    traffic(space)
    observer = Observer(space, excess_of(), lambda: None)
    report = look(space).drift
    assert report is not None
    every = timedelta(days=2)
    assert observer._usual(NOW + DAY, every) is None
    for week in range(7):
        at = NOW + DAY + week * timedelta(hours=1)
        space.journal.append("drift", space.name, report.to_json(), at=at)
    assert observer._usual(NOW + 2 * DAY, every) == report.rows
    assert observer._usual(NOW + 90 * DAY, every) is None


def test_models_of_another_project_in_the_same_journal_are_not_ours(space):
    version = register(space)
    space.journal.append("model", "other/v9", {**version.to_json(), "number": 9, "name": "other"}, at=NOW)
    assert sorted(space.models()) == [1]
    price, _ = money(space, NOW)
    assert price.amount > Decimal(0)


def test_a_moved_workspace_finds_its_artifacts(space):
    version = register(space)
    assert artifact_of(space, version).trainer == "xgboost"
