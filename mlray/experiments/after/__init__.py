"""What comes after a sweep: an ensemble of its best trials as one more candidate, and which parameters mattered."""

from mlray.experiments.after._complete import complete
from mlray.experiments.after.ensemble import ENSEMBLE, fit_ensemble, members_of

__all__ = ["ENSEMBLE", "complete", "fit_ensemble", "members_of"]
