"""Tables that are ingested and edited by hand: the next ingestion goes on from both."""

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlray.data import Table
from tests.unit.data.test_ingest import HOUR, NOON, Project


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


def test_a_correction_by_hand_survives_the_next_ingestion(project):
    project.source(1, {"weight": 1.0}, {"order": 2, "at": NOON + HOUR, "weight": 2.0})
    one = project.ingest(until=NOON + 2 * HOUR, lookups={}, mappings=[])
    table = Table(project.store, one.table)
    order = project.store.read(one, ["order"])["order"].to_pylist()[0]
    two = table.upsert(pa.table({"order": [order], "weight": [9.0]}), key=["order"])
    assert (two.contract, two.cursor, two.profile) == (one.contract, one.cursor, "")
    project.source(2, {"order": 3, "at": NOON + 3 * HOUR})
    three = project.ingest(until=NOON + timedelta(days=1), lookups={}, mappings=[])
    assert three.parents == (two.digest,)
    weights = dict(zip(*project.store.read(three, ["order", "weight"]).to_pydict().values(), strict=True))
    assert (weights[order], len(weights)) == (9.0, 3)
    assert three.profile
    assert project.store.verify(three)


def test_a_column_added_by_hand_survives_the_next_ingestion(project):
    project.source(1, {}, {"order": 2, "at": NOON + HOUR})
    one = project.ingest(until=NOON + 2 * HOUR, lookups={}, mappings=[])
    table = Table(project.store, one.table)
    two = table.add_column("double", ["order"], lambda rows: pc.multiply(rows["order"], 2))
    two = table.reorder(["double", *one.schema])
    assert (two.contract, two.cursor) == (one.contract, one.cursor)
    project.source(2, {"order": 3, "at": NOON + 3 * HOUR})
    three = project.ingest(until=NOON + timedelta(days=1), lookups={}, mappings=[])
    assert three.parents == (two.digest,)
    assert project.store.read(three).column_names == ["double", *(column.name for column in one.columns)]
    assert project.store.read(three, ["order", "double"]).to_pylist() == [
        {"order": 1, "double": 2},
        {"order": 2, "double": 4},
        {"order": 3, "double": None},
    ]
    assert three.operation == "ingest"
    assert project.store.verify(three)


@pytest.mark.parametrize(
    "edit", [lambda table: table.drop_column("gift"), lambda t: t.rename_column("gift", "present")]
)
def test_an_edit_that_an_ingestion_cannot_keep_is_told_by_its_version(project, edit):
    project.source(1, {})
    table = Table(project.store, project.ingest(until=NOON + HOUR, lookups={}, mappings=[]).table)
    edit(table)
    three = project.ingest(lookups={}, mappings=[])
    assert three.operation == "ingest again"
    assert three.note == "read again from the beginning: edits by hand up to orders@v2 changed the contract's columns"
    assert "gift" in three.schema
