"""Ray Tune's search spaces as ours, ours as Tune's, and any Tune searcher as a search."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from ray import tune
from ray.tune.search import ConcurrencyLimiter, Searcher
from ray.tune.search.sample import Categorical, Domain, Float, Function, Integer, LogUniform, Normal, Quantized

from mlray.errors import InputError, SpecError
from mlray.experiments import Configuration, Dimension, Random, Space, compose, nearest, within
from mlray.records import Trial
from mlray.spec import Domain as OurDomain
from mlray.spec import Range, read_domains

__all__ = ["Tuned", "crossed", "from_tune", "nested", "to_tune"]

_FORMS = ({"choices"}, {"range"}, {"low", "high"}, {"grid_search"})
"""The keys by which a dictionary is a domain and not a group of parameters."""


def from_tune(space: Mapping[str, object], *, where: str = "space") -> dict[str, OurDomain]:
    """Return a Tune `param_space` as domains; our own forms may stand among Tune's.

    A dictionary of parameters within the space becomes parameters named `group/name`; `nested` puts them back.

    Raises:
        SpecError: one line per domain that cannot be searched here (`sample_from`, `randn`, choices of objects), with
            what to write instead; and every fault that `mlray.spec.read_domains` finds.
    """
    faults: list[str] = []
    plain = dict(_translated(space, where, "", faults))
    if faults:
        raise SpecError(faults, remedy="Nothing was started.")
    return read_domains(plain, where=where)


def crossed(space: Mapping[str, object], group: str = "") -> tuple[str, ...]:
    """Return the parameters of a Tune `param_space` that are a `grid_search`: what `Grid` tries from end to end."""
    names: list[str] = []
    for name, value in space.items():
        if isinstance(value, Mapping) and set(value) == {"grid_search"}:
            names.append(f"{group}{name}")
        elif isinstance(value, Mapping) and _is_group(value):
            names += crossed(value, f"{group}{name}/")
    return tuple(names)


def nested(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters named `group/name` as dictionaries within the dictionary, as a Tune function expects them."""
    config: dict[str, Any] = {}
    for name, value in params.items():
        *groups, last = name.split("/")
        into = config
        for group in groups:
            into = into.setdefault(group, {})
        into[last] = value
    return config


def _is_group(value: Mapping[str, object]) -> bool:
    return bool(value) and not any(keys <= set(value) for keys in _FORMS) and "when" not in value


def _translated(space: Mapping[str, object], where: str, group: str, faults: list[str]) -> Iterator[tuple[str, object]]:
    for name, value in space.items():
        place = f"{where}.{name}"
        if isinstance(value, Mapping) and _is_group(value):
            yield from _translated(value, place, f"{group}{name}/", faults)
            continue
        try:
            yield f"{group}{name}", _domain(value, place, group, faults)
        except _Untranslatable as error:
            faults.append(f"{place}: {error}")


class _Untranslatable(Exception):  # noqa: N818 (a fault on its way to the list of faults)
    """A domain of Tune that has no counterpart."""


def _domain(value: object, place: str, group: str, faults: list[str]) -> object:
    if isinstance(value, Mapping):
        if set(value) == {"grid_search"}:
            return {"choices": _values(value["grid_search"])}
        return {key: _part(key, part, place, group, faults) for key, part in value.items()}
    if isinstance(value, Categorical):
        return {"choices": _values(value.categories)}
    if isinstance(value, Float | Integer):
        return _range(value)
    if isinstance(value, Function):
        raise _Untranslatable(
            "sample_from is a function, which no search can learn; write the range, and what it depends on as"
            " {'range': [low, high], 'when': {'other': value}}."
        )
    if isinstance(value, Domain):
        raise _Untranslatable(f"{type(value).__name__} has no counterpart; write a range or choices.")
    return value


