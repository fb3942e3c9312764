"""A sweep keeps to what it was given, in whatever order its lanes ask, show, end and die."""

import json
import tempfile
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlray.experiments import keeps_up, marks, rungs
from mlray.experiments._halving import Rungs, behind
from mlray.experiments._journal import Journal, read, replay, resume
from mlray.experiments._kept import Shelf
from mlray.experiments._orders import Look, Pack, Shown
from mlray.experiments._packs import pack_size
from mlray.experiments._pareto import dominates, front
from mlray.experiments._plan import Plan
from mlray.experiments._plateau import expected_gain
from mlray.experiments._space import Configuration
from mlray.experiments._sweep import Sweep
from mlray.records import Trial

scores = st.floats(0, 1)


class Learning:
    """What it proposes depends on all that it was asked and told, in that order."""

    def __init__(self):
        self.seen = 0

    def ask(self, number):
        self.seen = hash((self.seen, "ask", number))
        return Configuration("xgboost", {"depth": self.seen})

    def tell(self, trial):
        self.seen = hash((self.seen, trial.number, trial.score))


class Lanes:
    """Three lanes that train one order after the other; what happens next is `chance`'s."""

    def __init__(self, sweep, curve):
        self.sweep, self.curve, self.rounds = sweep, curve, sweep.plan.rounds
        self.open = {lane: [] for lane in "abc"}
        self.packs, self.seconds, self.shown, self.now = {}, {}, 0.0, 0.0

    def fetch(self, lane):
        pack = self.sweep.next_pack(lane, self.now)
        if isinstance(pack, Pack):
            self.open[lane] += [[order, []] for order in pack.orders]
            self.packs[lane] = pack
            for order in pack.orders:
                self.seconds[order.number] = 0.0
        return pack

    def train(self, lane, **end):
        """Show one more look of the lane's first order, or end it; return whether it may go on."""
        order, looks = self.open[lane][0]
        ahead = [mark for mark in marks(self.rounds) if not looks or mark > looks[-1].rounds]
        new = () if end else (Look(ahead[0], self.curve(order, ahead[0])),)
        looks += new
        self.now += 0.25
        self.seconds[order.number] += 0.25
        self.shown += 0.25
        halved = bool(new) and behind(looks, self.packs[lane].cuts, higher=self.sweep.plan.higher)
        done = bool(end) or halved or looks[-1].rounds == self.rounds
        told = {"done": done, "cut": halved, **end}
        going = self.sweep.shown(lane, Shown(order.number, new, self.seconds[order.number], 0.2, **told), self.now)
        if not done and not going:
            last = Shown(order.number, (), self.seconds[order.number], 0.2, done=True, cut=True)
            self.sweep.shown(lane, last, self.now)
        if done or not going:
            self.open[lane].pop(0)
        return going

    def die(self, lane):
        self.open[lane].clear()
        return self.sweep.lost(lane, self.now)

    def all(self, chance):
        """Train until nothing is left."""
        while True:
            lane = chance.choice("abc")
            if self.open[lane]:
                self.train(lane)
            elif not isinstance(self.fetch(lane), Pack) and not any(self.open.values()):
                return


def flat(order, rounds):
    return 0.5 + 0.4 * Random(order.number).random() * rounds / 120


event = st.tuples(
    st.sampled_from("abc"), st.sampled_from(["fetch", "train", "train", "train", "fail", "return", "die"])
)


