"""The rules that turn what was seen into a verdict."""

from datetime import timedelta

import pytest

from mlray.data.crawl._judge import Known, Sight, Thing, compared, judge, learnt
from mlray.records import SourceState, Verdict
from tests.unit.data.samples import NOON

DAY = timedelta(days=1)


def thing(number=1, rows=100, days=1, content=""):
    return Thing(f"mark-{number}", rows, NOON - days * DAY, NOON, content)


def known(**things):
    return Known("listing", "contract", things)


def told(known, marks, sight=None, **more):
    return judge("orders", known, marks, sight or Sight(), now=NOON, **more)


@pytest.mark.parametrize(
    ("before", "marks", "sight", "more", "state"),
    [
        (known(a=thing()), {"a": "mark-1"}, Sight(), {}, "unchanged"),
        (known(a=thing()), {"a": "mark-1", "b": "x"}, Sight({"b": thing(2)}), {}, "new"),
        (known(a=thing()), {"a": "mark-2"}, Sight({"a": thing(2, rows=90)}), {}, "changed"),
        (known(a=thing()), {"a": "mark-2"}, Sight({"a": thing(2, rows=110)}), {}, "new"),
        (known(a=thing(content="c")), {"a": "mark-2"}, Sight({"a": thing(2, content="c")}), {}, "unchanged"),
        (known(a=thing()), {"b": "mark-1"}, Sight({"b": thing()}), {}, "changed"),
        (known(a=thing()), {"a": "mark-1"}, Sight(), {"promise": DAY}, "unchanged"),
        (known(a=thing()), {"a": "mark-1"}, Sight(trouble="no column", remedy="Map it."), {"promise": DAY}, "breaking"),
        (known(a=thing()), {"b": "x"}, Sight({"b": thing()}, tried=10, aside={"late": 6}), {}, "breaking"),
        (known(a=thing()), {"a": "mark-1", "b": "x"}, Sight({"b": thing()}, tried=10, aside={"l": 5}), {}, "changed"),
        (known(a=thing()), {"a": "mark-1", "b": "x"}, Sight({"b": thing()}, tried=10, aside={"l": 1}), {}, "new"),
        (Known(), {"a": "x"}, Sight({"a": thing()}), {"held": NOON}, "unchanged"),
        (Known(), {"a": "x"}, Sight({"a": thing()}), {"held": NOON - DAY}, "new"),
        (Known(), {"#orders": "3/7"}, Sight({"#orders": Thing("3/7")}), {}, "new"),
    ],
)
def test_the_first_rule_that_applies_decides(before, marks, sight, more, state):
    assert told(before, marks, sight, **more).state.value == state


def test_a_source_of_which_nothing_new_came_becomes_stale():
    late = judge("orders", known(a=thing()), {"a": "mark-1"}, Sight(), now=NOON + 3 * DAY, promise=DAY)
    assert late.state is SourceState.STALE
    assert "3 days ago, and 1 day is promised" in late.because
    later = judge("o", known(a=thing()), {"a": "mark-1"}, Sight(), now=NOON + DAY / 1000, promise=timedelta(0))
    assert "86 seconds ago, and 0 seconds" not in later.because
    assert "1 minute ago" in later.because


def test_a_promise_that_cannot_be_judged_is_told_at_each_look_and_no_promise_is_not():
    seen = Sight({"t": Thing("1")}, untold="it keeps no bounds")
    note = "freshness cannot be told: it keeps no bounds"
    after = learnt(Known(), {"t": "1"}, seen, "contract")
    assert note in told(Known(), {"t": "1"}, seen, promise=DAY).notes
    assert note not in told(Known(), {"t": "1"}, seen).notes
    assert (after.untold, Known.from_json(after.to_json())) == ("it keeps no bounds", after)
    silent = told(after, {"t": "1"}, Sight(), promise=DAY).notes
    assert silent == ("freshness cannot be told: no event time of it was seen",)
    broken = told(Known(), {"t": "1"}, Sight(trouble="no column", untold="x"), promise=DAY)
    assert broken.notes == ()


@pytest.mark.parametrize(("rows", "odd"), [(10, True), (60, False), (100, False), (900, True)])
def test_a_file_unlike_the_others_in_its_rows_is_a_change(rows, odd):
    usual = {f"day-{n}": thing(n, rows=100 + n) for n in range(8)}
    marks = {name: one.mark for name, one in usual.items()} | {"new": "x"}
    verdict = told(known(**usual), marks, Sight({"new": Thing("x", rows, NOON - DAY, NOON)}))
    assert (verdict.state is SourceState.CHANGED) == odd
    assert ("rows an hour, where 4 are usual" in verdict.because) == odd


def test_a_month_that_has_only_begun_is_not_small():
    usual = {f"month-{n}": thing(n, rows=3000, days=30) for n in range(8)}
    marks = {name: one.mark for name, one in usual.items()} | {"new": "x"}
    assert told(known(**usual), marks, Sight({"new": thing(rows=200, days=2)})).state is SourceState.NEW


def test_nothing_is_usual_before_a_few_files_are_known():
    few = {f"day-{n}": thing(n) for n in range(4)}
    marks = {name: one.mark for name, one in few.items()} | {"new": "x"}
    assert told(known(**few), marks, Sight({"new": Thing("x", 1)})).state is SourceState.NEW


def test_files_without_a_count_or_a_time_are_compared_as_far_as_they_tell():
    usual = {f"f{n}": Thing(f"m{n}", 50) for n in range(6)}
    marks = {name: one.mark for name, one in usual.items()} | {"new": "x"}
    assert "new has 2 rows, where 50 are usual" in told(known(**usual), marks, Sight({"new": Thing("x", 2)})).because
    assert told(known(**usual), marks, Sight({"new": Thing("x")})).state is SourceState.NEW


def test_what_breaks_is_not_taken_for_known_and_what_is_fit_is():
    before, marks = known(a=thing()), {"a": "mark-1", "b": "x"}
    broken = learnt(before, marks, Sight({"b": thing(2)}, trouble="no column", remedy="Map it."), "c")
    assert (dict(broken.things), broken.trouble, broken.remedy) == ({"a": thing()}, "no column", "Map it.")
    fit = learnt(before, marks, Sight({"b": thing(2)}, unknown=("colour",)), "c")
    assert (set(fit.things), fit.trouble, fit.columns) == ({"a", "b"}, "", ("colour",))
    assert compared(fit, marks).new == ()
    assert Known.from_json(fit.to_json()) == fit


def test_many_names_are_counted():
    marks = {f"f{n}": "m" for n in range(9)}
    verdict = told(known(**{name: thing() for name in "abcdefgh"}), marks, Sight({name: Thing("m") for name in marks}))
    assert verdict.because == "a, b, c and 5 more are gone"


def test_a_verdict_is_a_record_and_a_line():
    verdict = told(known(a=thing()), {"a": "mark-1"})
    assert Verdict.from_json(verdict.to_json()) == verdict
    assert str(verdict) == "orders: unchanged: 1 file as at the last look, up to 2024-01-01 12:00"
