from datetime import UTC, datetime, timedelta

import pytest

from mlray.journal import open_journal
from mlray.project._past import of_project, past
from mlray.records import Act, Decision

START = datetime(2024, 1, 1, tzinfo=UTC)


def told(*acts, name="orders"):
    """Return the entries of decisions, each carried out: (act, version) or (promote, version, left)."""
    journal = open_journal("memory://")
    for number, (act, version, *left) in enumerate(acts):
        at = START + timedelta(days=number)
        evidence = {"version": version, **({"left": left[0]} if left else {})}
        decision = Decision(f"{name}:{number}", at, act, f"{name}/v{version}", "a test says so", evidence)
        journal.append("decision", decision.subject, decision.to_json(), at=at, key=decision.id)
        journal.append("outcome", decision.subject, {"decision": decision.id, "result": "done"}, at=at)
    return journal.entries()


UP, OUT, NO = Act.PROMOTE, Act.ROLL_BACK, Act.REJECT


@pytest.mark.parametrize(
    ("acts", "previous"),
    [
        ([], None),
        ([(UP, 1)], None),
        ([(UP, 1), (UP, 1)], None),
        ([(UP, 1), (UP, 2)], 1),
        ([(UP, 1), (UP, 2), (UP, 3)], 2),
        ([(UP, 1), (UP, 2), (OUT, 3)], 1),
        ([(UP, 1), (UP, 2), (UP, 1, 2)], None),
        ([(UP, 1), (UP, 2), (UP, 3), (UP, 2, 3)], 1),
        ([(UP, 1), (UP, 2), (UP, 3), (UP, 2, 3), (UP, 1, 2)], None),
        ([(UP, 1), (UP, 2), (UP, 3), (UP, 2, 3), (UP, 4)], 2),
        ([(UP, 1), (UP, 2), (UP, 1, 2), (UP, 2), (UP, 3)], 2),
    ],
)
def test_a_rollback_leads_to_what_was_live_before_and_did_not_prove_bad(acts, previous):
    assert past(told(*acts)).previous == previous


def test_what_was_rejected_rolled_back_or_left_is_bad_until_somebody_makes_it_live_again():
    found = past(told((UP, 1), (NO, 2), (OUT, 3), (UP, 4), (UP, 1, 4), (UP, 3)))
    assert found.bad == {2, 4}
    assert found.first == 1


def test_a_promotion_without_an_outcome_made_nothing_live():
    entries = [entry for entry in told((UP, 1), (UP, 2)) if entry.seq != 4]
    assert past(entries).lives == (1,)


def test_other_projects_in_the_same_journal_are_not_ours():
    entries = [*told((UP, 1)), *told((UP, 7), name="orders-too")]
    assert past(of_project(entries, "orders")).lives == (1,)
