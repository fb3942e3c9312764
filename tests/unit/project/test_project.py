import subprocess
import sys
from datetime import UTC, datetime

import pytest

import mlray
from mlray.clock import ManualClock
from mlray.errors import InputError, NotFoundError, OverBudget, Refusal, SpecError, UnavailableError
from tests.projects import small_project

NOW = datetime(2024, 1, 21, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    return small_project(tmp_path / "orders")


@pytest.fixture
def project(folder):
    with mlray.open(folder, clock=ManualClock(NOW)) as opened:
        yield opened


def changed(folder, old, new):
    file = folder / "mlray.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return mlray.open(folder)


@pytest.mark.parametrize("call", ["ingest", "decide", "run"])
def test_a_moment_without_a_time_zone_is_refused_at_once(project, call):
    naive = {"ingest": {"until": datetime(2024, 1, 20)}, "decide": {"now": datetime(2024, 1, 20)}}  # noqa: DTZ001
    with pytest.raises(InputError, match="without a time zone") as raised:
        getattr(project, call)(**naive.get(call, {"until": datetime(2024, 1, 20)}))  # noqa: DTZ001
    assert "datetime(2024, 1, 20, tzinfo=UTC)" in raised.value.remedy
    assert not project.space.root.exists()


def test_a_run_without_a_live_part_is_refused_before_anything_is_touched(folder):
    project = changed(folder, "live: {", "#")
    with pytest.raises(SpecError, match="no section `live`"):
        project.run()
    assert not project.space.root.exists()


def test_a_run_in_which_nothing_could_go_live_is_refused_at_once(folder):
    project = changed(folder, "project: orders", "project: orders\nmode: suggest")
    with pytest.raises(Refusal, match="suggest"):
        project.run()
    assert not project.space.root.exists()


def test_a_run_does_not_mix_with_what_a_shared_journal_holds(folder, tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    project = changed(folder, "project: orders", f"project: orders\nworkspace: {{journal: '{url}'}}")
    project.space.journal.append("note", "somebody", {}, at=NOW)
    with project, pytest.raises(Refusal, match="1 entries"):
        project.run()


def test_two_runs_of_one_project_do_not_meet(project):
    lock = project.space.folder() / "run.lock"
    code = (
        "import sys; from pathlib import Path; from mlray.coordinator.locks import hold;"
        "hold(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        before = project.ingest()
        with pytest.raises(UnavailableError, match=r"run\.lock"):
            project.run()
        assert project.dataset() == before
        other.kill()
    assert project._clock.now() == NOW


def test_beginning_anew_forgets_all_that_was_read_before(project):
    project.feasibility()
    journal, store = project.space.journal, project.space.store
    project.begin_anew()
    assert project.space.journal is not journal
    assert project.space.store is not store
    assert project.journal() == []
    assert (project.space.root / "run-1" / "journal.db").exists()
    assert project.feasibility().sentence
    assert [entry.kind for entry in project.journal()] == ["dataset", "feasibility"]


def test_a_closed_project_opens_its_journal_again_when_asked(project):
    project.ingest()
    project.close()
    assert [entry.kind for entry in project.journal()] == ["dataset"]


def test_a_project_is_known_by_its_file_where_that_was_named(folder):
    other = folder / "other.yaml"
    other.write_text((folder / "mlray.yaml").read_text().replace("project: orders", "project: other"))
    with mlray.open(other) as project:
        assert (project.folder, project.spec.project) == (str(other), "other")
        assert repr(project) == f"mlray.open('{other}')"
    with mlray.open(folder) as project:
        assert project.folder == str(folder)


def test_a_training_that_cannot_be_paid_is_not_started(tmp_path):
    with mlray.open(small_project(tmp_path / "poor", limit=1), clock=ManualClock(NOW)) as project:
        with pytest.raises(OverBudget, match="training was not started"):
            project.train()
        assert project.journal() == []


def test_a_training_that_fails_gives_its_money_back(folder, monkeypatch):
    with mlray.open(folder, clock=ManualClock(NOW)) as project:

        def refuse(**_: object) -> None:
            raise UnavailableError("no Ray answers.")

        monkeypatch.setattr(project, "connect", refuse)
        with pytest.raises(UnavailableError):
            project.train()
        assert [entry.kind for entry in project.journal()] == ["promise", "release"]
        assert project.cost(NOW)["budget"]["promised"] == "0"


def test_without_a_model_there_is_nothing_to_deploy_or_go_back_to(project):
    with pytest.raises(NotFoundError, match="no model yet"):
        project.deploy()
    with pytest.raises(Refusal, match="no earlier live version"):
        project.rollback()


def test_stopping_where_nothing_runs_starts_nothing(project):
    assert project.stop() is False
    assert project._connection is None or not project._connection.ours  # another test's Ray may run in this process


def test_rows_at_hand_join_the_next_version(project):
    before = project.ingest()
    rows = project.space.store.read(before).slice(0, 3).to_pandas()
    after = project.ingest(rows=rows)
    assert (after.rows, after.parents) == (before.rows + 3, (before.digest,))
