"""What comes after a sweep: an ensemble of its best trials as one more candidate, and which parameters mattered."""

from mlray.experiments.after._complete import complete
from mlray.experiments.after.ensemble import ENSEMBLE, Members, fit_ensemble, fit_trials, members_of

__all__ = ["ENSEMBLE", "Members", "complete", "fit_ensemble", "fit_trials", "members_of"]