def _part(key: object, part: object, place: str, group: str, faults: list[str]) -> object:
    """Translate what a nested choice holds: value → parameters."""
    if key != "choices" or not isinstance(part, Mapping):
        return part
    return {
        label: dict(_translated(branch, f"{place}.choices.{label}", group, faults))
        if isinstance(branch, Mapping)
        else branch
        for label, branch in part.items()
    }


def _values(values: Any) -> list[Any]:
    """Return choices as plain values."""
    plain = [value.item() if callable(getattr(value, "item", None)) else value for value in values]
    odd = next((value for value in plain if not (value is None or isinstance(value, str | int | float | bool))), None)
    if odd is not None:
        raise _Untranslatable(
            f"{type(odd).__name__} {odd!r} cannot be a choice, which is a number, a text, true, false or None; choose"
            " among names, or write {'choices': {name: {parameter: range}}}."
        )
    return plain


def _range(domain: Any) -> object:
    sampler = domain.get_sampler()
    step = sampler.q if isinstance(sampler, Quantized) else None
    scale = sampler.sampler if isinstance(sampler, Quantized) else sampler
    low, high = domain.lower, domain.upper
    if isinstance(scale, Normal) or not (math.isfinite(low) and math.isfinite(high)):
        raise _Untranslatable("a normal distribution has no ends; write tune.uniform or tune.loguniform.")
    whole = isinstance(domain, Integer)
    if step is not None and step != 1:
        # Tune takes the multiples of the step that lie between both ends, the upper end among them.
        low, high = math.ceil(low / step - 1e-9) * step, math.floor(high / step + 1e-9) * step
    elif whole:
        # The upper end of Tune's whole numbers is the first that is not drawn.
        high, step = high - 1, None
    if low >= high:
        return low
    number = int if whole else float
    form = {"low": number(low), "high": number(high), "scale": "log" if isinstance(scale, LogUniform) else "linear"}
    return form if step is None else {**form, "step": number(step)}


def to_tune(spaces: Sequence[Space]) -> dict[str, Any]:
    """Return `spaces` as one flat Tune space: `trainer` where there are several, and `trainer.key` per dimension.

    Tune has no conditions: parameters that count only sometimes are always drawn, and `Tuned` leaves them out.
    """
    flat: dict[str, Any] = {}
    if len(spaces) > 1:
        flat["trainer"] = tune.choice([space.trainer for space in spaces])
    for space in spaces:
        flat |= {f"{space.trainer}.{each.key}": _theirs(each) for each in space.dimensions if each.searched}
    return flat


def _theirs(dimension: Dimension) -> Any:
    domain = dimension.domain
    if not isinstance(domain, Range):
        return tune.choice(list(dimension.values or ()))
    if domain.whole:
        draw = tune.lograndint if domain.scale == "log" else tune.randint
        return draw(int(domain.low), int(domain.high) + 1)
    return (tune.loguniform if domain.scale == "log" else tune.uniform)(domain.low, domain.high)