@settings(deadline=None)
@given(st.lists(event, max_size=120), st.integers(1, 9), st.none() | st.integers(1, 30), st.integers(-1, 100))
def test_a_sweep_never_begins_more_than_it_may_and_pays_for_all_it_was_shown(events, trials, budget, stop_at):
    price = Decimal("0.5")
    plan = Plan("s", "auc", 120, trials, lanes=3, price_per_lane_second=price, budget=budget and Decimal(budget))
    sweep = Sweep(plan, Learning())
    lanes = Lanes(sweep, flat)
    numbers, running = set(), 0
    for step, (lane, what) in enumerate(events):
        if step == stop_at:
            sweep.stop()
        ended = bool(sweep.stopped_because) and sweep.stopped_because != "all trials done"
        afforded = budget is None or sweep.spent < budget
        if what == "fetch":
            pack = lanes.fetch(lane)
            if isinstance(pack, Pack):
                assert not ended
                assert afforded
                numbers |= {order.number for order in pack.orders}
        elif what == "die":
            lanes.die(lane)
        elif lanes.open[lane]:
            ends = {"fail": {"error": "ValueError"}, "return": {"returned": True}}.get(what, {})
            going = lanes.train(lane, **ends)
            assert not (going and ended)
            assert not (going and not afforded)
        running = sum(map(len, lanes.open.values()))
        assert sweep.running == running
        assert sweep.spent == price * Decimal(str(lanes.shown))
    assert numbers <= set(range(trials))
    trials_seen = list(sweep.trials())
    found = [trial.number for trial in trials_seen]
    assert sorted(set(found)) == sorted(found)
    assert set(found) <= numbers
    scored = [trial.score for trial in trials_seen if trial.score is not None]
    assert (sweep.best.score if sweep.best else None) == max(scored, default=None)
    assert sum(trial.cost for trial in trials_seen) <= sweep.spent


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from("abc"), max_size=5), st.integers(1, 15), st.integers(0, 2**32))
def test_every_configuration_is_trained_once_whoever_dies(deaths, trials, seed):
    chance = Random(seed)
    sweep = Sweep(Plan("s", "auc", 120, trials, lanes=3, target_seconds=30.0), Learning())
    lanes = Lanes(sweep, flat)
    lost = 0
    for doomed in deaths:
        for _ in range(chance.randrange(40)):
            lane = chance.choice("abc")
            if lanes.open[lane]:
                lanes.train(lane)
            else:
                lanes.fetch(lane)
        lost += bool(lanes.open[doomed])
        lanes.die(doomed)
    lanes.all(chance)
    assert sorted(trial.number for trial in sweep.trials()) == list(range(trials))
    assert sweep.over
    assert all(trial.score is not None for trial in sweep.trials()) or lost >= 3


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 12), st.integers(0, 2**32), st.floats(0, 1))
def test_a_journal_cut_anywhere_is_resumed_with_nothing_trained_twice(trials, seed, where):
    chance = Random(seed)
    plan = Plan("s", "auc", 120, trials, seed=seed, lanes=3)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "s.jsonl"
        journal = Journal.begin(Path(folder), plan)
        Lanes(Sweep(plan, Learning(), journal), flat).all(chance)
        journal.close()
        whole = read(file)
        assert replay(file, Learning()).same
        content = file.read_bytes()
        head = content.index(b"\n") + 1
        file.write_bytes(content[: head + int(where * (len(content) - head))])

        journal, history = resume(file)
        assert history.trials == whole.trials[: len(history.trials)]
        resumed = Sweep(plan, Learning(), journal, history)
        lanes = Lanes(resumed, flat)
        lanes.all(chance)
        journal.close()
        assert resumed.difference is None
        assert lanes.seconds.keys() == set(range(trials)) - {trial.number for trial in history.trials}
        assert sorted(trial.number for trial in resumed.trials()) == list(range(trials))
        assert replay(file, Learning()).same


@settings(deadline=None, max_examples=50)
@given(st.integers(4, 30), st.integers(0, 2**32), st.floats(0.05, 1.0), st.sampled_from(["auc", "log_loss"]))
def test_halving_keeps_the_best_of_curves_that_do_not_cross(trials, seed, bend, metric):
    chance = Random(seed)
    levels = [chance.random() for _ in range(trials)]
    sign = 1 if metric == "auc" else -1
    sweep = Sweep(Plan("s", metric, 120, trials, lanes=3), Learning())
    Lanes(sweep, lambda order, rounds: sign * levels[order.number] * (rounds / 120) ** bend).all(chance)
    assert sweep.best.score == sign * max(levels)
    assert sweep.best.state == "finished"


RECORDED = json.loads((Path(__file__).parent / "curves.json").read_text())
"""Four times 64 curves of XGBoost on synthetic data, with learning rates from 0.01 to 0.3: many of them cross."""


