"""The registry on a real SQLite database."""

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from mlray.errors import NotFoundError, Refusal, StoreError
from mlray.records import (
    DatasetVersion,
    Experiment,
    GateResult,
    Interval,
    ModelVersion,
    Quality,
    Scorecard,
    SliceScore,
    Trial,
)
from mlray.registry.on_mlflow import Registry

NOW = datetime(2013, 4, 1, tzinfo=UTC)


def dataset(number=1):
    return DatasetVersion(
        table="departures",
        number=number,
        digest="d" * 64,
        parents=(),
        schema={"distance": "double", "carrier": "string"},
        contract="c" * 64,
        fragments=(),
        rows=80_789,
        profile="",
        quality=Quality(80_800, 80_789),
        cursor=NOW.isoformat(),
        as_of=NOW,
        created_at=NOW,
    )


def trial(number, score=0.7, **changes):
    first = Trial(number, "xgboost", {"max_depth": 6, "gamma": 0.0}, score, 50, 1.5, "finished")
    return replace(first, **changes)


def experiment(**changes):
    trials = (trial(0, 0.70), trial(1, None, state="failed", error="ValueError: inf\n" * 999), trial(2, 0.73))
    first = Experiment("sweep-1", "departures@v1", "auc", trials, trials[2], Decimal("0.12"), 9.0, "all trials done", 0)
    return replace(first, **changes)


def version(slices=3, **changes):
    part = Interval(0.7, 0.68, 0.72)
    card = Scorecard(
        metrics={"auc": part, "brier": Interval(0.15, 0.14, 0.16)},
        baseline={"auc": part},
        champion=None,
        slices=tuple(SliceScore("carrier", f"slice {n}", 400, part) for n in range(slices)),
        gates=(GateResult("baseline", True, "AUC 0.70 against 0.65 – “fine”"),),
        rows=13_097,
        start=NOW,
        end=NOW,
    )
    first = ModelVersion(
        name="flights",
        number=0,
        dataset="departures@v1",
        dataset_digest="d" * 64,
        features="f" * 64,
        experiment="sweep-1",
        scorecard=card,
        artifact="/models/flights-1",
        artifact_digest="a" * 64,
        created_at=NOW,
        traits={"seconds": 12.5},
    )
    return replace(first, **changes)


@pytest.fixture
def registry(empty_database, tmp_path):
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "root")


def test_a_version_comes_back_whole(registry):
    made = registry.register(version(traits={"seconds": 12.5, "challenger_gap": 0.01}))
    assert made.number == 1
    assert registry.get("flights", 1) == made
    assert registry.get("flights", "1") == made
    assert replace(made, number=0) == version(traits={"seconds": 12.5, "challenger_gap": 0.01})


def test_a_version_with_hundreds_of_slices_comes_back_whole(registry):
    made = registry.register(version(slices=600))
    assert len(json.dumps(made.to_json())) > 32_000
    assert registry.get("flights", 1) == made


def test_numbers_rise(registry):
    assert [registry.register(version()).number for _ in range(3)] == [1, 2, 3]
    assert [known.number for known in registry.versions("flights")] == [1, 2, 3]


def test_the_same_decision_registers_once(registry):
    first = registry.register(version(caused_by="retrain-2013-05-06"))
    again = registry.register(version(caused_by="retrain-2013-05-06", artifact="/models/another"))
    assert again == first
    assert len(registry.versions("flights")) == 1


def test_people_may_register_as_often_as_they_like(registry):
    registry.register(version())
    registry.register(version())
    assert len(registry.versions("flights")) == 2


def test_a_version_is_found_by_its_cause(registry):
    registry.register(version())
    made = registry.register(version(caused_by="it's a 'decision'"))
    assert registry.by_cause("flights", "it's a 'decision'") == made
    assert registry.by_cause("flights", "another") is None
    assert registry.by_cause("nothing", "another") is None


