"""A source that went away takes nothing with it that was kept of it."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

import mlray as ml
from mlray.errors import SpecError


@pytest.fixture(scope="module")
def left(template, tmp_path_factory):
    """The example project with two versions, and without the folder of its source."""
    folder = Path(shutil.copytree(template, tmp_path_factory.mktemp("left") / "shop"))
    with ml.open(folder) as project:
        project.ingest(datetime(2024, 2, 1, tzinfo=UTC))
        project.ingest()
    (folder / "data").rename(folder / "data_")
    return folder


@pytest.fixture
def away(left, tmp_path):
    return Path(shutil.copytree(left, tmp_path / "shop"))


@pytest.mark.parametrize(
    "line",
    [
        "data log",
        "data diff v1",
        "data tag prod v1",
        "data branch try v1",
        "data checkout v1 OUT",
        "data rollback v1",
        "data aside",
        "data replay",
        "data verify",
        "data du",
        "data gc",
        "data squash v1",
        "data recover v1",
        "data compact",
        "contract show",
        "contract lint",
        "contract list",
        "contract push",
        "contract pull rows OUT/rows.yaml",
        "contract diff rows@v1",
    ],
)
def test_versions_and_contracts_are_there_without_the_source(mlray, away, tmp_path, line):
    words = [word.replace("OUT", str(tmp_path / "out")) for word in line.split()]

    told = mlray(*words, "--project", away)

    assert told.exit_code == 0, told.output


@pytest.mark.parametrize(
    "line", ["journal", "cost", "status", "stop", "feasibility", "profile", "lineage rows@v2", "sweep list"]
)
def test_a_project_is_looked_at_without_its_source(mlray, away, line):
    told = mlray(*line.split(), away)

    assert told.exit_code == 0, told.output


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("watch --at someday", "'someday' is not a date"),
        ("deploy", "no model yet"),
        ("promote 1", "no model yet"),
        ("rollback", "no earlier live version"),
        ("sweep resume nope", "There is no sweep in"),
    ],
)
def test_what_is_refused_is_not_refused_for_the_source(mlray, away, line, problem):
    verb, *rest = line.split()
    told = mlray(verb, *(rest if verb in ("promote", "sweep") else ()), away, *(rest if verb == "watch" else ()))

    assert told.exit_code != 0
    assert problem in told.stderr
    assert "no file matches" not in told.stderr


@pytest.mark.parametrize("verb", ["check", "ingest", "run", "train"])
def test_who_reads_the_source_is_told_with_its_line(mlray, away, verb):
    told = mlray(verb, away)

    assert told.exit_code == 2
    assert f"{away}/mlray.yaml:" in told.stderr
    assert "data.source: no file matches 'data/orders.csv'; there is no folder 'data'" in told.stderr


def test_in_python_only_reading_is_refused(away):
    with ml.open(away) as project:
        assert project.dataset().name == "rows@v2"
        rows = project.rows("v1").to_arrow().slice(0, 3)
        with pytest.raises(SpecError, match=r"no file matches 'data/orders\.csv'") as refused:
            project.ingest()
        with pytest.raises(SpecError, match="no file matches"):
            project.run()
        assert project.ingest(rows=rows).number >= 2
    assert "mlray check" in refused.value.remedy
    with pytest.raises(SpecError, match=r"mlray.yaml:\d+: data.source: no file matches"):
        ml.open(away, sources=True)


def test_whom_a_change_breaks_is_told_of_projects_without_their_source(mlray, away, tmp_path):
    old = tmp_path / "old.yaml"
    text = mlray("contract", "show", away).stdout
    old.write_text(text.replace("name: items", "name: item_count"), encoding="utf-8")

    told = mlray("contract", "diff", old, away, "--within", tmp_path, "--json")

    assert json.loads(told.stdout)["projects"] == {str(away): ["column 'items' is new"]}
