"""A profile with something to say in every part."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mlray.console.quality import findings
from mlray.records import (
    Balance,
    Bar,
    ColumnDrift,
    ColumnProfile,
    DataProfile,
    DriftReport,
    Interval,
    LabelQuality,
    LabelSuspect,
    LeakageSuspect,
    PeriodShare,
    Repetition,
    RuleCount,
)

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def around(value: float, half: float = 0.01) -> Interval:
    return Interval(value, value - half, value + half)


def columns() -> tuple[ColumnProfile, ...]:
    micros = START.timestamp() * 1e6
    bars = tuple(Bar(f"{low} – {low + 10}", 40 - low // 3, 30) for low in range(0, 100, 10))
    return (
        ColumnProfile("at", "timestamp", 400, 0, None, micros, micros + 30 * 864e8, bars=bars),
        ColumnProfile(
            "price", "number", 400, 30, None, 0.0, 1460.0, 51.0, (24.0, 50.0, 76.0), bars, 9, (-130, 210), "EUR"
        ),
        ColumnProfile(
            "shop", "text", 400, 150, 2, bars=(Bar("north", 200, 100), Bar("a very long name of a shop", 50, 40))
        ),
        ColumnProfile("open", "boolean", 400, 0, 1, 1.0, 1.0, bars=(Bar("true", 400, 300),)),
        ColumnProfile("empty", "number", 400, 400, 0, known="later"),
    )


def sample_profile(**changes: object) -> DataProfile:
    """Return the whole profile; any field of `DataProfile` can be given instead."""
    periods = tuple(
        PeriodShare(START + n * 5 * DAY, START + (n + 1) * 5 * DAY, 66, around(0.2 + n / 50, 0.05)) for n in range(6)
    )
    moved = (ColumnDrift("price", 0.61, 0.3, 0.02, 0.0, True), ColumnDrift("shop", 0.01, 0.02, 0.0, 0.0, False))
    made = DataProfile(
        project="shop",
        dataset="orders@v2",
        digest="ab" * 32,
        rows=400,
        as_of=START + 30 * DAY,
        target="returned",
        looked=400,
        columns=columns(),
        balance=Balance(400, 100, around(0.25, 0.04), periods),
        leakage=(
            LeakageSuspect(
                "refund", around(0.998, 0.001), "certain", "its value alone ranks the answers with AUC 0.998"
            ),
            LeakageSuspect("price", around(0.93), "suspect", "whether it is missing tells the answer (AUC 0.930)"),
            LeakageSuspect("shop", around(0.55), "fine"),
        ),
        labels=LabelQuality(
            400,
            around(0.95),
            7,
            5,
            0.031,
            True,
            (LabelSuspect(True, 0.02, {"at": "2024-01-03 10:00", "days_back": "4"}),),
        ),
        repetition=Repetition(400, 3, 12, 40, 100, 0.01, True),
        against="orders@v1",
        drift=DriftReport("orders", 2, START, START + 30 * DAY, 100, moved, 0.61, 0.25, START),
        rules=(
            RuleCount("every row keeps the contract", 420, 20, passed=False, aside=True),
            RuleCount("price below 0", 420, 20, ("data/a.csv, row 7: {}",), passed=False, aside=True),
            RuleCount("shop is missing", 420, 0, aside=True),
            RuleCount("shop duplicateValues: must be 0 rows, is 2", 400, 2, ("north",), passed=False),
        ),
        notes=("Labels were judged on 400 of 900 rows.",),
    )
    made = replace(made, **changes)
    return replace(made, findings=findings(made))
