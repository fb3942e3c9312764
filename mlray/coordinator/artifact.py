"""A model version as a folder of files: what is needed to answer, signed whole, verified before it is loaded."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mlray.coordinator.workspace import Workspace
from mlray.data import Contract
from mlray.experiments import load_model
from mlray.features import Fitted
from mlray.ids import Json
from mlray.monitoring import Calibration
from mlray.ports import Model
from mlray.records import ModelVersion
from mlray.security import sign, verified
from mlray.sketches import Profile
from mlray.spec import Data

__all__ = [
    "FAULTS",
    "Artifact",
    "ArtifactPredictor",
    "artifact_of",
    "predictor",
    "read_artifact",
    "write_artifact",
]

FAULTS = ("inverted_labels",)
"""Deliberate faults for rehearsals: yes and no are exchanged, as after labels that were coded the wrong way round."""

_DATATYPES = {"integer": "INT64", "number": "FP64", "string": "BYTES", "timestamp": "BYTES", "boolean": "BOOL"}


@dataclass(frozen=True)
class Artifact:
    """Everything that one model version needs to answer and to be watched."""

    trainer: str
    model: bytes
    features: Fitted
    data: Data
    profile: Profile
    """Of the rows that the model learnt from: the reference for drift."""
    calibration: Calibration
    example: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    """A few real rows by column: the request that the documentation shows and that warms the model up."""
    fault: str = ""
    """One of `FAULTS` when the version was broken on purpose."""


def write_artifact(artifact: Artifact, folder: Path, key: bytes) -> str:
    """Write `artifact` to `folder`, sign it with `key`, and return the digest that the signature covers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.bin").write_bytes(artifact.model)
    parts: dict[str, object] = {
        "features.json": artifact.features.to_json(),
        "profile.json": artifact.profile.to_json(),
        "calibration.json": artifact.calibration.to_json(),
        "data.json": artifact.data.model_dump(mode="json", exclude_unset=True),
        "artifact.json": {"trainer": artifact.trainer, "example": artifact.example, "fault": artifact.fault},
    }
    for name, content in parts.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return sign(folder, key)


def read_artifact(folder: Path, key: bytes) -> Artifact:
    """Return the artifact in `folder`; AccessDenied or StoreError when it is not exactly what was signed with `key`."""
    files = verified(folder, key)

    def part(name: str) -> Any:  # noqa: ANN401 (whatever JSON was written)
        return json.loads(files[name])

    about = part("artifact.json")
    return Artifact(
        trainer=about["trainer"],
        model=files["model.bin"],
        features=Fitted.from_json(part("features.json")),
        data=Data.model_validate(part("data.json")),
        profile=Profile.from_json(part("profile.json")),
        calibration=Calibration.from_json(part("calibration.json")),
        example=about["example"],
        fault=about["fault"],
    )


class ArtifactPredictor:
    """An artifact that answers: a `ports.Predictor` made of contract, features and model."""

    def __init__(self, artifact: Artifact) -> None:
        """Load the model; the artifact must have been verified, since some trainers' models are pickles."""
        self.artifact = artifact
        self._contract = Contract.compile(artifact.data)
        self._model: Model = load_model(artifact.trainer, artifact.model)

    def check(self, columns: Mapping[str, Sequence[Json]]) -> pa.Table:
        """Return the request's rows as a table that keeps the contract; RequestError names row and column."""
        return self._contract.check_request(columns)

    def predict(self, rows: pa.Table) -> "np.ndarray[Any, np.dtype[np.float64]]":
        """Return one probability per row."""
        scores: np.ndarray[Any, np.dtype[np.float64]] = self._model.predict(self.artifact.features.apply(rows).values)
        if self.artifact.fault == "inverted_labels":
            return 1.0 - scores
        return scores

    def describe(self) -> Mapping[str, Json]:
        """Return inputs, outputs and an example in the words of the Open Inference Protocol."""
        data = self.artifact.data
        return {
            "platform": f"mlray_{self.artifact.trainer}",
            "time": data.time,
            "target": data.target.name,
            "inputs": [
                {
                    "name": name,
                    "datatype": _DATATYPES[column.type],
                    "shape": [-1],
                    "nullable": column.nullable,
                    "unit": column.unit,
                    "allowed": list(column.allowed) if column.allowed else None,
                    "min": column.min,
                    "max": column.max,
                }
                for name, column in data.request_columns.items()
            ],
            "outputs": [
                {"name": "probability", "datatype": "FP64", "shape": [-1]},
                {"name": data.target.name, "datatype": "BOOL", "shape": [-1]},
            ],
            "example": {name: list(values) for name, values in self.artifact.example.items()},
        }


def artifact_of(space: Workspace, version: ModelVersion) -> Artifact:
    """Return the artifact of a registered version, its signature verified; a moved workspace is no obstacle."""
    here = space.root / "models" / Path(version.artifact).name
    return read_artifact(here if here.exists() else Path(version.artifact), space.signing_key)


def predictor(space: Workspace, version: ModelVersion) -> ArtifactPredictor:
    """Return the predictor of a registered version, its signature verified."""
    return ArtifactPredictor(artifact_of(space, version))
