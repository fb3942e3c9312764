"""What the flows tell of themselves."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from mlray.coordinator.flows import Order, ingest
from mlray.coordinator.lineage import released, tells_of_training
from mlray.coordinator.workspace import Workspace
from mlray.errors import DataError, GateRefusal
from mlray.records import Endpoint
from tests.projects import small_project

UNTIL, NOW = datetime(2024, 1, 20, tzinfo=UTC), datetime(2024, 1, 21, tzinfo=UTC)


@pytest.fixture
def space(tmp_path):
    return Workspace.at(small_project(tmp_path / "orders"))


def events(space):
    file = space.root / "lineage" / "events.ndjson"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def told(space):
    return [(event["job"]["name"], event["eventType"]) for event in events(space)]


def test_an_ingestion_tells_which_files_became_which_version(space):
    version = ingest(space, until=UNTIL, now=NOW)
    assert told(space) == [("orders.ingest", "START"), ("orders.ingest", "COMPLETE")]
    last = events(space)[-1]
    assert last["outputs"][0]["facets"]["version"]["datasetVersion"] == f"v1-{version.digest}"
    assert {one["name"] for one in last["inputs"]} == {
        str(space.spec.folder / fragment.source) for fragment in version.fragments
    }
    assert set(last["outputs"][0]["facets"]["columnLineage"]["fields"]) == set(version.schema)


def test_an_ingestion_that_finds_nothing_new_is_no_event(space):
    ingest(space, UNTIL, NOW)
    before = told(space)
    ingest(space, UNTIL, NOW)
    assert told(space) == before


def test_an_ingestion_that_fails_tells_why(space):
    for file in (space.spec.folder / "data").iterdir():
        file.write_bytes(b"not parquet at all")
    with pytest.raises(DataError):
        ingest(space, UNTIL, NOW)
    assert told(space) == [("orders.ingest", "START"), ("orders.ingest", "FAIL")]
    assert "orders-1.parquet" in events(space)[-1]["run"]["facets"]["errorMessage"]["message"]


def test_a_training_tells_when_it_begins_ends_and_is_registered(space):
    order = Order(ingest(space, UNTIL, NOW), NOW, 1, cause="first")
    version = SimpleNamespace(number=4, artifact_digest="a" * 64)

    @tells_of_training
    def train(_space, _order, *, progress):
        assert told(space)[-1] == ("orders.train", "START")
        assert progress == "heard"
        return SimpleNamespace(version=version, spend=Decimal(0))

    train(space, order=order, progress="heard")
    assert told(space)[2:] == [
        ("orders.train", "START"),
        ("orders.train", "COMPLETE"),
        ("orders.register", "START"),
        ("orders.register", "COMPLETE"),
    ]
    last = events(space)[-1]
    assert last["inputs"][0]["name"] == f"artifacts/{'a' * 16}"
    assert (last["outputs"][0]["name"], last["outputs"][0]["facets"]["version"]["datasetVersion"]) == (
        "models/orders",
        "v4",
    )


def test_a_training_that_fails_tells_why_and_raises_all_the_same(space):
    order = Order(ingest(space, UNTIL, NOW), NOW, 1)

    @tells_of_training
    def train(_space, _order):
        raise GateRefusal("too weak")

    with pytest.raises(GateRefusal):
        train(space, order)
    assert told(space)[-1] == ("orders.train", "FAIL")


def test_a_release_tells_which_models_answer_where(space):
    nothing = Endpoint("orders", "http://127.0.0.1:8000", None)
    live = replace(nothing, live=1, candidate=2, generation=3)
    released(space, nothing, live, NOW)
    assert told(space) == [("orders.deploy", "START"), ("orders.deploy", "COMPLETE")]
    last = events(space)[-1]
    assert [one["facets"]["version"]["datasetVersion"] for one in last["inputs"]] == ["v1", "v2"]
    assert (last["outputs"][0]["namespace"], last["outputs"][0]["name"]) == (
        "http://127.0.0.1:8000",
        "v2/models/orders",
    )
    released(space, live, replace(live, share=0.5, generation=4), NOW)
    assert len(told(space)) == 2
