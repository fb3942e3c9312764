"""The command: `python -m benchmarks.portfolio --write` trains every candidate on every task, and writes the list.

About ten CPU minutes on one thread. Regrets on tasks of families that were left out are told beside those of chance.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from benchmarks import frame
from benchmarks.frame import Row, known
from benchmarks.peers import ROOT
from benchmarks.portfolio import greedy, tasks
from benchmarks.portfolio.tasks import Task

FILE = ROOT / "mlray" / "experiments" / "portfolio.json"
TRAINER, KINDS = "xgboost", ["binary", "multiclass", "regression", "ranking"]
COUNT, FIRSTS = 8, (1, 2, 4, 8)
ROUNDS = 120
"""As many as a project's sweeps have unless it says otherwise."""
LEAST = 0.001
"""A regret of nothing would make any ratio endless."""
BORDER = 20_000
"""Rows learnt from, from which on the list of the large tables is taken."""

Configuration = dict[str, float]
CAREFUL: list[Configuration] = [
    {
        "learning_rate": 0.3,
        "max_depth": 6,
        "min_child_weight": 1.0,
        "subsample": 1.0,
        "colsample_bytree": 1.0,
        "reg_lambda": 1.0,
        "gamma": 0.0,
    },
    {
        "learning_rate": 0.1,
        "max_depth": 6,
        "min_child_weight": 8.0,
        "subsample": 0.8,
        "colsample_bytree": 0.8,
        "reg_lambda": 1.0,
        "gamma": 0.0,
    },
]
"""XGBoost's own settings, and what people set by hand; the others are drawn."""


def candidates(count: int, seed: int = 20) -> list[Configuration]:
    """Return what is tried: the careful ones, then such as chance draws from wide ranges."""
    chance = np.random.default_rng(seed)

    def log(low: float, high: float) -> float:
        return float(np.round(low * (high / low) ** chance.random(), 3))

    def one() -> Configuration:
        return {
            "learning_rate": log(0.015, 0.4),
            "max_depth": int(chance.integers(3, 11)),
            "min_child_weight": log(0.01, 64),
            "subsample": float(np.round(chance.uniform(0.5, 1), 3)),
            "colsample_bytree": float(np.round(chance.uniform(0.4, 1), 3)),
            "reg_lambda": log(0.01, 30),
            "gamma": float(np.round(chance.uniform(0, 2), 3)) if chance.random() < 0.25 else 0.0,
        }

    return [*CAREFUL, *(one() for _ in range(count - len(CAREFUL)))]


def scores(task: Task, tried: Sequence[Configuration], rounds: int) -> list[float]:
    """Return the best score of each candidate on the way to `rounds`, as a sweep would see it; higher is better."""
    import xgboost as xgb

    from mlray.experiments import marks

    learn_x, learn_y, choose_x, choose_y = task.cut()
    learn = xgb.QuantileDMatrix(learn_x, learn_y, nthread=1)
    choose = xgb.QuantileDMatrix(choose_x, choose_y, ref=learn, nthread=1)
    fixed = {"tree_method": "hist", "nthread": 1, "seed": 0, "verbosity": 0}
    if task.kind == "binary":
        fixed |= {"objective": "binary:logistic", "eval_metric": "auc"}
    else:
        fixed |= {"objective": "reg:squarederror", "eval_metric": "rmse"}
    found = []
    for params in tried:
        booster, done, seen = xgb.Booster({**params, **fixed}, [learn, choose]), 0, []
        for mark in marks(rounds):
            for number in range(done, mark):
                booster.update(learn, number)
            done = mark
            value = float(booster.eval(choose, "v").rsplit(":", 1)[1])
            seen.append(value if task.kind == "binary" else -value)
        found.append(max(seen))
    return found


def learnt(
    name: str, made: Callable[[], Iterator[Task]], tried: Sequence[Configuration], rounds: int
) -> tuple[list[int], list[Row]]:
    """Return the list of one size, and the rows that tell what it is worth on tasks that it was not learnt from."""
    values, families = [], []
    for task in made():
        begun = time.process_time()
        values.append(scores(task, tried, rounds))
        families.append(task.family)
        print(f"{name}: {task.name}, {time.process_time() - begun:.1f} CPU seconds", file=sys.stderr, flush=True)
    regret = greedy.regrets(np.array(values))
    rows = [
        known(f"{name} tables: regret after {first} of the list", "", [max(ours, LEAST)], {"chance": [chance]})
        for first, (ours, chance) in greedy.left_out(regret, families, COUNT, FIRSTS).items()
    ]
    default = float(regret[:, 0].mean())
    rows.append(known(f"{name} tables: regret of XGBoost's own settings", "", [default]))
    return greedy.chosen(regret, COUNT), rows


def entries(lists: Sequence[tuple[int, int | None, Sequence[Configuration]]]) -> list[dict[str, object]]:
    """Return the lists in the file's form: rows from, rows below, configurations."""
    return [
        {"trainer": TRAINER, "tasks": KINDS, "rows": [low, high], "configurations": list(found)}
        for low, high, found in lists
    ]


def write(file: Path, found: Sequence[dict[str, object]]) -> None:
    """Put the lists into the file in place of those of the same trainer; others' stay."""
    kept = json.loads(file.read_text(encoding="utf-8"))["portfolios"] if file.exists() else []
    others = [entry for entry in kept if entry["trainer"] != TRAINER]
    content = {"format": 1, "portfolios": [*found, *others]}
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Learn, tell, and write where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.portfolio")
    parser.add_argument("--quick", action="store_true", help="few candidates and rounds; nothing is written")
    parser.add_argument("--write", action="store_true", help="write portfolio.json, results and README.md's table")
    wanted = parser.parse_args()
    tried, rounds = candidates(6 if wanted.quick else 32), 12 if wanted.quick else ROUNDS
    begun = time.process_time()
    rows, lists = [], []
    for name, made, low, high in (("small", tasks.small, 0, BORDER), ("large", tasks.large, BORDER, None)):
        places, told = learnt(name, made, tried, rounds)
        rows += told
        lists.append((low, high, [tried[place] for place in places]))
    rows.append(known("CPU", "s", [time.process_time() - begun]))
    print(frame.table(rows))
    if wanted.write and not wanted.quick:
        write(FILE, entries(lists))
        facts = {
            "area": "portfolio",
            "at": datetime.now(UTC).strftime("%Y-%m-%d"),
            "quick": False,
            "machine": frame.machine(),
            "versions": {"xgboost-cpu": version("xgboost-cpu")},
        }
        frame.write("portfolio", facts, rows)


if __name__ == "__main__":
    main()
