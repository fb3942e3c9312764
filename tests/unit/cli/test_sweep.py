"""Sweeps from the command line, as far as journals go: no Ray is started."""

import json

import numpy as np
import pytest

import mlray as library
from mlray.experiments import Journal, Plan, Recipe, stop_asked
from mlray.spec import Model, Range


@pytest.fixture(scope="module")
def journals(tmp_path_factory):
    """A folder with one sweep that ended."""
    folder = tmp_path_factory.mktemp("journals") / "sweeps"
    chance = np.random.default_rng(0)
    x = chance.normal(size=(200, 3)).astype(np.float32)
    library.sweep(
        (x, (x[:, 0] > 0).astype(int)),
        {"max_depth": (2, 4), "gamma": (0.0, 1.0)},
        trials=4,
        rounds=6,
        search="random",
        ensemble=False,
        folder=folder,
    )
    return folder


@pytest.fixture
def name(journals):
    (path,) = journals.glob("*.jsonl")
    return path.stem


def test_sweeps_are_listed(mlray, journals, name):
    shown = mlray("sweep", "list", "--folder", journals)
    assert shown.exit_code == 0, shown.output
    assert name in shown.stdout
    assert "4/4" in shown.stdout

    (sight,) = json.loads(mlray("sweep", "list", "--folder", journals, "--json").stdout)
    assert (sight["id"], sight["state"], sight["done"], sight["failed"]) == (name, "ended", 4, 0)
    assert sight["trainer"] == "xgboost"


def test_a_folder_without_sweeps_says_how_to_begin_one(mlray, tmp_path):
    assert "`mlray sweep run` begins one" in mlray("sweep", "list", "--folder", tmp_path).stdout
    assert json.loads(mlray("sweep", "list", "--folder", tmp_path, "--json").stdout) == []


def test_a_sweep_is_shown_with_its_best_trials_first(mlray, journals, name):
    shown = mlray("sweep", "show", name, "--folder", journals)
    assert shown.exit_code == 0, shown.output
    assert "4 of 4 configurations" in shown.stdout
    assert "max_depth" in shown.stdout

    told = json.loads(mlray("sweep", "show", "--folder", journals, "--json").stdout)
    scores = [trial["score"] for trial in told["best"]]
    assert scores == sorted(scores, reverse=True)
    assert told["sweep"]["best"] == scores[0]
    assert told["errors"] == {}


def test_the_end_of_a_name_is_enough(mlray, journals, name):
    assert mlray("sweep", "show", name[-6:], "--folder", journals).exit_code == 0


def test_following_a_sweep_that_has_ended_ends_at_once(mlray, journals):
    shown = mlray("sweep", "show", "--follow", "--folder", journals)

    assert shown.exit_code == 0
    assert "ended: 4 of 4 configurations" in shown.stderr


def test_a_sweep_is_asked_for_again(mlray, journals, name):
    shown = mlray("sweep", "replay", name, "--folder", journals)
    assert shown.exit_code == 0, shown.output
    assert "all 4 configurations are asked for again, in the same order." in shown.stdout

    told = json.loads(mlray("sweep", "replay", "--folder", journals, "--json").stdout)
    assert told == {"sweep": name, "asked": 4, "same": True, "difference": None}


def test_a_journal_whose_search_asks_for_something_else_is_told(mlray, journals, name, tmp_path):
    text = (journals / f"{name}.jsonl").read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    lines[0] = lines[0].replace('"seed":0,"higher"', '"seed":1,"higher"')
    assert lines[0] not in text
    (tmp_path / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")

    shown = mlray("sweep", "replay", "--folder", tmp_path)
    assert shown.exit_code == 2
    assert "is not asked for again: Trial" in shown.stderr
    assert mlray("sweep", "replay", "--folder", tmp_path, "--json").exit_code == 2


def test_only_a_running_sweep_is_told_to_stop(mlray, journals, name, tmp_path):
    assert "has ended already" in mlray("sweep", "stop", name, "--folder", journals).stdout
    assert not stop_asked(journals / f"{name}.jsonl")

    recipe = Recipe(Model(trainers={"f": {"x": Range(low=0.0, high=1.0)}}).model_dump(mode="json"), 0, higher=True)
    journal = Journal.begin(tmp_path, Plan("sweep-9", "auc", 10, 5), recipe.to_json())
    try:
        assert json.loads(mlray("sweep", "list", "--folder", tmp_path, "--json").stdout)[0]["state"] == "running"
        shown = mlray("sweep", "stop", "--folder", tmp_path)
        assert "sweep-9 ends at the next look of its lanes." in shown.stdout
        assert stop_asked(tmp_path / "sweep-9.jsonl")
        assert json.loads(mlray("sweep", "stop", "--folder", tmp_path, "--json").stdout)["stopping"] is True
    finally:
        journal.close()


@pytest.mark.parametrize("verb", ["show", "stop", "replay"])
def test_a_sweep_that_is_not_there_is_told_with_the_closest(mlray, journals, name, verb):
    missed = mlray("sweep", verb, f"{name[:-1]}x", "--folder", journals)

    assert missed.exit_code == 2
    assert f"Did you mean '{name}'?" in missed.stderr


def test_a_folder_that_is_not_there_is_told(mlray, tmp_path):
    missed = mlray("sweep", "list", "--folder", tmp_path / "gone")

    assert missed.exit_code == 2
    assert "There is no folder" in missed.stderr


def test_a_project_without_sweeps_lists_none_and_resumes_none(mlray, shop):
    assert "`mlray sweep run` begins one" in mlray("sweep", "list", shop).stdout
    assert mlray("sweep", "resume", "sweep-1", shop).exit_code == 2


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        (("--time", "soon"), "'soon' is not a duration"),
        (("--time", "0 seconds"), "nothing can be tried in no time"),
        (("--budget", "2 EUR"), "not an amount of money"),
        (("--budget", "0"), "not an amount of money"),
        (("--trials", "0"), "greater than or equal to 1"),
    ],
)
def test_limits_that_cannot_be_are_told_before_anything_starts(mlray, shop, option, problem):
    wrong = mlray("sweep", "run", shop, *option)

    assert wrong.exit_code == 2
    assert problem in wrong.stderr
