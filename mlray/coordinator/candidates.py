"""What a sweep proposes to go live: its best trial, and a blend of its best ones; trained, compared and chosen."""

from collections.abc import Sequence
from dataclasses import dataclass

from mlray.coordinator.rows import Array
from mlray.evaluation import compare
from mlray.experiments import fit, load_model
from mlray.experiments.after import ENSEMBLE, Members, fit_ensemble, fit_trials, members_of
from mlray.features import Matrix
from mlray.records import Experiment

__all__ = ["Candidate", "better", "candidates", "scores"]


@dataclass(frozen=True)
class Candidate:
    """One proposal: the trials that answer, each with its share."""

    members: Members

    @property
    def trainer(self) -> str:
        """What reads its content: the trainer of its only trial, or `ensemble`."""
        return self.members[0][0].trainer if len(self.members) == 1 else ENSEMBLE

    def fit(self, x: Matrix, y: Array, seed: int, weights: Array | None = None) -> bytes:
        """Train it on `x` with the answers `y`, and return its content, which `load_model` reads.

        `weights` [n] say how much each row counts, as they did in the sweep.
        """
        if len(self.members) > 1:
            return fit_ensemble(self.members, x.values, y, x.categorical, seed, weights=weights)
        trial, _ = self.members[0]
        return fit(trial.trainer, x.values, y, x.categorical, trial.params, trial.rounds, seed, weights=weights)


def candidates(experiment: Experiment) -> tuple[Candidate, ...]:
    """Return what `experiment` proposes: its best trial, then its ensemble where it has one."""
    single = Candidate(((experiment.best, 1.0),))
    members = members_of(experiment)
    return (single, Candidate(members)) if len(members) > 1 else (single,)


def scores(
    proposed: Sequence[Candidate], known: Matrix, y: Array, seed: int, x: Matrix, weights: Array | None = None
) -> list[Array]:
    """Return what each candidate, trained on `known` with the answers `y`, predicts for `x`: one array [n] each.

    A trial that several candidates share is trained once.
    """
    trials = {trial.number: trial for candidate in proposed for trial, _ in candidate.members}
    contents = fit_trials(list(trials.values()), known.values, y, known.categorical, seed, weights=weights)
    told = {
        trial.number: load_model(trial.trainer, content).predict(x.values)
        for trial, content in zip(trials.values(), contents, strict=True)
    }
    return [sum(share * told[trial.number] for trial, share in one.members) for one in proposed]


def better(metric: str, y: Array, told: Sequence[Array]) -> int:
    """Return which of `told` predicts the answers `y` best; the first, which is the simplest, where none is better.

    Both were made without these rows. Taking the better of two flatters it by less than the chance in their difference,
    which is small: the best trial is most of the blend.
    """
    gains = [0.0, *(compare(metric, y, other, told[0]).gain.value for other in told[1:])]
    return gains.index(max(gains))
