"""A story of nine months as a run of the flights job tells it: made up, but with the sizes and the turns of a real one."""

import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from mlray.console import Decided, Episode, Fault, Judged, MoneyEvent, Month, Phase, StageTime, Story
from mlray.records import (
    Act,
    Budget,
    ColumnDrift,
    CurvePoint,
    DatasetVersion,
    Decision,
    DriftReport,
    Experiment,
    Feasibility,
    GateResult,
    Interval,
    Performance,
    Quality,
    Scorecard,
    SliceScore,
    Trial,
)

DAY = timedelta(days=1)
FIRST = datetime(2013, 4, 1, tzinfo=UTC)
LAST = datetime(2013, 12, 31, tzinfo=UTC)
CARRIERS = ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA")


def at(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2013, month, day, hour, tzinfo=UTC)


def around(value: float, half: float) -> Interval:
    return Interval(value, value - half, value + half)


def sample_story(**changes: object) -> Story:
    """Return the whole story; any field of `Story` can be given instead."""
    story = {
        "project": "flights",
        "question": "Will this flight arrive more than 15 minutes late or be cancelled?",
        "start": FIRST,
        "end": LAST,
        "feasibility": feasibility(),
        "stages": stages(),
        "requests": 2192,
        "months": months(),
        "budgets": budgets(),
        "money": money(),
        "versions": versions(),
        "drift": drift(),
        "performance": performance(),
        "decisions": decisions(),
        "datasets": datasets(),
        "experiments": experiments(),
        "models": models(),
        "faults": (
            Fault(
                "The training labels of v4 were shuffled, to show that the canary stops a broken candidate.",
                version="v4",
                decisions=("shadow-v4", "canary-v4", "roll_back-v4"),
            ),
        ),
        "error_price": Decimal("0.50"),
        "journal_entries": 412,
        "journal_head": "9f31c2d07a5be4488a10c94a6a0fd7d1c2be35ab11e07c9c55f6ad2bbd2e4a10",
    }
    return Story(**(story | changes))


def feasibility() -> Feasibility:
    sizes = (1_000, 3_000, 10_000, 30_000, 65_000)
    reached = (0.641, 0.664, 0.688, 0.705, 0.713)
    return Feasibility(
        metric="auc",
        goal=0.70,
        trivial=around(0.5, 0.0),
        linear=around(0.676, 0.006),
        curve=tuple(CurvePoint(n, around(score, 0.6 / math.sqrt(n))) for n, score in zip(sizes, reached, strict=True)),
        expected=around(0.722, 0.008),
        verdict="reachable",
        sentence="An AUC of 0.70 is within reach: a quick model has 0.713 on all the data and a tuned one should have 0.714 to 0.730.",
    )


def stages() -> tuple[StageTime, ...]:
    return (
        StageTime("start Ray", 7.9),
        StageTime("gather", 9.3, "80,790 rows from 3 files"),
        StageTime("feasibility", 6.1, "5 sizes"),
        StageTime("sweep", 38.4, "10 trials"),
        StageTime("evaluate", 2.2, "12,310 later rows"),
        StageTime("deploy", 8.8),
        StageTime("live traffic", 71.0, "2,192 requests, 275 days"),
        StageTime("retrainings", 49.7, "4 in the background"),
        StageTime("report", 0.4),
    )


def months() -> tuple[Month, ...]:
    kept = (0.262, 0.271, 0.318, 0.309, 0.266, 0.204, 0.221, 0.236, 0.334)
    gain = (0.0, 0.001, 0.009, 0.014, 0.011, 0.017, -0.002, 0.013, 0.021)
    names = (("v1",), ("v1",), ("v1", "v2"), ("v2",), ("v2",), ("v2", "v3"), ("v3",), ("v3", "v5"), ("v5",))
    made = []
    for index, (without, better) in enumerate(zip(kept, gain, strict=True)):
        start, end = at(4 + index, 1), at(5 + index, 1) if index < 8 else LAST
        auc = 0.731 - 0.006 * index
        made.append(
            Month(
                start,
                end,
                27_300 + 211 * index,
                {"error": around(without - better, 0.0051), "auc": around(auc + 2.2 * better, 0.0068)},
                {"error": around(without, 0.0052), "auc": around(auc, 0.0069)},
                around(better, 0.0024 if better else 0.0),
                names[index],
            )
        )
    return tuple(made)


