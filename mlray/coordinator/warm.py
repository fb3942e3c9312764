"""Where a later sweep begins: the best configurations known. Pure."""

from collections.abc import Sequence

from mlray.experiments import higher_is_better
from mlray.records import Experiment, Trial

__all__ = ["warm_trials"]


def warm_trials(sweeps: Sequence[Experiment], metric: str, most: int) -> tuple[Trial, ...]:
    """Return at most `most` different configurations: the best of each sweep, the newest first, then the first's next.

    Args:
        sweeps: Earlier sweeps, oldest first; those by another metric say nothing and are left out.
        metric: What trials are compared by.
        most: How many at most.
    """
    sweeps = [sweep for sweep in sweeps if sweep.metric == metric]
    best = [sweep.best for sweep in reversed(sweeps)]
    if sweeps:
        scored = [(trial.score, trial) for trial in sweeps[0].trials if trial.state == "finished"]
        known = [(score, trial) for score, trial in scored if score is not None]
        known.sort(key=lambda pair: pair[0], reverse=higher_is_better(metric))
        best += [trial for _, trial in known[:2]]
    unique = {(trial.trainer, str(sorted(trial.params.items()))): trial for trial in reversed(best)}
    return tuple(reversed(unique.values()))[:most]
