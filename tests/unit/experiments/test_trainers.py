"""The trainers on small tables: what they learn, that scores on the way are those of the model, and what they survive."""

import json
import os
import pickle
import threading
from importlib.metadata import EntryPoint, EntryPoints
from itertools import pairwise

import numpy as np
import pytest

from mlray import plugins
from mlray.errors import SpecError, UnavailableError
from mlray.experiments import Problem, fit, load_model, point_score, suits, trainer, traits
from mlray.experiments._trainers import BUILT_IN, threads_for

SMALL = {
    "xgboost": {"learning_rate": 0.2, "max_depth": 3, "min_child_weight": 1},
    "hist_gradient_boosting": {"learning_rate": 0.2, "max_leaf_nodes": 8, "min_samples_leaf": 5},
    "sklearn.linear_model:LogisticRegression": {"C": 3.0},
    "sklearn.linear_model:Ridge": {"alpha": 0.1},
    f"{__name__}:pipeline": {"model__max_depth": 4},
}
METRIC = {"binary": "auc", "multiclass": "log_loss", "regression": "r2", "ranking": "ndcg"}
GOOD = {"binary": 0.8, "multiclass": 0.85, "regression": 0.7, "ranking": 0.85}


def pipeline():
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline

    forest = RandomForestClassifier(n_estimators=10)
    return Pipeline([("gaps", SimpleImputer(keep_empty_features=True)), ("model", forest)])


def vote():
    """Answers classes and nothing else."""
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import VotingClassifier
    from sklearn.tree import DecisionTreeClassifier

    return VotingClassifier(
        [("tree", DecisionTreeClassifier(max_depth=3)), ("dummy", DummyClassifier())], weights=[2, 1]
    )


class Constant:
    """A trainer of the user's own: it always answers with the share of true answers."""

    def prepare(self, problem, threads):
        return problem

    def start(self, prepared, params, seed, threads):
        return Constantly(prepared)

    def load(self, content):
        return Answer(json.loads(content))


class Constantly:
    def __init__(self, problem):
        self.share, self.rows = float(problem.train_y.mean()), len(problem.valid_y)

    def advance(self, marks):
        return ((mark, np.full(self.rows, self.share)) for mark in marks)

    def content(self):
        return json.dumps(self.share).encode()


class Answer:
    def __init__(self, share):
        self.share = share

    def predict(self, values):
        return np.full(len(values), self.share)


INSTANCE = Constant()


def problem(task="binary", rows=450, seed=0, **changes):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 4)).astype(np.float32)
    x[:, 1] = draw.integers(0, 4, size=rows)
    x[draw.random(rows) < 0.1, 2] = np.nan
    x[:, 3] = np.nan
    signal = 2 * x[:, 0] + (x[:, 1] == 2)
    y = (draw.random(rows) < 1 / (1 + np.exp(-signal))).astype(float)
    if task == "multiclass":
        y = np.digitize(signal + draw.normal(size=rows) * 0.3, [-1, 1.5]).astype(float)
    elif task == "regression":
        y = signal + draw.normal(size=rows) * 0.3
    elif task == "ranking":
        y = np.clip(np.round(signal + draw.normal(size=rows) * 0.3), 0, 4)
    cut = rows * 2 // 3
    parts = {"task": task}
    if task == "ranking":
        lists = np.arange(rows) // 10
        parts |= {"train_groups": lists[:cut], "valid_groups": lists[cut:]}
    parts |= changes
    return Problem(x[:cut], y[:cut], x[cut:], y[cut:], ("a", "b", "c", "d"), (1,), METRIC[task], 0, **parts)


def taught(name, asked, rounds=30, params=None, **changes):
    """Fit the model and return what it says of the validation rows."""
    wanted = {"task": asked.task, "classes": asked.classes, "weights": asked.train_w, "groups": asked.train_groups}
    content = fit(
        *(name, asked.train_x, asked.train_y, asked.categorical, SMALL[name] if params is None else params),
        *(rounds, asked.seed),
        **{**wanted, **changes},
    )
    assert isinstance(content, bytes)
    return load_model(name, content).predict(asked.valid_x)


def started(name, asked, params=None, threads=1):
    learner = trainer(name)
    return learner.start(
        learner.prepare(asked, threads), SMALL[name] if params is None else params, asked.seed, threads
    )


PAIRS = [(name, task) for name in SMALL for task in traits(name).tasks]


@pytest.fixture(params=BUILT_IN)
def name(request):
    return request.param


