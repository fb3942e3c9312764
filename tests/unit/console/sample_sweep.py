"""Sweeps as long and as varied as users run them, with everything that comes after one."""

import random
from decimal import Decimal
from math import log10

from mlray.records import Experiment, Trial


def sample_sweep(trials=120, *, seed=3, metric="auc", objectives=("latency",), trainers=("xgboost",), name="sweep-9"):
    """Return a sweep in which the learning rate matters most, as it does in life."""
    dice = random.Random(seed)
    tried = tuple(_trial(number, dice, metric, objectives, trainers) for number in range(trials))
    scored = [trial for trial in tried if trial.score is not None]
    sign = -1 if metric in ("log_loss", "rmse") else 1
    ranked = sorted(scored, key=lambda trial: -sign * trial.score)
    shares = {
        "learning_rate": 0.46,
        "max_depth": 0.24,
        "min_child_weight": 0.13,
        "grow_policy": 0.09,
        "subsample": 0.05,
    }
    shares |= {"colsample_bytree": 0.02, "reg_lambda": 0.006, "max_leaves": 0.004}
    prefix = f"{trainers[0]}." if len(trainers) > 1 else ""
    return Experiment(
        name,
        "departures@v7",
        metric,
        tried,
        ranked[0],
        Decimal("1.37"),
        4.1 * trials,
        "all trials done",
        0,
        front=_front(scored, sign, objectives) if objectives else (),
        importance={f"{prefix}{key}": value for key, value in shares.items()},
        ensemble=tuple((trial.number, share) for trial, share in zip(ranked, (0.5, 0.3, 0.2), strict=False)),
        ensemble_score=ranked[0].score + sign * 0.004,
    )


def _trial(number, dice, metric, objectives, trainers):
    policy = dice.choice(["depthwise", "lossguide"])
    params = {
        "learning_rate": 10 ** dice.uniform(-2, -0.4),
        "max_depth": dice.randint(3, 10),
        "min_child_weight": 2 ** dice.uniform(0, 6),
        "subsample": dice.uniform(0.6, 1),
        "colsample_bytree": dice.uniform(0.5, 1),
        "reg_lambda": 10 ** dice.uniform(-1, 1.5),
        "grow_policy": policy,
    }
    if policy == "lossguide":
        params["max_leaves"] = dice.randint(8, 256)
    if number % 41 == 7:
        return Trial(number, trainers[0], params, None, 0, 0.2, "failed", "ValueError: a broken trial")
    far = abs(log10(params["learning_rate"]) + 1.1)
    quality = 0.745 - 0.03 * far - 0.002 * abs(params["max_depth"] - 6) + dice.gauss(0, 0.002)
    stopped = dice.random() < 0.6 and number > 10
    quality -= 0.01 * stopped
    figures = {"latency": 0.3 + 0.06 * params["max_depth"] ** 1.5 + dice.random() * 0.2, "cost": 0.001 * dice.random()}
    return Trial(
        number,
        dice.choice(trainers),
        params,
        quality if metric == "auc" else 1.2 - quality,
        40 if stopped else 120,
        4.0,
        "stopped early" if stopped else "finished",
        objectives={key: figures[key] for key in objectives},
    )


def _front(scored, sign, objectives):
    def values(trial):
        return (-sign * trial.score, *(trial.objectives[name] for name in objectives))

    def beaten(one):
        return any(
            all(b <= a for a, b in zip(values(one), values(other), strict=True)) and other is not one
            for other in scored
        )

    return tuple(trial.number for trial in scored if not beaten(trial))
