"""What a project says of its sweeps: how they end, what they are judged by, what a lane is made of, how they share."""

from decimal import Decimal

import jsonschema
import pytest
from pydantic import TypeAdapter, ValidationError

from mlray.spec import Claim, Model, Sharing, json_schema, read_spec
from mlray.spec._sharing import Size, parse_size
from mlray.spec._yaml import read_yaml

WHOLE = """model:
  searcher: random
  time: 10 minutes
  budget: 2 USD
  plateau: 0.0005
  objectives: [score, latency]
  ensemble: false
  class_weights: {false: 1, true: 5}
  folds: 5
  split: random
  threads: 2
  device: cuda
  gpus: 0.25
  keep_lanes: 1 hour"""
SHARED = """sharing:
  tenant: growth
  weight: 2
  guarantee: {cpu: 4, memory: 8 GiB}
  maximum: {cpu: 32, gpu: 0.5}
  priority: 60
gates:"""


def test_every_key_of_a_sweep_is_read(write):
    spec = read_spec(write(("model:", WHOLE), ("gates:", SHARED)))

    model = spec.model
    assert (model.searcher, model.seconds, model.budget, model.plateau) == ("random", 600.0, Decimal(2), 0.0005)
    assert (model.objectives, model.ensemble, model.folds, model.split) == (("score", "latency"), False, 5, "random")
    assert model.weight_of_class == {0: 1.0, 1: 5.0}
    assert (model.threads, model.device, model.gpus_per_lane, model.keep_lanes) == (2, "cuda", 0.25, "1 hour")
    assert spec.sharing == Sharing(
        tenant="growth",
        weight=2,
        guarantee=Claim(cpu=4, memory=8 * 2**30),
        maximum=Claim(cpu=32, gpu=0.5),
        priority=60,
    )


def test_a_project_that_says_nothing_has_neither_limits_nor_gpus():
    model = Model()

    assert (model.seconds, model.budget, model.plateau, model.folds, model.weight_of_class) == (None,) * 5
    assert (model.gpus_per_lane, model.threads, model.objectives) == (0.0, 1, ("score",))
    assert Model(device="cuda").gpus_per_lane == 1.0
    assert Model(class_weights="balanced").weight_of_class == "balanced"
    assert Sharing() == Sharing(tenant="default", weight=1, guarantee=Claim(), maximum=None, priority=50)


