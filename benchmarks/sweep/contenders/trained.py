"""What Ray Tune's workers run. A module of its own: actors are not used again for a class that lives in `__main__`."""

import time
from typing import Any

from ray import tune

from benchmarks.sweep.contenders.training import bound

__all__ = ["Nothing", "Told", "Waiting", "train"]


def train(config: dict[str, Any], data: Any) -> None:
    """Train one configuration as XGBoost's users do, and report it."""
    import xgboost as xgb

    train_x, train_y, valid_x, valid_y = data
    learn = xgb.QuantileDMatrix(train_x, train_y, nthread=1)
    choose = xgb.QuantileDMatrix(valid_x, valid_y, ref=learn, nthread=1)
    told: dict[str, dict[str, list[float]]] = {}
    begun = time.thread_time()
    xgb.train(
        bound(config["params"]),
        learn,
        config["rounds"],
        evals=[(choose, "valid")],
        evals_result=told,
        verbose_eval=False,
    )
    cpu = time.thread_time() - begun
    tune.report({"auc": max(told["valid"]["auc"]), "cpu": cpu, "at": time.time()})


class Nothing(tune.Trainable):
    """A trial that costs nothing."""

    def setup(self, config: dict[str, Any]) -> None:
        self.config = config

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.config = new_config
        return True

    def step(self) -> dict[str, Any]:
        return {"score": self.config["x"], "done": True}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing to keep."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing to load."""


class Waiting(Nothing):
    """A trial that keeps its slot for some seconds, and needs no CPU for it."""

    def step(self) -> dict[str, Any]:
        time.sleep(self.config["seconds"])
        return {"score": 1.0, "done": True}


class Told(tune.Callback):
    """Notes when trials end."""

    def __init__(self, moments: list[float]) -> None:
        self._moments = moments

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:  # noqa: ARG002
        self._moments.append(time.time())

    def __getstate__(self) -> dict[str, Any]:
        """Leave everything behind: Tune may pickle its callbacks."""
        return {"_moments": []}
