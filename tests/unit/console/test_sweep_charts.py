"""What a report shows of one sweep, from four trials to ten thousand."""

import re
from dataclasses import replace

import pytest

from mlray.console import report
from mlray.console.charts.frame import NARROW, WIDE
from mlray.console.charts.front import front_figure, has_front
from mlray.console.charts.importance import importance_figure
from mlray.console.charts.strands import has_strands, strands_figure
from mlray.console.charts.sweeps import shown, sweeps_figure, trials_table
from tests.pages import ATTACK, Outline

DRAWN = {"importance": importance_figure, "strands": strands_figure, "front": front_figure}


def tips(figure):
    return re.findall(r"<title>([^<]*)</title>", figure)


def pictures(figure):
    return re.findall(r'viewBox="0 0 (\d+) (\d+)" role="img"[^>]*>(.*?)</svg>', figure, re.DOTALL)


def points(path):
    """Return the places that a path of straight lines goes through."""
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
@pytest.mark.parametrize("count", [30, 400])
def test_each_chart_is_drawn_for_desk_and_phone_within_its_frame(sample_sweep, draw, count):
    figure = draw(sample_sweep(count, objectives=("latency", "cost")))
    assert [int(width) for width, _, _ in pictures(figure)] == [WIDE, NARROW]
    for width, height, content in pictures(figure):
        for name, limit in (("cx", width), ("cy", height), ("x", width), ("y", height)):
            assert all(0 <= float(v) <= float(limit) for v in re.findall(rf' {name}="(-?[\d.]+)"', content))
        for path in re.findall(r' d="([^"]*)" class="(?:strand|dust)', content):
            assert all(0 <= x <= float(width) and 0 <= y <= float(height) for x, y in points(path))


def test_the_most_important_parameter_has_the_longest_bar(sample_sweep):
    figure = importance_figure(sample_sweep())
    bars = [float(width) for width in re.findall(r'width="([\d.]+)" height="14"', figure)][:8]
    assert bars == sorted(bars, reverse=True)
    assert tips(figure)[0] == "learning_rate: 46.0%"


def test_parameters_of_little_importance_are_summed_up(sample_sweep):
    many = {f"p{place}": 1 / 20 for place in range(20)}
    figure = importance_figure(replace(sample_sweep(), importance=many))
    assert "Ten further parameters together: 50.0%." in figure
    assert figure.count("<tr>") == 21


def test_a_long_name_keeps_its_end(sample_sweep):
    long = "xgboost.a_parameter_whose_name_does_not_end"
    figure = importance_figure(replace(sample_sweep(), importance={long: 1.0}))
    assert "…" in figure
    assert "not_end" in figure


