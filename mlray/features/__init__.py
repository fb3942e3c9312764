"""Feature plans: fitted once on training rows, and applied alike in batch and online."""

from mlray.features._plan import FeaturePlan, Fitted, Matrix, Partial

__all__ = ["FeaturePlan", "Fitted", "Matrix", "Partial"]
