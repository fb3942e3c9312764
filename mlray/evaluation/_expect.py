"""What a tuned model on all the data will probably reach, told from a quick model on parts of it."""

from collections.abc import Sequence

import numpy as np

from mlray.evaluation._metrics import HIGHER_IS_BETTER, z_of
from mlray.records import CurvePoint, Interval

__all__ = ["expected_score", "judge_goal"]

EXPONENTS = (0.25, 0.5, 1.0)
"""How fast a learning curve may flatten: error falls like n^-c (Hestness et al. 2017, arXiv 1712.00409)."""

TUNING = {"auc": 0.01, "accuracy": 0.005, "log_loss": 0.01, "brier": 0.003}
"""What a sweep usually adds to a quick model with defaults, and as much again is possible."""

WORDS = {"auc": "an AUC", "accuracy": "an accuracy", "log_loss": "a log loss", "brier": "a Brier score"}


def expected_score(metric: str, curve: Sequence[CurvePoint], rows: int) -> Interval:
    """Return what a tuned model on `rows` rows will probably reach.

    The mean of the curves value = a + b·n^-c for the exponents in `EXPONENTS`, each fitted by least squares and none
    allowed to get worse with more rows, plus what tuning usually adds. The interval holds three uncertainties: of the
    test rows (from the last point), of the curve's shape, and of the tuning.
    """
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    last = curve[-1].score
    steps = [max(0.0, sign * (_at(curve, exponent, rows) - last.value)) for exponent in EXPONENTS]
    gain = float(np.mean(steps)) + TUNING[metric]
    sampling = (last.high - last.low) / (2 * z_of(last.level))
    spread = float(np.hypot(np.hypot(sampling, np.std(steps)), TUNING[metric] / 2))
    centre = last.value + sign * gain
    z = z_of(last.level)
    low, high = centre - z * spread, centre + z * spread
    if metric == "log_loss":
        return Interval(max(0.0, centre), max(0.0, low), high, last.level)
    return Interval(*(min(1.0, max(0.0, end)) for end in (centre, low, high)), last.level)


def _at(curve: Sequence[CurvePoint], exponent: float, rows: int) -> float:
    """Return the fitted curve's value at `rows`, moved so that it passes through the last point."""
    if len({point.rows for point in curve}) < 2:
        return curve[-1].score.value
    x = np.array([point.rows**-exponent for point in curve])
    value = np.array([point.score.value for point in curve])
    slope = float(np.polyfit(x, value, 1)[0])
    return curve[-1].score.value + slope * (rows**-exponent - float(x[-1]))


def judge_goal(
    metric: str,
    goal: float | None,
    trivial: Interval,
    linear: Interval,
    curve: Sequence[CurvePoint],
    expected: Interval,
) -> tuple[str, str]:
    """Return the verdict (`reachable`, `uncertain`, `out of reach`, `no goal`) and the sentence that explains it."""
    seen = (
        f"Always giving the most frequent answer reaches {WORDS[metric]} of {trivial.value:.3f}, a linear model {linear.value:.3f}"
        f" and a quick boosted model {curve[-1].score.value:.3f} on {curve[-1].rows:,} rows"
    )
    outlook = f"after tuning expect {expected.value:.3f} (between {expected.low:.3f} and {expected.high:.3f})"
    advice = _advice(metric, curve)
    if goal is None:
        return "no goal", f"{seen}; {outlook}. {advice}"
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    best, worst = (expected.high, expected.low) if sign > 0 else (expected.low, expected.high)
    if sign * (worst - goal) >= 0:
        return "reachable", f"The goal of {goal:g} is reachable. {seen}; {outlook}. {advice}"
    if sign * (best - goal) < 0:
        return (
            "out of reach",
            f"The goal of {goal:g} is out of reach with these columns and rows. {seen}; {outlook}. {advice}",
        )
    return "uncertain", f"The goal of {goal:g} may or may not be reached. {seen}; {outlook}. {advice}"


def _advice(metric: str, curve: Sequence[CurvePoint]) -> str:
    """Say whether more rows still help: the last doubling against the noise of the test rows."""
    if len(curve) < 2:
        return "There are too few rows for a learning curve."
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    step = sign * (curve[-1].score.value - curve[-2].score.value)
    span = f"from {curve[-2].rows:,} to {curve[-1].rows:,} rows"
    noise = (curve[-1].score.high - curve[-1].score.low) / 4
    if step > noise:
        return f"More rows still help: {span} the score moved by {step:+.3f}."
    return f"More rows alone will hardly help ({span} the score moved by {step:+.3f}); better columns might."
