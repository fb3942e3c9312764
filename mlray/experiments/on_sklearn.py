"""scikit-learn as a trainer: its histogram boosting round by round, any other estimator on more and more rows."""

import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

import numpy as np

from mlray.errors import SpecError
from mlray.experiments._metrics import Array, Task
from mlray.experiments._problem import Problem
from mlray.experiments._splits import spread
from mlray.experiments._trainers import ALL_ROWS, Params, Run
from mlray.ports import Model

# Read once, when OpenMP is loaded: threads that wait by spinning made a fit on a busy machine five times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = ["Estimator", "HistGradientBoosting"]

MOST_CODES = 32
"""A column with more codes is treated as a number: scikit-learn neither smooths rare codes nor takes more than 255."""

FEWEST_ROWS = 20
"""No estimator is asked to learn from fewer rows, however small the share."""


class HistGradientBoosting:
    """`HistGradientBoostingClassifier` or `…Regressor`; a list is ranked by the relevance that the latter expects.

    A model's content is a pickle: verify its signature before it is loaded.
    """

    tasks: tuple[Task, ...] = ("binary", "multiclass", "regression", "ranking")

    def prepare(self, problem: Problem, threads: int) -> "_Rows":  # noqa: ARG002 (scikit-learn bins inside `fit`)
        """Return the rows, fit to be binned: scikit-learn has no binned form to keep."""
        return _Rows(problem, _with_values(problem.train_x))

    def start(self, prepared: "_Rows", params: Params, seed: int, threads: int) -> Run:
        """Begin a configuration; it knows CPUs only, so that a `device` says nothing to it."""
        return _Rounds(prepared, {name: params[name] for name in params if name != "device"}, seed, threads)

    def load(self, content: bytes) -> Model:
        """Return the model. Reading a pickle can run code: only content whose signature was verified."""
        return _read(content)


class Estimator:
    """Any scikit-learn estimator or pipeline, compared on more and more rows since it has no rounds.

    Parameters are set by `set_params`, so those of a pipeline's steps have names such as `clf__C`. What is random and
    was not fixed gets the trial's seed, and what can use threads gets its share. An estimator that takes no missing
    values is put behind a median, one column for each code, and a common scale; a pipeline is left as it is. A
    regressor also ranks: a list is put in the order of the relevance it expects.

    A model's content is a pickle: verify its signature before it is loaded.
    """

    unit: Literal["rows"] = "rows"

    def __init__(self, template: Any) -> None:
        """Keep `template`, which is cloned for every configuration and never fitted itself."""
        self._template = template
        self.tasks: tuple[Task, ...] = ("binary", "multiclass") if _classifies(template) else ("regression", "ranking")
        self.known: dict[str, None] = dict.fromkeys(template.get_params(deep=True))

    def prepare(self, problem: Problem, threads: int) -> "_Rows":  # noqa: ARG002 (there is nothing to keep but the rows)
        """Return the rows, and the order in which they are learnt from.

        Raises:
            SpecError: the rows have weights, and the estimator takes none.
        """
        if problem.train_w is not None:
            _weights_name(self._template)
        return _Rows(problem, problem.train_x)

    def start(self, prepared: "_Rows", params: Params, seed: int, threads: int) -> Run:
        """Begin a configuration; a `device` is left out where the estimator knows none."""
        own = {name: params[name] for name in params if name != "device" or name in self.known}
        return _Shares(prepared, _configured(self._template, own, seed, threads), threads)

    def load(self, content: bytes) -> Model:
        """Return the model. Reading a pickle can run code: only content whose signature was verified."""
        return _read(content)


@dataclass(frozen=True)
class _Rows:
    """A problem, and its training rows as the estimator takes them."""

    problem: Problem
    x: Array

    @cached_property
    def y(self) -> Array:
        """The answers of the training rows; whole numbers where they are classes."""
        y = self.problem.train_y
        return y.astype(np.int64) if self.problem.classes else y

    @cached_property
    def order(self) -> Array:
        """In which order rows are learnt from: the smallest share has every class."""
        return spread(len(self.y), self.problem.seed, self.y if self.problem.classes else None)

    def share(self, hundredths: int) -> Array:
        """Return the positions of so many hundredths of the rows, rising."""
        if hundredths >= ALL_ROWS:
            return np.arange(len(self.y))
        fewest = min(len(self.y), max(FEWEST_ROWS, self.problem.classes))
        return np.sort(self.order[: max(fewest, round(len(self.y) * hundredths / ALL_ROWS))])