def budgets() -> tuple[Budget, ...]:
    spent = {4: "40.03", 5: "40.01", 8: "40.02", 10: "40.02", 11: "40.01"}
    ends = [at(month + 1, 1) if month < 12 else datetime(2014, 1, 1, tzinfo=UTC) for month in range(4, 13)]
    return tuple(
        Budget("flights", Decimal(60), "USD", at(month, 1), end, Decimal(spent.get(month, "0")))
        for month, end in zip(range(4, 13), ends, strict=True)
    )


def money() -> tuple[MoneyEvent, ...]:
    made = []
    for when, key, amount in (
        (at(4, 1), "first", "40.03"),
        (at(5, 20), "retrain-5", "40.01"),
        (at(8, 26), "retrain-8", "40.02"),
        (at(10, 14), "retrain-10", "40.02"),
        (at(11, 4), "retrain-11", "40.01"),
    ):
        made.append(MoneyEvent(when, "promise", Decimal("40.20"), "retraining", key))
        made.append(MoneyEvent(when + DAY, "spend", Decimal(amount), "training and release", key))
    return tuple(made)


def versions() -> tuple[Episode, ...]:
    return (
        Episode("v1", Phase.TRAINED, at(4, 1)),
        Episode("v1", Phase.LIVE, at(4, 1), at(6, 8), 1.0, "passed its gates"),
        Episode("v1", Phase.RETIRED, at(6, 8)),
        *_rollout("v2", at(5, 27)),
        Episode("v2", Phase.LIVE, at(6, 8), at(9, 13), 1.0, "not worse than v1 in shadow and canary"),
        Episode("v2", Phase.RETIRED, at(9, 13)),
        *_rollout("v3", at(9, 1)),
        Episode("v3", Phase.LIVE, at(9, 13), at(11, 22), 1.0, "not worse than v2"),
        Episode("v3", Phase.RETIRED, at(11, 22)),
        Episode("v4", Phase.TRAINED, at(10, 15)),
        Episode("v4", Phase.SHADOW, at(10, 15), at(10, 18)),
        Episode("v4", Phase.CANARY, at(10, 18), at(10, 20), 0.1),
        Episode("v4", Phase.ROLLED_BACK, at(10, 20), because="its Brier score is worse by 0.061 on the same rows"),
        *_rollout("v5", at(11, 10)),
        Episode("v5", Phase.LIVE, at(11, 22), None, 1.0, "not worse than v3"),
    )


def _rollout(name: str, start: datetime) -> tuple[Episode, ...]:
    return (
        Episode(name, Phase.TRAINED, start),
        Episode(name, Phase.SHADOW, start, start + 3 * DAY),
        Episode(name, Phase.CANARY, start + 3 * DAY, start + 7 * DAY, 0.1),
        Episode(name, Phase.CANARY, start + 7 * DAY, start + 12 * DAY, 0.5),
    )


COLUMNS = (
    "carrier",
    "flight",
    "origin",
    "dest",
    "sched_dep_time",
    "sched_arr_time",
    "distance",
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "precip",
    "pressure",
    "visib",
)
SEASONAL = {"temp": 1.1, "dewp": 0.7, "humid": 0.25, "pressure": 0.2, "wind_speed": 0.12, "dest": 0.05, "visib": 0.1}


def drift() -> tuple[DriftReport, ...]:
    dice = random.Random(7)
    made = []
    for week in range(39):
        start = FIRST + week * 7 * DAY
        version = 1 if start < at(6, 8) else 2 if start < at(9, 13) else 3 if start < at(11, 22) else 5
        learnt = {1: 2.0, 2: 4.7, 3: 7.3, 5: 10.2}[version]
        season = (1 - math.cos((start.month + start.day / 30 - learnt) / 12 * 2 * math.pi)) / 2
        columns = []
        for name in COLUMNS:
            psi = SEASONAL.get(name, 0.02) * season + abs(dice.gauss(0, 0.03))
            missing = 0.12 if name == "wind_dir" and week == 20 else 0.0
            columns.append(ColumnDrift(name, psi, min(1.0, psi / 3), missing, 0.0, psi >= 0.25))
        score = max(column.psi for column in columns)
        made.append(
            DriftReport("flights", version, start, start + 7 * DAY, 6_400, tuple(columns), score, 0.25, start + 7 * DAY)
        )
    return tuple(made)


