"""A trainer whose curves are known exactly: after m rounds its root mean squared error is `floor + slope / m`."""

import json

import numpy as np

from mlray.experiments import Problem

NAME = "tests.toys:Curve"


class Curve:
    """Trains nothing. `fail` names the round at which it raises, `hook` a function of this module that is called."""

    unit = "rounds"
    tasks = ("regression",)
    prepared = 0

    def prepare(self, problem, threads):
        Curve.prepared += 1
        return problem

    def start(self, prepared, params, seed, threads):
        return _Run(prepared, params)

    def load(self, content):
        return _Model(json.loads(content))


class Shares(Curve):
    """The same by hundredths of the rows."""

    unit = "rows"


class _Run:
    def __init__(self, problem, params):
        self._problem, self._params, self._done = problem, params, 0

    def advance(self, marks):
        for mark in marks:
            if 0 < self._params.get("fail", 0) <= mark:
                message = f"no more after {self._done}"
                raise ValueError(message)
            self._done = mark
            error = self._params["floor"] + self._params.get("slope", 0.0) / mark
            yield mark, np.asarray(self._problem.valid_y) + error

    def content(self):
        return json.dumps({**self._params, "rounds": self._done}).encode()


class _Model:
    def __init__(self, about):
        self.about = about

    def predict(self, values):
        return np.zeros(len(values))


def problem(rows=12, **changes):
    """Return a regression over one column; what is learnt does not matter."""
    x = np.arange(rows, dtype=np.float32).reshape(-1, 1)
    y = np.linspace(0, 1, rows)
    half = rows // 2
    parts = {
        "train_x": x[:half],
        "train_y": y[:half],
        "valid_x": x[half:],
        "valid_y": y[half:],
        "names": ("a",),
        "categorical": (),
        "metric": "rmse",
        "seed": 0,
        "task": "regression",
    }
    return Problem(**{**parts, **changes})
