"""What the list is learnt from: made tables of four kinds, tables that come with scikit-learn, and the weather.

Nothing of the flights' delays is among them, and none of scikit-learn's made tables: `benchmarks.sweep` measures there.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.peers import ROOT

__all__ = ["Task", "large", "small"]

VALID = 0.3
"""The share of rows to choose by; never fewer than 300, where noise would choose."""


@dataclass(frozen=True)
class Task:
    """One table and its question: float32 [n, f], answers [n]."""

    name: str
    family: str
    kind: str
    """`binary` or `regression`."""
    x: np.ndarray
    y: np.ndarray
    ordered: bool = False
    """Whether later rows are chosen by."""

    def cut(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return rows and answers to learn from, and to choose by."""
        count = len(self.y)
        order = np.arange(count) if self.ordered else np.random.default_rng(0).permutation(count)
        border = int(count * (1 - VALID))
        learn, choose = order[:border], order[border:]
        return self.x[learn], self.y[learn], self.x[choose], self.y[choose]


def small() -> Iterator[Task]:
    """Yield tables of some thousand rows, and the small ones that come with scikit-learn."""
    for family in FAMILIES:
        for number in range(4):
            yield _made(family, 1200 + 600 * number, 8 + 4 * number, number)
    yield from _shipped()


def large() -> Iterator[Task]:
    """Yield tables of some ten thousand rows."""
    for family in FAMILIES:
        yield _made(family, 30_000, 14, 10)
    yield from _weather()


def _made(family: str, rows: int, columns: int, number: int) -> Task:
    """Return a made table: columns of several shapes, a signal of the family in some of them, and noise."""
    chance = np.random.default_rng([number, *family.encode()])
    x = chance.normal(size=(rows, columns))
    for column in range(columns):
        match column % 4:
            case 1:  # codes of a few groups
                x[:, column] = np.floor(chance.beta(1, 2, rows) * chance.integers(3, 40))
            case 2:  # a long tail, which trees do not mind
                x[:, column] = np.exp(1.5 * x[:, column])
            case 3:  # copies of another column, blurred
                x[:, column] = x[:, column - 3] + chance.normal(scale=0.5, size=rows)
    ranks = x.argsort(axis=0).argsort(axis=0) / rows - 0.5
    telling = ranks[:, chance.permutation(columns)[: max(4, columns * 2 // 3)]]
    signal = FAMILIES[family](telling, chance)
    signal = (signal - signal.mean()) / signal.std()
    noisy = signal + chance.normal(scale=chance.choice([0.3, 1.0]), size=rows)
    if number % 2:
        x[chance.random(x.shape) < 0.08] = np.nan
    name = f"{family}-{number}"
    if number == 2:
        return Task(name, family, "regression", x.astype("float32"), noisy.astype("float32"))
    cut = np.quantile(noisy, 0.5 if number % 2 else 0.8)
    return Task(name, family, "binary", x.astype("float32"), (noisy > cut).astype("float32"))


def _steps(x: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return a sum of random trees, six levels deep."""
    total = np.zeros(len(x))
    for _ in range(25):
        leaf = np.zeros(len(x), dtype=int)
        for level in range(6):
            column, border = chance.integers(x.shape[1], size=2**level), chance.uniform(-0.4, 0.4, 2**level)
            leaf = 2 * leaf + (x[np.arange(len(x)), column[leaf]] > border[leaf])
        total += chance.normal(size=2**6)[leaf]
    return total


def _network(x: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return a smooth function of all columns together."""
    hidden = np.tanh(3 * x @ chance.normal(size=(x.shape[1], 24)))
    return np.tanh(hidden @ chance.normal(size=(24, 12)) / 2) @ chance.normal(size=12)


def _additive(x: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return a sum of waves and thresholds, one for each column."""
    waves = np.sin(chance.uniform(2, 12, x.shape[1]) * x + chance.uniform(0, 6, x.shape[1]))
    return np.where(chance.random(x.shape[1]) < 0.5, waves, x > chance.uniform(-0.3, 0.3, x.shape[1])) @ chance.gamma(
        1, size=x.shape[1]
    )


def _products(x: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Return a sum of products of two or three columns."""
    parts = [np.prod(2 * x[:, chance.integers(x.shape[1], size=chance.integers(2, 4))], axis=1) for _ in range(12)]
    return np.sum(parts, axis=0) + x @ chance.normal(scale=0.3, size=x.shape[1])


FAMILIES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "steps": _steps,
    "network": _network,
    "additive": _additive,
    "products": _products,
}


def _shipped() -> Iterator[Task]:
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

    x, y = load_breast_cancer(return_X_y=True)
    yield Task("breast cancer", "breast cancer", "binary", x.astype("float32"), y.astype("float32"))
    x, y = load_digits(return_X_y=True)
    for name, answer in (("digits, 5 or more", y >= 5), ("digits, odd", y % 2)):
        yield Task(name, "digits", "binary", x.astype("float32"), answer.astype("float32"))
    x, y = load_diabetes(return_X_y=True)
    yield Task("diabetes", "diabetes", "regression", x.astype("float32"), y.astype("float32"))


def _weather() -> Iterator[Task]:
    """Yield questions about the next hour at New York's airports; later months are chosen by."""
    import pandas as pd

    files = sorted((ROOT / "jobs" / "flights" / "data").glob("weather-*.parquet"))
    rows = pd.concat([pd.read_parquet(file) for file in files]).sort_values(["time_hour", "origin"], kind="stable")
    origin = rows["origin"].astype(str)
    numbers = rows.drop(columns=["origin", "time_hour"])
    following = numbers.groupby(origin).shift(-1)
    x = numbers.assign(hour=rows["time_hour"].dt.hour, day=rows["time_hour"].dt.day_of_week, origin=origin.eq("JFK"))
    x = x.to_numpy("float32")
    told = following["precip"].notna().to_numpy() & following["wind_speed"].notna().to_numpy()
    for name, answer in (("rain", following["precip"] > 0), ("wind", following["wind_speed"] > 12)):
        yield Task(f"weather, {name}", "weather", "binary", x[told], answer.to_numpy("float32")[told], ordered=True)
