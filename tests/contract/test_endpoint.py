"""The endpoint over real HTTP, as clients meet it: one suite over the running application."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlray.monitoring import read_window
from mlray.records import Endpoint, Stage
from mlray.serving import App
from mlray.serving.on_uvicorn import run
from tests.contract.endpoint_sample import COLUMNS, build, request

INFER = "/v2/models/flights/infer"
ENDPOINT = "/v2/models/flights/endpoint"
DAY = (datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 2, tzinfo=UTC))


class Endpoints:
    """A running application with clients for it."""

    def __init__(self, app: App, url: str, folder: Path) -> None:
        self.app, self.url, self.folder = app, url, folder
        self.http = self.client("all")

    def client(self, key: str | None) -> httpx.Client:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def put(self, **changed: Any) -> httpx.Response:
        now = Endpoint.from_json(self.http.get(ENDPOINT).json())
        wanted = replace(now, generation=now.generation + 1, **changed)
        return self.http.put(ENDPOINT, json=wanted.to_json())

    def infer(self, body: object, path: str = INFER, **headers: str) -> httpx.Response:
        return self.http.post(path, json=body, headers=headers)

    def rows(self) -> list[dict[str, Any]]:
        assert self.http.post("/v2/models/flights/flush").json() == {"flushed": True}
        rows: list[dict[str, Any]] = read_window(self.folder / "log", *DAY).everything.to_pylist()
        return rows


def running(folder: Path, **limits: float) -> Iterator[Endpoints]:
    app = build(str(folder), **limits)
    app.start()
    with run(app) as server:
        endpoints = Endpoints(app, server.url, folder)
        endpoints.put(live=1)
        yield endpoints
        endpoints.http.close()
    app.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """Version 1 live, for tests that change nothing."""
    yield from running(tmp_path_factory.mktemp("endpoint"), max_rows=50, max_body=1_000_000)


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoints]:
    yield from running(tmp_path)


def tensor(
    name: str = "distance", datatype: str = "FP64", shape: object = (1,), data: object = (1.0,)
) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def with_distance(**changed: Any) -> dict[str, Any]:
    """A request of one row whose distance tensor is changed."""
    body: dict[str, Any] = request(1)  # type: ignore[assignment]
    return {"inputs": [*body["inputs"][:2], {**tensor(), **changed}]}


class TestAnswers:
    def test_a_request_gets_a_probability_and_the_target_per_row(self, shared: Endpoints) -> None:
        answer = shared.infer(request(2, "my-request", distance=[1000.0, 2000.0]))
        assert answer.status_code == 200
        told = answer.json()
        assert told["model_name"] == "flights"
        assert told["model_version"] == "1"
        assert told["id"] == "my-request"
        probability, late = told["outputs"]
        assert (probability["name"], probability["datatype"], probability["shape"]) == ("probability", "FP64", [2])
        assert probability["data"] == pytest.approx([0.5, 0.8808], abs=1e-4)
        assert (late["name"], late["datatype"], late["data"]) == ("late", "BOOL", [True, True])

    def test_the_headers_say_which_version_answered_and_on_which_route(self, shared: Endpoints) -> None:
        headers = shared.infer(request(1, "abc")).headers
        assert (headers["x-request-id"], headers["x-model-version"], headers["x-route"]) == ("abc", "1", "live")

    def test_a_request_without_an_id_takes_the_header_or_gets_a_fresh_one(self, shared: Endpoints) -> None:
        assert shared.infer(request(1), **{"x-request-id": "from-header"}).json()["id"] == "from-header"
        first, second = (shared.infer(request(1), **{"x-request-id": "not valid!"}).json()["id"] for _ in range(2))
        assert first.startswith("r-")
        assert first != second

    def test_a_version_has_an_address_of_its_own(self, endpoint: Endpoints) -> None:
        endpoint.put(versions=(1, 2))
        answer = endpoint.infer(request(1, distance=[1200.0]), "/v2/models/flights/versions/2/infer")
        assert answer.json()["outputs"][0]["data"] == [0.5]
        assert answer.headers["x-route"] == "pinned"

    def test_only_the_outputs_asked_for_are_sent(self, shared: Endpoints) -> None:
        body = {**request(1), "outputs": [{"name": "late"}]}
        assert [output["name"] for output in shared.infer(body).json()["outputs"]] == ["late"]

    def test_nested_data_and_column_vectors_are_flattened(self, shared: Endpoints) -> None:
        nested = with_distance(shape=[1, 1], data=[[1000.0]])
        assert shared.infer(nested).json()["outputs"][0]["data"] == [0.5]

    def test_whole_numbers_and_nulls_are_values_too(self, shared: Endpoints) -> None:
        whole = with_distance(datatype="INT32", data=[1000])
        assert shared.infer(whole).json()["outputs"][0]["data"] == [0.5]
        assert shared.infer(with_distance(data=[None])).json()["outputs"][0]["data"] == [0.5]

    def test_many_rows_are_answered_off_the_event_loop_alike(self, endpoint: Endpoints) -> None:
        few, many = (endpoint.infer(request(rows)).json()["outputs"][0]["data"] for rows in (50, 2_000))
        assert many[:50] == few

    def test_a_client_that_would_like_http2_is_answered_in_http1(self, shared: Endpoints) -> None:
        body = json.dumps(request(1)).encode()
        head = (
            f"POST {INFER} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer all\r\nContent-Length: {len(body)}\r\n"
            "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
            "Upgrade: h2c\r\nContent-Type: application/json\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", int(shared.url.rpartition(":")[2]))) as raw:
            for part in (head.encode(), body):
                raw.sendall(part)
            assert raw.recv(4096).startswith(b"HTTP/1.1 200")

    def test_the_order_of_the_columns_does_not_matter(self, shared: Endpoints) -> None:
        body: dict[str, Any] = request(3)  # type: ignore[assignment]
        turned = {"inputs": list(reversed(body["inputs"]))}
        assert shared.infer(turned).json()["outputs"] == shared.infer(body).json()["outputs"]


BAD = {
    "not JSON": (b"{oops", 400, None, None),
    "not UTF-8": (b'{"inputs": "\xff"}', 400, None, None),
    "nothing": (b"", 400, None, None),
    "nested without end": (b"[" * 40_000, 400, None, None),
    "a number of 5,000 digits": (b'{"inputs": ' + b"1" * 5_000 + b"}", 400, None, None),
    "a list": ([], 422, None, None),
    "no inputs": ({}, 422, None, None),
    "inputs is text": ({"inputs": "abc"}, 422, None, None),
    "an input is a number": ({"inputs": [1]}, 422, None, None),
    "an input without a name": ({"inputs": [{"shape": [1]}]}, 422, None, None),
    "a column too few": ({"inputs": request(1)["inputs"][:2]}, 422, "distance", None),  # type: ignore[index]
    "a column too many": ({"inputs": [*request(1)["inputs"], tensor("speed")]}, 422, "speed", None),  # type: ignore[misc]
    "a column twice": ({"inputs": [*request(1)["inputs"], tensor()]}, 422, "distance", None),  # type: ignore[misc]
    "a word for a number": (with_distance(data=["far"]), 422, "distance", 0),
    "a number in quotes": (with_distance(data=["1.5"]), 422, "distance", 0),
    "a boolean for a number": (with_distance(data=[True]), 422, "distance", 0),
    "an object for a number": (with_distance(data=[{}]), 422, "distance", 0),
    "words declared as words": (with_distance(datatype="BYTES", data=["1.5"]), 422, "distance", 0),
    "more than a float32 holds": (with_distance(data=[1e39]), 422, "distance", 0),
    "infinite": (with_distance(data=[float("inf")]), 422, "distance", 0),
    "overflowing": (json.dumps(with_distance(data=[7])).replace("7", "1e999").encode(), 422, "distance", 0),
    "not a number": (with_distance(data=[float("nan")]), 422, "distance", 0),
    "too large for INT8": (with_distance(datatype="INT8", data=[128]), 422, "distance", 0),
    "a fraction for INT64": (with_distance(datatype="INT64", data=[0.5]), 422, "distance", 0),
    "a number for BOOL": (with_distance(datatype="BOOL", data=[1]), 422, "distance", 0),
    "half a surrogate pair": (request(1, origin=["\ud800"]), 422, "origin", 0),
    "an unknown category": (request(2, origin=["JFK", "XXX"]), 422, "origin", 1),
    "a time that is none": (request(3, at=["2013-04-01T06:00:00Z"] * 2 + ["soon"]), 422, "at", 2),
    "null where none may be": (request(2, origin=["JFK", None]), 422, "origin", 1),
    "no rows": (request(0), 422, None, None),
    "unequal lengths": (request(2, distance=[1.0]), 422, "distance", 1),
    "unknown datatype": (with_distance(datatype="FP65"), 422, "distance", None),
    "no datatype": (with_distance(datatype=None), 422, "distance", None),
    "wrong shape": (with_distance(shape=[2]), 422, "distance", None),
    "negative shape": (with_distance(shape=[-1]), 422, "distance", None),
    "a matrix for a column": (with_distance(shape=[1, 2], data=[[1.0, 2.0]]), 422, "distance", None),
    "no shape": (with_distance(shape=None), 422, "distance", None),
    "data is a number": (with_distance(data=7), 422, "distance", None),
    "data nested too deep": (with_distance(data=[[[[[[[[[[[1.0]]]]]]]]]]]), 422, "distance", None),
    "an id with spaces": ({**request(1), "id": "a b"}, 422, None, None),
    "an id that is a number": ({**request(1), "id": 7}, 422, None, None),
    "an unknown output": ({**request(1), "outputs": [{"name": "age"}]}, 422, None, None),
    "outputs without names": ({**request(1), "outputs": [7]}, 422, None, None),
    "outputs is text": ({**request(1), "outputs": "late"}, 422, None, None),
    "too many rows": (request(51), 413, None, None),
    "too many bytes": (b" " * 1_000_001, 413, None, None),
}


class TestBadInput:
    @pytest.mark.parametrize(("body", "status", "column", "row"), BAD.values(), ids=BAD)
    def test_the_status_is_right_and_the_place_is_named(
        self, shared: Endpoints, body: Any, status: int, column: str | None, row: int | None
    ) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = shared.http.post(INFER, content=content, headers={"content-type": "application/json"})
        error = answer.json()["error"]
        assert (answer.status_code, error["column"], error["row"]) == (status, column, row), error
        assert error["code"]
        assert error["message"]
        assert error["remedy"]

    def test_the_next_good_request_on_the_same_connection_is_answered(self, shared: Endpoints) -> None:
        with shared.client("all") as http:
            assert (
                http.post(INFER, content=b" " * 3_000_000, headers={"content-type": "application/json"}).status_code
                == 413
            )
            assert http.post(INFER, json=request(1)).status_code == 200

    def test_a_client_that_sends_everything_before_it_reads_is_told_why(self, shared: Endpoints) -> None:
        url = f"{str(shared.http.base_url).rstrip('/')}{INFER}"
        headers = {"content-type": "application/json", "authorization": shared.http.headers["authorization"]}
        asked = urllib.request.Request(url, data=b" " * 7_900_000, headers=headers)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(asked, timeout=10)
        with caught.value as answer:
            assert answer.code == 413

    def test_a_stream_without_a_length_is_cut_off_at_the_limit_too(self, shared: Endpoints) -> None:
        parts = iter([b" " * 600_000] * 4)
        assert shared.http.post(INFER, content=parts, headers={"content-type": "application/json"}).status_code == 413

    def test_a_body_in_parts_is_put_together(self, shared: Endpoints) -> None:
        text = json.dumps(request(20)).encode()
        parts = iter([text[:100], text[100:200], text[200:]])
        assert shared.http.post(INFER, content=parts, headers={"content-type": "application/json"}).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"content-type": "text/plain"},
            {"content-type": "application/x-www-form-urlencoded"},
            {"content-type": "application/octet-stream", "inference-header-content-length": "10"},
            {"content-type": "application/json; charset=latin-1"},
            {"content-type": "application/json", "content-encoding": "gzip"},
        ],
        ids=lambda headers: headers["content-type"],
    )
    def test_another_content_type_is_415(self, shared: Endpoints, headers: dict[str, str]) -> None:
        answer = shared.http.post(INFER, content=json.dumps(request(1)).encode(), headers=headers)
        assert answer.status_code == 415

    def test_utf8_may_be_named(self, shared: Endpoints) -> None:
        headers = {"content-type": "application/json; charset=UTF-8"}
        assert shared.http.post(INFER, content=json.dumps(request(1)).encode(), headers=headers).status_code == 200

    def test_a_body_that_does_not_come_is_408(self, tmp_path: Path) -> None:
        for slow in running(tmp_path, body_seconds=0.05):
            with socket.create_connection(("127.0.0.1", int(slow.url.rpartition(":")[2]))) as raw:
                head = f"POST {INFER} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer all\r\ncontent-length: 10\r\n\r\n{{"
                raw.sendall(head.encode())
                assert raw.recv(4096).startswith(b"HTTP/1.1 408")

    def test_a_client_that_hangs_up_harms_nobody(self, shared: Endpoints) -> None:
        with socket.create_connection(("127.0.0.1", int(shared.url.rpartition(":")[2]))) as raw:
            raw.sendall(
                f"POST {INFER} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer all\r\ncontent-length: 10\r\n\r\n{{".encode()
            )
        assert shared.infer(request(1)).status_code == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
tensors = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from([*COLUMNS, "speed"]) | json_values,
        "datatype": st.sampled_from(["FP64", "FP32", "INT64", "INT8", "UINT8", "BOOL", "BYTES"]) | json_values,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | json_values,
        "data": st.lists(json_values, max_size=3) | json_values,
    },
)
bodies = json_values | st.fixed_dictionaries(
    {"inputs": st.lists(tensors | json_values, max_size=4) | json_values},
    optional={"id": json_values, "outputs": json_values},
)


class TestNeverFails:
    @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    @given(body=bodies, action=st.sampled_from(["infer", "feedback", "versions/1/infer"]))
    def test_whatever_json_comes_is_answered_with_200_or_a_4xx(self, shared: Endpoints, body: Any, action: str) -> None:
        content = json.dumps(body).encode()
        answer = shared.http.post(
            f"/v2/models/flights/{action}", content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text
        assert answer.status_code == 200 or answer.json()["error"]["message"]

    @settings(max_examples=100)
    @given(row=st.fixed_dictionaries(dict.fromkeys(COLUMNS, json_values)))
    def test_whatever_values_come_are_answered_with_200_or_a_4xx(self, shared: Endpoints, row: dict[str, Any]) -> None:
        content = json.dumps(request(1, **{name: [value] for name, value in row.items()})).encode()
        answer = shared.http.post(INFER, content=content, headers={"content-type": "application/json"})
        assert answer.status_code == 200 or 400 <= answer.status_code < 500, answer.text

    @settings(max_examples=60)
    @given(body=st.binary(max_size=60))
    def test_whatever_bytes_come_are_answered_with_a_4xx(self, shared: Endpoints, body: bytes) -> None:
        answer = shared.http.post(INFER, content=body, headers={"content-type": "application/json"})
        assert 400 <= answer.status_code < 500

    @settings(max_examples=60)
    @given(table=st.dictionaries(st.sampled_from([*Endpoint.__dataclass_fields__, "other"]), json_values, max_size=6))
    def test_whatever_table_comes_is_refused_with_a_4xx(self, shared: Endpoints, table: dict[str, Any]) -> None:
        content = json.dumps(table).encode()
        answer = shared.http.put(ENDPOINT, content=content, headers={"content-type": "application/json"})
        assert 400 <= answer.status_code < 500
        assert shared.http.get(ENDPOINT).json()["live"] == 1

    @settings(max_examples=60)
    @given(
        path=st.lists(
            st.sampled_from(["v2", "models", "flights", "infer", "versions", "1", "%00", "..", "ü"]), max_size=6
        ),
        method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]),
    )
    def test_whatever_address_is_asked_is_answered(self, shared: Endpoints, path: list[str], method: str) -> None:
        answer = shared.http.request(method, "/" + "/".join(path))
        assert answer.status_code < 500


class TestAddresses:
    @pytest.mark.parametrize("path", ["/", "/v1/models/flights:predict", "/v2/models", "/v2/models/flights/", "/v3"])
    def test_an_unknown_address_is_404(self, shared: Endpoints, path: str) -> None:
        assert shared.http.get(path).status_code == 404

    def test_an_unknown_model_is_404_and_the_known_one_is_named(self, shared: Endpoints) -> None:
        answer = shared.infer(request(1), "/v2/models/trains/infer")
        assert answer.status_code == 404
        assert "flights" in answer.json()["error"]["remedy"]

    @pytest.mark.parametrize("version", ["7", "0", "-1", "one", "1e3", "²", "99999999999999999999"])
    def test_an_unknown_version_is_404_and_the_known_ones_are_named(self, shared: Endpoints, version: str) -> None:
        answer = shared.infer(request(1), f"/v2/models/flights/versions/{version}/infer")
        assert answer.status_code == 404
        assert answer.json()["error"]["remedy"] == "Known versions: 1."

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("GET", INFER, "POST"),
            ("DELETE", ENDPOINT, "GET, PUT"),
            ("POST", "/v2/health/live", "GET"),
            ("HEAD", "/v2", "GET"),
        ],
    )
    def test_a_wrong_method_is_405_with_the_right_ones(
        self, shared: Endpoints, method: str, path: str, allowed: str
    ) -> None:
        answer = shared.http.request(method, path)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)

    def test_health_and_metadata_keep_the_protocol(self, shared: Endpoints) -> None:
        with shared.client(None) as anyone:
            assert anyone.get("/v2").json()["models"] == ["flights"]
            assert anyone.get("/v2/health/live").status_code == 200
            assert anyone.get("/v2/health/ready").json() == {"ready": True}
            assert anyone.get("/v2/models/flights/ready").json() == {"name": "flights", "ready": True}
            assert anyone.get("/v2/models/flights/versions/1/ready").status_code == 200
            assert anyone.get("/v2/models/flights/versions/7/ready").status_code == 404
        told = shared.http.get("/v2/models/flights").json()
        assert (told["name"], told["versions"]) == ("flights", ["1"])
        assert [item["name"] for item in told["inputs"]] == list(COLUMNS)
        assert shared.http.get("/v2/models/flights/versions/1").json() == told

    def test_the_example_in_the_openapi_document_works(self, shared: Endpoints) -> None:
        told = shared.http.get("/openapi.json").json()
        assert told["openapi"].startswith("3.")
        content = told["paths"][INFER]["post"]["requestBody"]["content"]["application/json"]
        assert shared.infer(content["example"]).status_code == 200
        names = told["components"]["schemas"]["InferRequest"]["properties"]["inputs"]["items"]["properties"]["name"]
        assert names == {"enum": list(COLUMNS)}

    def test_metrics_count_requests_rows_and_statuses(self, endpoint: Endpoints) -> None:
        endpoint.infer(request(3))
        endpoint.infer({})
        lines = endpoint.http.get("/metrics").text.splitlines()
        assert 'mlray_requests_total{model="flights",version="1"} 1' in lines
        assert 'mlray_rows_total{model="flights",version="1"} 3' in lines
        assert 'mlray_responses_total{model="flights",route="infer",code="422"} 1' in lines
        assert 'mlray_request_seconds_bucket{model="flights",version="1",le="+Inf"} 1' in lines
        assert 'mlray_ready{model="flights"} 1' in lines


class TestAccess:
    @pytest.mark.parametrize(
        ("key", "method", "path", "status"),
        [
            (None, "POST", INFER, 401),
            (None, "GET", ENDPOINT, 401),
            (None, "GET", "/v2/models/flights", 401),
            (None, "POST", "/v2/models/trains/infer", 401),
            ("watcher", "POST", INFER, 403),
            ("caller", "PUT", ENDPOINT, 403),
            ("caller", "POST", "/v2/models/flights/flush", 403),
            ("nobody", "POST", INFER, 403),
            ("tired", "POST", INFER, 429),
        ],
    )
    def test_a_key_opens_only_what_it_may(
        self, shared: Endpoints, key: str | None, method: str, path: str, status: int
    ) -> None:
        with shared.client(key) as http:
            assert http.request(method, path, json=request(1)).status_code == status

    def test_a_refusal_for_haste_says_when_to_come_back(self, shared: Endpoints) -> None:
        with shared.client("tired") as http:
            answer = http.post(INFER, json=request(1))
        assert (answer.headers["retry-after"], answer.json()["error"]["code"]) == ("3", "too_many_requests")

    def test_a_refusal_for_want_of_a_key_says_how_to_send_one(self, shared: Endpoints) -> None:
        with shared.client(None) as http:
            assert http.post(INFER, json=request(1)).headers["www-authenticate"] == "Bearer"

    def test_the_description_is_open_to_this_machine_only(self, shared: Endpoints) -> None:
        with shared.client(None) as http:
            assert http.get("/metrics").status_code == 200
            assert http.get("/openapi.json").status_code == 200


class TestNotReady:
    def test_without_a_live_version_it_is_503_with_a_time_to_come_back(self, tmp_path: Path) -> None:
        app = build(str(tmp_path))
        app.start()
        with run(app) as server, httpx.Client(base_url=server.url, headers={"authorization": "Bearer all"}) as http:
            answer = http.post(INFER, json=request(1))
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert http.get("/v2/health/live").status_code == 200
            assert http.get("/v2/health/ready").status_code == 503
            assert http.get("/v2/models/flights/ready").status_code == 503
            assert http.get("/v2/models/flights").json()["versions"] == []
            assert http.get("/openapi.json").status_code == 200
        app.stop()

    def test_too_many_at_once_is_503(self, tmp_path: Path) -> None:
        app = build(str(tmp_path), in_flight=0)
        with run(app) as server, httpx.Client(base_url=server.url, headers={"authorization": "Bearer all"}) as http:
            answer = http.post(INFER, json=request(1))
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "overloaded")

    def test_a_stopping_endpoint_takes_nothing_on(self, endpoint: Endpoints) -> None:
        endpoint.app.stop()
        assert endpoint.infer(request(1)).status_code == 503
        assert endpoint.http.get("/v2/health/ready").status_code == 503


class TestTable:
    def test_a_change_takes_effect_with_the_next_request(self, endpoint: Endpoints) -> None:
        assert endpoint.put(live=2).json()["versions"] == [1, 2]
        assert endpoint.infer(request(1)).headers["x-model-version"] == "2"

    def test_an_older_generation_is_409_and_the_same_table_again_is_not(self, endpoint: Endpoints) -> None:
        table = endpoint.put(live=2).json()
        assert endpoint.http.put(ENDPOINT, json=table).status_code == 200
        other = {**table, "live": 1, "versions": [1, 2]}
        answer = endpoint.http.put(ENDPOINT, json=other)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "stale_generation")
        assert endpoint.infer(request(1)).headers["x-model-version"] == "2"

    @pytest.mark.parametrize(
        ("changed", "status", "field"),
        [
            ({"live": 9}, 422, None),
            ({"live": 8}, 404, None),
            ({"name": "trains"}, 422, "name"),
            ({"share": 1.5}, 422, "share"),
            ({"stage": Stage.CANARY}, 422, "stage"),
            ({"candidate": 2}, 422, "stage"),
            ({"candidate": 1, "stage": Stage.SHADOW}, 422, "candidate"),
            ({"candidate": 2, "stage": Stage.SHADOW, "live": None}, 422, "live"),
            ({"versions": (0,)}, 422, "versions"),
        ],
        ids=[
            "cannot be loaded",
            "unknown",
            "name",
            "share",
            "no candidate",
            "no stage",
            "is live",
            "no live",
            "version 0",
        ],
    )
    def test_a_table_that_cannot_be_is_refused_and_the_old_one_stays(
        self, endpoint: Endpoints, changed: dict[str, Any], status: int, field: str | None
    ) -> None:
        answer = endpoint.put(**changed)
        assert (answer.status_code, answer.json()["error"]["column"]) == (status, field)
        assert endpoint.infer(request(1)).headers["x-model-version"] == "1"
        assert endpoint.http.get(ENDPOINT).json()["generation"] == 1

    @pytest.mark.parametrize(
        ("body", "field"),
        [([], None), ({"colour": 1}, "colour"), ({"name": "flights", "url": ""}, "live"), ({"live": "one"}, "name")],
    )
    def test_a_body_that_is_no_table_names_the_field(self, shared: Endpoints, body: Any, field: str | None) -> None:
        answer = shared.http.put(ENDPOINT, json=body)
        assert (answer.status_code, answer.json()["error"]["column"]) == (422, field)

    def test_text_that_is_half_a_surrogate_pair_is_refused_before_it_reaches_the_file(self, shared: Endpoints) -> None:
        told = shared.http.get(ENDPOINT).json()
        for field in ("url", "contract"):
            content = json.dumps({**told, "generation": 9, field: "\ud800"}).encode()
            answer = shared.http.put(ENDPOINT, content=content, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.json()["error"]["column"]) == (422, field)

    def test_what_get_returned_can_be_put_back(self, endpoint: Endpoints) -> None:
        told = endpoint.http.get(ENDPOINT).json()
        assert "counters" in told
        assert endpoint.http.put(ENDPOINT, json={**told, "generation": 2}).status_code == 200

    def test_no_request_fails_while_versions_are_swapped(self, endpoint: Endpoints) -> None:
        def ask() -> list[tuple[int, str]]:
            with endpoint.client("caller") as http:
                answers = [http.post(INFER, json=request(2)) for _ in range(60)]
            return [(answer.status_code, answer.headers["x-model-version"]) for answer in answers]

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask) for _ in range(4)]
            for turn in range(20):
                assert endpoint.put(live=1 + turn % 2).status_code == 200
            seen = [told for future in asking for told in future.result()]
        assert {status for status, _ in seen} == {200}
        assert len(seen) == 240

    def test_a_restarted_endpoint_has_its_table_again(self, tmp_path: Path) -> None:
        for first in running(tmp_path):
            first.put(live=1, candidate=2, stage=Stage.CANARY, share=0.5)
        app = build(str(tmp_path))
        app.start()
        assert app.ready
        assert (app.table.current.endpoint.candidate, app.table.current.endpoint.generation) == (2, 2)
        app.stop()


class TestRollout:
    def test_in_shadow_the_live_version_answers_and_both_scores_are_logged(self, endpoint: Endpoints) -> None:
        endpoint.put(candidate=2, stage=Stage.SHADOW)
        answer = endpoint.infer(request(2, "a", distance=[1000.0, 1200.0]))
        assert (answer.headers["x-route"], answer.json()["outputs"][0]["data"][0]) == ("live", 0.5)
        rows = endpoint.rows()
        assert [(row["version"], row["live"], row["candidate"]) for row in rows] == [(1, 1, 2)] * 2
        assert [row["score"] for row in rows] == [row["live_score"] for row in rows]
        assert rows[1]["candidate_score"] == 0.5

    def test_in_canary_the_share_is_kept_and_both_score_every_row(self, endpoint: Endpoints) -> None:
        endpoint.put(candidate=2, stage=Stage.CANARY, share=0.3)
        routes = [endpoint.infer(request(1, f"r{i}")).headers["x-route"] for i in range(200)]
        assert 40 <= routes.count("canary") <= 80
        rows = endpoint.rows()
        assert len(rows) == 200
        assert all(row["live_score"] is not None and row["candidate_score"] is not None for row in rows)
        assert {row["version"] for row in rows if row["route"] == "canary"} == {2}

    def test_the_same_request_is_always_answered_by_the_same_side(self, endpoint: Endpoints) -> None:
        endpoint.put(candidate=2, stage=Stage.CANARY, share=0.5)
        for name in ("a", "b", "c", "d"):
            assert len({endpoint.infer(request(1, name)).headers["x-route"] for _ in range(3)}) == 1

    @pytest.mark.parametrize("broken", [3, 4], ids=["raises", "another contract"])
    def test_a_failing_candidate_never_harms_an_answer_and_is_counted(self, endpoint: Endpoints, broken: int) -> None:
        endpoint.put(candidate=broken, stage=Stage.CANARY, share=0.5)
        for i in range(40):
            answer = endpoint.infer(request(1, f"r{i}", origin=["LGA"]))
            assert (answer.status_code, answer.headers["x-model-version"], answer.headers["x-route"]) == (
                200,
                "1",
                "live",
            )
        rows = endpoint.rows()
        assert all(row["candidate_failed"] and not row["live_failed"] for row in rows)
        counters = endpoint.http.get(ENDPOINT).json()["counters"]
        assert counters["1"]["requests"] == 40
        assert counters[str(broken)]["errors"] == 40

    def test_bad_input_is_not_held_against_the_candidate(self, endpoint: Endpoints) -> None:
        endpoint.put(candidate=4, stage=Stage.CANARY, share=1.0)
        assert endpoint.infer(request(1, origin=["XXX"])).status_code == 422
        assert endpoint.http.get(ENDPOINT).json()["counters"] == {}

    def test_a_candidate_that_is_lost_after_a_restart_counts_as_failing(self, tmp_path: Path) -> None:
        for first in running(tmp_path):
            first.put(candidate=2, stage=Stage.CANARY, share=1.0)
        file = tmp_path / "endpoint" / "flights.json"
        file.write_text(file.read_text().replace('"candidate":2', '"candidate":9').replace("[1,2]", "[1,9]"))
        app = build(str(tmp_path))
        app.start()
        with run(app) as server:
            again = Endpoints(app, server.url, tmp_path)
            assert again.infer(request(1)).headers["x-model-version"] == "1"
            assert again.http.get(ENDPOINT).json()["counters"]["9"]["errors"] == 1
            again.http.close()
        app.stop()

    def test_a_live_version_that_fails_is_a_500_with_a_code_and_in_the_log(self, endpoint: Endpoints) -> None:
        endpoint.put(live=3)
        answer = endpoint.infer(request(1))
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "model_failed")
        [row] = endpoint.rows()
        assert (row["score"], row["live_failed"]) == (None, True)
        assert endpoint.http.get(ENDPOINT).json()["counters"]["3"]["errors"] == 1

    def test_pinned_requests_are_no_traffic(self, endpoint: Endpoints) -> None:
        endpoint.infer(request(1), "/v2/models/flights/versions/1/infer")
        assert endpoint.rows() == []
        assert read_window(endpoint.folder / "log", *DAY, pinned=True).rows.num_rows == 1


class TestFeedback:
    FEEDBACK = "/v2/models/flights/feedback"

    def tell(self, endpoint: Endpoints, body: object) -> httpx.Response:
        return endpoint.http.post(self.FEEDBACK, json=body)

    def test_labels_join_the_rows_of_their_request(self, endpoint: Endpoints) -> None:
        for name in ("a", "b"):
            endpoint.infer(request(2, name))
        told = self.tell(
            endpoint, {"feedback": [{"id": "a", "labels": [True, None]}, {"id": "b", "labels": [False, True]}]}
        )
        assert told.json() == {"accepted": 4, "unknown": []}
        assert [row["label"] for row in endpoint.rows()] == [True, None, False, True]

    def test_one_request_may_be_told_alone_and_corrected(self, endpoint: Endpoints) -> None:
        endpoint.infer(request(1, "a"))
        self.tell(endpoint, {"id": "a", "labels": [True], "at": "2013-04-04T06:00:00Z"})
        self.tell(endpoint, {"id": "a", "labels": [False], "at": "2013-04-05T06:00:00+02:00"})
        assert [row["label"] for row in endpoint.rows()] == [False]
        early = read_window(endpoint.folder / "log", *DAY, known_by=datetime(2013, 4, 4, 7, tzinfo=UTC))
        assert early.rows["label"].to_pylist() == [True]

    def test_a_request_that_was_answered_elsewhere_is_accepted_and_said_to_be_unknown(
        self, endpoint: Endpoints
    ) -> None:
        assert self.tell(endpoint, {"id": "x", "labels": [True]}).json() == {"accepted": 1, "unknown": ["x"]}

    @pytest.mark.parametrize(
        ("body", "column", "row"),
        [
            ([], "id", None),
            ({"labels": [True]}, "id", None),
            ({"id": 7, "labels": [True]}, "id", None),
            ({"id": "ü", "labels": [True]}, "id", None),
            ({"id": "a"}, "labels", None),
            ({"id": "a", "labels": []}, "labels", None),
            ({"id": "a", "labels": [True, 1]}, "labels", 1),
            ({"id": "a", "labels": [True, "true"]}, "labels", 1),
            ({"id": "a", "labels": [True] * 3}, "labels", 2),
            ({"id": "a", "labels": [True] * 2, "at": "soon"}, "at", None),
            ({"id": "a", "labels": [True] * 2, "at": "2013-04-04T06:00:00"}, "at", None),
            ({"id": "a", "labels": [True] * 2, "at": 7}, "at", None),
            ({"feedback": []}, None, None),
            ({"feedback": {}}, None, None),
            ({"feedback": [7]}, "id", None),
        ],
    )
    def test_wrong_feedback_is_422_and_names_the_place(
        self, shared: Endpoints, body: Any, column: str | None, row: int | None
    ) -> None:
        shared.infer(request(2, "a"))
        answer = self.tell(shared, body)
        error = answer.json()["error"]
        assert (answer.status_code, error["column"], error["row"]) == (422, column, row)