@pytest.mark.parametrize("known", RECORDED, ids=[f"{known['metric']} of {known['data']}" for known in RECORDED])
def test_halving_finds_as_good_as_the_best_of_recorded_curves_with_half_of_the_rounds(known):
    rounds, metric = known["rounds"], known["metric"]
    curves = [dict(zip(known["marks"], curve, strict=True)) for curve in known["curves"]]
    sign = 1 if metric == "auc" else -1
    best = max(sign * score for curve in curves for score in curve.values())
    missed, trained = [], []
    for seed in range(4):
        chance = Random(seed)
        order_of = chance.sample(range(64), 64)
        sweep = Sweep(Plan("s", metric, rounds, 64, lanes=3), Learning())
        Lanes(sweep, lambda order, mark, order_of=order_of: curves[order_of[order.number]][mark]).all(chance)
        missed.append(best - sign * sweep.best.score)
        trained.append(sum(trial.curve[-1][0] for trial in sweep.trials()) / (64 * rounds))
    assert sum(missed) / 4 <= 0.001
    assert sum(trained) / 4 <= 0.5


@settings(deadline=None)
@given(st.lists(scores, max_size=30), scores, st.booleans())
def test_the_cut_of_a_rung_is_the_quantile_of_what_was_reached(reached, score, higher):
    seen = Rungs(120, higher=higher)
    for other in reached:
        seen.record([Look(13, other)])
    sign = 1 if higher else -1
    if len(reached) < 3:
        assert seen.cuts() == {}
    else:
        assert np.isclose(sign * seen.cuts()[13], np.quantile([sign * other for other in reached], 2 / 3))
    goes_on = not behind([Look(13, score)], seen.cuts(), higher=higher)
    assert seen.record([Look(13, score)]) is goes_on is keeps_up(score, reached, higher=higher)


@given(st.lists(scores, max_size=30), scores, scores)
def test_who_goes_on_would_go_on_with_a_better_score(others, score, more):
    if keeps_up(score, others, higher=True):
        assert keeps_up(max(score, more), others, higher=True)
    if keeps_up(score, others, higher=False):
        assert keeps_up(min(score, more), others, higher=False)


@given(st.lists(scores, max_size=30), st.booleans())
def test_the_best_so_far_always_goes_on(others, higher):
    best = (max if higher else min)(others, default=0.5)
    assert keeps_up(best, others, higher=higher)


@given(st.integers(1, 100_000))
def test_rungs_and_marks_end_with_the_last_round(rounds):
    assert rungs(rounds)[-1] == marks(rounds)[-1] == rounds
    assert set(rungs(rounds)) <= set(marks(rounds))
    assert len(marks(rounds)) <= 12 + 2 * len(rungs(rounds))


@given(st.integers(1, 10**6), st.integers(1, 10**4), st.none() | st.floats(0, 1e6), st.integers(1, 64))
def test_a_pack_holds_one_at_least_and_never_more_than_is_left(left, lanes, cost, most):
    assert 1 <= pack_size(left, lanes, cost, most=most) <= min(left, most)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), max_size=25))
def test_the_front_is_what_nothing_dominates(points):
    beaten = {i for i, one in enumerate(points) if any(dominates(other, one) for other in points)}
    assert front(points) == tuple(i for i in range(len(points)) if i not in beaten)


@given(st.permutations(range(12)), st.integers(0, 5), st.integers(0, 5), st.booleans())
def test_the_best_are_kept_in_whatever_order_they_come(order, predictions, models, higher):
    shelf = Shelf(predictions, models, higher=higher)
    for number in order:
        shelf.put(Trial(number, "xgboost", {}, number // 2, 1, 1.0, "finished"), b"p", b"m")
    best = sorted(range(12), key=lambda number: ((-1 if higher else 1) * (number // 2), number))
    assert [kept.trial.number for kept in shelf.kept()] == best[: max(predictions, models)]
    assert sum(bool(kept.predictions) for kept in shelf.kept()) == predictions
    assert sum(bool(kept.model) for kept in shelf.kept()) == models


@given(st.lists(scores, min_size=24, max_size=64), st.floats(0, 1), st.integers(1, 1000))
def test_the_higher_the_best_the_less_is_expected_of_the_rest(seen, above, ahead):
    best = max(seen)
    assert 0 <= expected_gain(seen, best + above, ahead) <= expected_gain(seen, best, ahead)
