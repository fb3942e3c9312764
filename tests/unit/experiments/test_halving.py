"""When a configuration may go on."""

import pytest

from mlray.experiments import keeps_up, marks, past_its_best, rungs
from mlray.experiments._halving import Rungs, behind, promise
from mlray.experiments._orders import Look


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [(1, (1,)), (10, (10,)), (12, (4, 12)), (24, (8, 24)), (100, (4, 11, 33, 100)), (1000, (37, 111, 333, 1000))],
)
def test_rungs_are_thirds_down_to_where_scores_begin_to_tell(rounds, expected):
    assert rungs(rounds) == expected


@pytest.mark.parametrize("rounds", [1, 5, 12, 24, 72, 100, 120, 1000])
def test_scores_are_looked_at_on_every_rung_and_at_the_end(rounds):
    looked = marks(rounds)
    assert set(rungs(rounds)) <= set(looked)
    assert looked[-1] == rounds
    assert looked[0] >= 1
    assert list(looked) == sorted(set(looked))


@pytest.mark.parametrize(
    ("score", "others", "higher", "goes_on"),
    [
        (0.1, [], True, True),
        (0.1, [0.9, 0.9], True, True),
        (0.89, [0.7, 0.8, 0.9], True, True),
        (0.75, [0.7, 0.8, 0.9], True, False),
        (0.41, [0.4, 0.5, 0.6], False, True),
        (0.55, [0.4, 0.5, 0.6], False, False),
        (0.7, [0.7, 0.7, 0.7], True, True),
    ],
    ids=["first", "too few to compare", "in the best third", "below it", "low loss", "high loss", "all alike"],
)
def test_the_best_third_goes_on(score, others, higher, goes_on):
    assert keeps_up(score, others, higher=higher) is goes_on


@pytest.mark.parametrize(
    ("scores", "higher", "over"),
    [
        ({}, True, False),
        ({10: 0.7}, True, False),
        ({10: 0.7, 50: 0.69}, True, True),
        ({10: 0.7, 49: 0.69}, True, False),
        ({10: 0.7, 49: 0.71, 88: 0.70}, True, False),
        ({10: 0.5, 50: 0.6}, False, True),
        ({10: 0.5, 50: 0.4}, False, False),
    ],
    ids=["nothing seen", "one look", "long no better", "not long enough", "rose again", "loss rose", "loss fell"],
)
def test_a_trial_ends_a_third_of_all_rounds_after_its_best(scores, higher, over):
    assert past_its_best(scores, 120, higher=higher) is over


@pytest.mark.parametrize(
    ("looks", "higher", "promised"),
    [
        ([(40, 0.70)], True, 0.70),
        ([(30, 0.60), (40, 0.70)], True, 0.70),
        ([(10, 0.60), (40, 0.60)], True, 0.60),
        ([(10, 0.65), (40, 0.60)], True, 0.60),
        ([(10, 0.55), (40, 0.60)], False, 0.60),
        ([(4, 0.60), (12, 0.70)], True, 0.77),
        ([(4, 0.70), (12, 0.60)], False, 0.53),
        ([(2, 0.10), (4, 0.60), (12, 0.70)], True, 0.77),
    ],
    ids=["one look", "too short ago", "flat", "falling", "rising loss", "rising", "falling loss", "the latest counts"],
)
def test_a_trial_promises_to_go_on_as_of_late(looks, higher, promised):
    assert promise([Look(*look) for look in looks], higher=higher) == pytest.approx(promised)


@pytest.mark.parametrize(
    ("looks", "higher", "ends"),
    [
        ([], True, False),
        ([(40, 0.69)], True, True),
        ([(40, 0.70)], True, False),
        ([(10, 0.60), (40, 0.69)], True, False),
        ([(40, 0.69), (50, 0.69)], True, False),
        ([(30, 0.1)], True, False),
        ([(40, 0.71)], False, True),
        ([(40, 0.69)], False, False),
    ],
    ids=["nothing seen", "below", "at the cut", "rising", "past the rung", "before it", "high loss", "low loss"],
)
def test_a_lane_ends_a_trial_that_misses_the_cut_of_its_last_look(looks, higher, ends):
    assert behind([Look(*look) for look in looks], {40: 0.70}, higher=higher) is ends


@pytest.mark.parametrize(("higher", "cut"), [(True, 0.8), (False, 0.6)])
def test_a_rung_asks_for_the_best_third_of_what_was_promised_there(higher, cut):
    seen = Rungs(120, higher=higher)
    going = [seen.record([Look(13, score)]) for score in (0.5, 0.6, 0.7, 0.8, 0.9, 0.5, 0.9)]
    assert going == [True, True, True, higher, higher, not higher, higher]
    assert seen.cuts() == {13: pytest.approx(cut)}


def test_early_rungs_stop_fewer_than_late_ones():
    seen = Rungs(120, higher=True)
    for rung in (4, 13, 40):
        for score in range(11):
            seen.record([Look(rung, score / 10)])
    assert seen.cuts() == {4: pytest.approx(0.2), 13: pytest.approx(2 / 3), 40: pytest.approx(0.75)}


def test_a_rung_that_few_have_seen_asks_for_nothing():
    seen = Rungs(120, higher=True)
    seen.record([Look(40, 0.9)])
    seen.record([Look(40, 0.8)])
    assert seen.cuts() == {}


def test_only_rungs_before_the_last_are_compared():
    seen = Rungs(120, higher=True)
    assert all(seen.record([Look(rounds, score)]) for rounds in (39, 120) for score in (0.9, 0.9, 0.9, 0.1))
    assert seen.cuts() == {}
