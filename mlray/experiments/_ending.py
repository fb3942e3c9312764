"""When a sweep ends: on trials, time, money, a plateau or a command, or because nothing works."""

import math
from dataclasses import dataclass
from decimal import Decimal

from mlray.errors import OverBudget
from mlray.experiments._plan import Plan
from mlray.experiments._problem import Problem

__all__ = ["COMMAND", "DONE", "EXHAUSTED", "HOPELESS", "Standing", "check_budget", "ending", "goes_on", "least_seconds"]

DONE = "all trials done"
EXHAUSTED = "every configuration of the space was tried"
COMMAND = "it was told to stop"
FAILED = "every trial failed"

HOPELESS = 3
"""When so many trials have failed and none has a score, the next would fail as well."""

_CELLS_PER_SECOND = 5e8
"""Values that one thread adds to histograms in a second at most: a quick core does two thirds of it, one level deep."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a sweep stands when it is asked whether to go on."""

    begun: int
    done: int
    failed: int
    spent: Decimal
    now: float
    gain: float = math.inf
    """What the best score is expected to gain; infinite while it is too early to tell."""


def ending(plan: Plan, standing: Standing) -> str:
    """Return why no further trial may start; empty while one may. The first rule that applies decides."""
    if standing.done == standing.failed >= min(HOPELESS, plan.trials):
        return FAILED
    if plan.budget is not None and standing.spent >= plan.budget:
        return f"the budget of {_money(plan.budget)} USD is spent"
    if plan.seconds is not None and standing.now >= plan.seconds:
        return f"the time of {plan.seconds:.0f} s is over"
    if standing.begun >= plan.trials:
        return DONE
    if plan.plateau is not None and standing.gain < plan.plateau:
        return f"the best {plan.metric} is expected to improve by less than {plan.plateau:g}"
    return ""


def goes_on(reason: str) -> bool:
    """Return whether what runs already may go on to its end when nothing more starts because of `reason`."""
    return reason in ("", DONE, EXHAUSTED)


def _money(amount: Decimal) -> str:
    """Return `amount` in cents, or as precisely as it was given.

    >>> _money(Decimal("2")), _money(Decimal("0.005"))
    ('2.00', '0.005')
    """
    return f"{amount:.2f}" if amount == round(amount, 2) else f"{amount:f}"


def least_seconds(problem: Problem, rounds: int, folds: int = 1) -> float:
    """Return the lane seconds that one whole trial takes at the least: an optimistic estimate, made without training.

    Every round reads every value of the rows to learn from once for each level of the tree, and there is one at least.
    """
    rows, columns = problem.train_x.shape
    return float(rows * columns) * rounds * folds / _CELLS_PER_SECOND


def check_budget(budget: Decimal | None, price_of_one: Decimal) -> None:
    """Refuse a budget from which not even one trial can be paid, before anything starts.

    Raises:
        OverBudget: `budget` is below `price_of_one`, both in USD.
    """
    if budget is None or budget >= price_of_one:
        return
    raise OverBudget(
        f"The budget of {_money(budget)} USD is below the price of one trial, about {price_of_one:.2g} USD.",
        remedy="Give the sweep more money (model.budget), or take fewer rounds (model.rounds) or rows.",
    )
