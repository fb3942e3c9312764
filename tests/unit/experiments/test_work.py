"""A lane's work: looks, stops, and what it brings along at the end."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mlray.experiments._orders import Order, Pack, Shown
from mlray.experiments._space import Configuration
from mlray.experiments._work import Worker, merged, side_by_side
from tests import toys


def order(number=0, trainer=toys.NAME, **params):
    return Order(number, Configuration(trainer, {"floor": 0.1, "slope": 1.0, **params}), 0)


def work(*orders, rounds=24, permit=None, pack=None, **settings):
    worker = Worker(toys.problem(), rounds, **settings)
    pack = replace(pack or Pack(()), orders=orders)
    return list(worker.work(pack, permit) if permit else worker.work(pack))


def scores(told):
    return {look.rounds: look.score for shown in told for look in shown.looks}


def test_each_look_is_told_once_and_the_last_word_is_done():
    told = work(order())
    assert [shown.done for shown in told] == [False] * (len(told) - 1) + [True]
    assert scores(told)[24] == pytest.approx(0.1 + 1 / 24)
    assert len(scores(told)) == sum(len(shown.looks) for shown in told)
    assert not told[-1].cut


def test_the_predictions_and_the_model_come_with_the_last_word():
    last = work(order())[-1]
    shown = np.frombuffer(last.predictions, np.float32)
    assert shown == pytest.approx(toys.problem().valid_y + 0.1 + 1 / 24, abs=1e-6)
    assert json.loads(last.model)["rounds"] == 24


def test_nobody_wants_what_is_not_among_the_best():
    last = work(order(), pack=Pack((), keep=0.12, keep_model=0.12))[-1]
    assert (last.predictions, last.model) == (b"", b"")


def test_fewer_models_than_predictions_are_wanted():
    last = work(order(), pack=Pack((), keep=0.5, keep_model=0.12))[-1]
    assert last.predictions
    assert not last.model


def test_an_order_that_falls_behind_at_a_rung_is_cut_there():
    first = next(iter(sorted(scores(work(order())))))
    rung = 8
    told = work(order(), pack=Pack((), cuts={rung: 0.0}), rounds=24)
    assert first <= max(scores(told)) <= rung
    assert told[-1].cut
    assert told[-1].done


def test_an_order_that_keeps_up_is_not_cut():
    assert not work(order(), pack=Pack((), cuts={8: 0.5}))[-1].cut


def test_an_order_past_its_best_ends_by_itself():
    told = work(order(slope=-1.0), rounds=120)
    assert max(scores(told)) < 120
    assert not told[-1].cut


def test_without_early_stopping_every_round_is_trained():
    assert max(scores(work(order(slope=-1.0), rounds=120, early=False))) == 120


def test_what_a_trainer_raises_is_the_orders_result_and_the_next_is_trained():
    told = work(order(0, fail=7), order(1))
    ends = {shown.number: shown for shown in told if shown.done}
    assert "ValueError: no more after" in ends[0].error
    assert not ends[1].error


def test_a_permit_that_is_withdrawn_ends_the_order_with_what_it_has():
    class Never:
        def may_go_on(self):
            return False

    told = work(order(), permit=Never())
    assert len(told) == 2
    assert told[-1].cut
    assert told[-1].predictions


def test_an_allowance_that_is_used_up_cuts_at_the_next_look():
    told = work(order(), pack=Pack((), allowance=0.0))
    assert len(told) == 1
    assert told[0].cut
    assert told[0].looks


def test_rows_are_prepared_once_for_all_orders():
    before = toys.Curve.prepared
    work(order(0), order(1), order(2))
    assert toys.Curve.prepared == before + 1


def test_several_orders_side_by_side_share_what_is_prepared():
    before = toys.Curve.prepared
    told = work(*(order(n) for n in range(5)), width=3)
    assert toys.Curve.prepared == before + 1
    assert {shown.number for shown in told if shown.done} == set(range(5))


def test_an_error_side_by_side_belongs_to_its_order():
    told = work(order(0), order(1, fail=1), width=2)
    assert {shown.number: bool(shown.error) for shown in told if shown.done} == {0: False, 1: True}


def test_who_stops_listening_stops_the_training():
    worker = Worker(toys.problem(), 24, width=2)
    stream = worker.work(Pack((order(0), order(1))))
    next(stream)
    stream.close()


def test_of_several_folds_the_score_is_the_mean():
    rows = np.arange(6)
    folds = ((rows[:3], rows[3:]), (rows[3:], rows[:3]))
    empty = {"valid_x": np.zeros((0, 1), np.float32), "valid_y": np.zeros(0)}
    asked = toys.problem(folds=folds, **empty)
    told = list(Worker(asked, 24).work(Pack((order(),))))
    assert scores(told)[24] == pytest.approx(0.1 + 1 / 24)
    assert len(np.frombuffer(told[-1].predictions, np.float32)) == 6
    assert told[-1].model == b""


def test_a_trainer_without_rounds_is_shown_shares_of_the_rows_at_the_rungs():
    told = work(order(trainer="tests.toys:Shares"), rounds=300)
    looked = scores(told)
    assert max(looked) == 300
    assert len(looked) <= 5
    assert looked[300] == pytest.approx(0.1 + 1 / 100)


def test_latency_is_measured_where_it_is_an_objective():
    last = work(order(), objectives=("score", "latency"))[-1]
    assert last.objectives["latency"] > 0


def test_a_score_that_is_no_number_is_an_error():
    assert "the score after" in work(order(floor=float("nan")))[-1].error


def test_messages_are_merged_by_order():
    from mlray.experiments._orders import Look

    told = [Shown(1, (Look(1, 0.5),)), Shown(2, (Look(1, 0.4),)), Shown(1, (Look(2, 0.6),), done=True)]
    assert merged(told) == (
        Shown(2, (Look(1, 0.4),)),
        Shown(1, (Look(1, 0.5), Look(2, 0.6)), done=True),
    )


@pytest.mark.parametrize(
    ("cpus", "memory", "threads", "width"),
    [(8, 1e9, 1, 1), (8, 1_000, 1, 8), (8, 1_000, 4, 2), (1, 1_000, 1, 1), (8, float("inf"), 1, 1)],
    ids=["room for all", "room for one", "threads each", "one core", "memory unknown"],
)
def test_rows_that_fit_only_once_are_shared_by_threads(cpus, memory, threads, width):
    assert side_by_side(toys.problem(rows=1_000), cpus, memory, threads) == width


def test_of_a_long_error_the_first_line_is_kept():
    from mlray.experiments._work import _in_short

    assert _in_short(ValueError("what\nwhere\nwho")) == "ValueError: what"
    assert len(_in_short(ValueError("x" * 10_000))) < 600
    assert _in_short(KeyError()) == "KeyError: no reason given"