def test_what_is_written_for_a_sweep_is_valid_by_the_schema(write):
    text = write(("model:", WHOLE), ("gates:", SHARED)).read_text(encoding="utf-8")

    jsonschema.validate(read_yaml(text).value, json_schema())


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("tiem: 10 minutes", "unknown key 'tiem' in model; did you mean 'time'?"),
        ("time: 10 minuts", "model.time: '10 minuts' is not a duration; write a number and a unit"),
        ("time: 0 seconds", "model.time is '0 seconds'; nothing can be tried in no time; leave it out for no limit"),
        ("budget: 2 EUR", "model.budget: '2 EUR': only USD is known so far"),
        ("budget: 0 USD", "model.budget is '0 USD'; it must be more than 0"),
        ("plateau: 0", "model.plateau is 0; it must be more than 0"),
        ("objectives: [score, latancy]", "model.objectives[1] is 'latancy'; did you mean 'latency'? Valid: score,"),
        ("objectives: [latency]", "model.objectives is [latency]; 'score' is one of them always"),
        ("objectives: [score, score]", "model.objectives[1] is 'score'; it is named twice"),
        ("objectives: []", "model.objectives is []; it needs at least 1"),
        ("ensemble: 5", "model.ensemble is 5, not true or false"),
        ("class_weights: balancd", "model.class_weights is 'balancd'; did you mean 'balanced'? Valid: balanced"),
        ("class_weights: {true: 0}", "model.class_weights.true is 0; it must be more than 0"),
        ("class_weights: {true: much}", "model.class_weights.true is 'much', not a number"),
        ("class_weights: {}", "model.class_weights is {}; it needs at least 1"),
        ("class_weights: {late: 2}", "model.class_weights.late is 'late'; a class is written false or true, or as its"),
        ("class_weights: {2: 2}", "model.class_weights.2 is '2'; the answer is true or false; classes: false, true"),
        ("class_weights: {true: 2, 1: 3}", "model.class_weights.1 is '1'; 'true' is the same class"),
        ("folds: 1", "model.folds is 1; it must be at least 2"),
        ("split: random", "model.split is 'random'; only folds are cut at random; say how many with model.folds"),
        ("split: tme", "model.split is 'tme'; did you mean 'time'? Valid: time, random"),
        ("threads: 0", "model.threads is 0; it must be at least 1"),
        ("device: cud", "model.device is 'cud'; did you mean 'cuda'? Valid: cpu, cuda"),
        ("gpus: -1", "model.gpus is -1; it must be at least 0"),
        ("gpus: 1.5", "model.gpus is 1.5; a fraction is of one GPU: write at most 1, or a whole number"),
        ("{device: cuda, gpus: 0}", "model.gpus is 0; a lane with device cuda holds a GPU, or a fraction of one"),
        ("keep_lanes: 5", "model.keep_lanes is 5, not a text"),
        (
            "searcher: rndom",
            "model.searcher is 'rndom'; nothing is known that searches by that name; did you mean 'ran",
        ),
        ("searcher: zz top", "model.searcher is 'zz top'; nothing is known that searches by that name; write tpe,"),
        ("metric: rmse", "model.metric is 'rmse'; the answer is true or false, which is judged by auc, accuracy,"),
        ("{metric: r2, goal: 2}", "model.goal is 2; r2 lies at or below 1"),
        ("{metric: log_loss, goal: -1}", "model.goal is -1; log_loss lies between 0 and infinity"),
    ],
)
def test_a_fault_in_a_sweep_s_key_is_told_with_value_and_what_would_be_right(faults, line, fault):
    split = line.strip("{}").split(", ") if line.startswith("{") else [line]
    found = faults(("model:", "\n  ".join(["model:", *split])))

    assert any(told.partition(": ")[2].startswith(fault) for told in found), found
    lines = {told.partition(":")[0] for told in found}
    assert lines <= {"19", "20"}


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{wieght: 2}", "unknown key 'wieght' in sharing; did you mean 'weight'?"),
        ("{weight: 0}", "sharing.weight is 0; it must be more than 0"),
        ("{tenant: Growth Team}", "sharing.tenant is 'Growth Team'; a name has lower-case letters"),
        ("{guarantee: {cpus: 2}}", "unknown key 'cpus' in sharing.guarantee; did you mean 'cpu'?"),
        ("{guarantee: {memory: 8 GX}}", "sharing.guarantee.memory: '8 GX' is not an amount of memory; write a number"),
        ("{guarantee: {memory: 8.5}}", "sharing.guarantee.memory is 8.5, not"),
        ("{guarantee: {cpu: 8}, maximum: {cpu: 4}}", "sharing.guarantee.cpu is 8; more than the maximum, 4, can never"),
        ("{maximum: {cpu: 0}}", "sharing.maximum.cpu is 0; a lane needs a CPU, or a share of one"),
        ("{priority: 1000}", "sharing.priority is 1000; it must be at most 100"),
    ],
)
def test_a_fault_in_the_terms_of_sharing_is_told(faults, line, fault):
    (found,) = faults(("gates:", f"sharing: {line}\ngates:"))

    assert found.startswith(f"20: {fault}")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("16 GB", 16 * 10**9),
        ("16GiB", 2**34),
        ("1.5 KiB", 1536),
        ("7 B", 7),
        ("2 tb", 2 * 10**12),
        ("3 mib", 3 * 2**20),
    ],
)
def test_memory_is_read_with_its_unit(text, number):
    assert parse_size(text) == number


@pytest.mark.parametrize(
    ("value", "good"),
    [("16 GB", True), ("16gib", True), (1024, True), ("16", False), ("GB", False), ("-1 GB", False), (-1, False)],
)
def test_reader_and_schema_agree_on_amounts_of_memory(value, good):
    adapter = TypeAdapter(Size)

    def read() -> bool:
        try:
            adapter.validate_python(value, strict=True)
        except ValidationError:
            return False
        return True

    assert (read(), jsonschema.Draft202012Validator(adapter.json_schema()).is_valid(value)) == (good, good)