def test_aliases_move_and_are_part_of_the_version(registry):
    for _ in range(2):
        registry.register(version())
    registry.set_alias("flights", "live", 1)
    registry.set_alias("flights", "candidate", 2)
    assert registry.get("flights", "live").number == 1
    assert registry.get("flights", "candidate").aliases == ("candidate",)
    registry.set_alias("flights", "live", 2)
    assert [known.aliases for known in registry.versions("flights")] == [(), ("live",)]
    registry.set_alias("flights", "live", None)
    assert [known.aliases for known in registry.versions("flights")] == [(), ()]


def test_aliases_given_to_register_are_not_kept(registry):
    assert registry.register(version(aliases=("live",))).aliases == ()


def test_the_rules_of_promotion_hold(registry):
    registry.register(version())
    registry.set_alias("flights", "live", 1)
    with pytest.raises(Refusal, match="live already"):
        registry.set_alias("flights", "candidate", 1)


def test_what_does_not_exist_is_answered_with_what_does(registry):
    with pytest.raises(NotFoundError, match=r"no model 'flights'. Registered: none yet"):
        registry.get("flights", 1)
    with pytest.raises(NotFoundError, match="no model 'flights'"):
        registry.set_alias("flights", "live", 1)
    registry.register(version())
    registry.set_alias("flights", "live", 1)
    with pytest.raises(NotFoundError, match=r"no version or alias 'candidate'. It has: v1 live."):
        registry.get("flights", "candidate")
    with pytest.raises(NotFoundError, match=r"no model 'trains'. Registered: flights"):
        registry.get("trains", 1)
    assert registry.versions("trains") == []


def test_a_version_that_somebody_else_registered_is_passed_over(registry):
    registry.register(version())
    registry._client.create_model_version("flights", source="/elsewhere")
    assert [known.number for known in registry.versions("flights")] == [1]
    assert registry.register(version()).number == 3


def test_an_experiment_is_a_run_with_a_child_for_each_of_the_best_trials(registry):
    logged = registry.log_experiment("flights", experiment(), dataset())
    client = registry._client
    parent = client.get_run(logged.tracking)
    assert parent.info.run_name == "sweep-1"
    assert parent.info.status == "FINISHED"
    assert parent.info.end_time - parent.info.start_time == 9000
    assert parent.data.tags["mlray.error"].startswith("ValueError: inf")
    assert (parent.data.metrics["trials"], parent.data.metrics["failed"]) == (3, 1)
    assert parent.data.metrics["best_auc"] == 0.73
    assert parent.data.metrics["spend"] == 0.12
    assert parent.data.params["max_depth"] == "6"
    assert {child.info.run_name: child.info.status for child in children(registry, logged.tracking)} == {
        "trial 0": "FINISHED",
        "trial 2": "FINISHED",
    }


