"""Tables that are ingested and edited by hand: the next ingestion goes on from both."""

from datetime import timedelta

import pyarrow as pa
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
