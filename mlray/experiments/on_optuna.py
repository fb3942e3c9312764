"""Optuna as a search: a tree-structured Parzen estimator over all trainers at once, one or several objectives."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, Literal

from mlray.experiments._dimensions import Dimension, nearest, same
from mlray.experiments._known import Value
from mlray.experiments._search import Fresh
from mlray.experiments._space import Configuration, Space, compose, within
from mlray.records import Trial
from mlray.spec import Range

__all__ = ["Direction", "Optuna"]

Direction = Literal["maximize", "minimize"]

FULL = 300
"""Results in the study at most. The estimator looks at all of them for every proposal: 9 ms with 200 of them, 15 ms
with 500, 280 ms with 10,000 (six parameters, one core). Kept to this, the last of 10,000 proposals takes what the
thousandth took, 15 ms, and the process does not grow."""
BEST, NEWEST = 50, 100
"""What is kept of a full study. The estimator tells the best few (25 at most) from all others, and lets old ones count
for less in any case: the best of all and the newest are what it would go by."""
STARTUP = 4
"""Results that the estimator wants to see before it goes by them; until then it draws at random."""


class Optuna:
    """Proposes by Optuna's multivariate TPE; pending proposals count as poor, so that no two lanes try the same.

    Several objectives are searched for their Pareto front. A parameter that counts only sometimes is learnt where it
    counts (define-by-run). The study is bounded, hence the ten-thousandth proposal costs what the four-hundredth did.
    """

    def __init__(self, spaces: Sequence[Space], seed: int, directions: Mapping[str, Direction] | None = None) -> None:
        """Search `spaces` for the objectives of `directions`.

        `score` is a trial's score, any other name one of its further objectives; without `directions` the score is to
        be high.
        """
        self._spaces = {space.trainer: space for space in spaces if any(each.searched for each in space.dimensions)}
        self._seed, self._directions = seed, dict(directions or {"score": "maximize"})
        self._fresh = Fresh(tuple(self._spaces.values()))
        self._told: list[Trial] = []
        self._open: dict[int, int] = {}
        self._study: Any = None
        self._studies = 0

    def ask(self, number: int) -> Configuration | None:
        """Return what trial `number` is to try; None where the spaces are finite and were tried from end to end."""
        if not self._spaces or self._fresh.used_up:
            return None
        study = self._studied()
        for _ in range(self._fresh.redraws):
            asked = study.ask()
            proposed = self._proposed(asked)
            if self._fresh.take(proposed):
                self._open[number] = asked.number
                return proposed
            study.tell(asked.number, state=_optuna().trial.TrialState.FAIL)
        return self._fresh.any()

    def _proposed(self, asked: Any) -> Configuration:
        names = list(self._spaces)
        chosen = asked.suggest_categorical("trainer", names) if len(names) > 1 else names[0]
        return compose(self._spaces[chosen], lambda dimension: _suggested(asked, chosen, dimension))

    def tell(self, trial: Trial) -> None:
        """Take note of a trial; one that was asked for elsewhere teaches as well, where it lies within the space."""
        number = self._open.pop(trial.number, None)
        if number is not None:
            values = self._values(trial)
            state = None if values else _optuna().trial.TrialState.FAIL
            self._study.tell(number, values, state=state)
            return
        self._fresh.take(Configuration(trial.trainer, trial.params))
        if self._study is None:
            self._told.append(trial)
        else:
            self._add(trial)

    def _values(self, trial: Trial) -> list[float] | None:
        """Return the trial's value for every objective; None where one is missing."""
        values = [trial.score if name == "score" else trial.objectives.get(name) for name in self._directions]
        known = [value for value in values if value is not None and isfinite(value)]
        return known if len(known) == len(values) and trial.score is not None else None

    def _studied(self) -> Any:
        """Return the study, made when it is first asked, a short sweep never imports Optuna; and thinned when full."""
        if self._study is None:
            self._study = self._made()
            for trial in self._told:
                self._add(trial)
            self._told.clear()
        elif len(self._study.get_trials(deepcopy=False)) - len(self._open) >= FULL:
            self._thin()
        return self._study

    def _made(self) -> Any:
        optuna = _optuna()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        # A sampler belongs to one study; the next one draws differently, and the same way in every replay.
        seed = (self._seed + 1_000_003 * self._studies) % 2**32
        self._studies += 1
        # Imported before: filters belong to the process, and another thread may put back its own meanwhile.
        sampler_of = optuna.samplers.TPESampler
        with warnings.catch_warnings():
            # What is experimental about them is that their arguments may change; our version of Optuna is bounded.
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = sampler_of(seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=STARTUP)
        return optuna.create_study(directions=list(self._directions.values()), sampler=sampler)

    def _thin(self) -> None:
        """Go on with a new study of the best trials, the newest, and those that are under way."""
        state = _optuna().trial.TrialState
        full = self._study.get_trials(deepcopy=False)
        finished = [trial for trial in full if trial.state == state.COMPLETE]
        kept = {trial.number for trial in (*self._best(finished), *finished[-NEWEST:])}
        self._study = self._made()
        for trial in finished:
            if trial.number in kept:
                self._study.add_trial(trial)
        first = len(self._study.get_trials(deepcopy=False))
        for position, (number, old) in enumerate(self._open.items()):
            self._study.add_trial(full[old])
            self._open[number] = first + position

    def _best(self, finished: Sequence[Any]) -> Sequence[Any]:
        if len(self._directions) > 1:
            # The newest of the front: earlier ones are alike, and the front alone may grow beyond any bound.
            return sorted(self._study.best_trials, key=lambda trial: int(trial.number))[-BEST:]
        sign = -1.0 if "maximize" in self._directions.values() else 1.0
        return sorted(finished, key=lambda trial: sign * float(trial.value))[:BEST]

    def _add(self, trial: Trial) -> None:
        """Let Optuna learn from a trial that it has not proposed, where it lies within the ranges."""
        values, space = self._values(trial), self._spaces.get(trial.trainer)
        if values is None or space is None or not within(space, trial.params):
            return
        optuna = _optuna()
        params: dict[str, Any] = {}
        distributions: dict[str, Any] = {}
        if len(self._spaces) > 1:
            params["trainer"] = trial.trainer
            distributions["trainer"] = optuna.distributions.CategoricalDistribution(list(self._spaces))
        for dimension in _counting(space, trial.params):
            key = f"{trial.trainer}.{dimension.key}"
            params[key] = _told(dimension, trial.params[dimension.name])
            distributions[key] = _distribution(dimension)
        self._study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, values=values))


