import json

import pytest

from mlray.errors import RequestError
from mlray.serving.protocol import decode, decode_json, encode, fault_body, metadata


def body(*tensors, **more):
    return json.dumps({"inputs": list(tensors), **more}).encode()


def tensor(data, datatype="FP64", name="x", shape=None):
    return {"name": name, "datatype": datatype, "shape": shape or [len(data)], "data": data}


def fault(content, **settings):
    with pytest.raises(RequestError) as caught:
        decode(content, **{"max_rows": 10, **settings})
    return caught.value


def test_columns_keep_their_order_and_values():
    request = decode(body(tensor([1, 2.5, None]), tensor(["a", "b", None], "BYTES", "y"), id="r1"), max_rows=3)
    assert (request.id, request.rows) == ("r1", 3)
    assert list(request.columns.items()) == [("x", [1, 2.5, None]), ("y", ["a", "b", None])]


@pytest.mark.parametrize(
    ("datatype", "good", "bad"),
    [
        ("BOOL", [True, False], [1, "true", 0.0]),
        ("UINT8", [0, 255], [-1, 256, 1.0, True, "1"]),
        ("INT8", [-128, 127], [-129, 128]),
        ("INT64", [-(2**63), 2**63 - 1], [2**63, 1e3]),
        ("UINT64", [2**64 - 1], [2**64]),
        ("FP16", [65504, -65504.0], [65505, 1e10]),
        ("FP32", [3.4e38, 7], [3.5e38, float("nan")]),
        ("FP64", [-3.4e38, 0], [1e39, float("inf"), float("-inf"), 10**400, True, "1.5", [], {}]),
        ("BYTES", ["", "Ü", "\U0001f600"], [1, True, "\ud83d", {}]),
    ],
)
def test_each_datatype_takes_its_values_and_no_others(datatype, good, bad):
    assert list(decode(body(tensor(good, datatype)), max_rows=10).columns["x"]) == good
    for value in bad:
        wrong = fault(body(tensor([None, value], datatype, shape=[2])))
        assert (wrong.status, wrong.column) == (422, "x")
        assert wrong.row == 1 or isinstance(value, list)


def test_quotes_around_a_number_are_named_as_the_cause():
    assert fault(body(tensor(["-1.5"]))).remedy == "Send numbers without quotes."
    assert fault(body(tensor(["far"]))).remedy == "Correct the value, or the datatype."


def test_the_datatype_that_a_column_wants_is_named():
    wrong = fault(body(tensor([1], "FLOAT")), known={"x": "FP64"})
    assert wrong.remedy == "Use FP64."
    assert "BYTES" in fault(body(tensor([1], "FLOAT"))).remedy


def test_what_was_seen_is_shown_but_never_at_length():
    assert "10000000" in fault(body(tensor([10**70], "INT8"))).problem
    wrong = fault(body(tensor(["x" * 500])))
    assert len(wrong.problem) < 200


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 10_000, b'"\x00"'])
def test_what_is_not_json_is_400(content):
    with pytest.raises(RequestError) as caught:
        decode_json(content)
    assert (caught.value.status, caught.value.code) == (400, "not_json")


def test_a_wrong_shape_says_the_right_one():
    assert fault(body(tensor([1, 2], shape=[3]))).remedy == "Send the shape [2]."
    assert fault(body(tensor([1, 2], shape=[True, 1]))).remedy.endswith("[2] or [2, 1].")


def test_an_answer_is_plain_json_with_the_wanted_outputs():
    outputs = [{"name": "probability", "datatype": "FP64"}, {"name": "late", "datatype": "BOOL"}]
    request = decode(body(tensor([1, 2]), outputs=[{"name": "late"}]), max_rows=2)
    told = json.loads(encode("flights", 3, request, "r1", [0.5, 0.4999], outputs))
    assert told == {
        "model_name": "flights",
        "model_version": "3",
        "id": "r1",
        "outputs": [{"name": "late", "shape": [2], "datatype": "BOOL", "data": [True, False]}],
    }


def test_metadata_without_a_live_version_is_empty_but_valid():
    assert metadata("flights", [], {}) == {
        "name": "flights",
        "versions": [],
        "platform": "mlray",
        "inputs": [],
        "outputs": [],
    }


def test_a_fault_names_no_place_where_there_is_none():
    told = json.loads(fault_body("code", "what", "do"))["error"]
    assert told == {"code": "code", "message": "what", "remedy": "do", "row": None, "column": None}
