"""What is known of a dataset version's quality, in one line for a person."""

from datetime import UTC, datetime

import pytest

from mlray.records import DataProfile, Finding, Interval, LabelQuality, Repetition


def profile(*findings):
    return DataProfile(
        "shop", "orders@v3", "d", 1200, datetime(2026, 1, 1, tzinfo=UTC), "returned", 1200, (), findings=findings
    )


@pytest.mark.parametrize(
    ("findings", "told"),
    [
        ((), "nothing stands out"),
        ((Finding("note", "columns", "All is well."),), "nothing stands out"),
        ((Finding("bad", "leakage", "'late' knows the answer."),), "'late' knows the answer"),
        (tuple(Finding("warn", "columns", f"{n}.") for n in range(5)), "0; 1; 2"),
    ],
    ids=["nothing", "only a note", "one", "the gravest three"],
)
def test_a_profile_says_in_one_line_what_is_grave(findings, told):
    assert str(profile(*findings)) == f"orders@v3: 1,200 rows, 0 columns; {told}"


def test_rows_named_are_those_of_both_answers():
    found = LabelQuality(100, Interval(0.8, 0.7, 0.9), wrongly_true=3, wrongly_false=4, noise=0.07, trusted=True)
    assert found.named == 7


def test_a_holdout_is_judged_where_there_are_rows_before_and_in_it():
    told = [Repetition(rows=10, repeated=0, contradicting=0, held=held).judged for held in (0, 4, 10)]
    assert told == [False, True, False]