def performance() -> tuple[Performance, ...]:
    dice = random.Random(3)
    made = []
    for week, report in enumerate(drift()):
        month = min(8, (report.start.month - 4))
        error = months()[month].served["error"].value + dice.gauss(0, 0.012)
        excess = around(dice.gauss(0.004, 0.004) + (0.012 if 6 < week < 10 or 20 < week < 24 else 0), 0.006)
        made.append(
            Performance(
                "flights",
                report.version,
                report.start,
                report.end,
                6_400,
                6_380,
                around(error * 0.6 + 0.1, 0.01),
                {"error": around(error, 0.011)},
                excess,
            )
        )
    return tuple(made)


def decisions() -> tuple[Decided, ...]:
    made = []
    retrained = {at(5, 20): "retrain-5", at(8, 26): "retrain-8", at(10, 14): "retrain-10", at(11, 4): "retrain-11"}
    deferred = {at(5, 27), at(10, 21), at(10, 28)}
    for report in drift():
        when = report.seen_at
        evidence = {
            "largest_psi": report.score,
            "drifting": list(report.drifting[:3]),
            "excess_paid": 11.4,
            "budget_left": "60.00",
        }
        if when in retrained:
            made.append(
                Decided(
                    Decision(
                        retrained[when],
                        when,
                        Act.RETRAIN,
                        "flights",
                        "The live model has cost 61.50 USD more than a fresh one since it was trained, which is more than the 40.20 USD that a retraining costs.",
                        evidence,
                        Decimal("40.20"),
                        gain=Interval(58.0, 22.0, 94.0),
                    ),
                    "trained in 11 s on 78,402 rows; passed all gates"
                    if retrained[when] != "retrain-10"
                    else "trained in 10 s on 79,120 rows",
                    Decimal("40.02"),
                )
            )
        elif when in deferred:
            made.append(
                Decided(
                    Decision(
                        f"defer-{when:%m%d}",
                        when,
                        Act.DEFER,
                        "flights",
                        "A retraining would pay, but it costs 40.20 USD and 19.98 USD of the month's 60.00 USD is left; asked again in the next window.",
                        {**evidence, "price": "40.20"},
                    ),
                    "waits for the first of the month",
                )
            )
        else:
            why = (
                f"{report}; but the live model's error is only 0.3 points above a fresh one's: not worth 40.20 USD yet."
                if report.drifting
                else "Nothing drifted, and the live model is as good as a fresh one."
            )
            made.append(Decided(Decision(f"hold-{when:%m%d}", when, Act.HOLD, "flights", why, evidence)))
    for act, why, cost, result in (
        (
            Act.RETRAIN,
            "Nothing is live yet: a first model is trained for about 40.20 USD.",
            "40.20",
            "v1 trained in 38 s",
        ),
        (Act.PROMOTE, "v1 passed 2 gates and nothing is live yet.", "0", "live"),
    ):
        first = Decision(
            f"first-{act}" if act is Act.PROMOTE else "first", FIRST, act, "flights", why, cost=Decimal(cost)
        )
        made.append(Decided(first, result, Decimal("40.03") if act is Act.RETRAIN else None))
    for name, start, cause in (
        ("v2", at(5, 27), "retrain-5"),
        ("v3", at(9, 1), "retrain-8"),
        ("v5", at(11, 10), "retrain-11"),
    ):
        for act, days, why, result in (
            (Act.SHADOW, 0, "It passed its gates; it answers copies first.", "scores 100 % of the requests unseen"),
            (Act.CANARY, 3, "No harm seen on 2,610 shadowed rows.", "answers 10 % of the requests"),
            (Act.CANARY, 7, "No harm seen on 3,480 rows at 10 %.", "answers 50 % of the requests"),
            (Act.PROMOTE, 12, "Better than the live version by 0.004 Brier on 10,440 paired rows.", "live"),
        ):
            made.append(
                Decided(
                    Decision(
                        f"{act.value}-{name}-{days}",
                        start + days * DAY,
                        act,
                        f"flights {name}",
                        why,
                        {},
                        caused_by=cause,
                    ),
                    result,
                )
            )
    broken = (
        (Act.SHADOW, at(10, 15), "It passed its gates; it answers copies first."),
        (Act.CANARY, at(10, 18), "No harm seen on too few rows to tell."),
        (
            Act.ROLL_BACK,
            at(10, 20),
            "Its Brier score is worse by 0.061 on 1,870 paired rows; the test's error rate is 5 %.",
        ),
    )
    for act, when, why in broken:
        made.append(
            Decided(
                Decision(f"{act.value}-v4", when, act, "flights v4", why, {}, caused_by="retrain-10"),
                "v3 answers alone again" if act is Act.ROLL_BACK else "",
            )
        )
    return tuple(sorted(made, key=lambda told: told.decision.at))