def _optuna() -> Any:
    import optuna

    return optuna


def _counting(space: Space, params: Mapping[str, Value]) -> Iterator[Dimension]:
    seen = {**space.fixed, **params}
    return (each for each in space.dimensions if each.searched and each.counts(seen))


def _suggested(asked: Any, trainer: str, dimension: Dimension) -> Any:
    if not dimension.searched:
        return nearest(dimension, None)
    domain, name = dimension.domain, f"{trainer}.{dimension.key}"
    if not isinstance(domain, Range):
        return asked.suggest_categorical(name, dimension.values)
    log = domain.scale == "log"
    step = {} if domain.step is None or log else {"step": domain.step}
    suggest = asked.suggest_int if domain.whole and (step or domain.step is None) else asked.suggest_float
    value = suggest(name, domain.low, domain.nearest(domain.high), log=log, **step)
    return domain.nearest(value)


def _distribution(dimension: Dimension) -> Any:
    """Return what `_suggested` draws from."""
    distributions, domain = _optuna().distributions, dimension.domain
    if not isinstance(domain, Range):
        return distributions.CategoricalDistribution(dimension.values)
    log = domain.scale == "log"
    step = {} if domain.step is None or log else {"step": domain.step}
    whole = domain.whole and (step or domain.step is None)
    kind = distributions.IntDistribution if whole else distributions.FloatDistribution
    return kind(domain.low, domain.nearest(domain.high), log=log, **step)


def _told(dimension: Dimension, value: Value) -> Any:
    if isinstance(dimension.domain, Range):
        return nearest(dimension, value)
    return next(each for each in dimension.values or () if same(each, value))
