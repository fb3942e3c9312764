"""The facts that stages exchange: frozen, comparable, and the same on disk, on the wire and in memory."""

from mlray.records._base import Interval, Record
from mlray.records._data import DatasetVersion, Fragment, Quality
from mlray.records._decision import Act, Decision, JobRequest
from mlray.records._live import ColumnDrift, DriftReport, Endpoint, Performance, Stage
from mlray.records._model import (
    CurvePoint,
    Experiment,
    Feasibility,
    GateResult,
    ModelVersion,
    Scorecard,
    SliceScore,
    Trial,
)
from mlray.records._money import Budget, Price, Spend

__all__ = [
    "Act",
    "Budget",
    "ColumnDrift",
    "CurvePoint",
    "DatasetVersion",
    "Decision",
    "DriftReport",
    "Endpoint",
    "Experiment",
    "Feasibility",
    "Fragment",
    "GateResult",
    "Interval",
    "JobRequest",
    "ModelVersion",
    "Performance",
    "Price",
    "Quality",
    "Record",
    "Scorecard",
    "SliceScore",
    "Spend",
    "Stage",
    "Trial",
]
