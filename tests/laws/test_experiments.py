"""A sweep keeps to what it was given, in whatever order its trials begin, look and end."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from mlray.experiments import keeps_up, marks, rungs
from mlray.experiments._space import Configuration
from mlray.experiments._sweep import Look, Sweep

A = Configuration("xgboost", {})
step = st.tuples(st.sampled_from(["begin", "look", "end", "fail"]), st.integers(0, 5), st.floats(0, 1), st.floats(0, 9))


@given(st.lists(step, max_size=80), st.integers(1, 8), st.none() | st.integers(1, 100))
def test_a_sweep_never_begins_more_than_it_may(steps, trials, budget):
    sweep = Sweep("auc", 120, trials, Decimal(1), None if budget is None else Decimal(budget))
    elapsed, begun, running = 0.0, 0, {}
    for what, which, score, seconds in steps:
        elapsed += seconds
        name = list(running)[which % len(running)] if running else ""
        if what == "begin":
            if sweep.wants_more(elapsed):
                assert budget is None or elapsed < budget
                running[f"t{begun}"] = 0
                sweep.begin(f"t{begun}", A)
                begun += 1
        elif name and what == "look":
            running[name] = min(running[name] + 10, 120)
            sweep.look(name, [Look(running[name], score)], seconds, elapsed)
        elif name:
            del running[name]
            sweep.end(name, error="it broke" if what == "fail" else "")
    assert begun <= trials
    scored = [trial.score for trial in sweep.finished if trial.score is not None]
    assert (sweep.best.score if sweep.best else None) == max(scored, default=None)
    assert sorted({trial.number for trial in sweep.finished}) == sorted(trial.number for trial in sweep.finished)


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0, 1), st.floats(0, 1))
def test_who_goes_on_would_go_on_with_a_better_score(others, score, more):
    if keeps_up(score, others, higher=True):
        assert keeps_up(max(score, more), others, higher=True)
    if keeps_up(score, others, higher=False):
        assert keeps_up(min(score, more), others, higher=False)


@given(st.lists(st.floats(0, 1), max_size=30), st.booleans())
def test_the_best_so_far_always_goes_on(others, higher):
    best = (max if higher else min)(others, default=0.5)
    assert keeps_up(best, others, higher=higher)


@given(st.integers(1, 100_000))
def test_rungs_and_marks_end_with_the_last_round(rounds):
    assert rungs(rounds)[-1] == marks(rounds)[-1] == rounds
    assert set(rungs(rounds)) <= set(marks(rounds))
    assert len(marks(rounds)) <= 12 + len(rungs(rounds))
