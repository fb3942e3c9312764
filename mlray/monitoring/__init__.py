"""Watching what is live: drift, performance with and without labels, alarms, and the request log read back."""

from mlray.monitoring.alarms import Alarm, State, advance
from mlray.monitoring.drift import compare
from mlray.monitoring.log import LogWindow, compact, read_window
from mlray.monitoring.performance import Calibration, calibration, estimate, excess, measure
from mlray.monitoring.profile import describe

__all__ = [
    "Alarm",
    "Calibration",
    "LogWindow",
    "State",
    "advance",
    "calibration",
    "compact",
    "compare",
    "describe",
    "estimate",
    "excess",
    "measure",
    "read_window",
]