class Tuned:
    """Any searcher of Ray Tune as a search: it proposes, and is told of every single result, rungs included.

    A searcher that has nothing to propose for now (some wait for results) gets a random configuration tried in the
    meantime: no lane stands idle for it. How many run at once is the sweep's decision, so a `ConcurrencyLimiter` around
    the searcher is left aside.
    """

    def __init__(self, searcher: Any, spaces: Sequence[Space], *, seed: int, higher: bool = True) -> None:
        """Let `searcher` search `spaces`, or the space it was made with; `higher` tells whether high scores are good.

        Raises:
            InputError: what was given is no searcher, or cannot search these spaces.
            SpecError: it was made to optimise in the other direction.
        """
        while isinstance(searcher, ConcurrencyLimiter):
            searcher = searcher.searcher
        if not isinstance(searcher, Searcher):
            raise InputError(
                f"{type(searcher).__name__} is not a Searcher of Ray Tune.",
                remedy="Give one of ray.tune.search, such as OptunaSearch(); or none for mlray's own search.",
            )
        # Ray annotates its searchers more narrowly than they are: a metric may be a list, a proposal a word.
        self._searcher = theirs = cast("Any", searcher)
        self._spaces = {space.trainer: space for space in spaces}
        self._meanwhile = Random(spaces, seed)
        self._open: set[int] = set()
        mode = "max" if higher else "min"
        modes = theirs.mode if isinstance(theirs.mode, list) else mode
        try:
            self._ours = bool(theirs.set_search_properties(theirs.metric or "score", modes, to_tune(spaces)))
        except (ValueError, TypeError, NotImplementedError) as error:
            raise InputError(
                f"{type(searcher).__name__} cannot search this space: {error}",
                remedy="Take another searcher, or none: mlray's own takes every space.",
            ) from error
        if isinstance(theirs.mode, str) and theirs.mode != mode:
            raise SpecError(
                [f"The searcher was made with mode='{theirs.mode}', but of this metric {mode} is better."],
                remedy=f"Make it with mode='{mode}', or without a mode.",
            )

    def ask(self, number: int) -> Configuration | None:
        """Return what the searcher proposes for trial `number`; None when it says that it has finished."""
        proposed = self._searcher.suggest(str(number))
        if proposed is None:
            return self._meanwhile.ask(number)
        if proposed == Searcher.FINISHED:
            return None
        self._open.add(number)
        flat = dict(_flat(proposed))
        space = self._spaces[flat.pop("trainer", next(iter(self._spaces)))]
        if not self._ours:
            return Configuration(space.trainer, {**space.fixed, **flat})
        return compose(space, lambda each: nearest(each, flat.get(f"{space.trainer}.{each.key}")))

    def tell(self, trial: Trial) -> None:
        """Tell the searcher of a trial; one that it has not proposed as well, where it takes such."""
        if trial.number not in self._open:
            self._add(trial)
            return
        self._open.remove(trial.number)
        name = str(trial.number)
        for rounds, score in trial.curve:
            self._searcher.on_trial_result(name, self._result(score, rounds, {}))
        failed = trial.score is None or not math.isfinite(trial.score)
        result = None if trial.score is None else self._result(trial.score, trial.rounds, trial.objectives)
        self._searcher.on_trial_complete(name, None if failed else result, error=failed)

    def _result(self, score: float, rounds: int, objectives: Mapping[str, float]) -> dict[str, Any]:
        """Return a result as Tune has it; a metric that is none of the objectives is the score."""
        wanted = self._searcher.metric
        names = wanted if isinstance(wanted, list) else [wanted or "score"]
        return dict.fromkeys(names, score) | dict(objectives) | {"score": score, "training_iteration": rounds}

    def _add(self, trial: Trial) -> None:
        space = self._spaces.get(trial.trainer)
        if trial.score is None or space is None or not within(space, trial.params):
            return
        params: dict[str, Any] = dict(trial.params)
        if self._ours:
            seen = {**space.fixed, **trial.params}
            counting = [each for each in space.dimensions if each.searched and each.counts(seen)]
            params = {f"{space.trainer}.{each.key}": trial.params[each.name] for each in counting}
            if len(self._spaces) > 1:
                params["trainer"] = trial.trainer
            if set(params) != set(to_tune(list(self._spaces.values()))):
                # Tune's searchers want a value for every parameter, and some of these do not count.
                return
        try:
            self._searcher.add_evaluated_point(params, trial.score)
        except (NotImplementedError, ValueError, TypeError):
            # Most searchers learn only from what they have proposed themselves.
            return


def _flat(proposed: Mapping[str, Any], group: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in proposed.items():
        if str(name).startswith("__"):
            continue  # what Tune's own wrappers add
        if isinstance(value, Mapping):
            yield from _flat(value, f"{group}{name}/")
        else:
            yield f"{group}{name}", value.item() if callable(getattr(value, "item", None)) else value
