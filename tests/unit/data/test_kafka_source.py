"""A topic as a source, on the mock broker that comes with librdkafka: real connections, no server to install."""

import json

import pytest

from mlray.data import on_kafka
from mlray.data._cursor import Cursor
from mlray.data._land_kafka import _table
from mlray.data.on_kafka import ends, mark, messages
from mlray.data.sources import probe
from mlray.errors import DataError, UnavailableError
from mlray.spec import SourceSpec
from tests.unit.data.kafka import TOPIC, Broker
from tests.unit.data.samples import NOON
from tests.unit.data.test_cursor import HOUR, Project


@pytest.fixture
def broker():
    return Broker()


@pytest.fixture
def project(broker, tmp_path):
    return Project(tmp_path, source=broker.spec)


def test_partitions_have_ends_and_messages_between_offsets(broker):
    broker.send({}, {"order": 2}, {"order": 3})
    broker.send({"order": 4}, partition=1)
    assert {partition: end for partition, end in ends(broker.spec).items() if end[1]} == {0: (0, 3), 1: (0, 1)}
    found = [json.loads(value)["order"] for some in messages(broker.spec, 0, 1, 3) for value in some]
    assert found == [2, 3]
    assert mark(broker.spec).startswith("0: 3, 1: 1, ")


def test_each_message_is_read_once_and_its_offset_committed_with_it(broker, project):
    broker.send({}, {"order": 2}, {"order": 0})
    one = project.ingest()
    assert Cursor.read(one.cursor).offsets["0"] == 3
    broker.send({"order": 3, "at": NOON - HOUR}, {"order": 2})
    broker.send({"order": 4}, partition=1)
    two = project.ingest()
    assert (project.orders(one), project.orders(two)) == ([1, 2], [1, 2, 3, 4])
    assert two.quality.set_aside == {"order below 1": 1}
    assert project.ingest() == two
    spoken = str(broker.spec)
    assert [fragment.source for fragment in two.fragments] == [f"{spoken}/0@0", f"{spoken}/0@3", f"{spoken}/1@0"]


def test_a_message_that_is_none_is_set_aside_with_what_it_says(broker, project):
    broker.send({}, b"not JSON at all", b"[1, 2]", b"", {"order": 2})
    version = project.ingest()
    assert project.orders(version) == [1, 2]
    assert sum(version.quality.set_aside.values()) == 3
    aside = project.store.get(version.quality.quarantine).to_pylist()
    assert [one["position"] for one in aside] == [1, 2, 3]
    assert "not JSON at all" in aside[0]["row"]


def test_fields_of_several_types_are_the_contract_s_to_judge():
    table = _table([b'{"at": "2024-01-01", "x": 1}', b'{"x": "one"}', b'{"x": {"a": 1}, "y": true}'], "at")
    assert table.to_pylist() == [
        {"at": "2024-01-01", "x": "1", "y": None},
        {"at": None, "x": "one", "y": None},
        {"at": None, "x": '{"a": 1}', "y": "true"},
    ]


def test_a_probe_sees_new_messages_and_reads_none(broker, project):
    broker.send({})
    one = probe(project.data, project.folder)
    assert one.token == probe(project.data, project.folder).token
    broker.send({"order": 2})
    assert probe(project.data, project.folder).token != one.token


def test_a_topic_that_was_made_anew_is_told(broker, project):
    broker.send({}, {"order": 2})
    project.ingest()
    with pytest.raises(DataError, match=r"ends at offset 0 in partition 0, before 2 that was read"):
        project.ingest(source=_fresh())


def _fresh():
    other = Broker()
    other.send({}, partition=1)
    _fresh.kept = other  # its broker goes away with it
    return other.spec


def test_messages_that_were_dropped_before_they_were_read_are_noted(broker, project, monkeypatch):
    broker.send(*({"order": number} for number in range(1, 6)))
    real = on_kafka.ends
    monkeypatch.setattr("mlray.data._land_kafka.ends", lambda spec: {0: (0, 2)})
    project.ingest()
    monkeypatch.setattr("mlray.data._land_kafka.ends", lambda spec: real(spec) | {0: (4, 5)})
    version = project.ingest()
    assert project.orders(version) == [1, 2, 5]
    assert version.note == "partition 0 lost 2 messages before they were read"


def test_what_is_not_there_is_told(broker):
    with pytest.raises(DataError, match="has no such topic"):
        ends(broker.spec.model_copy(update={"topic": "nowhere"}))


def test_a_broker_that_is_silent_is_unavailable(monkeypatch):
    monkeypatch.setattr(on_kafka, "PATIENCE", 0.5)
    nowhere = SourceSpec(kafka="127.0.0.1:1", topic=TOPIC)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1#orders does not answer"):
        ends(nowhere)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1#orders (does not answer|is silent)"):
        list(messages(nowhere, 0, 0, 5))