def datasets() -> tuple[DatasetVersion, ...]:
    made, parent = [], ()
    for number, (when, rows) in enumerate(
        ((at(4, 1), 80_214), (at(5, 20), 126_880), (at(8, 26), 214_770), (at(10, 14), 255_301), (at(11, 4), 273_990)),
        start=1,
    ):
        digest = f"{number * 7919:08x}" * 8
        quality = Quality(
            rows + 576,
            rows,
            {"carrier: not an allowed value": 412, "distance: below 50": 101, "repeated key": 63},
            {"renamed distance_km to distance": 24_951, "kilometre to mile": 24_951} if number == 1 else {},
        )
        made.append(
            DatasetVersion(
                "departures",
                number,
                digest,
                parent,
                {"carrier": "string"},
                "c" * 64,
                (),
                rows,
                "",
                quality,
                when.isoformat(),
                when,
                when,
            )
        )
        parent = (digest,)
    return tuple(made)


def experiments() -> tuple[Experiment, ...]:
    dice = random.Random(11)
    made = []
    for number, trials in enumerate((10, 4, 4, 4, 4), start=1):
        tried = []
        for index in range(trials):
            trainer = "hist_gradient_boosting" if index % 3 == 2 else "xgboost"
            depth = dice.randint(3, 9)
            stopped = index > 2 and dice.random() < 0.4
            score = (
                0.705
                + 0.012 * dice.random()
                + (0.006 if trainer == "xgboost" else 0)
                - (0.012 if stopped else 0)
                - 0.002 * number
            )
            params = {
                "learning_rate": dice.uniform(0.03, 0.3),
                "max_depth": depth,
                "min_child_weight": dice.uniform(1, 64),
            }
            if number == 1 and index == 7:
                tried.append(Trial(index, trainer, params, None, 0, 0.3, "failed", "out of memory"))
                continue
            tried.append(
                Trial(
                    index,
                    trainer,
                    params,
                    score,
                    40 if stopped else 120,
                    3.1 + dice.random(),
                    "stopped early" if stopped else "finished",
                )
            )
        best = max((trial for trial in tried if trial.score is not None), key=lambda trial: trial.score or 0)
        made.append(
            Experiment(
                f"sweep-{number}",
                f"departures@v{number}",
                "auc",
                tuple(tried),
                best,
                Decimal("0.0021"),
                3.8 * trials,
                "all trials done",
                0,
            )
        )
    return tuple(made)


def models() -> tuple[Judged, ...]:
    dice = random.Random(5)
    made = []
    for number, when in enumerate((at(4, 1), at(5, 27), at(9, 1), at(10, 15), at(11, 10)), start=1):
        base, error = 0.705 + 0.004 * dice.random(), 0.238 + 0.01 * dice.random()
        slices = [
            SliceScore(
                "carrier", name, 4200 // (k + 1), around(base + dice.gauss(0, 0.02), 0.5 / math.sqrt(4200 / (k + 1)))
            )
            for k, name in enumerate(CARRIERS)
        ]
        slices += [
            SliceScore("origin", name, 4100, around(base + dice.gauss(0, 0.008), 0.009))
            for name in ("EWR", "JFK", "LGA")
        ]
        gates = [
            GateResult("baseline", True, f"AUC {base:.3f} beats the linear baseline's 0.676 on the same 12,310 rows."),
            GateResult(
                "slices", True, "No slice of 200 rows and more is worse by over 0.05; the weakest is carrier 9E."
            ),
        ]
        if number > 1:
            gates.insert(
                1,
                GateResult(
                    "champion",
                    True,
                    "It beats the live version by 0.006 [0.002, 0.010] on the same rows; this test set could have seen 0.004.",
                ),
            )
        made.append(
            Judged(
                f"v{number}",
                when,
                Scorecard(
                    {"auc": around(base, 0.009), "error": around(error, 0.007)},
                    {"auc": around(0.676, 0.01), "error": around(0.262, 0.008)},
                    {"auc": around(base - 0.006, 0.009), "error": around(error + 0.006, 0.007)} if number > 1 else None,
                    tuple(slices),
                    tuple(gates),
                    12_310,
                    when - 14 * DAY,
                    when,
                ),
                f"departures@v{number}",
                f"sweep-{number}",
                f"{number * 104729:08x}" * 8,
                "" if number == 1 else "retrain",
            )
        )
    return tuple(made)
