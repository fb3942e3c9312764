"""A story's sums: what the months, the money and the decisions come to."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from math import sqrt

from mlray.console.story import Phase, Story
from mlray.records import Act, Budget, Decision, Interval

__all__ = ["Totals", "asked", "pooled", "spent_by", "totals", "window_spent"]


@dataclass(frozen=True, slots=True)
class Totals:
    """What happened, counted."""

    acts: Counter[Act]
    retrainings: int
    """Retrainings that were started; the first training is none."""
    rows: int
    served: Interval | None
    """Error of what was served over all months, weighted by rows."""
    kept: Interval | None
    saved: Interval | None
    spent: Decimal
    limit: Decimal | None
    """All windows of the budget together; None without a budget."""
    went_live: tuple[str, ...]
    """Versions that answered requests on their own, the first one included."""
    rolled_back: tuple[str, ...]
    rejected: tuple[str, ...]

    @property
    def decisions(self) -> int:
        """How many decisions were taken."""
        return self.acts.total()

    @property
    def replacements(self) -> tuple[str, ...]:
        """Versions that took over from an earlier one."""
        return self.went_live[1:]

    @property
    def answers_saved(self) -> float | None:
        """Wrong answers that retraining avoided; negative when it caused more."""
        return None if self.saved is None else self.saved.value * self.rows


def totals(story: Story) -> Totals:
    """Return the sums of a story."""
    measured = [month for month in story.months if month.rows > 0 and "error" in month.served and "error" in month.kept]
    paired = [(month.rows, month.saved) for month in measured if month.saved is not None]
    return Totals(
        acts=Counter(told.decision.act for told in story.decisions),
        retrainings=_retrainings(story),
        rows=sum(month.rows for month in measured),
        served=pooled([(month.rows, month.served["error"]) for month in measured]),
        kept=pooled([(month.rows, month.kept["error"]) for month in measured]),
        # A sum over some of the months would be set beside errors of all of them: rather none.
        saved=pooled(paired) if len(paired) == len(measured) else None,
        spent=sum((event.amount for event in story.money if event.kind == "spend"), Decimal(0))
        if story.money
        else sum((budget.spent for budget in story.budgets), Decimal(0)),
        limit=sum((budget.limit for budget in story.budgets), Decimal(0)) if story.budgets else None,
        went_live=_versions(story, Phase.LIVE),
        rolled_back=_versions(story, Phase.ROLLED_BACK),
        rejected=_versions(story, Phase.REJECTED),
    )


def _retrainings(story: Story) -> int:
    """Count what was trained after something had gone live; without a timeline, everything that was trained."""
    trained = [told.decision.at for told in story.decisions if told.decision.act is Act.RETRAIN]
    if not story.versions:
        return len(trained)
    live = [episode.start for episode in story.versions if episode.phase is Phase.LIVE]
    return sum(at > min(live) for at in trained) if live else 0


def _versions(story: Story, phase: Phase) -> tuple[str, ...]:
    began = sorted((episode.start, episode.version) for episode in story.versions if episode.phase is phase)
    return tuple(dict.fromkeys(version for _, version in began))


def asked(decision: Decision) -> Decimal:
    """Return the price that was asked: a refusal or deferral costs nothing, and keeps the price in its evidence.

    Anything there that is no amount counts as no price.
    """
    if decision.cost or decision.act not in (Act.DEFER, Act.REFUSE):
        return decision.cost
    try:
        price = Decimal(str(decision.evidence.get("price", 0)))
    except InvalidOperation:
        return Decimal(0)
    return price if price.is_finite() else Decimal(0)


def pooled(parts: Sequence[tuple[int, Interval]]) -> Interval | None:
    """Return the mean of independent estimates weighted by their rows; None when there is none.

    Each side of the interval is recovered from the parts' own (MOVER: Zou and Donner, Statistics in Medicine 27, 2008),
    so a skewed interval stays skewed.

    >>> str(pooled([(100, Interval(0.2, 0.1, 0.3)), (300, Interval(0.4, 0.3, 0.5))]))
    '0.350 [0.271, 0.429]'
    """
    rows = sum(weight for weight, _ in parts)
    if not rows:
        return None
    value = sum(weight * part.value for weight, part in parts) / rows
    below = sqrt(sum((weight * (part.value - part.low)) ** 2 for weight, part in parts)) / rows
    above = sqrt(sum((weight * (part.high - part.value)) ** 2 for weight, part in parts)) / rows
    return Interval(value, value - below, value + above, parts[0][1].level)


def window_spent(story: Story, budget: Budget) -> Decimal:
    """Return what was spent in a window; its end belongs to the next one."""
    if not story.money:
        return budget.spent
    spends = (event.amount for event in story.money if event.kind == "spend" and budget.start <= event.at < budget.end)
    return sum(spends, Decimal(0))


def spent_by(story: Story, start: datetime, until: datetime) -> Decimal:
    """Return the money spent from `start` up to and including `until`."""
    spends = (event.amount for event in story.money if event.kind == "spend" and start <= event.at <= until)
    return sum(spends, Decimal(0))
