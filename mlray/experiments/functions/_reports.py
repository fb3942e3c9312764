"""What a user's function reports, as looks of a trial: which figure counts, and which way is better."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from mlray.errors import InputError
from mlray.experiments._orders import Look

__all__ = ["OURS", "Reports", "direction"]

Direction = Literal["max", "min"]

OURS = "mlray_"
"""What begins so in a result was put there by the trial's own process, not by the user's function."""

_BETTER_LOW = ("loss", "error", "rmse", "mse", "mae", "brier", "perplexity", "cost", "deviance")
_BETTER_HIGH = ("auc", "acc", "accuracy", "r2", "ndcg", "map", "f1", "precision", "recall", "score", "reward", "return")
_TUNES = (
    "training_iteration", "time_this_iter_s", "time_total_s", "done", "trial_id", "date", "timestamp", "pid",
    "hostname", "node_ip", "config", "time_since_restore", "iterations_since_restore", "checkpoint_dir_name",
    "should_checkpoint", "experiment_tag",
)  # fmt: skip


def direction(metric: str, mode: str | None) -> Direction:
    """Return whether the best value of `metric` is its greatest (`max`) or its least (`min`).

    A name that ends in a word such as `loss` or `accuracy` says so by itself; `mode` says it for any other.

    Raises:
        InputError: neither the name nor `mode` tells.

    >>> direction("val_loss", None), direction("speed", "max")
    ('min', 'max')
    """
    if mode == "max":
        return "max"
    if mode == "min":
        return "min"
    if mode is not None:
        raise InputError(f"mode is '{mode}'.", remedy="Write 'max' or 'min'.")
    word = metric.lower().replace("-", "_").replace("/", "_").rpartition("_")[2]
    for name in (metric.lower(), word):
        if name in _BETTER_HIGH:
            return "max"
        if name in _BETTER_LOW or name.endswith(("loss", "error")):
            return "min"
    raise InputError(f"Whether more or less of '{metric}' is better is not known.", remedy="Pass mode='max' or 'min'.")


@dataclass(frozen=True, slots=True)
class Reports:
    """How results are read."""

    metric: str
    objectives: tuple[str, ...] = ()
    """Further figures besides the score that a function reports; less of each is better."""

    def look(self, result: Mapping[str, Any]) -> Look | None:
        """Return what a result (as Tune gives it) shows; None where it holds no score, as a mere heartbeat.

        Raises:
            InputError: the metric is not among the figures that were reported, or is no finite number.
        """
        if self.metric not in result:
            named = [name for name in result if name not in _TUNES and not name.startswith((OURS, "config/"))]
            if not named:
                return None
            near = get_close_matches(self.metric, named, n=1, cutoff=0.5)
            hint = f"Pass metric='{near[0]}'." if near else f"Pass metric= one of {', '.join(named)}."
            raise InputError(f"It reported no '{self.metric}'; it reported {', '.join(named)}.", remedy=hint)
        score = result[self.metric]
        try:
            value = float(score)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"It reported {self.metric} = {score!r}.", remedy="Report a finite number.")
        return Look(int(result.get("training_iteration", 1)), value)

    def others(self, result: Mapping[str, Any]) -> dict[str, float]:
        """Return the further objectives that a result holds."""
        found = {}
        for name in self.objectives:
            value = result.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                found[name] = float(value)
        return found
