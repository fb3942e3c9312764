"""The endpoint's OpenAPI document, with the real columns and an example that works when pasted."""

from collections.abc import Mapping, Sequence
from typing import cast

from mlray.ids import Json

__all__ = ["document"]

_FAULTS = {
    "400": "The body is not JSON.",
    "401": "No key, or an unknown one.",
    "403": "The key may not do this.",
    "404": "No such model or version; the remedy names those that exist.",
    "413": "Too many rows or bytes.",
    "415": "Not application/json.",
    "422": "A column or a row does not keep the contract; both are named.",
    "429": "Too many requests with this key; Retry-After says when to come back.",
    "503": "No version is live yet, or too many requests are being answered.",
}


def document(name: str, description: Mapping[str, Json]) -> dict[str, Json]:
    """Return an OpenAPI 3.1 document of the endpoint `name`, whose live version describes itself by `description`."""
    model = f"/v2/models/{name}"
    version: Json = {"name": "version", "in": "path", "required": True, "schema": {"type": "integer"}}
    infer = _operation("Score rows", "InferRequest", "InferResponse", description.get("example"))
    feedback = _operation(
        "Tell what became of the rows of a request", "Feedback", None, {"id": "a-request-id", "labels": [True, None]}
    )
    endpoint = _operation("Change the endpoint table (admin)", "Endpoint", "Endpoint", None)
    ready: Json = {
        "get": {"summary": "Whether it can answer", "security": [], "responses": {"200": {"description": "Ready."}}}
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": "2",
            "description": "Open Inference Protocol v2, with feedback and endpoint table.",
        },
        "security": [{"key": []}],
        "paths": {
            "/v2/health/live": ready,
            "/v2/health/ready": ready,
            model: {"get": {"summary": "Inputs, outputs and versions", "responses": _responses("Metadata")}},
            f"{model}/infer": {"post": infer},
            f"{model}/versions/{{version}}/infer": {"parameters": [version], "post": infer},
            f"{model}/feedback": {"post": feedback},
            f"{model}/endpoint": {
                "get": {"summary": "The endpoint table (admin)", "responses": _responses("Endpoint")},
                "put": endpoint,
            },
            f"{model}/flush": {"post": {"summary": "Write the request log now (admin)", "responses": _responses(None)}},
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(description),
        },
    }


def _operation(summary: str, takes: str, gives: str | None, example: Json) -> dict[str, Json]:
    content: dict[str, Json] = {"schema": {"$ref": f"#/components/schemas/{takes}"}}
    if example:
        content["example"] = example
    body: Json = {"required": True, "content": {"application/json": content}}
    return {"summary": summary, "requestBody": body, "responses": _responses(gives)}


def _responses(gives: str | None) -> dict[str, Json]:
    good: dict[str, Json] = {"description": "Done."}
    if gives is not None:
        good["content"] = {"application/json": {"schema": {"$ref": f"#/components/schemas/{gives}"}}}
    fault: Json = {"application/json": {"schema": {"$ref": "#/components/schemas/Fault"}}}
    return {"200": good, **{status: {"description": text, "content": fault} for status, text in _FAULTS.items()}}


def _tensor(names: Sequence[Json], datatypes: Sequence[Json], items: Json) -> dict[str, Json]:
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"enum": list(names)},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "datatype": {"enum": sorted({str(datatype) for datatype in datatypes})},
            "data": {"type": "array", "items": items},
        },
    }


def _schemas(description: Mapping[str, Json]) -> dict[str, Json]:
    inputs = cast("Sequence[Mapping[str, Json]]", description.get("inputs", ()))
    outputs = cast("Sequence[Mapping[str, Json]]", description.get("outputs", ()))
    columns = ", ".join(f"{item['name']} {item['datatype']}" for item in inputs)
    in_tensor = _tensor([i["name"] for i in inputs], [i["datatype"] for i in inputs], {})
    out_tensor = _tensor([o["name"] for o in outputs], [o["datatype"] for o in outputs], {})
    text: Json = {"type": "string"}
    fault: Json = {
        "code": text,
        "message": text,
        "remedy": text,
        "row": {"type": ["integer", "null"]},
        "column": {"type": ["string", "null"]},
    }
    labels: Json = {"type": "array", "items": {"type": ["boolean", "null"]}}
    one: Json = {
        "type": "object",
        "required": ["id", "labels"],
        "properties": {"id": text, "labels": labels, "at": {"type": "string", "format": "date-time"}},
    }
    return {
        "InferRequest": {
            "type": "object",
            "description": f"One tensor per column: {columns}.",
            "required": ["inputs"],
            "properties": {
                "id": text,
                "inputs": {"type": "array", "minItems": len(inputs), "maxItems": len(inputs), "items": in_tensor},
            },
        },
        "InferResponse": {
            "type": "object",
            "properties": {
                "model_name": text,
                "model_version": text,
                "id": text,
                "outputs": {"type": "array", "items": out_tensor},
            },
        },
        "Feedback": {"oneOf": [one, {"type": "object", "properties": {"feedback": {"type": "array", "items": one}}}]},
        "Metadata": {"type": "object"},
        "Endpoint": {"type": "object", "required": ["name", "url", "live"]},
        "Fault": {"type": "object", "properties": {"error": {"type": "object", "properties": fault}}},
    }