def test_the_best_trial_is_drawn_last_and_told_first(sample_sweep):
    sweep = sample_sweep()
    figure = strands_figure(sweep)
    assert f"trial {sweep.best.number}, xgboost: AUC {sweep.best.score:.3f}" in tips(figure)[len(tips(figure)) // 2 - 1]
    assert figure.count('class="strand best ink"') == 2


def test_important_parameters_come_first_and_the_score_last(sample_sweep):
    wide = pictures(strands_figure(sample_sweep()))[0][2]
    names = re.findall(r'class="heading">([^<]*)<', wide)
    assert names[:4] == ["learning_rate", "max_depth", "min_child_weight", "grow_policy"]
    assert names[-1] == "AUC"
    assert len(names) == 8


def test_the_best_lies_at_the_better_end_for_a_loss_as_well(sample_sweep):
    for metric in ("auc", "log_loss"):
        wide = pictures(strands_figure(sample_sweep(metric=metric)))[0][2]
        ends = {kind: points(d)[-1][1] for d, kind in re.findall(r' d="([^"]*)" class="strand (best|bright)', wide)}
        assert ends["best"] < ends["bright"]


def test_a_parameter_that_some_trials_lack_has_a_place_for_it(sample_sweep):
    sweep = replace(sample_sweep(), importance={"max_leaves": 1.0})
    assert ">—<" in strands_figure(sweep)
    assert "—: the trial does not have the parameter." in strands_figure(sweep)


def test_only_trials_of_the_best_ones_trainer_are_lines(sample_sweep):
    sweep = sample_sweep(trainers=("xgboost", "hist_gradient_boosting"))
    mine = [t for t in sweep.trials if t.trainer == sweep.best.trainer and t.score is not None]
    figure = strands_figure(sweep)
    drawn = sum(d.count("M") for d in re.findall(r' d="([^"]*)" class="strand', figure)) / 2
    assert drawn == len(mine)
    assert "have other parameters" in figure


def test_flags_words_and_nothing_are_words_on_an_axis(sample_sweep):
    values = [True, False, None, "x"]
    trials = tuple(
        replace(t, params={"flag": values[t.number % 4], "same": 1, "one": 5}) for t in sample_sweep(20).trials
    )
    figure = strands_figure(replace(sample_sweep(20), trials=trials, best=trials[0]))
    assert all(f">{word}<" in figure for word in ("True", "False", "None", "x"))
    assert "same" not in re.findall(r'class="heading">([^<]*)<', figure)


def test_equal_scores_lie_in_the_middle(sample_sweep):
    sweep = sample_sweep(20)
    trials = tuple(replace(trial, score=0.7) for trial in sweep.trials)
    wide = pictures(strands_figure(replace(sweep, trials=trials, best=trials[0])))[0][2]
    assert len({points(d)[-1] for d in re.findall(r' d="([^"]*)" class="strand best', wide)}) == 1


def test_with_few_or_equal_trials_there_are_no_lines(sample_sweep):
    assert not has_strands(sample_sweep(3))
    same = tuple(replace(trial, params={"max_depth": 3}) for trial in sample_sweep(20).trials)
    assert not has_strands(replace(sample_sweep(20), trials=same))


def test_the_front_is_a_line_for_two_objectives_and_points_for_three(sample_sweep):
    two, three = sample_sweep(), sample_sweep(objectives=("cost", "latency"))
    assert 'class="line served"' in pictures(front_figure(two))[0][2]
    assert 'class="line served"' not in pictures(front_figure(three))[0][2]
    assert front_figure(two).count('class="ring ink"') >= 2
    assert "latency, ms per 1,000 rows" in front_figure(three)


def test_the_front_lists_its_trials(sample_sweep):
    sweep = sample_sweep()
    assert front_figure(sweep).count("<tr>") == 1 + len(sweep.front)


def test_a_front_in_which_an_objective_is_missing_is_drawn_without_it(sample_sweep):
    sweep = sample_sweep(30)
    bare = tuple(replace(t, objectives={} if t.score is not None else {"latency": 1.0}) for t in sweep.trials)
    assert "<figure>" in front_figure(replace(sweep, trials=bare))


def test_one_objective_has_no_front(sample_sweep):
    assert not has_front(sample_sweep(objectives=()))
    assert not has_front(replace(sample_sweep(), front=()))


@pytest.mark.parametrize("count", [1_000, 4_000])
def test_a_page_of_a_long_sweep_stays_light(sample_story, sample_sweep, count):
    page = report(replace(sample_story(), experiments=(sample_sweep(count, objectives=()),)))
    assert len(page) < 900_000
    Outline(page)


def test_a_long_sweep_is_drawn_as_dust_with_marks_where_it_got_better(sample_story, sample_sweep):
    sweep = sample_sweep(1_000, trainers=("xgboost", "hist_gradient_boosting"))
    figure = sweeps_figure(replace(sample_story(), experiments=(sweep,)))
    assert figure.count('class="dust') == 4
    assert len(tips(figure)) < 60
    assert "chosen" in figure


def test_a_long_table_holds_the_best(sample_sweep):
    sweep = sample_sweep(300)
    table = trials_table(sweep, "USD")
    assert table.count("<tr>") == 61
    assert "the best 60 of 300" in table
    assert f"trial {sweep.best.number}" not in table
    assert "· chosen" in table
    assert len(shown(sweep)) == 60
    assert all(trial.curve == () for trial in shown(sweep))


def test_the_blend_is_told_with_its_trials(sample_sweep):
    sweep = sample_sweep(30)
    table = trials_table(sweep, "USD")
    assert f"A blend of the trials {sweep.ensemble[0][0]} (50%)" in table
    assert f"{sweep.ensemble_score:.4f}" in table
    assert "blend" not in trials_table(replace(sweep, ensemble=(), ensemble_score=None), "USD")


def test_the_largest_sweep_is_looked_into(sample_story, sample_sweep):
    story = sample_story()
    page = report(replace(story, experiments=(*story.experiments, sample_sweep(120))))
    assert "Where the good trials lie in the sweep on departures@v7" in page
    assert "Which parameters mattered in the sweep on departures@v7" in page
    assert "What a better score costs in the sweep on departures@v7" in page
    alone = report(replace(story, experiments=(sample_sweep(120, objectives=()),)))
    assert ">Where the good trials lie<" in alone
    assert "What a better score costs" not in alone


def test_names_and_values_from_outside_are_escaped(sample_story, sample_sweep):
    sweep = sample_sweep(40)
    trials = tuple(
        replace(t, trainer=ATTACK, params={ATTACK: dice, "b": ATTACK if dice % 2 else "x"})
        for dice, t in enumerate(sweep.trials)
    )
    best = next(trial for trial in trials if trial.number == sweep.best.number)
    hostile = replace(sweep, id=ATTACK, trials=trials, best=best, importance={ATTACK: 1.0})
    page = report(replace(sample_story(), experiments=(hostile,)))
    outline = Outline(page)
    assert not outline.named("img")
    assert len(outline.named("script")) == 2
