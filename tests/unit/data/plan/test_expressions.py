"""Expressions over columns: what they compute, and what they refuse."""

import pickle

import pyarrow as pa
import pytest

from mlray.data.plan import call, col
from mlray.data.plan._expr import evaluate
from mlray.errors import DataError

ROWS = pa.record_batch(
    {
        "number": pa.array([1, 2, None, 4], pa.int32()),
        "price": [0.5, 2.0, 3.0, None],
        "word": pa.array(["a", "b", None, "a"]).dictionary_encode(),
        "text": ["a", "b", None, "a"],
    }
)


def values(expression):
    return evaluate(expression, ROWS).to_pylist()


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (col("number") + 1, [2, 3, None, 5]),
        (10 - col("number"), [9, 8, None, 6]),
        (col("number") - 1, [0, 1, None, 3]),
        (1 + col("number"), [2, 3, None, 5]),
        (2 * col("price"), [1.0, 4.0, 6.0, None]),
        (col("number") / 2, [0.5, 1.0, None, 2.0]),
        (1 / col("number"), [1.0, 0.5, None, 0.25]),
        (-col("number"), [-1, -2, None, -4]),
        (col("number") * col("price"), [0.5, 4.0, None, None]),
        (col("price") >= 2.0, [False, True, True, None]),
        (col("price") < 2.0, [True, False, False, None]),
        (col("price") <= 2.0, [True, True, False, None]),
        ((col("price") > 1) | (col("number") == 4), [False, True, True, True]),
        (~(col("price") > 1) & (col("number") != 4), [True, False, False, False]),
        (col("number").is_in([1, 4]), [True, False, False, True]),
        (col("text").place_in(["b", "a"]), [1, 0, None, 1]),
        (col("number").is_null(), [False, False, True, False]),
        (col("number").cast("string"), ["1", "2", None, "4"]),
        (call("if_else", col("number").is_null(), 0, col("number")), [1, 2, 0, 4]),
    ],
    ids=str,
)
def test_expressions_compute_row_by_row(expression, wanted):
    assert values(expression) == wanted


@pytest.mark.parametrize(
    "make",
    [
        lambda word: word != "a",
        lambda word: word.is_null(),
        lambda word: word.place_in(["b", "a"]),
        lambda word: call("utf8_upper", word),
        lambda word: call("coalesce", word, "none"),
        lambda word: call("utf8_length", word) + 1,
        lambda word: call("binary_join_element_wise", word, col("number").cast("string"), "-"),
    ],
)
def test_a_dictionary_gives_what_its_text_gives(make):
    assert values(make(col("word"))) == values(make(col("text")))


def test_a_python_function_gets_arrays():
    def longer(words):
        return pa.array([None if word is None else len(word) + 1 for word in words.to_pylist()])

    assert values(call(longer, col("word"))) == [2, 2, None, 2]
    assert values(call(lambda numbers: [1, 2, 3, 4], col("number"))) == [1, 2, 3, 4]
    assert values(call(lambda words: pa.chunked_array([words]), col("text"))) == ["a", "b", None, "a"]


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        (col("prise") > 1, "no column 'prise'"),
        (col("text") + 1, "'add.text, 1.' cannot be computed"),
        (call(lambda numbers: numbers[:2], col("number")), "returned 2 values for 4 rows"),
    ],
)
def test_what_cannot_be_computed_is_named(expression, problem):
    with pytest.raises(DataError, match=problem):
        evaluate(expression, ROWS)


@pytest.mark.parametrize(
    ("function", "problem"),
    [("sum", "more than one row"), ("random", "more than one row"), ("lenght", "no function 'lenght'")],
)
def test_only_functions_that_work_row_by_row_are_let_in(function, problem):
    with pytest.raises(DataError, match=problem):
        call(function, col("number"))


def test_python_and_or_not_are_refused_with_what_to_write():
    with pytest.raises(DataError, match="Write `&`"):
        bool(col("number") > 1)


def test_an_object_that_is_no_expression_is_refused():
    with pytest.raises(DataError, match="is not an expression"):
        evaluate("number", ROWS)


def test_an_expression_survives_pickling():
    expression = (col("number") + 1).is_in([2, 3])
    assert values(pickle.loads(pickle.dumps(expression))) == values(expression)
    assert expression.columns == {"number"}