def children(registry, parent):
    (folder,) = registry._client.search_experiments(filter_string="name = 'flights'")
    return registry._client.search_runs([folder.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'")


def test_a_child_carries_the_whole_curve_and_further_figures(registry):
    best = trial(0, 0.7, curve=((10, 0.6), (50, 0.7)), objectives={"latency": 0.4})
    logged = registry.log_experiment("flights", experiment(trials=(best,), best=best), dataset())
    (child,) = children(registry, logged.tracking)
    curve = registry._client.get_metric_history(child.info.run_id, "auc")
    assert [(point.step, point.value) for point in curve] == [(10, 0.6), (50, 0.7)]
    assert child.data.metrics["latency"] == 0.4


def test_every_trial_stands_in_one_table(registry):
    logged = registry.log_experiment(
        "flights", experiment(ensemble=((2, 0.6), (0, 0.4)), ensemble_score=0.75), dataset()
    )
    run = registry._client.get_run(logged.tracking)
    path = registry._client.download_artifacts(logged.tracking, "trials.csv")
    lines = Path(path).read_text().splitlines()
    assert lines[0] == "trial,trainer,score,state,rounds,seconds,cost,params,error"
    assert lines[1].startswith('0,xgboost,0.7,finished,50,1.5,0,"{""gamma"": 0.0, ""max_depth"": 6}"')
    assert run.data.tags["mlray.ensemble"] == "trial 2: 0.600, trial 0: 0.400"
    assert run.data.metrics["ensemble"] == 0.75


def packs(count, size=16):
    trials = [trial(number, 0.5 + (number * 37 % 997) / 2_000) for number in range(count)]
    return [trials[start : start + size] for start in range(0, count, size)]


def test_a_long_sweep_is_heard_in_few_batches_and_leaves_few_runs_and_models(registry, tmp_path):
    told = packs(320)
    with registry.tracked("flights", "sweep-1", dataset(), "auc") as tracked:
        for pack in told:
            tracked.pack(pack, {one.number: b"model %d" % one.number for one in pack})
    assert tracked.problem is None
    trials = tuple(one for pack in told for one in pack)
    best = max(trials, key=lambda one: one.score)
    logged = registry.log_experiment("flights", experiment(trials=trials, best=best), dataset())
    top = {one.number for one in sorted(trials, key=lambda one: -one.score)[:10]}
    found = children(registry, logged.tracking)
    assert {int(child.info.run_name.removeprefix("trial ")) for child in found} == top
    kept = registry._client.list_artifacts(logged.tracking, "models")
    assert {file.path for file in kept} == {f"models/trial-{number}.bin" for number in top}
    assert all(child.data.tags["mlray.model"].startswith(logged.tracking) for child in found)
    scores = registry._client.get_metric_history(logged.tracking, "auc")
    assert sorted((point.step, point.value) for point in scores) == [(one.number, one.score) for one in trials]


def test_a_sweep_that_was_broken_off_is_taken_up_where_it_was(registry):
    first, second = packs(30, 15)
    with suppress(KeyboardInterrupt), registry.tracked("flights", "sweep-1", dataset(), "auc") as tracked:
        tracked.pack(first, {first[0].number: b"model"})
        raise KeyboardInterrupt
    (folder,) = registry._client.search_experiments(filter_string="name = 'flights'")
    (broken,) = registry._client.search_runs([folder.experiment_id])
    assert broken.info.status == "FAILED"
    with registry.tracked("flights", "sweep-1", dataset(), "auc") as tracked:
        tracked.pack(second, {})
    trials = (*first, *second)
    logged = registry.log_experiment("flights", experiment(trials=trials, best=trials[0]), dataset())
    assert logged.tracking == broken.info.run_id
    scores = registry._client.get_metric_history(logged.tracking, "auc")
    assert sorted(point.step for point in scores) == list(range(30))
    assert registry._client.get_run(logged.tracking).info.status == "FINISHED"


def test_a_sweep_that_had_ended_is_taken_up_without_a_trace(registry):
    trials = tuple(trial(number, 0.5) for number in range(3))
    logged = registry.log_experiment("flights", experiment(trials=trials, best=trials[0]), dataset())
    with registry.tracked("flights", "sweep-1", dataset(), "auc"):
        pass
    again = registry.log_experiment("flights", experiment(trials=trials, best=trials[0]), dataset())
    assert again.tracking == logged.tracking
    assert len(children(registry, logged.tracking)) == 3


def test_a_sweep_does_not_end_because_mlflow_is_away(tmp_path):
    (tmp_path / "mlflow.db").write_text("this is a letter, not a database; " * 99)
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "root")
    with registry.tracked("flights", "sweep-1", dataset(), "auc") as tracked:
        tracked.pack([trial(0)], {})
    assert isinstance(tracked.problem, StoreError)


def test_the_best_score_so_far_is_a_curve(registry):
    trials = tuple(trial(number, score) for number, score in enumerate([None, 0.5, 0.4, 0.45]))
    logged = registry.log_experiment("flights", experiment(metric="log_loss", trials=trials, best=trials[2]), dataset())
    curve = registry._client.get_metric_history(logged.tracking, "best_log_loss")
    assert [(point.step, point.value) for point in curve] == [(1, 0.5), (2, 0.4), (3, 0.4)]


def test_the_run_names_its_dataset(registry):
    logged = registry.log_experiment("flights", experiment(), dataset(4))
    (used,) = registry._client.get_run(logged.tracking).inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.source_type) == ("departures@v4", "mlray")
    assert json.loads(used.dataset.profile) == {"num_rows": 80_789}


