"""The parameters that built-in trainers know: what each can be, what is searched unasked, and safe values."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf

from mlray.spec import Choice, Range

__all__ = ["KNOWN", "SAFE", "SEARCHED", "Domain", "Known", "Value", "closest"]

Value = float | int | str | bool | None
Domain = Range | Choice | str | int | float | bool


@dataclass(frozen=True)
class Known:
    """One parameter of a trainer: the numbers it can be, from `low` to `high`, and the words."""

    whole: bool = False
    low: float = inf
    high: float = -inf
    words: tuple[str | bool | None, ...] = ()

    def problem(self, domain: Domain) -> str:
        """Return what is wrong with `domain`, or an empty text.

        >>> Known(whole=True, low=1, high=30).problem(0)
        '0 lies outside 1 to 30'
        """
        if isinstance(domain, Range):
            values: tuple[Value, ...] = (domain.low, domain.high)
        else:
            values = domain.values if isinstance(domain, Choice) else (domain,)
        return next(filter(None, map(self._problem, values)), "")

    def _problem(self, value: Value) -> str:
        if value is None or isinstance(value, str | bool):
            known = value in self.words if isinstance(value, str) else any(value is word for word in self.words)
            if known:
                return ""
            return f"'{value}' is not {self._listed(value)}" if self.words else f"'{value}' is not a number"
        if self.low > self.high:
            return f"{value} is not {self._listed(str(value))}"
        if self.whole and float(value) != int(value):
            return f"{value} is not a whole number"
        if not self.low <= value <= self.high:
            return f"{value} lies outside {self.low:g} to {self.high:g}"
        return ""

    def _listed(self, value: Value) -> str:
        numbers = "" if self.low > self.high else f"a number from {self.low:g} to {self.high:g} or "
        words = [str(word) for word in self.words]
        close = get_close_matches(str(value), words, n=1, cutoff=0.6)
        return f"{numbers}one of {', '.join(words)}" + (f"; did you mean '{close[0]}'?" if close else "")


def closest(name: str, known: Mapping[str, object]) -> str:
    """Return the end of a sentence that names the closest of `known`, or all of them where none is close."""
    close = get_close_matches(name, known, n=1, cutoff=0.3)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(known)}."


_TINY, _MANY = 1e-6, 1e6

KNOWN: Mapping[str, Mapping[str, Known]] = {
    "xgboost": {
        "learning_rate": Known(False, _TINY, 1),
        "max_depth": Known(True, 0, 30),
        "max_leaves": Known(True, 0, 65_536),
        "grow_policy": Known(words=("depthwise", "lossguide")),
        "min_child_weight": Known(False, 0, _MANY),
        "subsample": Known(False, 0.01, 1),
        "sampling_method": Known(words=("uniform", "gradient_based")),
        "colsample_bytree": Known(False, 0.01, 1),
        "colsample_bylevel": Known(False, 0.01, 1),
        "colsample_bynode": Known(False, 0.01, 1),
        "reg_lambda": Known(False, 0, _MANY),
        "reg_alpha": Known(False, 0, _MANY),
        "gamma": Known(False, 0, _MANY),
        "max_delta_step": Known(False, 0, _MANY),
        "scale_pos_weight": Known(False, _TINY, _MANY),
        "max_cat_to_onehot": Known(True, 1, 10_000),
        "max_cat_threshold": Known(True, 1, 10_000),
        "num_parallel_tree": Known(True, 1, 1_000),
        "booster": Known(words=("gbtree", "dart")),
        "rate_drop": Known(False, 0, 1),
        "skip_drop": Known(False, 0, 1),
        "one_drop": Known(True, 0, 1),
        "sample_type": Known(words=("uniform", "weighted")),
        "normalize_type": Known(words=("tree", "forest")),
        "device": Known(words=("cpu", "cuda")),
    },
    "hist_gradient_boosting": {
        "learning_rate": Known(False, _TINY, 1),
        "max_leaf_nodes": Known(True, 2, 65_536, (None,)),
        "max_depth": Known(True, 1, 100, (None,)),
        "min_samples_leaf": Known(True, 1, _MANY),
        "l2_regularization": Known(False, 0, _MANY),
        "max_features": Known(False, 0.01, 1),
        "max_bins": Known(True, 2, 255),
    },
}
"""Trainer → parameter → what it can be. Rounds are not among them: a sweep finds the best up to `model.rounds`."""


def _span(low: float, high: float, *, log: bool = False) -> Range:
    return Range(low=low, high=high, scale="log" if log else "linear")


SEARCHED: Mapping[str, Mapping[str, Domain]] = {
    "xgboost": {
        "learning_rate": _span(0.01, 0.35, log=True),
        "max_depth": _span(3, 12),
        "min_child_weight": _span(0.01, 64.0, log=True),
        "subsample": _span(0.5, 1.0),
        "colsample_bytree": _span(0.4, 1.0),
        "reg_lambda": _span(0.01, 50.0, log=True),
    },
    "hist_gradient_boosting": {
        "learning_rate": _span(0.02, 0.3, log=True),
        "max_leaf_nodes": _span(8, 128, log=True),
        "min_samples_leaf": _span(5, 200, log=True),
        "l2_regularization": _span(0.01, 30.0, log=True),
        "max_features": _span(0.4, 1.0),
    },
}
"""What is searched where a project names a trainer and none of its parameters."""

SAFE: Mapping[str, Mapping[str, Value]] = {
    "xgboost": {
        "learning_rate": 0.1,
        "max_depth": 6,
        "min_child_weight": 8.0,
        "subsample": 0.8,
        "colsample_bytree": 0.8,
        "reg_lambda": 1.0,
    },
    "hist_gradient_boosting": {
        "learning_rate": 0.1,
        "max_leaf_nodes": 31,
        "min_samples_leaf": 20,
        "l2_regularization": 1.0,
        "max_features": 1.0,
    },
}
"""What a parameter is where a project searches others and leaves it out."""
