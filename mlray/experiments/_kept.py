"""What the best trials of a sweep leave behind: predictions for the ensemble, models for the registry."""

import math

from mlray.experiments._plan import Kept
from mlray.records import Trial

__all__ = ["Shelf"]


class Shelf:
    """Room for the predictions and models of the best few; whoever is beaten by so many leaves it."""

    def __init__(self, predictions: int, models: int, *, higher: bool) -> None:
        """Keep the `predictions` of so many trials, and the `models` of so many."""
        self._predictions, self._models = predictions, models
        self._sign = 1.0 if higher else -1.0
        self._kept: list[Kept] = []

    @property
    def threshold(self) -> float | None:
        """The score that a trial must beat to be kept; None while there is room, infinite where there is none."""
        size = max(self._predictions, self._models)
        if not size:
            return self._sign * math.inf
        return None if len(self._kept) < size else self._kept[-1].trial.score

    @property
    def model_threshold(self) -> float | None:
        """The same for a model: there is room for fewer."""
        if not self._models:
            return self._sign * math.inf
        return None if len(self._kept) < self._models else self._kept[self._models - 1].trial.score

    def put(self, trial: Trial, predictions: bytes, model: bytes) -> None:
        """Keep what `trial` left behind, if it belongs to the best; a trial that left nothing takes no room."""
        if trial.score is None or not (predictions or model):
            return
        self._kept = sorted([*self._kept, Kept(trial, predictions, model)], key=self._rank)
        del self._kept[max(self._predictions, self._models) :]
        for place, kept in enumerate(self._kept):
            if (kept.model and place >= self._models) or (kept.predictions and place >= self._predictions):
                self._kept[place] = Kept(
                    kept.trial,
                    kept.predictions if place < self._predictions else b"",
                    kept.model if place < self._models else b"",
                )

    def _rank(self, kept: Kept) -> tuple[float, int]:
        # Of equal scores the first asked is the better: the order of arrival must not decide.
        return (-self._sign * (kept.trial.score or 0.0), kept.trial.number)

    def kept(self) -> tuple[Kept, ...]:
        """Return what is kept, the best first."""
        return tuple(self._kept)
