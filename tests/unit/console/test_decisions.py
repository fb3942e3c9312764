import re
from dataclasses import replace
from decimal import Decimal

import pytest

from mlray.console import Decided
from mlray.console.decisions import decisions_table
from mlray.records import Act, Interval


def cells(table, key):
    row = re.search(rf'<tr id="{key}".*?</tr>', table, re.DOTALL)
    return re.findall(r"<td[^>]*>(.*?)</td>", row.group(0), re.DOTALL)


def one(story, **changes):
    told = next(t for t in story.decisions if t.decision.act is Act.RETRAIN)
    own = {name: changes.pop(name) for name in ("result", "spent") if name in changes}
    return replace(told, decision=replace(told.decision, **changes), **own)


def test_every_decision_has_a_row_that_names_its_act(sample_story):
    story = sample_story()
    acts = re.findall(r'<tr id="d\d+" data-act="(\w+)"', decisions_table(story))
    assert acts == [told.decision.act.value for told in story.decisions]


def test_each_act_that_occurs_has_a_filter_with_its_count(sample_story):
    chips = re.findall(
        r'data-act="([!\w]*)" aria-pressed="(\w+)">([\w ]+) <span class="count">(\d+)', decisions_table(sample_story())
    )
    assert ("", "true", "all", "56") in chips
    assert ("!hold", "false", "all but hold", "24") in chips
    assert ("roll_back", "false", "roll back", "1") in chips
    assert not [chip for chip in chips if chip[0] == "alarm"]


def test_without_a_hold_there_is_nothing_to_leave_out(sample_story):
    story = sample_story()
    assert "all but hold" not in decisions_table(replace(story, decisions=(one(story),)))


@pytest.mark.parametrize(
    ("act", "cost", "spent", "shown", "sort"),
    [
        (Act.RETRAIN, "40.20", "40.01", '$40.01<small class="below">priced $40.20</small>', "40.01"),
        (Act.RETRAIN, "40.20", "40.20", "$40.20", "40.2"),
        (Act.RETRAIN, "40.20", None, "$40.20", "40.2"),
        (Act.DEFER, "40.20", None, "($40.20)", "40.2"),
        (Act.HOLD, "0", None, "–", "0"),
    ],
    ids=["cheaper", "as priced", "not settled", "not spent", "free"],
)
def test_cost_tells_the_price_from_what_was_paid(sample_story, act, cost, spent, shown, sort):
    story = sample_story()
    told = one(story, act=act, cost=Decimal(cost), spent=None if spent is None else Decimal(spent))
    table = decisions_table(replace(story, decisions=(told,)))
    assert cells(table, "d0")[3] == shown
    assert f'data-sort="{sort}">{shown}' in table


def test_decisions_about_an_injected_fault_are_marked_and_no_others(sample_story):
    story = sample_story()
    marked = re.findall(r'<tr id="(d\d+)" data-act="\w+" class="injected"', decisions_table(story))
    assert [story.decisions[int(key[1:])].decision.id for key in marked] == ["shadow-v4", "canary-v4", "roll_back-v4"]
    assert decisions_table(story).count("injected fault") == 3


def test_evidence_gain_and_cause_stand_behind_the_reason(sample_story):
    story = sample_story()
    evidence = {
        "excess_paid": 61.5,
        "drifting": ["temp", "dewp"],
        "share": {"b": 1},
        "labelled": 6380,
        "none": None,
        "few": [],
    }
    first, second = (
        one(story, evidence=evidence, gain=Interval(58, 22, 94)),
        one(story, id="next", evidence={}, gain=None, caused_by="first"),
    )
    table = decisions_table(replace(story, decisions=(first, second)))
    reason = cells(table, "d0")[2]
    for said in (
        "excess paid: 61.5",
        "drifting: temp, dewp",
        "share: b 1",
        "labelled: 6380",
        "expected gain: 58.00 USD",
    ):
        assert said in reason
    assert "none:" not in reason
    assert "few:" not in reason
    assert 'href="#d0"' in cells(table, "d1")[2]


def test_a_decision_without_evidence_unfolds_nothing(sample_story):
    story = sample_story()
    bare = Decided(replace(one(story).decision, evidence={}, gain=None))
    assert "<details>" not in decisions_table(replace(story, decisions=(bare,)))


def test_only_another_subject_than_the_project_is_named(sample_story):
    story = sample_story()
    other = decisions_table(replace(story, decisions=(one(story, subject="flights v2"),)))
    assert '<span class="subject">flights v2</span>' in other
    assert 'class="subject"' not in decisions_table(replace(story, decisions=(one(story),)))
