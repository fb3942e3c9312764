"""The facts that stages exchange: frozen, comparable, and the same on disk, on the wire and in memory."""

from mlray.records._base import Interval, Record
from mlray.records._crawl import Checkup, SourceState, Verdict
from mlray.records._data import Column, ColumnFile, DatasetVersion, Deletions, Fragment, Patch, Quality, Statistics
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
    is_loss,
)
from mlray.records._money import Budget, Price, Spend
from mlray.records._quality import (
    Balance,
    Bar,
    ColumnProfile,
    DataProfile,
    Finding,
    LabelQuality,
    LabelSuspect,
    LeakageSuspect,
    PeriodShare,
    Repetition,
    RuleCount,
)

__all__ = [
    "Act",
    "Balance",
    "Bar",
    "Budget",
    "Checkup",
    "Column",
    "ColumnDrift",
    "ColumnFile",
    "ColumnProfile",
    "CurvePoint",
    "DataProfile",
    "DatasetVersion",
    "Decision",
    "Deletions",
    "DriftReport",
    "Endpoint",
    "Experiment",
    "Feasibility",
    "Finding",
    "Fragment",
    "GateResult",
    "Interval",
    "JobRequest",
    "LabelQuality",
    "LabelSuspect",
    "LeakageSuspect",
    "ModelVersion",
    "Patch",
    "Performance",
    "PeriodShare",
    "Price",
    "Quality",
    "Record",
    "Repetition",
    "RuleCount",
    "Scorecard",
    "SliceScore",
    "SourceState",
    "Spend",
    "Stage",
    "Statistics",
    "Trial",
    "Verdict",
    "is_loss",
]