class _Rounds:
    """Boosting that goes on where it was; the predictions on the way come from its stages."""

    def __init__(self, rows: _Rows, params: Params, seed: int, threads: int) -> None:
        self._rows, self._threads = rows, threads
        self._model = _boosting(rows, params, seed)
        self._yielded = 0

    def advance(self, marks: Sequence[int]) -> Iterator[tuple[int, Array]]:
        # Each `fit` bins all rows again, so one brings all the rounds, and the scores on the way are told afterwards.
        problem = self._rows.problem
        _grow(self._model, self._rows, marks[-1], self._threads)
        if problem.final:
            self._yielded = marks[-1]
            yield marks[-1], np.empty(0)
            return
        with _limited(self._threads):
            staged = self._model.staged_predict_proba if problem.classes else self._model.staged_predict
            for rounds, answers in enumerate(staged(problem.valid_x), start=1):
                if rounds in marks:
                    self._yielded = rounds
                    yield rounds, _shaped(answers, self._model, problem.task, problem.classes)

    def content(self) -> bytes:
        model = self._model
        if model.n_iter_ > self._yielded:
            # Who stopped asking on the way wants the model of that moment, which can only be trained once more.
            model = _grow(_fresh(model), self._rows, self._yielded, self._threads)
        return _written(model, self._rows.problem)


class _Shares:
    """An estimator fitted anew on more and more rows, the smaller shares within the larger."""

    def __init__(self, rows: _Rows, estimator: Any, threads: int) -> None:
        self._rows, self._estimator, self._threads = rows, estimator, threads
        self._fitted: Any = None

    def advance(self, marks: Sequence[int]) -> Iterator[tuple[int, Array]]:
        problem = self._rows.problem
        for mark in marks:
            with _limited(self._threads):
                self._fitted = self._learnt(self._rows.share(mark))
                answers = np.empty(0)
                if not problem.final:
                    answers = _predictions(self._fitted, problem.valid_x, problem.task, problem.classes)
            yield mark, answers

    def _learnt(self, chosen: Array) -> Any:
        model, weights = _fresh(self._estimator), self._rows.problem.train_w
        if not _takes_gaps(model):
            model = _guarded(model, self._rows.problem.categorical, self._rows.x.shape[1])
        weighted = {} if weights is None else {_weights_name(model): weights[chosen]}
        return model.fit(self._rows.x[chosen], self._rows.y[chosen], **weighted)

    def content(self) -> bytes:
        return _written(self._fitted, self._rows.problem)


class _Model:
    def __init__(self, model: Any, task: Task, classes: int) -> None:
        self._model, self._task, self._classes = model, task, classes

    def predict(self, values: Any) -> Array:
        return _predictions(self._model, values, self._task, self._classes)


def _written(model: Any, problem: Problem) -> bytes:
    return pickle.dumps({"model": model, "task": problem.task, "classes": problem.classes})


def _read(content: bytes) -> Model:
    found = pickle.loads(content)  # noqa: S301 (whoever calls has verified the signature)
    if not isinstance(found, dict):  # written before there were other questions than those of yes and no
        return _Model(found, "binary", 2)
    return _Model(found["model"], found["task"], found["classes"])


@cache
def _pools() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()  # looks at every library of the process: too slow for every look


def _limited(threads: int) -> AbstractContextManager[object]:
    """Return a context in which OpenMP and BLAS use so many threads; call it once scikit-learn has been imported."""
    return _pools().limit(limits=threads)  # type: ignore[no-any-return]


def _fresh(model: Any) -> Any:
    from sklearn.base import clone

    return clone(model)


def _with_values(x: Array) -> Array:
    """Return `x`, columns without any value filled with one: binning fails on them, and a constant is never split."""
    empty = np.isnan(x).all(axis=0)
    return np.where(empty, np.float32(0), x) if empty.any() else x


