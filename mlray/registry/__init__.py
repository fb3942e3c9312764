"""Registered models: which versions there are, which alias points where; kept in MLflow by `registry.on_mlflow`."""

from mlray.registry.promotion import ALIASES, Move, move

__all__ = ["ALIASES", "Move", "move"]
