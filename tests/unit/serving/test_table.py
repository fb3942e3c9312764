import json

import pytest

from mlray.errors import RequestError, UnavailableError
from mlray.records import Endpoint, Stage
from mlray.serving.table import EndpointTable, Loaded
from tests.contract.endpoint_sample import Flights, load


def table(folder, loader=load):
    return EndpointTable("flights", loader, folder / "deep" / "table.json")


def wanted(generation=1, **changed):
    return Endpoint(**{"name": "flights", "url": "", "live": 1, "generation": generation, **changed})


class Counting:
    """A loader that remembers what it was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, version):
        self.asked.append(version)
        return load(version)


def test_a_new_table_is_empty_and_opening_it_changes_nothing(tmp_path):
    empty = table(tmp_path).open()
    assert (empty.live, empty.candidate, empty.endpoint.generation) == (None, None, 0)


def test_a_change_is_kept_in_the_file_and_read_again(tmp_path):
    table(tmp_path).change(wanted(candidate=2, stage=Stage.SHADOW))
    again = table(tmp_path).open()
    assert (again.live.number, again.candidate.number, again.endpoint.versions) == (1, 2, (1, 2))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["table.json"]


def test_versions_that_left_the_table_are_kept_so_that_a_rollback_loads_nothing(tmp_path):
    loader = Counting()
    endpoints = table(tmp_path, loader)
    for generation, live in enumerate((1, 2, 1, 2), start=1):
        endpoints.change(wanted(generation, live=live))
    assert loader.asked == [1, 2]


def test_only_the_latest_three_are_kept(tmp_path):
    versions = dict.fromkeys(range(1, 7), Flights())
    endpoints = table(tmp_path, versions.__getitem__)
    for number in versions:
        endpoints.change(wanted(number, live=number))
    loader = Counting()
    endpoints._load = loader
    endpoints.change(wanted(7, live=5))
    assert loader.asked == []
    endpoints.change(wanted(8, live=2))
    assert loader.asked == [2]


def test_a_damaged_file_is_unavailable_and_names_itself(tmp_path):
    file = tmp_path / "deep" / "table.json"
    file.parent.mkdir()
    for content in ("{oops", "[]", '{"live": 1}'):
        file.write_text(content)
        with pytest.raises(UnavailableError, match=r"table\.json"):
            table(tmp_path).open()


def test_a_live_version_that_is_gone_stops_the_start(tmp_path):
    table(tmp_path).change(wanted())
    with pytest.raises(RequestError, match="model"):
        EndpointTable("flights", broken, tmp_path / "deep" / "table.json").open()


def broken(version):
    raise OSError(f"model {version} is damaged")


def test_a_candidate_that_is_gone_is_left_out(tmp_path):
    table(tmp_path).change(wanted(candidate=2, stage=Stage.CANARY, share=0.5))
    only_first = EndpointTable("flights", lambda n: load(n) if n == 1 else broken(n), tmp_path / "deep" / "table.json")
    snapshot = only_first.open()
    assert (snapshot.live.number, snapshot.candidate) == (1, None)


def test_a_file_that_cannot_be_written_changes_nothing(tmp_path):
    (tmp_path / "deep").write_text("in the way")
    endpoints = table(tmp_path)
    with pytest.raises(UnavailableError, match="cannot be written"):
        endpoints.change(wanted())
    assert endpoints.current.live is None


def test_a_version_must_answer_its_own_example_before_it_is_served(tmp_path):
    class Fails(Flights):
        def predict(self, rows):
            raise RuntimeError("no such feature")

    endpoints = table(tmp_path, lambda version: Fails())
    with pytest.raises(RequestError, match="RuntimeError: no such feature"):
        endpoints.change(wanted())


def test_an_example_may_be_a_request_or_columns_or_missing(tmp_path):
    columns = Flights().describe()["example"]
    as_request = Loaded(1, Flights(), Flights().describe()).example
    assert [tensor["data"] for tensor in as_request["inputs"]] == list(columns.values())
    assert Loaded(1, Flights(), {"example": as_request}).example == as_request
    assert Loaded(1, Flights(), {}).example == {}

    class Silent(Flights):
        def describe(self):
            return {}

    assert table(tmp_path, lambda version: Silent()).change(wanted()).live.outputs == ()


def test_another_replicas_change_is_followed_once(tmp_path):
    writer, reader = table(tmp_path), table(tmp_path)
    assert reader.follow().live is None
    writer.change(wanted())
    assert reader.follow().live.number == 1
    assert reader.follow().endpoint.generation == 1
    file = tmp_path / "deep" / "table.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps({**told, "live": 2, "generation": 0}))
    assert reader.follow().live.number == 1, "an older generation was taken over"


def test_a_newer_table_that_cannot_be_loaded_leaves_the_old_one(tmp_path):
    writer = table(tmp_path)
    writer.change(wanted())
    reader = EndpointTable("flights", lambda n: load(n) if n == 1 else broken(n), tmp_path / "deep" / "table.json")
    reader.open()
    writer.change(wanted(2, live=2))
    with pytest.raises(RequestError):
        reader.follow()
    assert reader.follow().live.number == 1
