"""The coordinator without Ray: read facts, decide, write the decision down, act, write the outcome down.

Its memory is the journal. Made anew over the same journal it knows what it knew, takes up what was decided and not yet
done, and repeats nothing. What cannot be done is an outcome too: a decision whose act fails for good is closed with the
reason, its money is given back, and the next one is not kept waiting.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from threading import RLock

from mlray.clock import parse_duration
from mlray.coordinator.act import Hands, Outcome, act
from mlray.coordinator.decide import after_training, due, on_first, on_retraining, on_rollout
from mlray.coordinator.failpoints import Failpoints
from mlray.coordinator.policy import Facts
from mlray.coordinator.state import State, fold
from mlray.coordinator.watched import paused
from mlray.costs import release, reserve, settle
from mlray.errors import MlrayError, NotFoundError, OverBudget, UnavailableError
from mlray.journal import Journal
from mlray.records import Act, Budget, Decision, Price, Spend
from mlray.serving.rollout import Evidence
from mlray.spec import ProjectSpec

__all__ = ["Senses", "Watch"]

ASKED = "asked_by_a_person"
"""What the evidence of a decision holds that a person took."""
ROLLOUT = (Act.SHADOW, Act.CANARY, Act.PROMOTE, Act.ROLL_BACK)


@dataclass(frozen=True)
class Senses:
    """Where facts come from; each is asked at most once a tick."""

    facts: Callable[[State, datetime], Facts]
    """What bears on a retraining."""
    rollout: Callable[[State, datetime], Evidence]
    """What is known of the candidate."""
    money: Callable[[datetime], tuple[Price, Budget | None]]
    """What a retraining costs, and what the budget has left."""
    crawl: Callable[[State, datetime], None] = lambda _state, _now: None
    """Look at the sources that are due, and write down what was found."""


class Watch:
    """One project's loop. One thread may tick while another brings what a person decided; never two ticks at once."""

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
        # Held whenever the journal is read into the state or written, but never while a model is trained: a person who
        # rolls back meanwhile must not have to wait.
        self._lock = RLock()
        self.state = State()
        self._catch_up()

    def _catch_up(self) -> None:
        with self._lock:
            entries = self._journal.entries(after=self.state.seq)
            name = self._spec.project
            ours = [entry for entry in entries if entry.subject == name or entry.subject.startswith(f"{name}/")]
            self.state = fold(ours, self.state)
            if entries:
                self.state = replace(self.state, seq=entries[-1].seq)

    def tick(self, now: datetime) -> State:
        """Do everything that is due at `now`; asking twice about the same moment does nothing more.

        Raises:
            UnavailableError: something outside did not answer; what was decided stays open until the next tick.
        """
        self._catch_up()
        if self._spec.crawl is not None:  # first, so that nothing is learnt from a source that has just broken
            self._senses.crawl(self.state, now)
            self._catch_up()
        self.resume(now)
        if self.state.rollout is not None:
            self._roll(now)
        if due(self.state, parse_duration(self._spec.drift.every), now):
            if self.state.live is None:
                self._first(now)
            else:
                decision = on_retraining(self._senses.facts(self.state, now), self.state, self._spec)
                self.carry_out(self._with_fault(decision))
        return self.state

    def _roll(self, now: datetime) -> None:
        rollout = self.state.rollout
        assert rollout is not None  # asked by the caller
        evidence = self._senses.rollout(self.state, now)
        decision = on_rollout(self._hands.endpoint(), rollout, evidence, self._spec.serving, now)
        if decision.act is Act.HOLD:  # waiting is the normal case, once a tick: not worth an entry
            return
        if self._only_suggests(decision):  # said once for each step, not at every look
            key = f"{self._spec.project}:{rollout.step_started.isoformat()}:v{rollout.candidate}:{decision.act}"
            decision = replace(decision, id=key)
        self.carry_out(decision)

    def _first(self, now: datetime) -> None:
        """Train a first model; one that its gates refused is not tried again before the cool-down is over."""
        last, wait = self.state.last_retraining, self.state.deferred_until
        if last is not None and now - last < parse_duration(self._spec.drift.cool_down):
            return
        if wait is None or now >= wait:
            price, budget = self._senses.money(now)
            self.carry_out(
                self._with_fault(on_first(self._spec.project, price, budget, now, paused(self.state.sources)))
            )

    def release(self, decision: Decision) -> State:
        """Carry out what a person decided; what is still open about the endpoint is closed as overruled."""
        decision = replace(decision, evidence={**decision.evidence, ASKED: True})
        with self._lock:
            self._catch_up()
            for open_one in self.state.open:
                if open_one.act in ROLLOUT:
                    self._close(
                        open_one, Outcome(f"overruled by a person: {decision.because}", failed=True), decision.at
                    )
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
        """Take up what was decided before a crash and has no outcome yet, oldest first.

        Raises:
            UnavailableError: one of them met something that does not answer; the others were taken up all the same.
        """
        unreachable: UnavailableError | None = None
        for decision in self.state.open:
            try:
                self._finish(decision, now)
            except UnavailableError as error:
                unreachable = unreachable or error
        if unreachable is not None:
            raise unreachable

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
        if decision.act is Act.RETRAIN:
            outcome = self._done(decision, now)  # outside the lock: it takes minutes
            with self._lock:
                follow = self._close(decision, outcome, now)
        else:
            with self._lock:
                follow = self._close(decision, self._done(decision, now), now) if self._is_open(decision) else None
        if follow is not None:
            self._finish(follow, now)

    def _is_open(self, decision: Decision) -> bool:
        self._catch_up()
        return any(one.id == decision.id for one in self.state.open)

    def _done(self, decision: Decision, now: datetime) -> Outcome:
        """Return what came of doing it; what fails for good, or longer than the cool-down, is an outcome as well."""
        if self._only_suggests(decision):
            return Outcome("suggested only: the project's mode is `suggest`", suggested=True)
        try:
            if decision.act is Act.RETRAIN:
                self._reserve(decision)
            return act(decision, self._hands, self._failpoints)
        except UnavailableError as error:
            if now - decision.at < parse_duration(self._spec.drift.cool_down):
                raise
            return Outcome(f"given up: {error}", failed=True)
        except MlrayError as error:
            return Outcome(f"failed: {error}", failed=True)

    def _only_suggests(self, decision: Decision) -> bool:
        """Return whether this is left to a person; going back never is, nor what a person asked for."""
        forward = decision.act in (Act.RETRAIN, Act.SHADOW, Act.CANARY, Act.PROMOTE)
        return self._spec.mode == "suggest" and forward and ASKED not in decision.evidence

    def _reserve(self, decision: Decision) -> None:
        """Set the money aside before it is spent; OverBudget when others took it since the decision."""
        price, scope = Price(decision.cost, decision.currency), self._spec.project
        admission = reserve(
            self._journal,
            decision.id,
            price,
            spec=self._spec.costs.budget,
            scope=scope,
            purpose="retraining",
            now=decision.at,
        )
        if not admission.admitted:
            raise OverBudget(admission.because)

    def _close(self, decision: Decision, outcome: Outcome, now: datetime) -> Decision | None:
        """Write down what came of `decision`, and return the decision that follows from it, written down too."""
        if not self._is_open(decision):
            return None
        follow = self._follow(decision, outcome, now)
        if outcome.spend is not None:
            spent = _with_release(outcome.spend, follow, self._spec)
            settle(self._journal, decision.id, spent)
            outcome = replace(outcome, spend=spent)
        elif outcome.failed:
            with suppress(NotFoundError):  # nothing was promised
                release(self._journal, decision.id, because=outcome.result, at=now)
        if follow is not None:
            # Before the outcome: a crash between the two leaves the cause open, and asking again finds the same model.
            self._journal.append("decision", follow.subject, follow.to_json(), at=follow.at, key=follow.id)
        self._journal.append(
            "outcome", decision.subject, outcome.to_json(decision), at=now, key=f"{decision.id}/outcome"
        )
        self._catch_up()
        return follow

    def _follow(self, decision: Decision, outcome: Outcome, now: datetime) -> Decision | None:
        if outcome.version is None:
            return None
        gates = outcome.version.scorecard.gates
        return after_training(decision, outcome.version.number, gates, self.state.live, now)


def _with_release(spend: Spend, follow: Decision | None, spec: ProjectSpec) -> Spend:
    """Add what a release costs, people included; a model that the gates refuse costs its compute alone."""
    released = follow is not None and follow.act in (Act.SHADOW, Act.PROMOTE)
    return replace(spend, amount=spend.amount + spec.costs.release) if released else spend
