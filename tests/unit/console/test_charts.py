import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from mlray.console import Episode, MoneyEvent, Phase
from mlray.console.charts.curve import curve_figure
from mlray.console.charts.drift import drift_matrix, heat
from mlray.console.charts.frame import NARROW, WIDE, Panel, line, marker, time_axis, time_scale, whisker
from mlray.console.charts.months import months_figure
from mlray.console.charts.performance import performance_figure
from mlray.console.charts.slices import slices_figure
from mlray.console.charts.spend import promised_at, spend_figure
from mlray.console.charts.sweeps import sweeps_figure, trials_table
from mlray.console.charts.versions import versions_figure
from mlray.console.scales import Scale
from mlray.records import Act, ColumnDrift

DAY = timedelta(days=1)
FIGURES = {
    "months": months_figure,
    "spend": spend_figure,
    "versions": versions_figure,
    "sweeps": sweeps_figure,
    "performance": performance_figure,
    "curve": lambda story: curve_figure(story.feasibility),
    "slices": lambda story: slices_figure(story.models[-1], "auc"),
}


def at(month, day):
    return datetime(2013, month, day, tzinfo=UTC)


def tips(figure):
    return re.findall(r"<title>([^<]*)</title>", figure)


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_every_chart_is_drawn_for_desk_and_phone_and_says_what_it_shows(sample_story, draw):
    figure = draw(sample_story())
    assert [int(w) for w in re.findall(r'viewBox="0 0 (\d+) \d+" role="img"', figure)] == [WIDE, NARROW]
    assert len(re.findall(r'<title id="[^"]+">[^<]+</title><desc id="[^"]+">[^<]+</desc>', figure)) == 2


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_no_mark_lies_outside_its_picture(sample_story, draw):
    for width, height, content in re.findall(
        r'viewBox="0 0 (\d+) (\d+)" role="img"[^>]*>(.*?)</svg>', draw(sample_story()), re.DOTALL
    ):
        for name, limit in (("cx", width), ("cy", height), ("x", width), ("y", height)):
            values = [float(v) for v in re.findall(rf' {name}="(-?[\d.]+)"', content)]
            assert all(0 <= value <= float(limit) for value in values), (name, min(values), max(values))


def test_a_larger_error_stands_higher(sample_story):
    figure = months_figure(sample_story())
    drawn = re.findall(r'cy="([\d.]+)"[^>]*><title>[^<]*as served\): error ([\d.]+)%', figure)[:9]
    by_error = sorted(drawn, key=lambda pair: float(pair[1]))
    assert [float(y) for y, _ in by_error] == sorted((float(y) for y, _ in drawn), reverse=True)


def test_months_are_told_with_rows_interval_and_versions(sample_story):
    first = next(tip for tip in tips(months_figure(sample_story())) if "June 2013, with retraining" in tip)
    assert first == (
        "June 2013, with retraining (as served): error 30.90% (95% interval 30.39% to 31.41%, 27,722 rows; answered by v1, v2)"
    )


def test_a_month_with_one_side_only_is_still_drawn(sample_story):
    story = sample_story()
    alone = replace(story.months[0], kept={}, saved=None)
    figure = months_figure(replace(story, months=(alone,)))
    assert "avoided" not in "".join(tips(figure))
    assert "–" in figure


def test_months_without_auc_have_no_panel_for_it(sample_story):
    story = sample_story()
    months = tuple(
        replace(m, served={"error": m.served["error"]}, kept={"error": m.kept["error"]}) for m in story.months
    )
    assert "AUC, how well" not in months_figure(replace(story, months=months))


def test_a_month_that_retraining_made_worse_is_red(sample_story):
    story = sample_story()
    worse = tuple(replace(m, saved=replace(m.saved, value=-0.02, low=-0.03, high=-0.01)) for m in story.months)
    assert 'class="bar bad"' in months_figure(replace(story, months=worse))


def test_a_deferred_retraining_stands_where_it_would_have_gone(sample_story):
    crosses = [tip for tip in tips(spend_figure(sample_story())) if "defer" in tip]
    assert crosses[0] == "27 May, defer: $40.20 on top of $40.01"


def test_a_promise_counts_until_it_is_spent_or_given_back(sample_story):
    events = (
        MoneyEvent(at(5, 2), "promise", Decimal(40), "", "a"),
        MoneyEvent(at(5, 3), "promise", Decimal(5), "", "b"),
        MoneyEvent(at(5, 4), "spend", Decimal(38), "", "a"),
        MoneyEvent(at(5, 6), "release", Decimal(5), "", "b"),
    )
    story = sample_story(money=events)
    assert [promised_at(story, at(5, 1), at(5, day)) for day in (1, 2, 3, 4, 5, 6)] == [0, 40, 45, 5, 5, 0]


def test_money_is_drawn_without_a_budget_and_a_budget_without_events(sample_story):
    free = spend_figure(sample_story(budgets=()))
    assert 'class="limit"' not in free
    assert "spent without a budget" in free
    bare = spend_figure(sample_story(money=()))
    assert "20 May" not in "".join(tips(bare))
    assert "1 May to 1 Jun: $40.01 of $60.00" in tips(bare)


