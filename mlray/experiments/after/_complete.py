"""What a sweep's record gains once all trials have ended: the blend of the best, and which parameters mattered."""

from collections.abc import Iterable
from dataclasses import replace

from mlray.experiments._problem import Array, Problem, higher_is_better
from mlray.experiments.after._ensemble import ensemble
from mlray.experiments.after._importance import importance
from mlray.experiments.after._truth import Truth
from mlray.records import Experiment

__all__ = ["complete"]


def complete(
    experiment: Experiment, problem: Problem, kept: Iterable[tuple[int, bytes | Array]], *, blended: bool = True
) -> Experiment:
    """Return `experiment` with its ensemble and the importance of its parameters.

    Args:
        experiment: The sweep, ended.
        problem: What it solved.
        kept: The best trials' numbers, and what each predicts for the validation rows: float32, [n] or [n, classes];
            with folds for the rows of each fold, one fold after the other.
        blended: Whether an ensemble is wanted.
    """
    experiment = replace(
        experiment, importance=importance(experiment.trials, higher=higher_is_better(experiment.metric))
    )
    truth = Truth.of(problem)
    known = {trial.number for trial in experiment.trials}
    found = {number: truth.read(told) if isinstance(told, bytes) else told for number, told in kept if number in known}
    built = ensemble(found, truth, experiment.seed) if blended else None
    if built is None:
        return experiment
    return replace(experiment, ensemble=built.weights, ensemble_score=built.score)
