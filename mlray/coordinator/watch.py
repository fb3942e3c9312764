"""The coordinator without Ray: read facts, decide, write the decision down, act, write the outcome down.

Its memory is the journal. Made anew over the same journal it knows what it knew, takes up what was decided and not yet
done, and repeats nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from mlray.clock import parse_duration
from mlray.coordinator.act import Hands, Outcome, act
from mlray.coordinator.decide import after_training, due, on_first, on_retraining, on_rollout
from mlray.coordinator.failpoints import Failpoints
from mlray.coordinator.policy import Facts
from mlray.coordinator.state import State, fold
from mlray.costs import promise, settle
from mlray.journal import Journal
from mlray.records import Act, Budget, Decision, Price, Spend
from mlray.serving.rollout import Evidence
from mlray.spec import ProjectSpec

__all__ = ["Senses", "Watch"]


@dataclass(frozen=True)
class Senses:
    """Where facts come from; each is asked at most once a tick."""

    facts: Callable[[State, datetime], Facts]
    """What bears on a retraining."""
    rollout: Callable[[State, datetime], Evidence]
    """What is known of the candidate."""
    money: Callable[[datetime], tuple[Price, Budget | None]]
    """What a retraining costs, and what the budget has left."""


class Watch:
    """One project's loop. Not safe for two at once over one journal: an actor with a name sees to that."""

    def __init__(
        self,
        spec: ProjectSpec,
        journal: Journal,
        senses: Senses,
        hands: Hands,
        failpoints: Failpoints | None = None,
        fault: tuple[int, str] | None = None,
    ) -> None:
        """Fold what the journal already holds; `fault` breaks the n-th retraining's candidate on purpose."""
        self._spec = spec
        self._journal = journal
        self._senses = senses
        self._hands = hands
        self._failpoints = failpoints or Failpoints()
        self._fault = fault
        self.state = State()
        self._catch_up()

    def _catch_up(self) -> None:
        self.state = fold(self._journal.entries(after=self.state.seq), self.state)

    def tick(self, now: datetime) -> State:
        """Do everything that is due at `now`; asking twice about the same moment does nothing more."""
        self._catch_up()
        self.resume(now)
        if self.state.rollout is not None:
            decision = on_rollout(
                self._hands.endpoint(),
                self.state.rollout,
                self._senses.rollout(self.state, now),
                self._spec.serving,
                now,
            )
            if decision.act is not Act.HOLD:  # waiting is the normal case, once a tick: not worth an entry
                self.carry_out(decision)
        if self.state.live is None:
            self._first(now)
        elif due(self.state, parse_duration(self._spec.drift.every), now):
            decision = on_retraining(self._senses.facts(self.state, now), self.state, self._spec)
            self.carry_out(self._with_fault(decision))
        return self.state

    def _first(self, now: datetime) -> None:
        """Train a first model; one that its gates refused is not tried again before the cool-down is over."""
        last, wait = self.state.last_retraining, self.state.deferred_until
        if last is not None and now - last < parse_duration(self._spec.drift.cool_down):
            return
        if wait is None or now >= wait:
            price, budget = self._senses.money(now)
            self.carry_out(on_first(self._spec.project, price, budget, now))

    def release(self, decision: Decision) -> State:
        """Carry out what a person decided."""
        self._catch_up()
        self.resume(decision.at)
        self.carry_out(decision)
        return self.state

    def _with_fault(self, decision: Decision) -> Decision:
        if decision.act is not Act.RETRAIN or self._fault is None or self.state.retrainings + 1 != self._fault[0]:
            return decision
        return replace(
            decision,
            because=f"{decision.because} [a fault is injected on purpose: {self._fault[1]}]",
            evidence={**decision.evidence, "fault": self._fault[1]},
        )

    def resume(self, now: datetime) -> None:
        """Take up what was decided before a crash and has no outcome yet, oldest first."""
        for decision in self.state.open:
            self._finish(decision, now)

    def carry_out(self, decision: Decision) -> None:
        """Write `decision` down, do it, and write down what came of it; a known decision is not repeated."""
        if self._journal.find(decision.id) is not None:
            return
        self._failpoints.hit("before_decision")
        self._journal.append("decision", decision.subject, decision.to_json(), at=decision.at, key=decision.id)
        self._failpoints.hit("after_decision")
        self._catch_up()
        self._finish(decision, decision.at)

    def _finish(self, decision: Decision, now: datetime) -> None:
        if self._spec.mode == "suggest" and not decision.caused_by and decision.act is Act.RETRAIN:
            outcome = Outcome("suggested only: the project's mode is `suggest`")
        else:
            self._promise(decision)
            outcome = act(decision, self._hands, self._failpoints)
        follow = self._follow(decision, outcome, now)
        if outcome.spend is not None:
            spent = _with_release(outcome.spend, follow, self._spec)
            settle(self._journal, decision.id, spent)
            outcome = replace(outcome, spend=spent)
        if follow is not None:
            # Before the outcome: a crash between the two leaves the cause open, and asking again finds the same model.
            self._journal.append("decision", follow.subject, follow.to_json(), at=follow.at, key=follow.id)
        self._journal.append(
            "outcome", decision.subject, outcome.to_json(decision), at=now, key=f"{decision.id}/outcome"
        )
        self._catch_up()
        if follow is not None:
            self._finish(follow, now)

    def _promise(self, decision: Decision) -> None:
        """Set the money aside before it is spent, so that nobody else takes it meanwhile."""
        if decision.act is Act.RETRAIN:
            scope = self._spec.project
            promise(self._journal, decision.id, decision.cost, scope=scope, purpose="retraining", at=decision.at)

    def _follow(self, decision: Decision, outcome: Outcome, now: datetime) -> Decision | None:
        if outcome.version is None:
            return None
        gates = outcome.version.scorecard.gates
        return after_training(decision, outcome.version.number, gates, self.state.live, now)


def _with_release(spend: Spend, follow: Decision | None, spec: ProjectSpec) -> Spend:
    """Add what a release costs, people included; a model that the gates refuse costs its compute alone."""
    released = follow is not None and follow.act in (Act.SHADOW, Act.PROMOTE)
    return replace(spend, amount=spend.amount + spec.costs.release) if released else spend
