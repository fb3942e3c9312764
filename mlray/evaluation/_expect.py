"""What a tuned model will probably reach on rows that are still to come, told from a quick model on what is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlray.evaluation._metrics import HIGHER_IS_BETTER, z_of
from mlray.records import CurvePoint, Interval

__all__ = ["Period", "expected_score", "judge_goal"]

EXPONENTS = (0.25, 0.5, 1.0)
"""How fast a learning curve may flatten: the error falls like n^-c (Hestness et al. 2017, arXiv 1712.00409)."""

TUNING = {"auc": 0.005, "accuracy": 0.003, "log_loss": 0.01, "brier": 0.002}
"""What a sweep usually adds to a quick model with defaults; it may be nothing or twice as much."""

FEWEST = 3
"""With fewer periods their spread says nothing."""

WORDS = {"auc": "an AUC", "accuracy": "an accuracy", "log_loss": "a log loss", "brier": "a Brier score"}


@dataclass(frozen=True, slots=True)
class Period:
    """How a quick model, trained on the `rows` rows before a period, scored on the rows of that period."""

    rows: int
    score: float


def expected_score(metric: str, curve: Sequence[CurvePoint], periods: Sequence[Period], rows: int) -> Interval:
    """Return what a tuned model trained on `rows` rows will probably reach on the next period.

    The centre is the mean over past periods, each carried along the learning curve to `rows` rows, plus what tuning
    usually adds. The curve is a + b·n^-c, fitted by least squares and averaged over `EXPONENTS`. The interval is for
    one new period, not for the mean of many: periods differ, and their spread (Student's t) is most of it. With too few
    periods only the last point's own interval is left. The doubts about the curve's shape and the tuning are added.
    """
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    last = curve[-1].score
    steps = [_step(curve, exponent, rows) for exponent in EXPONENTS]
    doubt = float(np.hypot(np.std(steps), TUNING[metric] / 2))
    if len(periods) < FEWEST:
        centre, margin = last.value + float(np.mean(steps)), (last.high - last.low) / 2
    else:
        carried = [_carried(curve, period, rows) for period in periods]
        centre = float(np.mean(carried))
        margin = _student(last.level, len(periods) - 1) * float(np.std(carried, ddof=1)) * (1 + 1 / len(periods)) ** 0.5
    centre += sign * TUNING[metric]
    margin = float(np.hypot(margin, z_of(last.level) * doubt))
    most = float("inf") if metric == "log_loss" else 1.0
    value, low, high = (min(most, max(0.0, end)) for end in (centre, centre - margin, centre + margin))
    return Interval(value, low, high, last.level)


def _carried(curve: Sequence[CurvePoint], period: Period, rows: int) -> float:
    gains = [_step(curve, exponent, rows, start=period.rows) for exponent in EXPONENTS]
    return period.score + float(np.mean(gains))


def _step(curve: Sequence[CurvePoint], exponent: float, rows: int, *, start: int = 0) -> float:
    """Return by how much the fitted curve moves from `start` rows (the last point's, if 0) to `rows`."""
    if len(curve) < 2:
        return 0.0
    x = np.array([point.rows**-exponent for point in curve])
    value = np.array([point.score.value for point in curve])
    slope = float(np.polyfit(x, value, 1)[0])
    return float(slope * (rows**-exponent - (start or curve[-1].rows) ** -exponent))


def _student(level: float, freedom: int) -> float:
    """Return Student's t for a two-sided interval at `level`."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))


def judge_goal(
    metric: str,
    goal: float | None,
    trivial: Interval,
    linear: Interval,
    curve: Sequence[CurvePoint],
    periods: Sequence[Period],
    expected: Interval,
) -> tuple[str, str]:
    """Return the verdict (`reachable`, `uncertain`, `out of reach`, `no goal`) and the sentence that explains it."""
    scores = (
        f"On the newest rows the best answer that looks at nothing reaches {WORDS[metric]} of {trivial.value:.3f},"
        f" a linear model {linear.value:.3f}, and a quick boosted model that learnt from {curve[-1].rows:,} rows"
        f" {curve[-1].score.value:.3f}."
    )
    outlook = f"after tuning expect {expected.value:.3f} ({expected.low:.3f} to {expected.high:.3f}){_spread(periods)}"
    verdict, opening = _verdict(metric, goal, expected)
    return verdict, f"{opening}{outlook}. {scores} {_advice(metric, linear, curve)}"


def _verdict(metric: str, goal: float | None, expected: Interval) -> tuple[str, str]:
    if goal is None:
        return "no goal", "No goal was set; "
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    best, worst = (expected.high, expected.low) if sign > 0 else (expected.low, expected.high)
    if sign * (worst - goal) >= 0:
        return "reachable", f"The goal of {goal:g} is reachable: "
    if sign * (best - goal) < 0:
        return "out of reach", f"The goal of {goal:g} is out of reach with these columns and rows: "
    likely = "reached than missed" if sign * (expected.value - goal) >= 0 else "missed than reached"
    return "uncertain", f"The goal of {goal:g} is uncertain, more likely {likely}: "


def _spread(periods: Sequence[Period]) -> str:
    if len(periods) < FEWEST:
        return ""
    scores = [period.score for period in periods]
    return f", since {len(periods)} past periods in a row brought between {min(scores):.3f} and {max(scores):.3f}"


def _advice(metric: str, linear: Interval, curve: Sequence[CurvePoint]) -> str:
    """Say whether boosting is worth its trouble, and whether more rows still help."""
    last = curve[-1].score
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    noise = (last.high - last.low) / 4
    plain = "A linear model does about as well. " if sign * (last.value - linear.value) < noise / 2 else ""
    if len(curve) < 2:
        return f"{plain}There are too few rows for a learning curve."
    step = curve[-1].score.value - curve[-2].score.value
    span = f"from {curve[-2].rows:,} to {curve[-1].rows:,} rows the score moved by {step:+.3f}"
    if sign * step > noise:
        return f"{plain}More rows still help: {span}."
    return f"{plain}More rows alone will hardly help ({span}); better columns might."