@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_each_trainer_learns_what_it_says_it_can(name, task):
    asked = problem(task)
    p = taught(name, asked)
    assert p.shape == ((150, 3) if task == "multiclass" else (150,))
    assert p.dtype == np.float64
    if task in ("binary", "multiclass"):
        assert ((p > 0) | (name.endswith("pipeline"))).all()
        assert (p <= 1).all()
    if task == "multiclass":
        assert p.sum(axis=1) == pytest.approx(np.ones(150), abs=1e-6)
        assert point_score("accuracy", asked.valid_y, p) > 0.75
    else:
        assert point_score(asked.metric, asked.valid_y, p, groups=asked.valid_groups) > GOOD[task]


@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_the_same_seed_brings_the_same_answers(name, task):
    more = {"xgboost": {"subsample": 0.7}, "hist_gradient_boosting": {"max_features": 0.5}}.get(name, {})
    asked = problem(task)
    first, second = (taught(name, asked, 10, {**SMALL[name], **more}) for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize(("name", "task"), [pair for pair in PAIRS if pair[0] in BUILT_IN])
def test_scores_on_the_way_are_those_of_a_model_with_so_many_rounds(name, task):
    asked = problem(task)
    run = started(name, asked)
    seen = dict(run.advance([3, 7])) | dict(run.advance([12]))
    assert list(seen) == [3, 7, 12]
    for rounds, predictions in seen.items():
        assert predictions == pytest.approx(taught(name, asked, rounds), abs=1e-5)


@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_the_content_is_the_model_of_the_last_look(name, task):
    asked = problem(task)
    run = started(name, asked)
    for _, seen in run.advance([10, 20, 40]):
        content = run.content()
        model = load_model(name, content)
        assert model.predict(asked.valid_x) == pytest.approx(seen, abs=1e-5)


def test_who_stops_asking_has_the_model_of_that_moment(name):
    asked = problem()
    run = started(name, asked)
    on_the_way = run.advance([5, 10])
    next(on_the_way)
    content = run.content()
    assert load_model(name, content).predict(asked.valid_x) == pytest.approx(taught(name, asked, 5), abs=1e-5)


def test_one_row_is_answered_as_in_a_batch(name):
    asked = problem()
    model = load_model(name, fit(name, asked.train_x, asked.train_y, (1,), SMALL[name], 10, 0))
    together = model.predict(asked.valid_x)
    alone = np.concatenate([model.predict(asked.valid_x[row : row + 1]) for row in range(20)])
    assert alone == pytest.approx(together[:20], abs=1e-9)


@pytest.mark.parametrize("name", SMALL)
def test_codes_and_gaps_that_training_never_had_are_answered(name):
    asked = problem(traits(name).tasks[0])
    content = fit(name, asked.train_x, asked.train_y, (1,), SMALL[name], 10, 0, task=asked.task)
    strange = np.array([[np.nan, np.nan, np.nan, 1.0], [0.5, 3.0, 1e30, -5.0], [0.5, 9.0, 0.0, 0.0]], dtype=np.float32)
    assert np.isfinite(load_model(name, content).predict(strange)).all()


@pytest.mark.parametrize("name", SMALL)
def test_rows_that_may_not_be_written_to_are_fine(name):
    asked = problem(traits(name).tasks[0], train_w=np.ones(300, "f4"))
    for part in (asked.train_x, asked.train_y, asked.valid_x, asked.train_w):
        part.setflags(write=False)
    assert len(list(started(name, asked).advance([50]))) == 1


@pytest.mark.parametrize(("name", "task"), PAIRS)
def test_a_row_without_weight_is_not_learnt_from(name, task):
    plain = problem(task)
    wrong = np.arange(300) % 20 < 10  # whole lists, where there are lists
    turned = np.where(wrong, plain.train_y.max() - plain.train_y, plain.train_y)
    weighted = Problem(
        *(plain.train_x, turned, plain.valid_x, plain.valid_y, plain.names, plain.categorical, plain.metric, 0, task),
        train_w=np.where(wrong, 0, 1).astype("f4"),
        train_groups=plain.train_groups,
        valid_groups=plain.valid_groups,
        classes=plain.classes,
    )
    sign = -1.0 if plain.metric == "log_loss" else 1.0
    misled = sign * weighted.score(taught(name, weighted, 15, weights=None))
    assert misled < sign * weighted.score(taught(name, weighted, 15))


def test_lists_are_learnt_from_as_wholes():
    asked = problem("ranking")
    weights = np.repeat(np.random.default_rng(0).random(30), 10).astype("f4")
    assert (taught("xgboost", asked, weights=weights) != taught("xgboost", asked)).any()


def test_a_class_that_a_part_of_the_rows_does_not_have_gets_a_column():
    for name in ("xgboost", "hist_gradient_boosting", "sklearn.linear_model:LogisticRegression"):
        assert taught(name, problem("multiclass"), 10, classes=5).shape == (150, 5)


def test_a_column_with_very_many_codes_is_learnt_from(name):
    draw = np.random.default_rng(0)
    x = draw.integers(0, 400, size=(800, 1)).astype(np.float32)
    y = (x[:, 0] > 200).astype(float)
    model = load_model(name, fit(name, x, y, (0,), SMALL[name], 20, 0))
    assert point_score("auc", y, model.predict(x)) > 0.8


def test_the_number_of_bins_can_be_searched():
    learner, asked = trainer("xgboost"), problem()
    prepared = learner.prepare(asked, 1)
    few, many = (
        dict(learner.start(prepared, {**SMALL["xgboost"], "max_bin": bins}, 0, 1).advance([10]))[10]
        for bins in (4, 256)
    )
    usual = dict(learner.start(prepared, SMALL["xgboost"], 0, 1).advance([10]))[10]
    assert (many == usual).all()
    assert (few != usual).any()


def test_threads_share_what_was_prepared():
    learner, asked = trainer("xgboost"), problem()
    prepared, seen = learner.prepare(asked, 1), {}

    def train(depth):
        run = learner.start(prepared, {**SMALL["xgboost"], "max_depth": depth}, 0, 1)
        seen[depth] = dict(run.advance([20]))[20]

    threads = [threading.Thread(target=train, args=(depth,)) for depth in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for depth, predictions in seen.items():
        alone = dict(learner.start(prepared, {**SMALL["xgboost"], "max_depth": depth}, 0, 1).advance([20]))[20]
        assert predictions == pytest.approx(alone, abs=1e-6)


@pytest.mark.skipif(bool(os.environ.get("NVIDIA_VISIBLE_DEVICES")), reason="there may be a GPU")
@pytest.mark.parametrize("asked", [{"device": "cuda"}, {}], ids=["of the problem", "a parameter"])
def test_a_gpu_that_is_not_there_is_an_error_and_not_a_slow_training(asked):
    params = SMALL["xgboost"] if asked else {**SMALL["xgboost"], "device": "cuda"}
    run = started("xgboost", problem(**asked), params)
    with pytest.raises(UnavailableError, match=r"(?s)The device is 'cuda', and .*(xgboost-cpu|model.gpus)"):
        list(run.advance([2]))


@pytest.mark.parametrize("name", [name for name in SMALL if name != "xgboost"])
def test_trainers_that_know_cpus_only_are_told_of_a_device_in_vain(name):
    asked = problem(traits(name).tasks[0], device="cuda")
    assert len(list(started(name, asked, {**SMALL[name], "device": "cuda"}).advance([20]))) == 1


def test_an_estimator_is_given_more_and_more_rows_each_share_within_the_next():
    from mlray.experiments.on_sklearn import _Rows

    y = np.repeat([0.0, 1.0], [996, 4])
    draw = np.random.default_rng(0)
    x = draw.normal(size=(1000, 2)).astype("f4")
    rows = _Rows(Problem(x, y, x, y, ("a", "b"), (), "auc", 0), x)
    shares = [set(rows.share(mark)) for mark in (1, 10, 50, 100)]
    assert [len(share) for share in shares] == [20, 100, 500, 1000]
    assert all(small < large for small, large in pairwise(shares))
    assert all(y[sorted(share)].any() for share in shares)


def test_more_rows_bring_better_scores():
    asked = problem("regression", rows=1500)
    name = "sklearn.neighbors:KNeighborsRegressor"
    scores = [asked.score(seen) for _, seen in started(name, asked, {"n_neighbors": 3}).advance([3, 100])]
    assert scores[0] < scores[1]


def test_what_an_estimator_leaves_to_chance_or_all_cores_is_given_seed_and_threads():
    from mlray.experiments.on_sklearn import _configured

    model = _configured(pipeline(), {"model__max_depth": 2}, 7, 3)
    found = model.get_params()
    assert (found["model__random_state"], found["model__n_jobs"], found["model__max_depth"]) == (7, 3, 2)
    fixed = _configured(pipeline().set_params(model__random_state=1), {}, 7, 3)
    assert fixed.get_params()["model__random_state"] == 1


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("sklearn.svm:LinearSVC", {"C": 0.1}),
        ("sklearn.linear_model:Perceptron", {}),
        ("sklearn.naive_bayes:ComplementNB", {"alpha": 0.5}),
        (f"{__name__}:vote", {"dummy__strategy": "prior"}),
        ("sklearn.ensemble:ExtraTreesClassifier", {"n_estimators": 10}),
    ],
)
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classifiers_of_all_sorts_answer_probabilities(path, params, task):
    asked = problem(task)
    p = taught(path, asked, params=params)
    assert ((p >= 0) & (p <= 1)).all()
    assert point_score("auc", asked.valid_y, p) > 0.6
    shares = p if p.ndim == 2 else np.column_stack([1 - p, p])
    assert shares.sum(axis=1) == pytest.approx(np.ones(150))


