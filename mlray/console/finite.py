"""Figures that can be drawn: what is not a finite number is told as unknown, so that one slice cannot spoil a page."""

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite

from mlray.console.story import Judged, Month, Story
from mlray.records import DriftReport, Experiment, Interval, Performance, Scorecard, Trial

__all__ = ["finite"]


def finite(story: Story) -> Story:
    """Return the story without scores and intervals that are infinite or not a number, such as the AUC of one class."""
    feasibility = story.feasibility
    if feasibility is not None:
        known = all(_known(one) for one in (feasibility.trivial, feasibility.linear, feasibility.expected))
        curve = tuple(point for point in feasibility.curve if _known(point.score))
        feasibility = replace(feasibility, curve=curve) if known else None
    return replace(
        story,
        feasibility=feasibility,
        months=tuple(_month(month) for month in story.months),
        drift=tuple(_drift(report) for report in story.drift),
        performance=tuple(_performance(one) for one in story.performance),
        experiments=tuple(_experiment(one) for one in story.experiments),
        models=tuple(_judged(one) for one in story.models),
    )


def _known(interval: Interval | None) -> bool:
    return interval is not None and all(isfinite(end) for end in (interval.value, interval.low, interval.high))


def _or_none(interval: Interval | None) -> Interval | None:
    return interval if _known(interval) else None


def _only(intervals: Mapping[str, Interval]) -> dict[str, Interval]:
    return {name: interval for name, interval in intervals.items() if _known(interval)}


def _month(month: Month) -> Month:
    return replace(month, served=_only(month.served), kept=_only(month.kept), saved=_or_none(month.saved))


def _drift(report: DriftReport) -> DriftReport:
    return replace(report, columns=tuple(column for column in report.columns if isfinite(column.psi)))


def _performance(one: Performance) -> Performance:
    return replace(one, estimated=_or_none(one.estimated), measured=_only(one.measured), excess=_or_none(one.excess))


def _experiment(one: Experiment) -> Experiment:
    return replace(
        one,
        trials=tuple(_trial(trial) for trial in one.trials),
        best=_trial(one.best),
        importance=_numbers(one.importance),
        ensemble_score=one.ensemble_score if isfinite(one.ensemble_score or 0.0) else None,
    )


def _trial(trial: Trial) -> Trial:
    return replace(
        trial,
        params={name: value if _told(value) else str(value) for name, value in trial.params.items()},
        score=trial.score if isfinite(trial.score or 0.0) else None,
        curve=tuple(look for look in trial.curve if isfinite(look[1])),
        objectives=_numbers(trial.objectives),
    )


def _told(value: float | str | bool | None) -> bool:  # noqa: FBT001 (a parameter may be a flag)
    return not isinstance(value, float) or isfinite(value)


def _numbers(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in figures.items() if isfinite(value)}


def _judged(one: Judged) -> Judged:
    card = one.scorecard
    judged = Scorecard(
        metrics=_only(card.metrics),
        baseline=_only(card.baseline),
        champion=None if card.champion is None else _only(card.champion),
        slices=tuple(piece for piece in card.slices if _known(piece.score)),
        gates=card.gates,
        rows=card.rows,
        start=card.start,
        end=card.end,
    )
    return replace(one, scorecard=judged)
