"""Plans: transformations between two files, one pass and one task per part, on Ray or in this process."""

from mlray.data.plan._expr import Expr, call, col
from mlray.data.plan._plan import Plan, PlanResult

__all__ = ["Expr", "Plan", "PlanResult", "call", "col"]
