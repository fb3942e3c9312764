"""What a model must show: the rules as a table."""

import pytest

from mlray.evaluation import Comparison, Slice, judge
from mlray.records import Interval, SliceScore
from mlray.spec import Gates


def seen(gain=0.02, spread=0.005, loss=-0.001, loss_spread=0.0005, metric="auc"):
    return Comparison(
        metric=metric,
        candidate=0.72,
        other=0.72 - gain,
        gain=Interval(gain, gain - spread, gain + spread),
        excess_loss=Interval(loss, loss - loss_spread, loss + loss_spread),
        rows=5000,
        detectable=0.007,
    )


def part(value, gain, spread=0.01):
    score = SliceScore("carrier", value, 400, Interval(0.7, 0.65, 0.75))
    return Slice(score, seen(gain, spread))


def verdicts(baseline, champion, slices, gates):
    return {result.gate: result.passed for result in judge(baseline, champion, slices, gates)}


@pytest.mark.parametrize(
    ("comparison", "asked", "passed"),
    [
        (seen(0.02), 0.0, True),
        (seen(0.02), 0.03, False),
        (seen(-0.001), 0.0, False),
        (seen(0.0, spread=0.009), 0.0, True),
        (seen(0.0, spread=0.02), 0.0, False),
        (seen(0.02, spread=0.02), 0.0, True),
    ],
    ids=["better", "not by enough", "worse", "as good, well known", "as good, too few rows to tell", "better, loosely"],
)
def test_the_baseline_gate(comparison, asked, passed):
    assert verdicts(comparison, None, (), Gates(baseline=asked)) == {"baseline": passed}


@pytest.mark.parametrize(
    ("comparison", "asked", "passed"),
    [
        (seen(0.003), 0.0, True),
        (seen(0.003), 0.01, False),
        (seen(-0.003), 0.0, False),
        (seen(0.003, loss=0.002), 0.0, False),
        (seen(0.003, loss=0.0004), 0.0, True),
        (seen(0.003, spread=0.1), 0.0, True),
    ],
    ids=[
        "better",
        "not by enough",
        "worse",
        "ranks better, is worse calibrated",
        "loss within noise",
        "need not be proven",
    ],
)
def test_the_champion_gate(comparison, asked, passed):
    assert verdicts(seen(), comparison, (), Gates(champion=asked)) == {"baseline": True, "champion": passed}


@pytest.mark.parametrize(
    ("slices", "passed"),
    [
        ([part("UA", 0.0), part("DL", -0.04)], True),
        ([part("UA", 0.0), part("DL", -0.055)], True),
        ([part("UA", 0.0), part("DL", -0.08)], False),
        ([], True),
    ],
    ids=["within tolerance", "beyond, not beyond doubt", "beyond", "none large enough"],
)
def test_the_slice_gate(slices, passed):
    found = verdicts(seen(), None, slices, Gates(slices=("carrier",), slice_tolerance=0.05))
    assert found == {"baseline": True, "slices": passed}


def test_the_first_model_has_no_champion_to_beat():
    assert [result.gate for result in judge(seen(), None, (), Gates())] == ["baseline"]


def test_all_gates_are_told_even_when_the_first_refuses():
    found = judge(seen(-0.1), seen(-0.1), [part("DL", -0.2)], Gates(slices=("carrier",)))
    assert [(result.gate, result.passed) for result in found] == [
        ("baseline", False),
        ("champion", False),
        ("slices", False),
    ]


def test_reasons_carry_the_figures_and_what_the_rows_could_have_shown():
    (found,) = judge(seen(0.02), None, (), Gates())
    assert found.because == (
        "AUC 0.720 against 0.700 of the linear baseline: gain +0.020 [+0.015, +0.025]."
        " These 5,000 rows show a difference of 0.007 or more in four of five cases."
    )


def test_a_refusal_says_what_was_asked():
    _, champion = judge(seen(), seen(0.001), (), Gates(champion=0.01))
    assert "gain +0.001" in champion.because
    assert "at least +0.010 is asked" in champion.because


def test_too_few_rows_are_named_as_the_reason():
    (found,) = judge(seen(0.0, spread=0.02), None, (), Gates())
    assert "it may be worse by more than 0.01: too few rows to tell" in found.because


def test_a_refusal_for_probabilities_shows_the_loss():
    _, champion = judge(seen(), seen(0.003, loss=0.002), (), Gates())
    assert "Brier loss +0.0020 [+0.0015, +0.0025] a row" in champion.because


def test_the_worst_slices_are_named_and_the_rest_counted():
    worse = [part(name, -0.2) for name in ("UA", "DL", "AA", "B6", "EV")]
    found = judge(seen(), seen(), worse, Gates(slices=("carrier",)))[-1]
    assert found.because.startswith("worse than the champion by more than 0.05: carrier UA (400 rows) gain -0.200")
    assert found.because.endswith("and 2 more.")


def test_the_weakest_slice_is_named_when_all_pass():
    found = judge(seen(), None, [part("UA", 0.01), part("DL", -0.02)], Gates(slices=("carrier",)))[-1]
    assert "none of 2 slices is worse than the baseline" in found.because
    assert "the weakest is carrier DL, gain -0.020" in found.because


def test_no_judged_slice_is_said():
    found = judge(seen(), None, (), Gates(slices=("carrier",), slice_rows=300))[-1]
    assert found.because == "no slice has 300 rows or more, so none was judged."
