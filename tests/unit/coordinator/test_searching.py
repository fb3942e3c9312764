"""A training that was cut off: whoever does it again goes on with its sweep. In threads, without a Ray."""

import json
import shutil
from dataclasses import replace
from datetime import timedelta

import pytest

from mlray.coordinator.flows import Order, ingest, train
from mlray.coordinator.rows import matrices, split
from mlray.coordinator.searching import problem_of, taken_up
from mlray.coordinator.workspace import Workspace
from mlray.experiments import Journal, Plan, read, resume, sweep_here
from tests.projects import START, small_project

NOW = START + timedelta(days=20)


@pytest.fixture
def space(tmp_path, empty_database):
    space = Workspace.at(small_project(tmp_path / "orders"))
    shutil.copy(empty_database, space.folder() / "mlflow.db")
    yield space
    space.journal.close()


@pytest.fixture
def problem(space):
    return asked(space, ingest(space, NOW, NOW))


def asked(space, dataset):
    parts = split(space, dataset)
    _, x, valid = matrices(space, parts.train, parts.valid)
    return problem_of(space, parts, x, valid)


def plan(space, problem, name):
    return Plan(name, problem.metric, space.spec.model.rounds, 3, question=problem.key)


def left_behind(space, problem, name, *, spent=0.0):
    """Leave the journal of a sweep whose process died; with `spent`, after work that brought no score."""
    journal = Journal.begin(space.folder("sweeps"), plan(space, problem, name))
    journal.asked([0], "a", spent, 1.0)
    journal.close()
    return space.folder("sweeps") / f"{name}.jsonl"


def in_threads(problem, model, wanted, **_):
    return sweep_here(problem, model, wanted, width=1)


def cut_off(problem, model, wanted, **_):
    in_threads(problem, model, replace(wanted, trials=2))
    raise KeyboardInterrupt


def test_a_training_that_was_cut_off_goes_on_with_its_sweep(space, monkeypatch):
    order = Order(ingest(space, NOW, NOW), NOW, trials=3, cause="orders:2024-01-21/retrain")
    monkeypatch.setattr("mlray.experiments.on_ray.sweep_on_ray", cut_off)
    with pytest.raises(KeyboardInterrupt):
        train(space, order)
    (journal,) = space.folder("sweeps").iterdir()
    before = read(journal).trials
    monkeypatch.setattr("mlray.experiments.on_ray.sweep_on_ray", in_threads)
    trained = train(space, order)
    assert list(space.folder("sweeps").iterdir()) == [journal]
    assert trained.experiment.id == trained.version.experiment == journal.stem
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line["n"] for line in lines if "n" in line] == [0, 1, 2]
    assert trained.experiment.trials[:2] == before


def test_the_same_cause_is_always_the_same_sweep_and_the_same_rows(space, problem):
    name, resumed = taken_up(space, "orders:1", problem)
    assert resumed is None
    left = left_behind(space, problem, name)
    assert taken_up(space, "orders:1", problem) == (name, left)
    again = Workspace.at(space.spec.folder)
    assert taken_up(again, "orders:1", asked(again, ingest(space, NOW, NOW))) == (name, left)
    again.journal.close()
    assert taken_up(space, "orders:2", problem)[0] != name
    assert taken_up(space, "", problem)[0] != taken_up(space, "", problem)[0]


@pytest.mark.parametrize("why", ["another question", "damaged", "in use", "no score"])
def test_a_sweep_that_cannot_go_on_is_left_and_another_begun(space, problem, why):
    name, _ = taken_up(space, "orders:1", problem)
    left = left_behind(space, problem, name, spent=3.0 if why == "no score" else 0.0)
    if why == "damaged":
        left.write_bytes(b"torn\n" + left.read_bytes())
    if why == "another question":
        left.write_text(left.read_text().replace(problem.key, "0" * 32))
    holder = resume(left)[0] if why == "in use" else None
    before = left.read_bytes()
    assert taken_up(space, "orders:1", problem) == (f"{name}-2", None)
    second = left_behind(space, problem, f"{name}-2")
    assert taken_up(space, "orders:1", problem) == (f"{name}-2", second)
    assert left.read_bytes() == before
    if holder is not None:
        holder.close()