def test_amounts_below_a_cent_still_have_an_axis(sample_story):
    story = sample_story(
        budgets=(), decisions=(), money=(MoneyEvent(at(5, 2), "spend", Decimal("0.004"), "sweep"),), end=at(6, 1)
    )
    assert ">0.002<" in spend_figure(story)


def test_a_payment_at_the_turn_of_a_window_is_drawn_in_the_next(sample_story):
    story = sample_story(money=(MoneyEvent(at(5, 1), "spend", Decimal(7), "work"),))
    figure = spend_figure(story)
    assert "1 Apr to 1 May: $0.00 of $60.00" in tips(figure)
    assert len([tip for tip in tips(figure) if tip == "1 May: $7.00 spent on work"]) == 2


def test_the_timeline_says_how_each_version_ended(sample_story):
    figure = versions_figure(sample_story())
    words = re.findall(r"<text[^>]*>([^<]+)</text>", figure.partition('class="narrow"')[0])
    fates = [word for word in words if word.startswith(("retired", "rolled", "live"))]
    assert sorted(fates) == ["live", "retired 13 Sep", "retired 22 Nov", "retired 8 Jun", "rolled back 20 Oct"]


def test_a_calm_timeline_has_no_cross_to_explain(sample_story):
    calm = tuple(episode for episode in sample_story().versions if episode.version != "v4")
    assert "rolled back" not in versions_figure(sample_story(versions=calm, faults=()))


def test_a_broken_version_is_marked_on_the_timeline_and_in_its_table(sample_story):
    figure = versions_figure(sample_story())
    assert ">fault</text>" in figure
    assert "v4 (injected fault)" in figure


def test_a_canary_grows_with_its_share(sample_story):
    figure = versions_figure(sample_story())
    heights = {
        tip: float(h)
        for h, tip in re.findall(r'class="canary trial"[^>]* height="([\d.]+)"><title>([^<]*)</title>', figure)
    }
    small, large = (next(h for tip, h in heights.items() if f"{share}% of requests" in tip) for share in (10, 50))
    assert small < large


def test_a_rejected_candidate_needs_no_other_episode(empty_story):
    story = replace(
        empty_story, versions=(Episode("candidate of 1 Jul", Phase.REJECTED, at(7, 1), because="the gate said no"),)
    )
    assert "candidate of 1 Jul rejected 1 Jul: the gate said no" in tips(versions_figure(story))


def test_the_farthest_column_comes_first(sample_story):
    names = re.findall(r'<th scope="row">([^<]+)</th>', drift_matrix(sample_story()))
    assert names[:2] == ["temp", "dewp"]
    assert names[-1] == "decided"


def test_every_week_of_every_column_has_a_cell_that_can_be_read(sample_story):
    matrix = drift_matrix(sample_story())
    assert len(re.findall(r"<td[^>]*><span>\d+\.\d\d</span></td>", matrix)) == 15 * 39
    assert "wind_dir, week of 19 Aug: PSI 0.0" in matrix
    assert "12% missing" in matrix


@pytest.mark.parametrize(("psi", "step"), [(-1, 0), (0.06, 0), (0.0625, 1), (0.2499, 2), (0.25, 3), (0.6, 4), (1.0, 5)])
def test_colour_changes_at_the_threshold(psi, step):
    assert heat(psi, 0.25) == step


def test_a_column_that_a_report_lacks_is_hatched(sample_story):
    story = sample_story()
    short = replace(story.drift[3], columns=(ColumnDrift("temp", 0.1, 0.0, 0.0, 0.2, drifting=False),))
    matrix = drift_matrix(replace(story, drift=(*story.drift[:3], short, *story.drift[4:])))
    assert matrix.count('class="none"') == 14
    assert "20% unseen" in matrix


def test_the_week_of_a_new_version_has_an_edge(sample_story):
    assert drift_matrix(sample_story()).count(' fresh"') == 3 * 15 + 1


def test_a_retraining_outweighs_what_else_was_decided_that_day(sample_story):
    story = sample_story()
    day = story.drift[6].seen_at
    alarm = replace(story.decisions[0], decision=replace(story.decisions[0].decision, id="x", at=day, act=Act.ALARM))
    other = replace(
        alarm,
        decision=replace(alarm.decision, id="y", subject="flights/v2", act=Act.RETRAIN, at=story.drift[0].seen_at),
    )
    matrix = drift_matrix(replace(story, decisions=(alarm, other, *story.decisions)))
    assert matrix.count('class="retrain"') == 4 + 1
    assert matrix.count('class="alarm"') == 1


def test_weeks_without_a_decision_stay_empty(sample_story):
    assert '<td class="hold"' not in drift_matrix(sample_story(decisions=()))


