"""What a run tells: one report for people and programs, and the decisions as a table for a terminal."""

from mlray.console.page import report
from mlray.console.story import Decided, Episode, Fault, Judged, MoneyEvent, Month, Phase, StageTime, Story
from mlray.console.terminal import decision_table

__all__ = [
    "Decided",
    "Episode",
    "Fault",
    "Judged",
    "MoneyEvent",
    "Month",
    "Phase",
    "StageTime",
    "Story",
    "decision_table",
    "report",
]
