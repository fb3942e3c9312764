"""Forecasts: what work will cost before it starts."""

from collections.abc import Sequence
from decimal import Decimal

from mlray.costs._money import exact
from mlray.costs.prices import PriceBook
from mlray.records import Price, Spend
from mlray.spec import Costs

__all__ = ["retraining"]

_LAST = 5
"""How many past retrainings are looked at: data grow, and the price of a year ago says little."""


def retraining(
    history: Sequence[Spend], costs: Costs, book: PriceBook, default_seconds: float, *, cpus: float | None = None
) -> Price:
    """Return what the next retraining will cost: computing, and the people who review and release the model.

    Computing is the dearest of the last five retrainings in `history` (oldest first; entries without seconds are left
    out) at today's prices: a promise that is too small would let a budget be overspent, one that is a little too large
    is given back when the work is settled. Without history, `default_seconds` on `cpus` CPUs (None: one node).

    Raises:
        NotFoundError: the price book does not have the node type of `costs`.
    """
    known = [spend for spend in history if spend.seconds > 0][-_LAST:]
    past = [_again(spend, costs.node, book) for spend in known]
    if past:
        compute = max(past)
        basis = (
            f"the dearest of the last {len(past)} retrainings" if len(past) > 1 else "as much as the last retraining"
        )
    else:
        compute = book.compute(costs.node, default_seconds, cpus=cpus)
        basis = f"{default_seconds:.0f} s expected, as nothing was retrained so far"
    parts = {"compute": compute, "release": exact(costs.release)}
    return Price(
        sum(parts.values(), Decimal(0)), book.currency, parts, f"{basis}, on {costs.node} of the price book {book.name}"
    )


def _again(spend: Spend, node: str, book: PriceBook) -> Decimal:
    return book.compute(node, spend.seconds, cpus=spend.resources.get("CPU"), gpus=spend.resources.get("GPU"))
