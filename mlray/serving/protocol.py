"""The Open Inference Protocol (v2) over REST: requests checked before any model sees them, and answers.

Source: https://github.com/kserve/open-inference-protocol, `specification/protocol/inference_rest.md`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from mlray.errors import RequestError
from mlray.ids import Json

__all__ = [
    "Inference",
    "check_outputs",
    "decode",
    "decode_json",
    "encode",
    "fault_body",
    "is_request_id",
    "metadata",
]

THRESHOLD = 0.5
"""From this probability on an answer says true."""
# Models compute in 32-bit floats: a larger number would reach them as infinity, and be answered all the same.
FLOAT32_MAX = 3.4028234663852886e38
_FLOATS = {"FP16": 65504.0, "FP32": FLOAT32_MAX, "FP64": FLOAT32_MAX}
_INTEGERS = {
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
_KNOWN = (*_FLOATS, *_INTEGERS, "BOOL", "BYTES")
_WORDS = {"BOOL": "true or false", "BYTES": "text"}
_ID = re.compile(r"[A-Za-z0-9._:/@+-]{1,128}")
_DEEPEST = 8
_JSON = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Inference:
    """One decoded request: columns of equal length by name, and which outputs are wanted (all when empty)."""

    id: str
    """The client's name for the request; empty when it gave none."""
    columns: Mapping[str, Sequence[Json]]
    rows: int
    outputs: tuple[str, ...] = ()


def decode_json(body: bytes) -> Json:
    """Return the JSON value in `body`.

    NaN and Infinity pass here, although JSON has none: the checks behind can then name their row and column.

    Raises:
        RequestError: status 400, when the bytes are not JSON.
    """
    try:
        return cast("Json", _JSON.decode(body.decode()))
    except (ValueError, RecursionError) as error:
        raise RequestError(
            f"The body is not JSON: {str(error)[:120]}.",
            remedy="Send one UTF-8 JSON object.",
            status=400,
            code="not_json",
        ) from None


def decode(body: bytes, *, max_rows: int, known: Mapping[str, str] | None = None) -> Inference:
    """Return the columns of an inference request; each input is one column of shape [rows] or [rows, 1].

    Args:
        body: The request's bytes.
        max_rows: More rows than this are refused with status 413.
        known: Name → datatype of the model's inputs, for better remedies.

    Raises:
        RequestError: 400 when the body is not JSON, 413 for too many rows, else 422 naming column and row.
    """
    message = decode_json(body)
    if not isinstance(message, dict):
        raise RequestError(f"The body is {_kind(message)}, not an object.", remedy='Send {"inputs": [...]}.')
    inputs = message.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise RequestError(
            f"`inputs` is {_kind(inputs)}, not a list of tensors." if inputs != [] else "`inputs` is empty.",
            remedy='Send one tensor per column: {"name", "shape", "datatype", "data"}.',
        )
    columns: dict[str, Sequence[Json]] = {}
    for position, tensor in enumerate(inputs):
        name, data = _column(tensor, position, known or {})
        if name in columns:
            raise RequestError(f"Input '{name}' comes twice.", remedy="Send each column once.", column=name)
        columns[name] = data
    return Inference(_request_id(message.get("id")), columns, _rows(columns, max_rows), _wanted(message.get("outputs")))


def _rows(columns: Mapping[str, Sequence[Json]], max_rows: int) -> int:
    first, rows = next((name, len(data)) for name, data in columns.items())
    for name, data in columns.items():
        if len(data) != rows:
            raise RequestError(
                f"Input '{name}' has {len(data)} rows, but '{first}' has {rows}.",
                remedy="Every column needs one value per row.",
                column=name,
                row=min(len(data), rows),
            )
    if not rows:
        raise RequestError("The request has no rows.", remedy="Send at least one row.")
    if rows > max_rows:
        raise RequestError(
            f"The request has {rows:,} rows; at most {max_rows:,} are answered at once.",
            remedy="Split it.",
            status=413,
            code="too_many_rows",
        )
    return rows


def is_request_id(text: str) -> bool:
    """Return whether `text` may name a request: 1 to 128 letters, digits or any of . _ : / @ + -."""
    return _ID.fullmatch(text) is not None


def _request_id(value: Json) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not is_request_id(value):
        raise RequestError(
            f"`id` is {_shown(value)}.",
            remedy="Use 1 to 128 letters, digits or any of . _ : / @ + - ; or leave it out.",
        )
    return value


def _wanted(value: Json) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise RequestError(f"`outputs` is {_kind(value)}, not a list.", remedy='Send [{"name": ...}], or leave it out.')
    names = [item.get("name") if isinstance(item, dict) else None for item in value]
    if not all(isinstance(name, str) for name in names):
        raise RequestError("An entry of `outputs` has no name.", remedy='Send [{"name": ...}], or leave it out.')
    return tuple(cast("list[str]", names))


def _column(tensor: Json, position: int, known: Mapping[str, str]) -> tuple[str, Sequence[Json]]:
    if not isinstance(tensor, dict):
        raise RequestError(f"Input {position} is {_kind(tensor)}, not an object.", remedy="Send one tensor per column.")
    name, datatype, shape = tensor.get("name"), tensor.get("datatype"), tensor.get("shape")
    if not isinstance(name, str) or not name or not _is_text(name):
        raise RequestError(f"The name of input {position} is {_shown(name)}.", remedy="Give the column's name as text.")
    if not isinstance(datatype, str) or datatype not in _KNOWN:
        wanted = known.get(name)
        raise RequestError(
            f"The datatype of input '{name}' is {_shown(datatype)}.",
            remedy=f"Use {wanted}." if wanted else f"Use one of {', '.join(_KNOWN)}.",
            code="unknown_datatype",
            column=name,
        )
    data = tensor.get("data")
    if not isinstance(data, list):
        raise RequestError(
            f"`data` of input '{name}' is {_kind(data)}, not a list.", remedy="Send a list.", column=name
        )
    flat = _flat(data, name, 0) if any(type(value) is list for value in data) else data
    _check_shape(shape, name, len(flat))
    _check_values(flat, datatype, name)
    return name, flat


