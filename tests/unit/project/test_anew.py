from pathlib import Path

import pytest

from mlray.errors import Refusal
from mlray.project._anew import move_aside, refuse_pointless
from mlray.project._project import open_project
from tests.projects import small_project


@pytest.fixture
def used(tmp_path):
    return fill(tmp_path)


def fill(root):
    for name in ("journal.db", "journal.db-wal", "mlflow.db", "run.lock", "coordinator.lock"):
        (root / name).write_text(name)
    (root / "store").mkdir()
    (root / "store" / "manifest").write_text("v1")
    return root


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_run_left_is_moved_aside_and_locks_stay(used):
    assert move_aside(used) == used / "run-1"
    assert names(used) == ["coordinator.lock", "run-1", "run.lock"]
    assert names(used / "run-1") == ["journal.db", "journal.db-wal", "mlflow.db", "store"]


def test_twice_gives_two_folders_and_once_more_none(used):
    move_aside(used)
    assert move_aside(fill(used)) == used / "run-2"
    assert move_aside(used) is None


@pytest.mark.parametrize("moves", range(4))
def test_a_move_that_was_cut_off_is_ended_by_the_next(used, monkeypatch, moves):
    rename, done = Path.rename, []

    def cut_off(path: Path, to: Path) -> Path:
        if len(done) == moves:
            raise KeyboardInterrupt
        done.append(path.name)
        return rename(path, to)

    with monkeypatch.context() as cut:
        cut.setattr(Path, "rename", cut_off)
        with pytest.raises(KeyboardInterrupt):
            move_aside(used)
    assert "journal.db" not in done

    assert move_aside(used) == used / "run-1"
    assert names(used / "run-1") == ["journal.db", "journal.db-wal", "mlflow.db", "store"]


def test_an_interrupted_move_never_overwrites_what_was_made_since(used):
    (used / "run-1").mkdir()
    (used / "run-1" / "mlflow.db").write_text("older")

    assert move_aside(used) == used / "run-2"
    assert (used / "run-1" / "mlflow.db").read_text() == "older"


def test_an_empty_workspace_has_nothing_to_move(tmp_path):
    (tmp_path / "run.lock").touch()
    assert move_aside(tmp_path) is None


def test_a_run_does_not_begin_on_versions_that_others_keep(tmp_path):
    folder = small_project(tmp_path / "p")
    file = folder / "mlray.yaml"
    file.write_text(f"{file.read_text(encoding='utf-8')}workspace: {{store: ../shared}}\n", encoding="utf-8")
    with open_project(folder) as project:
        refuse_pointless(project.space)
        made = project.ingest()
        assert (tmp_path / "shared" / "tables" / "orders").is_dir()
        with pytest.raises(Refusal, match=f"workspace.store names has {made.name} already"):
            refuse_pointless(project.space)
