"""What to try next: planned configurations first, then Optuna's suggestions."""

from collections.abc import Sequence
from typing import Any

from mlray.experiments._problem import Problem, higher_is_better
from mlray.experiments._space import Configuration, spaces
from mlray.records import Trial
from mlray.spec import Choice, Model, Range

__all__ = ["Asked"]


class Asked:
    """The planned configurations first, then Optuna's tree-structured Parzen estimator over all trainers at once."""

    def __init__(self, model: Model, problem: Problem, first: Sequence[Configuration]) -> None:
        """Ask for `first` in their order, then search the spaces of `model` for `problem`'s metric with its seed."""
        self._spaces = {space.trainer: space for space in spaces(model)}
        self._higher, self._seed = higher_is_better(problem.metric), problem.seed
        self._first = list(first)
        self._told: list[Trial] = []
        self._open: dict[str, Any] = {}
        self._study: Any = None

    def ask(self, name: str) -> Configuration | None:
        """Return what to try next; None when nothing is left."""
        if self._first:
            return self._first.pop(0)
        searchable = [space for space in self._spaces.values() if space.searched]
        if not searchable:
            return None
        asked = self._studied().ask()
        chosen = asked.suggest_categorical("trainer", [space.trainer for space in searchable])
        space = self._spaces[chosen]
        params = {key: _suggest(asked, f"{chosen}.{key}", domain) for key, domain in space.searched.items()}
        self._open[name] = asked
        return Configuration(chosen, {**space.fixed, **params})

    def tell(self, name: str, trial: Trial) -> None:
        """Take note of what came of the trial `name`."""
        asked = self._open.pop(name, None)
        if asked is None:
            self._told.append(trial)
            if self._study is not None:
                self._add(trial)
        elif trial.score is None:
            self._study.tell(asked, state=_optuna().trial.TrialState.FAIL)
        else:
            self._study.tell(asked, trial.score)

    def _studied(self) -> Any:
        """Return the study, made when it is first asked: a short sweep never imports Optuna."""
        if self._study is None:
            optuna = _optuna()
            optuna.logging.set_verbosity(optuna.logging.ERROR)
            sampler = optuna.samplers.TPESampler(
                seed=self._seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=4
            )
            self._study = optuna.create_study(direction="maximize" if self._higher else "minimize", sampler=sampler)
            for trial in self._told:
                self._add(trial)
        return self._study

    def _add(self, trial: Trial) -> None:
        """Let Optuna learn from a trial that was planned, where it lies within the ranges."""
        space = self._spaces[trial.trainer]
        inside = all(_within(domain, trial.params.get(key)) for key, domain in space.searched.items())
        if trial.score is None or not inside or not space.searched:
            return
        optuna = _optuna()
        names = [each.trainer for each in self._spaces.values() if each.searched]
        distributions = {"trainer": optuna.distributions.CategoricalDistribution(names)}
        distributions |= {f"{trial.trainer}.{key}": _distribution(domain) for key, domain in space.searched.items()}
        params: dict[str, Any] = {"trainer": trial.trainer}
        params |= {f"{trial.trainer}.{key}": trial.params[key] for key in space.searched}
        self._study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=trial.score))


def _optuna() -> Any:
    import optuna

    return optuna


def _whole(domain: Range) -> bool:
    return isinstance(domain.low, int) and isinstance(domain.high, int)


def _distribution(domain: Range | Choice) -> Any:
    optuna = _optuna()
    if isinstance(domain, Choice):
        return optuna.distributions.CategoricalDistribution(domain.choices)
    kind = optuna.distributions.IntDistribution if _whole(domain) else optuna.distributions.FloatDistribution
    return kind(domain.low, domain.high, log=domain.scale == "log")


def _suggest(asked: Any, name: str, domain: Range | Choice) -> Any:
    if isinstance(domain, Choice):
        return asked.suggest_categorical(name, domain.choices)
    suggest = asked.suggest_int if _whole(domain) else asked.suggest_float
    return suggest(name, domain.low, domain.high, log=domain.scale == "log")


def _within(domain: Range | Choice, value: Any) -> bool:
    if isinstance(domain, Choice):
        return value in domain.choices
    return isinstance(value, int | float) and domain.low <= value <= domain.high
