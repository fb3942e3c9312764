"""What holds for every column, every label and every lineage, whatever they are."""

import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from mlray.evaluation import coded, label_problems
from mlray.monitoring import describe
from mlray.registry.lineage import Lineage, Link, Node
from mlray.sketches import Reference, profile

numbers = st.lists(st.none() | st.floats(-1e6, 1e6, width=32), min_size=1, max_size=200)
words = st.lists(st.none() | st.sampled_from(["a", "b", "c", "long word", ""]), min_size=1, max_size=60)


@given(values=numbers | words, cut=st.integers(0, 200))
@example(values=[0.0, 0.0, 0.0, 4.0, 1.1754943508222875e-38], cut=0)
def test_every_value_is_in_one_bar_and_parts_are_described_as_the_whole(values, cut):
    kind = pa.string() if any(isinstance(value, str) for value in values) else pa.float64()
    rows = pa.table({"c": pa.array(values, kind)})
    reference = Reference.of(rows)
    whole = profile(rows, reference)
    parts = profile(rows.slice(0, cut), reference).merge(profile(rows.slice(cut), reference))
    (column,) = describe(whole, whole)
    assert describe(parts, parts) == (column,)
    assert sum(bar.rows for bar in column.bars) == column.rows - column.missing
    assert all(bar.rows == bar.before for bar in column.bars)
    assert column.outliers <= column.rows - column.missing


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 80), classes=st.integers(2, 4))
def test_labels_are_judged_alike_in_any_order_and_add_up_to_all_rows(seed, rows, classes):
    rng = np.random.default_rng(seed)
    labels, p = rng.integers(0, classes, rows), rng.dirichlet(np.ones(classes), rows)
    found = label_problems(labels, p)
    assert np.isclose(found.joint.sum(), rows)
    assert len(set(found.rows.tolist())) == len(found.rows)
    assert (found.quality[found.rows] < 0).all()
    assert (found.meant != labels[found.rows]).all()
    assert -1e-9 <= found.noise <= 1
    order = rng.permutation(rows)
    again = label_problems(labels[order], p[order])
    assert set(order[again.rows].tolist()) == set(found.rows.tolist())


@given(values=numbers)
def test_a_cell_holds_what_is_missing_or_what_is_there_never_both(values):
    codes = coded(np.array([np.nan if value is None else value for value in values]), words=False)
    assert [code == 0 for code in codes] == [value is None for value in values]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_what_lies_before_a_thing_has_that_thing_after_it(pairs):
    nodes = {f"model:{n}": Node("model", str(n)) for n in range(10)}
    links = tuple(Link(f"model:{min(a, b)}", f"model:{max(a, b)}", "went into") for a, b in pairs if a != b)
    known = Lineage(nodes, links)
    for node in nodes.values():
        for before in known.trace([node]).upstream:
            assert node in known.trace([before]).downstream
