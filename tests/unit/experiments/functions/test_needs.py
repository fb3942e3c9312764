"""What a trial of a user's function needs, and how many fit."""

import pytest

from mlray.errors import InputError
from mlray.experiments.functions import Needs, fewest, needs_of, slots

SMALL, GPU = {"CPU": 4.0, "memory": 8e9, "node:10.0.0.1": 1.0}, {"CPU": 8.0, "GPU": 2.0, "memory": 32e9}


@pytest.mark.parametrize(
    ("resources", "bundles"),
    [
        (None, ({"CPU": 1.0},)),
        ({"cpu": 2}, ({"CPU": 2.0},)),
        ({"CPU": 1, "gpu": 0.25, "Memory": 1e9}, ({"CPU": 1.0, "GPU": 0.25, "memory": 1e9},)),
        ({"cpu": 1, "gpu": 0}, ({"CPU": 1.0},)),
        ([{"cpu": 1}, {"cpu": 2, "gpu": 1}], ({"CPU": 1.0}, {"CPU": 2.0, "GPU": 1.0})),
        ({"cpu": 1, "license": 1}, ({"CPU": 1.0, "license": 1.0},)),
    ],
)
def test_resources_are_read_as_people_write_them(resources, bundles):
    assert needs_of(resources).bundles == bundles


@pytest.mark.parametrize(
    ("resources", "claimed"),
    [(None, False), ({"cpu": 3}, False), ({"gpu": 0.5}, True), ({"cpu": 1, "memory": 5}, True), ([{}, {}], None)],
)
def test_only_what_the_lease_cannot_give_is_claimed_from_ray(resources, claimed):
    if claimed is None:
        resources = [{"cpu": 1}, {"cpu": 1}]
    assert needs_of(resources).claimed is (claimed is None or claimed)


@pytest.mark.parametrize(
    ("resources", "problem"),
    [
        ("2", "resources='2' does not say what a trial needs"),
        ([], r"resources=\[\] does not say"),
        ([1], r"resources=\[1\] does not say"),
        ({"cpu": "two"}, "cpu is 'two', not an amount"),
        ({"cpu": True}, "cpu is True, not an amount"),
        ({"cpu": -1}, "cpu is -1, not an amount"),
        ({"gpu": 1.5}, "gpu is 1.5; a fraction is of one GPU"),
        ({"cpu": 0}, "a trial that needs nothing"),
    ],
)
def test_resources_that_cannot_be_are_refused(resources, problem):
    with pytest.raises(InputError, match=problem) as caught:
        needs_of(resources)

    assert caught.value.remedy


@pytest.mark.parametrize(
    ("resources", "count"),
    [
        (None, 12),
        ({"cpu": 3}, 3),
        ({"cpu": 0.1}, 120),
        ({"gpu": 0.25}, 8),
        ({"cpu": 1, "memory": 16e9}, 2),
        ([{"cpu": 2}, {"cpu": 2}], 3),
        ([{"cpu": 6}, {"cpu": 6}], 1),
    ],
)
def test_as_many_trials_run_side_by_side_as_fit(resources, count):
    assert slots(needs_of(resources), [SMALL, GPU]) == count


@pytest.mark.parametrize(
    ("resources", "problem", "remedy"),
    [
        ({"gpus": 1}, "A trial needs 1 gpus; no node has any.", "Did you mean 'GPU'?"),
        ({"tpu-v9": 1}, "A trial needs 1 tpu-v9; no node has any.", "There is: CPU, GPU, memory."),
        ({"cpu": 16}, "A trial needs 16 CPU; the largest node has 8.", "Ask for less"),
        ([{"cpu": 8}, {"cpu": 8}], "A trial's 2 bundles need 16 CPU; the cluster has 12.", "Ask for less, or add"),
    ],
)
def test_more_than_the_cluster_has_is_refused_before_anything_starts(resources, problem, remedy):
    with pytest.raises(InputError) as caught:
        slots(needs_of(resources), [SMALL, GPU])

    assert caught.value.problem == problem
    assert caught.value.remedy.startswith(remedy)


def test_a_trial_goes_where_most_room_is_left():
    nodes = {"a": {"CPU": 4.0}, "b": {"CPU": 2.0}}

    assert fewest(Needs(), nodes, {}) == "a"
    assert fewest(Needs(), nodes, {"a": 3}) == "b"
    assert fewest(Needs(), nodes, {"a": 2}) == "a"
