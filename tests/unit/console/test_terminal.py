import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console

from mlray.console import decision_table
from mlray.records import Act, Decision

FIRST = datetime(2013, 4, 1, tzinfo=UTC)


def decided(day, act, because="because", cost="0", subject="flights", id_=""):
    return Decision(id_ or f"{act}-{day}", FIRST + timedelta(days=day), act, subject, because, cost=Decimal(cost))


def shown(table, width=120):
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


def test_each_decision_is_told_with_date_reason_cost_and_result():
    text = shown(decision_table([decided(49, Act.RETRAIN, "it pays", "40.2", id_="r")], {"r": "trained in 11 s"}))
    assert all(part in text for part in ("2013-05-20", "retrain", "it pays", "$40.20", "trained in 11 s"))


@pytest.mark.parametrize("act", list(Act))
def test_every_act_has_a_line(act):
    assert act.value.replace("_", " ") in shown(decision_table([decided(0, act)], {}))


@pytest.mark.parametrize("act", [Act.DEFER, Act.REFUSE])
def test_what_was_not_spent_stands_in_brackets(act):
    assert "($40.20)" in shown(decision_table([decided(0, act, cost="40.20")], {}))


def test_a_calm_time_becomes_one_line_with_its_last_reason():
    calm = [decided(7 * k, Act.HOLD, f"reason {k}") for k in range(4)]
    table = decision_table([*calm, decided(28, Act.RETRAIN)], {})
    text = shown(table)
    assert table.row_count == 2
    assert "hold ×4" in text
    assert "22 Apr: reason 3" in text
    assert "2013-04-01" in text
    assert decision_table(calm, {}, fold=False).row_count == 4


def test_two_holds_and_holds_of_other_subjects_stay_apart():
    assert decision_table([decided(k, Act.HOLD) for k in range(2)], {}).row_count == 2
    assert decision_table([decided(k, Act.HOLD, subject=f"s{k}") for k in range(5)], {}).row_count == 5


def test_an_injected_fault_is_named():
    table = decision_table([decided(0, Act.ROLL_BACK, id_="x")], {}, injected=frozenset({"x"}))
    assert "injected fault" in shown(table)


def test_texts_are_shown_as_they_are():
    text = shown(decision_table([decided(0, Act.ALARM, "[bold]x[/bold] \x1b[31mred", id_="a")], {"a": "[link=x]y"}))
    assert "[bold]x[/bold]" in text
    assert "[link=x]y" in text
    assert "\x1b" not in text


def test_no_decision_gives_an_empty_table():
    assert decision_table([], {}).row_count == 0
