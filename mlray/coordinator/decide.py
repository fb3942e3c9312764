"""The coordinator's decisions as rules in order: the first that applies decides. Pure."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from mlray.clock import parse_duration
from mlray.coordinator.policy import Facts, Weighed, weigh
from mlray.coordinator.state import Rollout, State
from mlray.costs.admission import Outcome, admit
from mlray.ids import Json
from mlray.records import Act, Budget, Decision, Endpoint, GateResult, Interval, Price, Stage
from mlray.serving.rollout import Evidence, step
from mlray.spec import ProjectSpec, Serving

__all__ = ["after_training", "due", "on_first", "on_retraining", "on_rollout"]


_ACTS = {Outcome.ADMIT: Act.RETRAIN, Outcome.DEFER: Act.DEFER, Outcome.REFUSE: Act.REFUSE}


def _moment(now: datetime) -> str:
    """Return the moment as a decision's id names it: the same moment is the same question, also after a crash."""
    return now.astimezone(UTC).isoformat()


def due(state: State, every: timedelta, now: datetime) -> bool:
    """Return whether it is time to ask again whether to retrain: on schedule, or because a deferral has run out."""
    if state.deferred_until is not None and now >= state.deferred_until:
        return True
    return state.last_look is None or now - state.last_look >= every


def on_first(endpoint: str, price: Price, budget: Budget | None, now: datetime, paused: str = "") -> Decision:
    """Return whether the first model is trained: nothing is live, so only money or a pause can speak against it."""
    admission = admit(price, budget)
    act = Act.HOLD if paused else _ACTS[admission.outcome]
    because = f"nothing is live yet, but {paused or _clause(admission.because)}"
    if act is Act.RETRAIN:
        because = f"nothing is live yet: a first model is trained for about {price}"
    return Decision(
        id=f"{endpoint}:{_moment(now)}:first",
        at=now,
        act=act,
        subject=endpoint,
        because=because,
        evidence={
            "version": 0,
            "accumulated": 0.0,
            "price": str(price.amount),
            "left": str(budget.left) if budget else None,
            "until": admission.until.isoformat() if admission.until else None,
        },
        cost=price.amount if act is Act.RETRAIN else Decimal(0),
        currency=price.currency,
    )


def on_retraining(facts: Facts, state: State, spec: ProjectSpec) -> Decision:
    """Return whether the live model is retrained now, with the reason in one sentence."""
    horizon, every = parse_duration(spec.costs.horizon), parse_duration(spec.drift.every)
    # A look between two regular ones, as when a deferral runs out, sees rows again that were counted before.
    new = 1.0 if state.last_look is None else min(1.0, (facts.now - state.last_look) / every)
    weighed = weigh(facts, state.accumulated, spec.costs.error, horizon, new=new)
    act, because, until = _retrain_rules(facts, state, spec, weighed)
    evidence: dict[str, Json] = {
        "version": facts.version,
        "accumulated": weighed.accumulated,
        "lost": str(weighed.lost.quantize(Decimal("0.01"))),
        "drift": facts.drift.score if facts.drift else None,
        "drifting": list(facts.drift.drifting) if facts.drift else [],
        "price": str(facts.price.amount),
        "left": str(facts.budget.left) if facts.budget else None,
        "until": until.isoformat() if until else None,
        **_performance(facts),
    }
    return Decision(
        id=f"{facts.endpoint}:{_moment(facts.now)}:retrain",
        at=facts.now,
        act=act,
        subject=facts.endpoint,
        because=because,
        evidence=evidence,
        cost=facts.price.amount if act is Act.RETRAIN else Decimal(0),
        currency=facts.price.currency,
        gain=weighed.gain,
    )


