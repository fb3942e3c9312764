"""Which parameters mattered: Optuna's importance evaluators, asked about a sweep's finished trials."""

import warnings
from collections.abc import Sequence
from math import isfinite
from typing import Any

from mlray.records import Trial

__all__ = ["FEWEST", "importance"]

FEWEST = 20
"""With fewer trials every parameter seems to matter about as much."""
TOP = 5
"""At least so many trials make the good ones: fewer say nothing about where the good ones lie."""
SHARE = 0.1
DECADE = 10.0
"""A parameter whose values span so much was searched by orders of magnitude, and is looked at the same way."""

Value = float | int | str | bool | None


def importance(trials: Sequence[Trial], *, higher: bool) -> dict[str, float]:
    """Return how much of what tells the best tenth of `trials` from the rest lies in each parameter; shares of one.

    PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023) compares where the best trials lie with where all lie: it takes
    moments for thousands of trials, does not mind that trials were stopped early (they are among the rest either way),
    and knows parameters that only some trials have. Parameters that had one value are left out, the most important
    comes first. A parameter carries its trainer's name where several trainers were tried (`xgboost.max_depth`), and
    `trainer` is then one more. Empty with fewer than `FEWEST` scored trials, and where nothing varied.
    """
    scored = [trial for trial in trials if trial.score is not None and isfinite(trial.score)]
    if len(scored) < FEWEST or len({trial.score for trial in scored}) < 2:
        return {}
    rows = _rows(scored)
    names = dict.fromkeys(name for row in rows for name in row)
    domains = {name: domain for name in names if (domain := _domain([row[name] for row in rows if name in row]))}
    if not domains:
        return {}
    optuna = _optuna()
    study = optuna.create_study(direction="maximize" if higher else "minimize")
    study.add_trials(
        [
            optuna.trial.create_trial(
                value=trial.score,
                params={name: _plain(value) for name, value in row.items() if name in domains},
                distributions={name: domains[name] for name in row if name in domains},
            )
            for trial, row in zip(scored, rows, strict=True)
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental, says Optuna
        judge = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=max(SHARE, TOP / len(scored)))
        raw = judge.evaluate(study)
    total = sum(raw.values())
    if not total > 0:
        return {}
    most = sorted(raw.items(), key=lambda item: (-item[1], item[0]))
    return {name: float(value) / total for name, value in most}


def _rows(trials: Sequence[Trial]) -> list[dict[str, Value]]:
    """Return each trial's parameters by the names that a reader of several trainers needs."""
    if len({trial.trainer for trial in trials}) == 1:
        return [dict(trial.params) for trial in trials]
    return [
        {"trainer": trial.trainer, **{f"{trial.trainer}.{name}": value for name, value in trial.params.items()}}
        for trial in trials
    ]


def _domain(values: Sequence[Value]) -> Any:
    """Return where `values` lie, as Optuna says it; None when they are all the same."""
    if len(set(map(_plain, values))) < 2:
        return None
    distributions = _optuna().distributions
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values) or not all(map(isfinite, numbers)):
        return distributions.CategoricalDistribution(sorted(set(map(_plain, values)), key=str))
    low, high = min(numbers), max(numbers)
    wide = low > 0 and high / low >= DECADE
    if all(isinstance(value, int) for value in numbers):
        return distributions.IntDistribution(low, high, log=wide)
    return distributions.FloatDistribution(float(low), float(high), log=wide)


def _plain(value: Value) -> Value:
    """Return `value` as Optuna takes it: what is no number is a word, so that True and 1 stay apart."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _optuna() -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
