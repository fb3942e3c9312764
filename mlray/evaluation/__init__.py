"""Scores with intervals, comparisons on the same rows, gates that let a model through, and what can be expected."""

from mlray.evaluation._compare import Comparison, compare
from mlray.evaluation._expect import Period, expected_score, judge_goal
from mlray.evaluation._labels import LabelProblems, label_problems
from mlray.evaluation._leakage import coded, leakage, repetition
from mlray.evaluation._metrics import HIGHER_IS_BETTER, metrics, score, wilson
from mlray.evaluation._scorecard import scorecard
from mlray.evaluation._slices import Slice, slices
from mlray.evaluation.gates import judge

__all__ = [
    "HIGHER_IS_BETTER",
    "Comparison",
    "LabelProblems",
    "Period",
    "Slice",
    "coded",
    "compare",
    "expected_score",
    "judge",
    "judge_goal",
    "label_problems",
    "leakage",
    "metrics",
    "repetition",
    "score",
    "scorecard",
    "slices",
    "wilson",
]