def _retrain_rules(facts: Facts, state: State, spec: ProjectSpec, weighed: Weighed) -> tuple[Act, str, datetime | None]:
    if facts.broken:
        return Act.ALARM, f"{facts.broken}; data that looks broken never triggers a retraining", None
    drift = _drift_words(facts)
    if waits := facts.paused or _must_wait(facts, state, spec):
        return Act.HOLD, f"{drift}; {waits}", None
    if weighed.gain is None:
        return Act.HOLD, f"{drift}; no labelled rows yet that could show a loss", None
    lost, price = f"{weighed.lost:.2f} {facts.price.currency}", facts.price
    if weighed.lost < price.amount:
        return (
            Act.HOLD,
            f"{drift}, but avoidable errors have cost {lost} so far, less than a retraining ({price})",
            None,
        )
    gain = _gain(weighed.gain, price.currency)
    if weighed.gain.value < float(price.amount):
        return Act.HOLD, f"{drift}; {lost} were lost, but the loss fades: {price} would bring back {gain}", None
    if state.deferred_until is not None and facts.now < state.deferred_until:
        waits = f"{lost} lost, still deferred until {state.deferred_until:%Y-%m-%d} for lack of money"
        return Act.HOLD, f"{drift}; {waits}", state.deferred_until
    admission = admit(price, facts.budget)
    if not admission.admitted:
        because = f"a retraining is due ({lost} lost), but {_clause(admission.because)}"
        return _ACTS[admission.outcome], because, admission.until
    because = f"{drift}; avoidable errors have cost {lost}, a retraining costs {price} and should save {gain}"
    return Act.RETRAIN, because, None


def _must_wait(facts: Facts, state: State, spec: ProjectSpec) -> str:
    """Return why no retraining may start now, whatever it would bring; empty when one may."""
    if state.rollout is not None:
        return f"v{state.rollout.candidate} is already in {state.rollout.stage}"
    if state.last_retraining is not None and facts.now - state.last_retraining < parse_duration(spec.drift.cool_down):
        return f"the last retraining is less than {spec.drift.cool_down} old"
    return ""


def _clause(sentence: str) -> str:
    """Return a sentence as a part of another."""
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _drift_words(facts: Facts) -> str:
    if facts.drift is None:
        return "no traffic to compare"
    if facts.drift.drifting:
        return str(facts.drift)
    return "no column drifted"


def _gain(gain: Interval, currency: str) -> str:
    return f"{gain.value:.0f} {currency} ({gain.low:.0f} to {gain.high:.0f}) over the horizon"


def _performance(facts: Facts) -> dict[str, Json]:
    performance = facts.performance
    if performance is None:
        return {}
    error = performance.measured.get("error")
    return {
        "rows": performance.rows,
        "labelled": performance.labelled,
        "estimated_error": performance.estimated.value if performance.estimated else None,
        "measured_error": error.value if error else None,
        "excess": performance.excess.value if performance.excess else None,
    }


def after_training(
    cause: Decision, version: int, gates: tuple[GateResult, ...], live: int | None, now: datetime
) -> Decision:
    """Return what happens to a model that `cause` asked for: shadow, live at once where nothing is, or rejection."""
    failed = [gate for gate in gates if not gate.passed]
    if failed:
        act, because = Act.REJECT, f"v{version} failed the gate '{failed[0].gate}': {failed[0].because}"
    elif live is None:
        act, because = Act.PROMOTE, f"v{version} passed {len(gates)} gates and nothing is live yet"
    else:
        act, because = Act.SHADOW, f"v{version} passed {len(gates)} gates and now answers copies of the traffic"
    return Decision(
        id=f"{cause.id}/{act}",
        at=now,
        act=act,
        subject=f"{cause.subject}/v{version}",
        because=because,
        evidence={"version": version},
        caused_by=cause.id,
    )


def on_rollout(endpoint: Endpoint, rollout: Rollout, evidence: Evidence, serving: Serving, now: datetime) -> Decision:
    """Return whether the candidate goes a step on, waits, or is rolled back."""
    staged = Endpoint(
        name=endpoint.name,
        url=endpoint.url,
        live=endpoint.live,
        candidate=rollout.candidate,
        stage=rollout.stage if rollout.stage is not Stage.NONE else Stage.SHADOW,
        share=rollout.share,
        versions=endpoint.versions,
        generation=endpoint.generation,
    )
    chosen = step(staged, evidence, serving, rollout.started, rollout.step_started, now)
    return Decision(
        id=f"{endpoint.name}:{_moment(now)}:rollout:v{rollout.candidate}",
        at=now,
        act=chosen.act,
        subject=f"{endpoint.name}/v{rollout.candidate}",
        because=chosen.because,
        evidence={"version": rollout.candidate, "share": chosen.share, "rows": evidence.rows},
        caused_by=rollout.cause,
    )