def test_the_chosen_trial_is_ringed_and_failed_trials_are_counted(sample_story):
    figure = sweeps_figure(sample_story())
    assert figure.count('r="8"') == 2 * 5
    assert "Trials without a score (1)" in figure
    assert "xgboost: AUC 0.7" in "".join(tips(figure))


def test_the_best_so_far_falls_where_less_is_better(sample_story):
    story = sample_story()
    brier = tuple(replace(experiment, metric="brier") for experiment in story.experiments)
    assert sweeps_figure(replace(story, experiments=brier)) != sweeps_figure(story)


def test_a_trials_table_tells_the_error_of_a_failed_trial(sample_story):
    table = trials_table(sample_story().experiments[0], "USD")
    assert "out of memory" in table
    assert table.count("<tr>") == 11
    assert "chosen" in table


def test_slices_without_a_score_on_all_rows_have_no_line(sample_story):
    judged = sample_story().models[0]
    figure = slices_figure(judged, "brier")
    assert 'class="limit"' not in figure


def test_the_curve_without_a_goal_has_no_goal(sample_story):
    assert "goal" not in curve_figure(replace(sample_story().feasibility, goal=None))


def test_levels_that_are_close_have_names_apart(sample_story):
    feasibility = sample_story().feasibility
    near = replace(feasibility, goal=feasibility.linear.value + 0.001)
    heights = re.findall(r'<text x="756" y="([\d.]+)"', curve_figure(near))
    heights = sorted(float(y) for y in heights)
    assert len(heights) == 3
    assert all(b - a >= 13.9 for a, b in pairwise(heights))


def test_weeks_without_labels_or_challenger_are_drawn_as_far_as_known(sample_story):
    story = sample_story()
    bare = tuple(replace(p, measured={}, excess=None) for p in story.performance)
    figure = performance_figure(replace(story, performance=bare))
    assert "estimated" in "".join(tips(figure))
    assert "challenger" not in figure.partition("<svg viewBox")[0].partition("</ul>")[0]
    blind = tuple(replace(p, estimated=None, measured={}) for p in story.performance)
    assert "points" in "".join(tips(performance_figure(replace(story, performance=blind))))


@pytest.mark.parametrize(
    "shape", ["dot", "ring", "square", "diamond", "up", "cross", "bar", "shadow", "canary", "line", "dash"]
)
def test_every_shape_can_be_drawn_and_carries_its_tip(shape):
    assert "<title>said</title>" in marker(shape, 10, 10, "served", "said")
    assert "<title>" not in marker(shape, 10, 10, "served")


def test_a_stepped_line_keeps_its_height_until_the_next_point():
    assert 'd="M0.0 5.0H10.0V2.0"' in line([(0, 5), (10, 2)], "soft", stepped=True)


def test_an_interval_can_stand_and_lie():
    assert 'd="M7.0 1.0h6m-3 0V9.0m-3 0h6"' in whisker(10, 1, 9, "served")
    assert 'd="M1.0 7.0v6m0 -3H9.0m0 -3v6"' in whisker(10, 1, 9, "served", flat=True)


@pytest.mark.parametrize(
    ("start", "end", "width", "words"),
    [
        (at(4, 1), at(7, 31), 800, ["Apr 2013", "May", "Jun", "Jul"]),
        (at(1, 1), datetime(2023, 1, 1, tzinfo=UTC), 300, ["Jan 2013", "Jan 2015", "Jan 2017", "Jan 2019", "Jan 2021"]),
        (at(4, 29), at(5, 2), 400, ["29 Apr 2013", "30 Apr", "1 May"]),
        (at(4, 1), at(4, 30), 400, ["1 Apr 2013", "8 Apr", "15 Apr", "22 Apr"]),
        (at(4, 1), datetime(2013, 4, 1, 8, tzinfo=UTC), 300, ["1 Apr 2013"]),
    ],
    ids=["months", "years", "days", "weeks", "hours"],
)
def test_an_axis_has_the_dates_that_fit(start, end, width, words):
    axis = time_axis(time_scale(start, end, 0, width), start, end, 100)
    assert re.findall(r">([\w ]+)</text>", axis) == words


@pytest.mark.parametrize("days", [1, 5, 30, 80, 200, 400, 1200, 4000])
@pytest.mark.parametrize("width", [300, 800])
def test_dates_of_an_axis_never_overlap(days, width):
    start, end = at(4, 3), at(4, 3) + days * DAY
    axis = time_axis(time_scale(start, end, 0, width), start, end, 100)
    words = [(float(x), word) for x, word in re.findall(r'<text x="([\d.]+)"[^>]*>([^<]+)</text>', axis)]
    assert words
    assert all(a + 5.5 * len(word) < b for (a, word), (b, _) in pairwise(words))


def test_a_rule_without_a_word_has_none():
    panel = Panel(time_scale(at(1, 1), at(2, 1), 0, 100), Scale(0, 1, 100, 0))
    assert "<text" not in panel.rule(at(1, 15))
    assert ">v2<" in panel.rule(at(1, 15), "v2")
