"""`mlray profile` and `mlray lineage`, as a person calls them."""

import json
import subprocess
import sys

import pytest

from mlray.records import DataProfile


@pytest.fixture(scope="module")
def ingested(template, tmp_path_factory):
    """The example project with two dataset versions, made once."""
    import shutil

    import mlray

    folder = shutil.copytree(template, tmp_path_factory.mktemp("profiled") / "shop")
    with mlray.open(folder) as project:
        from datetime import UTC, datetime

        project.ingest(datetime(2024, 2, 1, tzinfo=UTC))
        project.ingest()
    return folder


def test_a_profile_says_what_to_look_at_and_writes_the_page(mlray, ingested):
    told = mlray("profile", ingested, "--against", "v1")
    page = ingested / ".mlray" / "profile-rows-v2.html"

    assert told.exit_code == 0, told.output
    assert "rows@v2:" in told.stdout
    assert str(page) in told.stdout
    assert page.read_text().startswith("<!doctype html>")
    assert "compared with rows@v1" in page.read_text()


def test_a_profile_is_json_for_programs(mlray, ingested):
    found = DataProfile.from_json(json.loads(mlray("profile", ingested, "--ref", "rows@v1", "--json").stdout))

    assert found.dataset == "rows@v1"
    assert found.findings


def test_a_version_that_is_not_there_is_an_input_error(mlray, ingested):
    told = mlray("profile", ingested, "--ref", "v7")

    assert told.exit_code == 2
    assert "v7" in told.stderr


def test_lineage_goes_from_a_file_to_the_versions_with_its_rows_and_back(mlray, ingested):
    back = json.loads(mlray("lineage", "rows@v2", ingested, "--json").stdout)
    (source, *_) = [node["name"] for node in back["upstream"] if node["kind"] == "source"]
    told = mlray("lineage", source, ingested)

    assert told.exit_code == 0
    assert told.stdout.startswith(f"source {source}")
    assert "rows@v1" in told.stdout
    assert "nothing" in told.stdout


def test_lineage_shows_the_digest_of_what_was_read_and_finds_a_source_by_pattern_and_digest(mlray, ingested):
    back = json.loads(mlray("lineage", "rows@v2", ingested, "--json").stdout)
    (source, *_) = [node for node in back["upstream"] if node["kind"] == "source"]
    file = ingested / source["name"]
    pattern = f"{file.stem[:3]}*{file.suffix}"

    assert len(source["digest"]) == 32
    assert f"{file.stat().st_size:,} bytes" in source["about"]
    assert {link["digest"] for link in back["links"] if link["start"] == f"source:{source['name']}"} == {
        source["digest"]
    }
    for asked in (pattern, source["digest"][:8]):
        told = mlray("lineage", asked, ingested)
        assert told.stdout.startswith(f"source {source['name']}  {source['digest'][:12]}")
    assert source["digest"][:12] in mlray("lineage", "rows@v2", ingested).stdout


def test_a_page_that_does_not_fit_on_the_disk_says_so(ingested):
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        f"from mlray.cli._app import app; app(['profile', {str(ingested)!r}])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)

    assert ended.returncode == 3, ended.stderr
    assert "cannot be" in ended.stderr
    assert "Free space on the disk" in ended.stderr
    assert "quota" in ended.stderr


def test_lineage_of_what_nobody_knows_names_the_closest(mlray, ingested):
    told = mlray("lineage", "rows@v8", ingested)

    assert told.exit_code == 2
    assert "Did you mean rows@v" in told.stderr
