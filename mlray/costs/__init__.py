"""Costs: price books, budgets, admission, forecasts, and the meter that writes money into the journal."""

from mlray.costs.admission import Admission, Outcome, admit
from mlray.costs.budget import state, window
from mlray.costs.forecast import retraining
from mlray.costs.meter import promise, release, reserve, settle, spends
from mlray.costs.prices import NodeType, PriceBook

__all__ = [
    "Admission",
    "NodeType",
    "Outcome",
    "PriceBook",
    "admit",
    "promise",
    "release",
    "reserve",
    "retraining",
    "settle",
    "spends",
    "state",
    "window",
]
