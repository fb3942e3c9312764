"""Versioned endpoints: an application that validates, splits, scores copies and logs; the rules of a rollout."""

from mlray.serving.app import App, Limits
from mlray.serving.request_log import RequestLog
from mlray.serving.rollout import Batch, Evidence, Step, step

__all__ = ["App", "Batch", "Evidence", "Limits", "RequestLog", "Step", "step"]
