"""What everybody searches: 64 fixed configurations on made rows, the flights by time, and the space around them.

Contenders of any environment read it: beyond NumPy, libraries are imported only by what makes the rows, in ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.peers import PLACE, ROOT

__all__ = ["SLOTS", "SPACE", "Domain", "Rows", "configurations", "flights_job", "load", "made_job"]

SLOTS = 2
"""Threads that everybody may use: two processes of one thread, or one process of two."""

FLIGHTS = (98_000, 33_000, 33_000)
"""Flights of 2013 in the order of their departure: to learn from, to choose by, and to judge by."""
LATE = 15
"""Minutes after which a flight counts as late."""


@dataclass(frozen=True)
class Domain:
    """The values of one parameter: evenly between two, evenly in their logarithm, or whole numbers, ends included."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def draw(self, chance: np.random.Generator) -> float:
        """Return one value."""
        if self.whole:
            return int(chance.integers(int(self.low), int(self.high) + 1))
        if self.log:
            return float(self.low * (self.high / self.low) ** chance.random())
        return float(chance.uniform(self.low, self.high))


SPACE: Mapping[str, Domain] = {
    "learning_rate": Domain(0.01, 10**-0.5, log=True),
    "max_depth": Domain(3, 8, whole=True),
    "min_child_weight": Domain(1.0, 32.0, log=True),
    "subsample": Domain(0.5, 1.0),
    "colsample_bytree": Domain(0.5, 1.0),
    "reg_lambda": Domain(0.01, 10.0, log=True),
    "gamma": Domain(0.0, 2.0),
}


def configurations(count: int, seed: int = 1) -> list[dict[str, float]]:
    """Return the fixed list: the same for everybody who is given one."""
    chance = np.random.default_rng(seed)
    return [{name: domain.draw(chance) for name, domain in SPACE.items()} for _ in range(count)]


@dataclass(frozen=True)
class Rows:
    """A job's rows: float32 of shape [n, f], answers 0 or 1 of shape [n]; the made job has none to judge by."""

    train_x: np.ndarray
    train_y: np.ndarray
    valid_x: np.ndarray
    valid_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


PARTS = tuple(Rows.__annotations__)


def load(folder: str) -> Rows:
    """Read a job's rows."""
    return Rows(*(np.load(Path(folder) / f"{part}.npy") for part in PARTS))


def made_job(share: float = 1.0) -> str:
    """Return the folder of the made job: 50,000 rows of 30 columns and 12,500 to choose by, or a share of them."""
    count = int(62_500 * share)
    return _kept(f"sweep-made-{count}", lambda: _made(count))


def flights_job(share: float = 1.0) -> str:
    """Return the folder of the flights: each part is a share of `FLIGHTS`, one after another in time."""
    sizes = [int(size * share) for size in FLIGHTS]
    return _kept(f"sweep-flights-{sizes[0]}", lambda: _flights(sizes))


def _kept(name: str, make: Callable[[], Rows]) -> str:
    folder = PLACE / name
    if not folder.exists():
        rows, aside = make(), PLACE / f"{name}.aside"
        aside.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            np.save(aside / f"{part}.npy", getattr(rows, part))
        aside.replace(folder)
    return str(folder)


def _made(count: int) -> Rows:
    from sklearn.datasets import make_classification

    x, y = make_classification(
        n_samples=count,
        n_features=30,
        n_informative=18,
        n_redundant=6,
        n_clusters_per_class=8,
        class_sep=0.7,
        flip_y=0.05,
        random_state=7,
    )
    return _cut(x, y, [count * 4 // 5, count // 5, 0])


def _flights(sizes: list[int]) -> Rows:
    """Join each flight with the weather of its hour; text becomes the number of its place in the alphabet."""
    import pandas as pd

    folder = ROOT / "jobs" / "flights" / "data"
    rows, weather = (
        pd.concat([pd.read_parquet(file) for file in sorted(folder.glob(f"{what}-*.parquet"))], ignore_index=True)
        for what in ("flights", "weather")
    )
    # Cancelled flights have no delay; a stable order, since many leave within the same hour.
    rows = rows[rows["arr_delay"].notna()].sort_values("time_hour", kind="stable").head(sum(sizes))
    rows = rows.assign(origin=rows["origin"].astype(str)).merge(
        weather.assign(origin=weather["origin"].astype(str)).drop_duplicates(["origin", "time_hour"]),
        on=["origin", "time_hour"],
        how="left",
    )
    departs = rows["sched_dep_time"] // 100 + rows["sched_dep_time"] % 100 / 60
    arrives = rows["sched_arr_time"] // 100 + rows["sched_arr_time"] % 100 / 60
    columns = {name: rows[name].astype("category").cat.codes for name in ("carrier", "origin", "dest")}
    columns |= {
        "distance": rows["distance"].fillna(rows["distance_km"] / 1.609344),
        "departs": departs,
        "arrives": arrives,
        "hours": (arrives - departs) % 24,
        "flight": rows["flight"],
        "weekday": rows["time_hour"].dt.day_of_week,
        "day": rows["time_hour"].dt.day,
        "busy": rows.groupby(["origin", "time_hour"])["flight"].transform("size"),
        "dew_gap": rows["temp"] - rows["dewp"],
    }
    named = ("temp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib")
    columns |= {name: rows[name] for name in named}
    columns["rank"] = rows.groupby(["origin", "time_hour"])["sched_dep_time"].rank(method="average")
    return _cut(pd.DataFrame(columns).to_numpy("float32"), rows["arr_delay"].to_numpy() > LATE, sizes)


def _cut(x: np.ndarray, y: np.ndarray, sizes: list[int]) -> Rows:
    """Cut rows into consecutive parts."""
    ends = np.cumsum([0, *sizes])
    parts: list[np.ndarray] = []
    for begin, end in pairwise(ends):
        parts += [x[begin:end].astype("float32"), y[begin:end].astype("float32")]
    return Rows(*parts)