def test_a_pickle_of_earlier_versions_is_read():
    from sklearn.ensemble import HistGradientBoostingClassifier

    asked = problem()
    old = HistGradientBoostingClassifier(max_iter=3).fit(asked.train_x[:, :2], asked.train_y)
    p = load_model("hist_gradient_boosting", pickle.dumps(old)).predict(asked.valid_x[:, :2])
    assert (p == old.predict_proba(asked.valid_x[:, :2])[:, 1]).all()


@pytest.mark.parametrize("path", [f"{__name__}:Constant", f"{__name__}:INSTANCE"], ids=["class", "instance"])
def test_a_trainer_of_ones_own_needs_three_methods_and_nothing_else(path):
    asked = problem()
    assert taught(path, asked, params={}) == pytest.approx(np.full(150, asked.train_y.mean()))
    found = traits(path)
    assert (found.unit, found.known, len(found.tasks)) == ("rounds", None, 4)


def test_a_trainer_is_found_by_its_entry_point(monkeypatch):
    points = EntryPoints([EntryPoint("constant", f"{__name__}:Constant", "mlray.trainers")])
    monkeypatch.setattr(plugins, "entry_points", lambda group: points.select(group=group))
    assert isinstance(trainer("constant"), Constant)
    with pytest.raises(SpecError, match=r"Did you mean 'constant'\? Known: xgboost, hist_gradient_boosting, constant;"):
        trainer("konstant")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (lambda: trainer("xgbost"), r"'xgbost' is not a trainer.\nDid you mean 'xgboost'\?"),
        (lambda: fit("zzz", np.zeros((1, 1)), np.zeros(1), (), {}, 1, 0), "Known: xgboost, hist_gradient_boosting"),
        (
            lambda: trainer("sklearn.linear_model:Rigde"),
            "'sklearn.linear_model:Rigde' is not there: .*has no attribute",
        ),
        (lambda: trainer("math:pi"), "'math:pi' is a float: neither a trainer nor a scikit-learn estimator"),
        (lambda: trainer("sklearn.preprocessing:StandardScaler"), "StandardScaler predicts nothing"),
        (lambda: suits("sklearn.linear_model:Ridge", "binary"), "does not answer binary questions"),
        (
            lambda: taught("sklearn.linear_model:LogisticRegression", problem("regression")),
            "answer regression questions",
        ),
        (
            lambda: taught("sklearn.neighbors:KNeighborsClassifier", problem(train_w=np.ones(300)), params={}),
            "KNeighborsClassifier takes no weights",
        ),
    ],
    ids=["typo", "unknown", "no such class", "a number", "a scaler", "another task", "fit", "weights"],
)
def test_what_is_no_trainer_for_the_question_is_refused(asked, says):
    with pytest.raises(SpecError, match=f"(?s){says}"):
        asked()


def test_parameters_of_an_estimator_are_known_by_name():
    assert {"C", "tol"} <= set(traits("sklearn.linear_model:LogisticRegression").known)
    assert "model__max_depth" in traits(f"{__name__}:pipeline").known


def test_small_tables_are_trained_on_one_thread_and_large_ones_on_all_cores():
    assert threads_for(np.zeros((1000, 14), np.int8)) == 1
    large = np.lib.stride_tricks.as_strided(np.zeros(1, np.int8), (10**9, 14), (0, 0))
    assert threads_for(large) == len(os.sched_getaffinity(0))