def test_an_experiment_is_tracked_once(registry):
    first = registry.log_experiment("flights", experiment(), dataset())
    assert registry.log_experiment("flights", experiment(), dataset()) == first


def test_a_version_points_at_the_run_that_found_it(registry):
    logged = registry.log_experiment("flights", experiment(), dataset())
    registry.register(version())
    found = registry._client.get_model_version("flights", "1")
    assert found.run_id == logged.tracking
    assert found.tags["mlray.dataset"] == "departures@v1"
    assert found.description.startswith("passed 1 gates")


def test_a_project_without_a_sweep_can_register(registry):
    registry.log_experiment("flights", experiment(), dataset())
    registry.register(version(experiment=""))
    registry.register(version(experiment="sweep-unknown"))
    assert registry._client.get_model_version("flights", "1").run_id in ("", None)


def test_a_new_database_writes_ahead_and_leaves_nothing_beside(tmp_path):
    registry = Registry(f"sqlite:///{tmp_path / 'deep' / 'mlflow.db'}", tmp_path / "root")
    assert registry.versions("flights") == []
    assert not list((tmp_path / "deep").glob(".mlflow.db.*"))
    with sqlite3.connect(tmp_path / "deep" / "mlflow.db") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "mlflow.db").write_text("this is a letter, not a database; " * 99)
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "root")
    with pytest.raises(StoreError, match=r"mlflow\.db cannot be used"):
        registry.versions("flights")


def test_a_database_of_another_mlflow_is_told_with_the_command_that_helps(registry, tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    database.close()
    with pytest.raises(StoreError, match=r"out-of-date.*\n?.*mlflow db upgrade sqlite:///"):
        registry.versions("flights")


REGISTER = """
import sys, pathlib
sys.path.insert(0, sys.argv[3])
from test_on_mlflow import Registry, version
root = pathlib.Path(sys.argv[1])
registry = Registry(f"sqlite:///{root / 'mlflow.db'}", root / "root")
for number in range(4):
    registry.register(version(caused_by=f"shared-{number}"))
    registry.register(version(caused_by=f"{sys.argv[2]}-{number}"))
"""


@pytest.mark.slow
def test_two_processes_register_at_once_without_a_word(tmp_path):
    here = Path(__file__).parent
    both = [
        subprocess.Popen(
            [sys.executable, "-c", REGISTER, str(tmp_path), name, str(here)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for name in ("first", "second")
    ]
    said = [process.communicate(timeout=120)[0].decode() for process in both]
    assert said == ["", ""]
    assert [process.returncode for process in both] == [0, 0]
    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "root")
    found = registry.versions("flights")
    assert [known.number for known in found] == list(range(1, 13))
    assert len({known.caused_by for known in found}) == 12


def test_the_versions_themselves_say_where_they_answer(registry):
    for _ in range(2):
        registry.register(version())
    registry.set_alias("flights", "live", 1)
    registry.set_alias("flights", "candidate", 2)
    registry.set_alias("flights", "live", 2)

    def told(number):
        return registry._client.get_model_version("flights", str(number)).tags["mlray.endpoint"]

    assert told(1) == "flights: live no longer"
    assert told(2) == "flights: live"


def test_runs_are_found_by_the_digest_of_what_they_learnt_from(registry):
    made = registry.log_experiment("flights", experiment(), dataset())
    folder = registry._client.get_experiment_by_name("flights").experiment_id
    found = registry._client.search_runs([folder], f"dataset.digest = '{'d' * 36}'")
    assert [run.info.run_id for run in found] == [made.tracking]
    (given,) = found[0].inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.source_type) == ("departures@v1", "mlray")
    assert {tag.key: tag.value for tag in given.tags}["mlray.version"] == "1"
