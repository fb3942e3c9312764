"""A topic through Ray Data's reader: the same rows as without Ray, each once."""

import pytest

from mlray.data._cursor import Cursor
from mlray.data.on_ray import scan_on_ray
from mlray.data.sources.on_ray import messages_on_ray
from tests.unit.data.kafka import Broker
from tests.unit.data.samples import LATER, NOON
from tests.unit.data.test_cursor import Project

pytestmark = pytest.mark.ray


def test_messages_come_through_ray_datas_reader_once(ray_session, tmp_path):
    from mlray.data import ingest

    broker = Broker()
    project = Project(tmp_path, source=broker.spec)
    broker.send({}, {"order": 2}, b"not JSON")
    broker.send({"order": 3}, partition=1)
    read = messages_on_ray(broker.spec, {0: (1, 3), 1: (0, 1)}, 60)
    assert [table["offset"].to_pylist() for table in read.values()] == [[1, 2], [0]]

    def take():
        return ingest(
            project.data, tmp_path, project.store, until=LATER, now=NOON, run=scan_on_ray, progress=lambda *_: None
        )

    one = take()
    broker.send({"order": 4})
    two = take()
    assert (project.orders(one), project.orders(two)) == ([1, 2, 3], [1, 2, 3, 4])
    assert {partition: offset for partition, offset in Cursor.read(two.cursor).offsets.items() if offset} == {
        "0": 4,
        "1": 1,
    }
    assert two.quality.rejected == 1
    assert take() == two
