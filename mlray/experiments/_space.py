"""Where a sweep looks: the parameters a trainer knows, their good defaults, and the ranges searched."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from mlray.errors import SpecError
from mlray.records import Trial
from mlray.spec import Choice, Model, Range

__all__ = ["KNOWN", "Configuration", "Domain", "Known", "Space", "check_space", "first_configurations", "spaces"]

Value = float | int | str | bool | None
Domain = Range | Choice | str | int | float | bool


@dataclass(frozen=True)
class Known:
    """One parameter of a trainer: the values it can take at all."""

    whole: bool
    low: float
    high: float

    def problem(self, domain: Domain) -> str:
        """Return what is wrong with `domain`, or an empty text."""
        if isinstance(domain, Range):
            values: tuple[str | int | float | bool, ...] = (domain.low, domain.high)
        else:
            values = domain.choices if isinstance(domain, Choice) else (domain,)
        for value in values:
            if isinstance(value, str | bool):
                return f"'{value}' is not a number"
            if self.whole and float(value) != int(value):
                return f"{value} is not a whole number"
            if not self.low <= value <= self.high:
                return f"{value} lies outside {self.low:g} to {self.high:g}"
        return ""


_TINY, _MANY = 1e-6, 1e6

KNOWN: Mapping[str, Mapping[str, Known]] = {
    "xgboost": {
        "learning_rate": Known(False, _TINY, 1),
        "max_depth": Known(True, 1, 30),
        "max_leaves": Known(True, 0, 65_536),
        "min_child_weight": Known(False, 0, _MANY),
        "subsample": Known(False, 0.01, 1),
        "colsample_bytree": Known(False, 0.01, 1),
        "colsample_bylevel": Known(False, 0.01, 1),
        "colsample_bynode": Known(False, 0.01, 1),
        "reg_lambda": Known(False, 0, _MANY),
        "reg_alpha": Known(False, 0, _MANY),
        "gamma": Known(False, 0, _MANY),
        "max_delta_step": Known(False, 0, _MANY),
        "scale_pos_weight": Known(False, _TINY, _MANY),
        "max_cat_to_onehot": Known(True, 1, 10_000),
    },
    "hist_gradient_boosting": {
        "learning_rate": Known(False, _TINY, 1),
        "max_leaf_nodes": Known(True, 2, 65_536),
        "max_depth": Known(True, 1, 100),
        "min_samples_leaf": Known(True, 1, _MANY),
        "l2_regularization": Known(False, 0, _MANY),
        "max_features": Known(False, 0.01, 1),
        "max_bins": Known(True, 2, 255),
    },
}
"""Trainer → parameter → what it can be. Rounds are not among them: a sweep finds the best up to `model.rounds`."""


def _span(low: float, high: float, *, log: bool = False) -> Range:
    return Range(low=low, high=high, scale="log" if log else "linear")


_SEARCHED: Mapping[str, Mapping[str, Domain]] = {
    "xgboost": {
        "learning_rate": _span(0.02, 0.3, log=True),
        "max_depth": _span(3, 10),
        "min_child_weight": _span(1.0, 64.0, log=True),
        "subsample": _span(0.6, 1.0),
        "colsample_bytree": _span(0.5, 1.0),
        "reg_lambda": _span(0.1, 30.0, log=True),
    },
    "hist_gradient_boosting": {
        "learning_rate": _span(0.02, 0.3, log=True),
        "max_leaf_nodes": _span(8, 128, log=True),
        "min_samples_leaf": _span(5, 200, log=True),
        "l2_regularization": _span(0.01, 30.0, log=True),
        "max_features": _span(0.4, 1.0),
    },
}

_GOOD: Mapping[str, tuple[Mapping[str, Value], ...]] = {
    "xgboost": (
        {
            "learning_rate": 0.1,
            "max_depth": 6,
            "min_child_weight": 8.0,
            "subsample": 0.8,
            "colsample_bytree": 0.8,
            "reg_lambda": 1.0,
        },
        {
            "learning_rate": 0.05,
            "max_depth": 9,
            "min_child_weight": 16.0,
            "subsample": 0.8,
            "colsample_bytree": 0.6,
            "reg_lambda": 5.0,
        },
    ),
    "hist_gradient_boosting": (
        {
            "learning_rate": 0.1,
            "max_leaf_nodes": 31,
            "min_samples_leaf": 20,
            "l2_regularization": 1.0,
            "max_features": 1.0,
        },
        {
            "learning_rate": 0.05,
            "max_leaf_nodes": 63,
            "min_samples_leaf": 50,
            "l2_regularization": 5.0,
            "max_features": 0.6,
        },
    ),
}
"""Configurations that do well on most tables, the safest first."""


@dataclass(frozen=True)
class Configuration:
    """One thing to try."""

    trainer: str
    params: Mapping[str, Value]


@dataclass(frozen=True)
class Space:
    """What a sweep searches for one trainer."""

    trainer: str
    searched: Mapping[str, Range | Choice]
    fixed: Mapping[str, Value]
    """Parameters that keep one value: those the project fixed, and good defaults of those it left out."""
    good: tuple[Mapping[str, Value], ...]
    """Complete configurations to try first, moved into the ranges."""


def check_space(model: Model) -> None:
    """Find every fault in `model.trainers` before anything starts.

    Raises:
        SpecError: unknown trainers or parameters, each with the closest known, and values that cannot be.
    """
    problems = [problem for name, domains in model.trainers.items() for problem in _faults(name, domains)]
    if problems:
        raise SpecError(problems, remedy="`mlray check` lists all faults of a project at once.")


def _faults(name: str, domains: Mapping[str, Domain]) -> Iterator[str]:
    if name not in KNOWN:
        yield f"model.trainers: '{name}' is not a trainer{_closest(name, KNOWN)}"
        return
    for parameter, domain in domains.items():
        where = f"model.trainers.{name}.{parameter}"
        if parameter not in KNOWN[name]:
            yield f"{where}: no such parameter{_closest(parameter, KNOWN[name])}"
        elif fault := KNOWN[name][parameter].problem(domain):
            yield f"{where}: {fault}."


def _closest(name: str, known: Mapping[str, object]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.3)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(known)}."


def spaces(model: Model) -> tuple[Space, ...]:
    """Return what `model` asks to be searched, one space per trainer; SpecError as `check_space` raises it.

    A trainer without any parameter is searched over ranges that do well on most tables.
    """
    check_space(model)
    return tuple(_space(name, domains or _SEARCHED[name]) for name, domains in model.trainers.items())


def _space(name: str, domains: Mapping[str, Domain]) -> Space:
    searched = {key: domain for key, domain in domains.items() if isinstance(domain, Range | Choice)}
    constants = {key: domain for key, domain in domains.items() if not isinstance(domain, Range | Choice)}
    fixed: dict[str, Value] = {**_GOOD[name][0], **constants}
    good = []
    for entry in _GOOD[name]:
        moved = {key: _nearest(domain, entry.get(key)) for key, domain in searched.items()}
        good.append({**fixed, **moved})
    return Space(name, searched, {key: value for key, value in fixed.items() if key not in searched}, tuple(good))


def _nearest(domain: Range | Choice, value: Value) -> Value:
    """Return the value of `domain` that is closest to `value`; its middle when there is none."""
    if isinstance(domain, Choice):
        return value if value in domain.choices else domain.choices[0]
    whole = isinstance(domain.low, int) and isinstance(domain.high, int)
    if value is None or isinstance(value, str):
        middle = (domain.low * domain.high) ** 0.5 if domain.scale == "log" else (domain.low + domain.high) / 2
        value = middle
    inside = min(max(value, domain.low), domain.high)
    return round(inside) if whole else float(inside)


def first_configurations(model: Model, trials: int, warm: Sequence[Trial] = ()) -> tuple[Configuration, ...]:
    """Return what is tried before any search: good defaults of every trainer, then the best of earlier sweeps.

    With `warm` trials at hand one default per trainer is enough; at most half of the trials are defaults, and no
    configuration comes twice. A warm trial of a trainer that the project no longer names is left out.
    """
    found = spaces(model)
    known = {space.trainer for space in found}
    deep = 1 if warm else 2
    defaults = [
        Configuration(space.trainer, space.good[depth])
        for depth in range(deep)
        for space in found
        if depth < len(space.good)
    ]
    defaults = defaults[: max(1, (trials + 1) // 2)]
    earlier = [Configuration(trial.trainer, dict(trial.params)) for trial in warm if trial.trainer in known]
    chosen: list[Configuration] = []
    for configuration in [*defaults, *earlier]:
        if configuration not in chosen:
            chosen.append(configuration)
    return tuple(chosen[:trials])