def _boosting(rows: _Rows, params: Params, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if rows.problem.classes else HistGradientBoostingRegressor
    codes = [c for c in rows.problem.categorical if np.nanmax(rows.x[:, c], initial=0) < MOST_CODES]
    return kind(categorical_features=codes or None, early_stopping=False, warm_start=True, random_state=seed, **params)


def _grow(model: Any, rows: _Rows, rounds: int, threads: int) -> Any:
    with _limited(threads):
        return model.set_params(max_iter=rounds).fit(rows.x, rows.y, sample_weight=rows.problem.train_w)


def _classifies(model: Any) -> bool:
    """Return whether `model` tells classes apart; SpecError when it predicts nothing at all."""
    from sklearn.base import is_classifier, is_regressor

    if is_classifier(model) or is_regressor(model):
        return bool(is_classifier(model))
    if not hasattr(model, "predict"):
        raise SpecError(
            [f"{type(model).__name__} predicts nothing."],
            remedy="A trainer is a classifier, a regressor, or a pipeline that ends in one.",
        )
    return hasattr(model, "predict_proba")


def _configured(template: Any, params: Params, seed: int, threads: int) -> Any:
    """Return a copy of `template` with `params`; what it leaves to chance or to all cores is given seed and threads."""
    model = _fresh(template).set_params(**params)
    # One thread is what None means; said aloud, it makes estimators warn that no longer have threads.
    usual = {"random_state": seed, "n_jobs": threads if threads > 1 else None}
    left = {name: usual.get(name.rpartition("__")[2]) for name, value in model.get_params().items() if value is None}
    return model.set_params(**{name: value for name, value in left.items() if value is not None})


def _weights_name(model: Any) -> str:
    """Return under what name `model.fit` takes the weights of rows; SpecError when it takes none."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    if isinstance(model, Pipeline):
        name, last = model.steps[-1]
        return f"{name}__{_weights_name(last)}"
    if has_fit_parameter(model, "sample_weight"):
        return "sample_weight"
    raise SpecError(
        [f"{type(model).__name__} takes no weights, and the rows have some."],
        remedy="Leave out weights and class weights, or this trainer.",
    )


def _takes_gaps(model: Any) -> bool:
    """Return whether `model` can be given the rows as they are."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils import get_tags

    return isinstance(model, Pipeline) or bool(get_tags(model).input_tags.allow_nan)


def _guarded(model: Any, categorical: Sequence[int], width: int) -> Any:
    """Return `model` behind what fills gaps, gives each code a column of its own, and brings numbers to one scale."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
    from sklearn.utils import get_tags

    scale = MinMaxScaler(clip=True) if get_tags(model).input_tags.positive_only else StandardScaler()
    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), scale)
    codes = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=-1, keep_empty_features=True),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_CODES, sparse_output=False),
    )
    columns = ColumnTransformer(
        [
            ("numbers", numbers, [column for column in range(width) if column not in categorical]),
            ("codes", codes, list(categorical)),
        ]
    )
    return Pipeline([("columns", columns), ("model", model)])


def _predictions(model: Any, x: Array, task: Task, classes: int) -> Array:
    """Return what `model` says of `x`: probabilities of 1, of each class, or numbers."""
    if task in ("regression", "ranking"):
        return np.asarray(model.predict(x), dtype=np.float64).reshape(len(x))
    if hasattr(model, "predict_proba"):
        return _shaped(model.predict_proba(x), model, task, classes)
    if hasattr(model, "decision_function"):
        margins = np.asarray(model.decision_function(x), dtype=np.float64)
        # Two classes have one margin, which is that of the second; several compete.
        margins = np.column_stack([np.zeros(len(x)), margins]) if margins.ndim == 1 else margins
        odds = np.exp(margins - margins.max(axis=1, keepdims=True))
        return _shaped(odds / odds.sum(axis=1, keepdims=True), model, task, classes)
    return _shaped(model.predict(x)[:, None] == model.classes_, model, task, classes)


def _shaped(answers: Array, model: Any, task: Task, classes: int) -> Array:
    """Return numbers as they are, and probabilities in the order of the codes: classes never seen have 0."""
    if task in ("regression", "ranking"):
        return np.asarray(answers, dtype=np.float64)
    every = np.zeros((len(answers), classes))
    every[:, model.classes_.astype(int)] = answers
    return every[:, 1].copy() if task == "binary" else every
