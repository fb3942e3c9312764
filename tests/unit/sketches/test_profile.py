"""What a profile counts, and what can be read from it."""

import json

import numpy as np
import pyarrow as pa
import pytest

from mlray.errors import DataError
from mlray.sketches import Profile, Reference, profile


def rows(**columns):
    return pa.table(columns)


def of_itself(table):
    return profile(table, Reference.of(table))


def test_bins_of_the_reference_itself_are_near_a_tenth_each():
    values = np.random.default_rng(3).normal(0, 1, 50_000)
    bins = of_itself(rows(x=values)).bins("x")
    assert len(bins.counts) == len(bins.labels) == 10
    assert bins.counts.sum() == 50_000
    assert np.all(np.abs(bins.counts / 50_000 - 0.1) < 0.005)
    assert (bins.missing, bins.unseen) == (0, 0)


def test_bins_agree_with_counting_the_values_between_the_borders():
    rng = np.random.default_rng(4)
    reference = Reference.of(rows(x=rng.gamma(2, 10, 5_000)))
    live = np.round(rng.gamma(2, 12, 3_000), 1)
    bins = profile(rows(x=live), reference).bins("x")
    column = reference.columns["x"]
    # A cell is cut at its border nearer to the centre, so that exact borders belong to the bin on the far side.
    codes = profile(rows(x=live), reference).cells("x")
    edges = np.searchsorted(np.array(column.borders), codes[0], side="left")
    counted = np.bincount(edges, weights=codes[1], minlength=len(column.edges) + 1)
    assert bins.counts.tolist() == counted.tolist()


def test_values_outside_the_reference_are_in_the_outer_bins_and_unseen():
    reference = Reference.of(rows(x=np.arange(1_000.0)))
    bins = profile(rows(x=[-50.0, 500.0, 5_000.0, np.inf, -np.inf]), reference).bins("x")
    assert bins.unseen == 4
    assert (bins.counts[0], bins.counts[-1]) == (2, 2)
    assert bins.counts.sum() == 5


def test_missing_values_are_counted_apart():
    bins = profile(rows(x=[1.0, None, np.nan]), Reference.of(rows(x=[1.0, 2.0]))).bins("x")
    assert (bins.missing, bins.counts.sum()) == (2, 1)


def test_counts_and_missing_are_all_rows_for_words_too():
    words = [f"w{place:04d}" for place in range(60) for _ in range(60 - place)]
    reference = Reference.of(rows(c=words))
    bins = profile(rows(c=["w0000", "w0055", "new", None]), reference).bins("c")
    assert bins.labels[-2:] == ("(other)", "(unseen)")
    assert bins.counts[0] == bins.counts[-2] == bins.counts[-1] == 1
    assert bins.counts.sum() + bins.missing == 4
    assert bins.unseen == 1


def test_words_are_not_called_unseen_when_the_reference_knows_only_the_frequent_ones():
    reference = Reference.of(rows(c=[f"w{place}" for place in range(1_001)]))
    bins = profile(rows(c=["elsewhere"]), reference).bins("c")
    assert (bins.unseen, bins.counts[-2]) == (0, 1)


def test_summary_has_exact_ends_and_a_mean_to_within_a_cell():
    values = np.random.default_rng(5).normal(100, 5, 10_000)
    summary = of_itself(rows(x=pa.array([*values, None]))).summary("x")
    assert (summary.count, summary.nulls) == (10_000, 1)
    assert (summary.low, summary.high) == (values.min(), values.max())
    assert summary.mean == pytest.approx(values.mean(), abs=0.05)


def test_summary_of_words_and_of_nothing_has_counts_only():
    profiled = of_itself(rows(c=["a", None], x=pa.array([None, None], pa.float64())))
    assert (profiled.summary("c").count, profiled.summary("c").nulls, profiled.summary("c").mean) == (1, 1, None)
    assert (profiled.summary("x").count, profiled.summary("x").low) == (0, None)


def test_summary_of_infinities_alone_has_no_mean():
    summary = of_itself(rows(x=[np.inf])).summary("x")
    assert (summary.count, summary.mean, summary.high) == (1, None, np.inf)


def test_cells_are_an_empirical_distribution():
    values, counts = of_itself(rows(x=[1.0, 1.0, 2.0, 4.0, np.inf])).cells("x")
    assert values.tolist() == pytest.approx([1.0, 2.0, 4.0], rel=0.01)
    assert counts.tolist() == [2, 1, 1]


def test_words_have_no_cells():
    with pytest.raises(DataError, match="holds words"):
        of_itself(rows(c=["a"])).cells("c")


@pytest.mark.parametrize("ask", [Profile.bins, Profile.summary, Profile.cells])
def test_an_unknown_column_is_named(ask):
    with pytest.raises(DataError, match="'y' is not in the profile"):
        ask(of_itself(rows(x=[1.0])), "y")


def test_rows_without_a_column_of_the_reference_are_refused():
    with pytest.raises(DataError, match="lack the column 'x'"):
        profile(rows(y=[1.0]), Reference.of(rows(x=[1.0])))


def test_columns_that_the_reference_does_not_know_are_left_out():
    assert profile(rows(x=[1.0], y=[2.0]), Reference.of(rows(x=[1.0]))).columns == ("x",)


def test_profiles_against_other_references_do_not_add_up():
    one, other = of_itself(rows(x=[1.0])), of_itself(rows(x=[2.0]))
    with pytest.raises(DataError, match="different references"):
        one.merge(other)


def test_a_profile_survives_json_text():
    table = rows(x=[1.0, None, -3.5], c=["a", "b", None], t=[True, None, False], e=pa.array([None] * 3, pa.int64()))
    profiled = of_itself(table)
    again = Profile.from_json(json.loads(json.dumps(profiled.to_json(), allow_nan=False)))
    assert again == profiled
    assert hash(again) == hash(profiled)
    assert again.merge(profiled).rows == 6


def test_profiles_of_different_rows_differ():
    reference = Reference.of(rows(x=[1.0, 2.0]))
    assert profile(rows(x=[1.0]), reference) != profile(rows(x=[2.0]), reference)
    assert profile(rows(x=[1.0]), reference) != "a profile"


def test_many_rows_and_few_rows_are_counted_alike():
    values = np.random.default_rng(6).normal(0, 1, 9_000)
    reference = Reference.of(rows(x=values))
    whole = profile(rows(x=values), reference)
    parts = [profile(rows(x=part), reference) for part in np.array_split(values, 7)]
    merged = parts[0]
    for part in parts[1:]:
        merged = part.merge(merged)
    assert merged == whole


def test_float32_values_far_from_zero_are_told_apart():
    table = rows(x=pa.array(1.6e9 + np.arange(0, 4_096, 128), pa.float32()))
    assert len(of_itself(table).cells("x")[0]) > 20
