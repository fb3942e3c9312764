"""What a person sees of a run: estimates that are arithmetic, bars in a terminal, lines in a log."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mlray.cli.progress import Course, LineNarrator, LiveNarrator, narrator, short
from mlray.ports import Narrator


class Watch:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=160, color_system=None, legacy_windows=False)


def text(of: Console) -> str:
    assert isinstance(of.file, io.StringIO)
    return of.file.getvalue()


def test_before_anything_is_done_nothing_is_estimated():
    watch = Watch()
    course = Course(watch)

    assert (course.elapsed(), course.done, course.left()) == (0.0, 0, None)

    step = course.begin("gather", 0.1)
    watch.now += 5

    assert (course.elapsed(), step.left(watch.now), course.left()) == (5.0, None, None)


def test_a_stage_goes_on_at_its_own_pace():
    watch = Watch()
    step = Course(watch).begin("train", 0.5)
    watch.now += 30
    step.done = 0.25

    assert step.left(watch.now) == pytest.approx(90)


def test_the_rest_of_the_run_goes_at_the_pace_so_far():
    watch = Watch()
    course = Course(watch)
    course.begin("gather", 0.2)
    watch.now += 20
    step = course.begin("train", 0.3)
    watch.now += 15
    step.done = 0.5

    # 35 seconds for 0.35 of the run: the second half of training takes 15, the last 0.5 takes 50.
    assert course.done == pytest.approx(0.35)
    assert course.left() == pytest.approx(65)


def test_a_stage_without_a_pace_of_its_own_takes_that_of_the_run():
    watch = Watch()
    course = Course(watch)
    course.begin("gather", 0.5)
    watch.now += 10
    course.begin("train", 0.5)

    assert course.left() == pytest.approx(10)


def test_after_the_last_stage_nothing_is_left():
    watch = Watch()
    course = Course(watch)
    course.begin("all", 1.0)
    watch.now += 10
    course.end()
    course.end()
    watch.now += 90

    assert (course.done, course.left(), course.steps[0].elapsed(watch.now)) == (1.0, 0.0, 10.0)


@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 100), st.floats(0, 1)), min_size=1, max_size=6),
)
def test_estimates_are_never_negative_and_shares_never_leave_0_to_1(stages):
    watch = Watch()
    course = Course(watch)
    for weight, seconds, done in stages:
        step = course.begin("s", weight)
        watch.now += seconds
        step.done = done

        assert 0 <= course.done <= 1
        left = course.left()
        assert left is None or left >= 0


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, "–"), (0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (7325, "2:02:05")]
)
def test_a_duration_is_shown_as_a_clock_shows_it(seconds, shown):
    assert short(seconds) == shown


def test_in_a_log_a_stage_is_a_few_lines():
    out, watch = console(terminal=False), Watch()
    told = LineNarrator(out, watch)
    with told.shown():
        progress = told.stage("train", 0.5)
        for done in range(1, 101):
            watch.now += 1
            progress(done, 100, f"trial {done}")
        told.say("best auc 0.92")
        told.stage("live", 0.5)
        watch.now += 4

    assert text(out).splitlines() == [
        "[ 0:00] train …",
        "[ 0:20] train 20% (trial 20), about 1:20 left; the whole run 10%, about 3:00 left",
        "[ 0:40] train 40% (trial 40), about 1:00 left; the whole run 20%, about 2:40 left",
        "[ 1:00] train 60% (trial 60), about 0:40 left; the whole run 30%, about 2:20 left",
        "[ 1:20] train 80% (trial 80), about 0:20 left; the whole run 40%, about 2:00 left",
        "[ 1:40] best auc 0.92",
        "[ 1:40] train done in 1:40",
        "[ 1:40] live …",
        "[ 1:44] live done in 0:04",
    ]


def test_in_a_log_a_slow_stage_is_heard_of_all_the_same():
    out, watch = console(terminal=False), Watch()
    progress = LineNarrator(out, watch).stage("train", 1.0)
    for step in range(1, 7):
        watch.now += 10
        progress(step, 1000)

    assert text(out).count("train 0%") + text(out).count("train 1%") == 3


def test_a_run_that_failed_is_not_said_to_be_done():
    out = console(terminal=False)

    def fail() -> None:
        with narrator(out, Watch()) as told:
            told.stage("train", 1.0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert "done" not in text(out)


def test_in_a_terminal_stages_are_drawn_with_what_is_left():
    out, watch = console(terminal=True), Watch()
    told = LiveNarrator(out, watch)
    told.stage("gather", 0.5)(1, 1)
    watch.now += 10
    told.stage("train", 0.5)(1, 4, "trial 1")
    watch.now += 5
    out.print(told)

    first, second, whole = text(out).splitlines()
    assert first.startswith("✓ gather")
    assert second.startswith("▸ train")
    assert "0:05" in second
    assert "~0:15 left" in second
    assert "trial 1" in second
    assert whole.strip() == "62% of the whole run, 0:15 so far, about 0:15 left"


def test_in_a_terminal_nothing_is_estimated_before_there_is_a_pace_nor_after_the_end():
    out, watch = console(terminal=True), Watch()
    told = LiveNarrator(out, watch)
    told.stage("start", 1.0)
    watch.now += 3
    out.print(told)
    told.course.end()
    out.print(told)

    lines = [line.split() for line in text(out).splitlines()]
    assert [line[-1] for line in lines] == ["0:03", "far", "0:03", "far"]


@pytest.mark.parametrize("terminal", [True, False])
def test_both_narrators_say_and_show_tables(terminal):
    out = console(terminal=terminal)
    with narrator(out, Watch()) as told:
        assert isinstance(told, LiveNarrator if terminal else LineNarrator)
        told.say("[bold]not markup[/bold]")
        told.table([{"slice": "web", "auc": "0.9"}, {"slice": "app", "auc": "0.7"}])
        told.table([])
        told.stage("live", 1.0)(1, 0)

    assert "[bold]not markup[/bold]" in text(out)
    assert "slice" in text(out)
    assert "app" in text(out)


def test_the_system_s_clock_is_used_where_none_is_given():
    with narrator(console(terminal=False)) as told:
        chosen: Narrator = told
        chosen.say("so")
