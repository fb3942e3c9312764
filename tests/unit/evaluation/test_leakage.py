import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from mlray.evaluation import coded, leakage, repetition
from mlray.evaluation._leakage import alone

RNG = np.random.default_rng(5)
ROWS = 4_000
ANSWERS = (RNG.random(ROWS) < 0.3).astype(float)


def verdict(values, *, words=False):
    return leakage({"column": coded(values, words=words)}, ANSWERS)[0]


def test_a_column_that_was_filled_in_afterwards_is_found_by_what_is_missing():
    filled = np.where(ANSWERS == 1, RNG.normal(size=ROWS), np.nan)
    found = verdict(filled)
    assert found.verdict == "certain"
    assert "whether it is missing" in found.because


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (ANSWERS * 7 + 3, "certain"),
        (np.where(RNG.random(ROWS) < 0.03, 1 - ANSWERS, ANSWERS), "suspect"),
        (ANSWERS + RNG.normal(scale=1.5, size=ROWS), "fine"),
        (RNG.normal(size=ROWS), "fine"),
        (np.abs(RNG.normal(size=ROWS)) * np.where(RNG.random(ROWS) < 0.5, 1, -1) + 100, "fine"),
    ],
    ids=["the answer in other words", "the answer with mistakes", "an honest column", "noise", "noise elsewhere"],
)
def test_a_column_is_judged_by_how_well_it_tells_the_answer_alone(values, expected):
    assert verdict(values).verdict == expected


def test_a_column_that_knows_the_answer_without_rising_with_it_is_found():
    far = np.where(ANSWERS == 1, RNG.choice([-5.0, 5.0], ROWS), 0.0) + RNG.normal(scale=0.1, size=ROWS)
    assert roc_auc_score(ANSWERS, far) == pytest.approx(0.5, abs=0.05)
    assert verdict(far).verdict == "certain"


def test_a_name_that_occurs_once_knows_nothing():
    names = [f"person {number}" for number in range(ROWS)]
    assert verdict(names, words=True).auc.value == pytest.approx(0.5, abs=0.03)


def test_words_that_know_the_answer_are_found_and_missing_ones_are_a_word_of_their_own():
    words = np.where(ANSWERS == 1, "refunded", None)
    assert verdict(words, words=True).verdict == "certain"
    assert coded(["b", None, "a", "b"], words=True).tolist() == [1, 0, 2, 1]


def test_a_straight_column_has_the_auc_that_sklearn_gives_it():
    values = ANSWERS + RNG.normal(scale=1.0, size=ROWS)
    assert alone(coded(values, words=False), ANSWERS).value == pytest.approx(roc_auc_score(ANSWERS, values), abs=0.02)


def test_a_column_without_any_value_tells_nothing():
    assert set(coded(np.full(9, np.nan), words=False)) == {0}


def test_the_best_stands_first():
    columns = {"noise": coded(RNG.normal(size=ROWS), words=False), "answer": coded(ANSWERS, words=False)}
    assert [one.column for one in leakage(columns, ANSWERS)] == ["answer", "noise"]


def table(rows=1_000, seed=0):
    rng = np.random.default_rng(seed)
    return {"at": np.arange(rows), "x": rng.normal(size=rows), "y": rng.normal(size=rows)}, (
        rng.random(rows) < 0.5
    ).astype(float)


def judged(columns, answers, held=200):
    learnt = np.arange(len(answers)) < len(answers) - held
    return repetition(pa.table(columns), ["at", "x", "y"], "at", answers, learnt)


def test_new_rows_repeat_nothing():
    found = judged(*table())
    assert (found.repeated, found.contradicting, found.learnt, found.suspicious) == (0, 0, 0, False)
    assert found.held == 200


def test_rows_to_judge_by_that_were_learnt_from_are_counted_and_suspicious():
    columns, answers = table()
    for name in ("x", "y"):
        columns[name][800:860] = columns[name][:60]
    answers[800:860] = answers[:60]
    found = judged(columns, answers)
    assert found.learnt == 60
    assert found.suspicious


def test_rows_that_repeat_by_rights_are_not_suspicious():
    rng = np.random.default_rng(1)
    columns = {"at": np.arange(2_000), "x": rng.integers(0, 3, 2_000), "y": rng.integers(0, 3, 2_000)}
    found = judged(columns, (rng.random(2_000) < 0.5).astype(float))
    assert found.learnt == found.held
    assert found.usual == 1.0
    assert not found.suspicious


def test_the_same_inputs_with_both_answers_contradict_each_other():
    columns, answers = table()
    for name in ("x", "y"):
        columns[name][1] = columns[name][0]
    answers[:2] = (0, 1)
    found = judged(columns, answers)
    assert found.contradicting == 2
    assert found.repeated == 0


def test_whole_rows_that_are_there_twice_are_counted_once_too_often():
    columns, answers = table()
    for name in columns:
        columns[name][1:3] = columns[name][0]
    assert judged(columns, answers).repeated == 2


def test_without_inputs_but_the_time_only_whole_rows_are_compared():
    found = repetition(pa.table({"at": [1, 1, 2]}), ["at"], "at", np.array([0.0, 1, 1]), np.array([True, True, False]))
    assert (found.repeated, found.held) == (1, 0)


def test_without_a_holdout_nothing_was_learnt_twice():
    columns, answers = table()
    assert not judged(columns, answers, held=0).suspicious