def _check_shape(shape: Json, name: str, size: int) -> None:
    whole = isinstance(shape, list) and shape and all(type(side) is int and side >= 0 for side in shape)
    if not whole or any(side != 1 for side in cast("list[int]", shape)[1:]):
        raise RequestError(
            f"The shape of input '{name}' is {_shown(shape)}.",
            remedy=f"A column has one value per row: [{size}] or [{size}, 1].",
            code="wrong_shape",
            column=name,
        )
    if cast("list[int]", shape)[0] != size:
        raise RequestError(
            f"The shape of input '{name}' is {_shown(shape)}, but `data` holds {size} values.",
            remedy=f"Send the shape [{size}].",
            code="wrong_shape",
            column=name,
        )


def _flat(data: Sequence[Json], name: str, depth: int) -> list[Json]:
    """Return nested lists row by row, as the protocol allows tensors to be written."""
    if depth > _DEEPEST:
        raise RequestError(f"`data` of input '{name}' is nested too deep.", remedy="Send a flat list.", column=name)
    out: list[Json] = []
    for value in data:
        if isinstance(value, list):
            out.extend(_flat(value, name, depth + 1))
        else:
            out.append(value)
    return out


def _check_values(data: Sequence[Json], datatype: str, name: str) -> None:
    for row, value in enumerate(data):
        if value is not None and not _fits(value, datatype):
            raise RequestError(
                f"Input '{name}', row {row}: {_shown(value)} is not {_expected(datatype)}.",
                remedy="Send numbers without quotes."
                if _is_number(value, datatype)
                else "Correct the value, or the datatype.",
                column=name,
                row=row,
            )


def _fits(value: Json, datatype: str) -> bool:
    kind = type(value)
    if datatype in _FLOATS:
        # NaN fails both comparisons.
        return (kind is float or kind is int) and -_FLOATS[datatype] <= cast("float", value) <= _FLOATS[datatype]
    if datatype in _INTEGERS:
        low, high = _INTEGERS[datatype]
        return kind is int and low <= cast("int", value) <= high
    return kind is bool if datatype == "BOOL" else kind is str and _is_text(cast("str", value))


def _is_text(value: str) -> bool:
    """Whether the text can be written as UTF-8; JSON can smuggle in half of a surrogate pair."""
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_number(value: Json, datatype: str) -> bool:
    return isinstance(value, str) and datatype not in _WORDS and value.replace(".", "", 1).lstrip("-").isdecimal()


def _expected(datatype: str) -> str:
    if datatype in _INTEGERS:
        low, high = _INTEGERS[datatype]
        return f"{datatype} (a whole number from {low} to {high})"
    if datatype in _FLOATS:
        return f"{datatype} (a finite number up to {_FLOATS[datatype]:.4g})"
    return f"{datatype} ({_WORDS[datatype]})"


def _kind(value: Json) -> str:
    match value:
        case None:
            return "missing"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case dict():
            return "an object"
        case _:
            return "a list"


def _shown(value: Json) -> str:
    # ASCII, so that whatever was sent can be sent back.
    try:
        text = json.dumps(value)
    except (ValueError, RecursionError):
        return "a number of several thousand digits" if isinstance(value, int) else "nested too deep"
    return text if len(text) <= 80 else f"{text[:77]}..."


def metadata(name: str, versions: Sequence[int], description: Mapping[str, Json]) -> dict[str, Json]:
    """Return the model metadata of the protocol: the versions that can be called, inputs and outputs."""
    return {
        "name": name,
        "versions": [str(version) for version in versions],
        "platform": "mlray",
        "inputs": description.get("inputs", []),
        "outputs": description.get("outputs", []),
    }


def check_outputs(wanted: Sequence[str], outputs: Sequence[Mapping[str, Json]]) -> None:
    """Raise RequestError when a request wants an output that the model does not have."""
    known = [str(output["name"]) for output in outputs]
    lost = [name for name in wanted if name not in known]
    if lost:
        raise RequestError(f"There is no output {_shown(lost[0])}.", remedy=f"Known: {', '.join(known)}.")


def encode(
    name: str,
    version: int,
    request: Inference,
    request_id: str,
    probabilities: Sequence[float],
    outputs: Sequence[Mapping[str, Json]],
) -> bytes:
    """Return the answer: each described output that is wanted; BOOL ones are true from a probability of 0.5."""
    chosen = [output for output in outputs if not request.outputs or output["name"] in request.outputs]
    answer = {
        "model_name": name,
        "model_version": str(version),
        "id": request_id,
        "outputs": [
            {
                "name": output["name"],
                "shape": [len(probabilities)],
                "datatype": output["datatype"],
                "data": [p >= THRESHOLD for p in probabilities] if output["datatype"] == "BOOL" else probabilities,
            }
            for output in chosen
        ],
    }
    return json.dumps(answer, separators=(",", ":")).encode()


def fault_body(code: str, message: str, remedy: str = "", *, row: int = -1, column: str = "") -> bytes:
    """Return what every wrong request gets: a stable code, what was seen, what to do, and where (null for nowhere)."""
    error = {"code": code, "message": message, "remedy": remedy}
    place = {"row": row if row >= 0 else None, "column": column or None}
    return json.dumps({"error": {**error, **place}}, separators=(",", ":")).encode()
