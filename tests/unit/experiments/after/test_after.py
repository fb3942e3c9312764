import random
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from mlray.errors import StoreError
from mlray.experiments import Problem, fit, load_model
from mlray.experiments.after import ENSEMBLE, complete, fit_ensemble, members_of
from mlray.experiments.after._ensemble import ensemble, greedy
from mlray.experiments.after._importance import FEWEST, importance
from mlray.experiments.after._truth import Part, Truth
from mlray.experiments.after.ensemble import Member, ensemble_content, members_in
from mlray.records import Experiment, Trial

PARAMS = {"max_depth": 3, "learning_rate": 0.3}


def trial(number, score=0.7, trainer="xgboost", **params):
    return Trial(number, trainer, params or PARAMS, score, 12, 1.0, "finished")


def experiment(*trials, **changes):
    first = Experiment("sweep-1", "d@v1", "auc", trials, trials[0], Decimal(0), 1.0, "all trials done", 0)
    return replace(first, **changes)


def rows(count=400, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(count, 4)).astype(np.float32)
    return x, (x[:, 0] + x[:, 1] * x[:, 2] + draw.normal(size=count) > 0).astype(np.float64)


def problem(**changes):
    x, y = rows()
    parts = {
        "train_x": x[:200],
        "train_y": y[:200],
        "valid_x": x[200:],
        "valid_y": y[200:],
        "names": tuple("abcd"),
        "categorical": (),
        "metric": "auc",
        "seed": 0,
    }
    return Problem(**{**parts, **changes})


def guesses(y, noises, seed=1):
    """Return what trials with so much noise of their own would predict, as lanes send it."""
    draw = np.random.default_rng(seed)
    return [
        (number, (1 / (1 + np.exp(1 - 2 * y + noise * draw.normal(size=len(y))))).astype(np.float32).tobytes())
        for number, noise in enumerate(noises)
    ]


def test_errors_that_cancel_make_an_ensemble_that_beats_every_trial():
    asked = problem()
    kept = guesses(asked.valid_y, [3.0, 3.0, 3.0])
    found = complete(experiment(*(trial(number) for number in range(3))), asked, kept)
    assert sum(share for _, share in found.ensemble) == pytest.approx(1)
    assert {number for number, _ in found.ensemble} == {0, 1, 2}
    single = max(asked.score(np.frombuffer(told, np.float32)) for _, told in kept)
    assert found.ensemble_score > single + 0.02
    mixed = sum(share * np.frombuffer(dict(kept)[number], np.float32) for number, share in found.ensemble)
    assert found.ensemble_score == pytest.approx(asked.score(mixed), abs=1e-6)


@pytest.mark.parametrize(
    ("noises", "blended"),
    [((3.0,), True), ((3.0, 3.0), False), ((0.0, 9.0), True), ((), True)],
    ids=["a single trial", "nobody wants one", "one is perfect", "nothing was kept"],
)
def test_where_one_trial_is_as_good_there_is_no_ensemble(noises, blended):
    asked = problem()
    found = complete(experiment(trial(0), trial(1)), asked, guesses(asked.valid_y, noises), blended=blended)
    assert (found.ensemble, found.ensemble_score) == ((), None)


def test_predictions_that_cannot_be_scored_are_left_out():
    asked = problem()
    good = guesses(asked.valid_y, [3.0, 3.0])
    broken = [(2, b"abc"), (3, good[0][1][:-4]), (4, np.full(200, np.nan, np.float32).tobytes()), (9, good[1][1])]
    tried = experiment(*(trial(number) for number in range(5)))
    assert complete(tried, asked, [*broken, *good]) == complete(tried, asked, good)


def test_folds_are_scored_one_by_one():
    x, y = rows()
    cut = np.arange(400)
    folds = ((cut[200:], cut[:200]), (cut[:200], cut[200:]))
    asked = problem(train_x=x, train_y=y, valid_x=x[:0], valid_y=y[:0], folds=folds)
    truth = Truth.of(asked)
    assert [list(part.y) for part in truth.parts] == [list(y[:200]), list(y[200:])]
    told = np.concatenate([0.2 * y[:200], 0.5 + 0.2 * y[200:]])  # perfect in each fold, not over both
    assert truth.gain(told) == 1.0
    assert complete(experiment(trial(0), trial(1), trial(2)), asked, guesses(y, [3.0, 3.0, 3.0])).ensemble


def test_a_few_rows_are_too_few_to_choose_by():
    y = np.array([0.0, 1.0] * 5)
    truth = Truth((Part(y),), "auc")
    told = {number: np.frombuffer(one, np.float32) for number, one in guesses(y, [3.0, 3.0])}
    assert ensemble(told, truth, 0) is None


@pytest.mark.parametrize(
    ("task", "metric"), [("binary", "auc"), ("binary", "brier"), ("ranking", "ndcg"), ("regression", "r2")]
)
def test_many_rows_are_thinned_and_score_almost_the_same(task, metric):
    draw = np.random.default_rng(4)
    y = (draw.random(30_000) < 0.02).astype(float) if task != "regression" else draw.normal(size=30_000)
    groups = np.repeat(np.arange(1_000), 30) if task == "ranking" else None
    truth = Truth((Part(y, None, groups),), metric, task)
    told = y + draw.normal(size=30_000)
    few = truth.thinned(4_000)
    assert len(few.rows) == pytest.approx(4_000, rel=0.3)
    assert few.truth.gain(few.of(told)) == pytest.approx(truth.gain(told), abs=0.03)


def test_of_rare_answers_more_than_their_share_are_looked_at():
    y = np.zeros(100_000)
    y[::500] = 1
    few = Truth((Part(y),), "log_loss").thinned(2_000)
    assert few.truth.parts[0].y.sum() == 200
    assert few.truth.parts[0].weights.sum() == pytest.approx(100_000)


def test_the_quick_area_is_the_exact_one_ties_included():
    draw = np.random.default_rng(5)
    y = (draw.random(500) < 0.3).astype(float)
    told = np.round(draw.random(500), 2)
    truth = Truth((Part(y),), "auc")
    assert truth.thinned(1_000).truth.gain(told) == pytest.approx(truth.gain(told), abs=1e-6)
    codes = draw.integers(0, 3, 500).astype(float)
    several = draw.random((500, 3))
    truth = Truth((Part(codes),), "auc", "multiclass", 3)
    assert truth.thinned(1_000).truth.gain(several) == pytest.approx(truth.gain(several), abs=1e-6)


def test_halves_share_no_row_and_leave_none_out():
    y = np.array([0.0, 1.0, 1.0] * 40)
    first, second = Truth((Part(y), Part(y)), "auc").halves()
    assert sorted([*first.rows, *second.rows]) == list(range(240))
    assert [len(part.y) for part in first.truth.parts] == [60, 60]


def test_lists_without_a_relevant_row_cannot_be_halved():
    y = np.array([1.0, 0.0] + [0.0, 0.0] * 15)
    assert Truth((Part(y, None, np.repeat(np.arange(16), 2)),), "ndcg", "ranking").halves() is None
    assert Truth((Part(y[:4], None, np.array([0, 0, 1, 1])),), "ndcg", "ranking").halves() is None


def test_rankers_on_different_scales_are_brought_to_one():
    draw = np.random.default_rng(2)
    y = np.tile([0.0, 1.0, 2.0, 0.0], 100)
    groups = np.repeat(np.arange(100), 4)
    told = {0: y + draw.normal(size=400), 1: 1000 * (y + draw.normal(size=400)), 2: np.zeros(400)}
    built = ensemble(told, Truth((Part(y, None, groups),), "ndcg", "ranking"), 0)
    shares = dict(built.weights)
    assert built.score > built.single
    assert 300 < shares[0] / shares[1] < 3_000


def test_an_ensemble_is_fitted_again_and_answers_with_the_weighted_sum():
    x, y = rows()
    members = ((trial(3), 0.75), (trial(5, trainer="hist_gradient_boosting", max_leaf_nodes=6), 0.25))
    content = fit_ensemble(members, x, y, (), 7)
    told = load_model(ENSEMBLE, content).predict(x)
    alone = [load_model(t.trainer, fit(t.trainer, x, y, (), t.params, t.rounds, 7)).predict(x) for t, _ in members]
    assert told.dtype == np.float64
    np.testing.assert_allclose(told, 0.75 * alone[0] + 0.25 * alone[1])


def test_members_are_the_trials_that_the_record_names():
    tried = experiment(trial(0), trial(4), ensemble=((4, 0.6), (0, 0.4)))
    assert members_of(tried) == ((tried.trials[1], 0.6), (tried.trials[0], 0.4))
    assert members_of(experiment(trial(0))) == ()


WHOLE = ensemble_content([Member("xgboost", 0.5, b"\n\x00abc"), Member("hist_gradient_boosting", 0.5, b"")])


def test_a_content_comes_back_whole():
    assert members_in(WHOLE) == (Member("xgboost", 0.5, b"\n\x00abc"), Member("hist_gradient_boosting", 0.5, b""))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "does not begin like one"),
        (WHOLE[:10], "does not begin like one"),
        (WHOLE[:-1], "holds 4 bytes of members"),
        (WHOLE + b"x", "holds 6 bytes of members"),
        (WHOLE.replace(b"share", b"shore"), "cannot be read"),
        (WHOLE.replace(b"0.5", b"NaN"), "not a positive number"),
        (WHOLE.replace(b"0.5", b"-.5"), "cannot be read"),
        (WHOLE.replace(b"5}", b"-5}"), "holds 5 bytes"),
        (ensemble_content([]), "not a positive number"),
        (ensemble_content([Member("ensemble", 1.0, b"")]), "an ensemble itself"),
    ],
)
def test_a_content_that_is_not_whole_is_refused(content, why):
    with pytest.raises(StoreError, match=why):
        load_model(ENSEMBLE, content)


def tried(count, seed=0, **more):
    dice = random.Random(seed)
    found = []
    for number in range(count):
        params = {"rate": 10 ** dice.uniform(-2, 0), "depth": dice.randint(2, 9), "luck": dice.random(), "fixed": 1}
        params |= {name: make(dice) for name, make in more.items()}
        far = abs(np.log10(params["rate"]) + 1)
        found.append(trial(number, score=1 - far - 0.2 * abs(params["depth"] - 5) + 0.01 * dice.random(), **params))
    return found


def test_the_parameters_that_decide_come_first():
    found = importance(tried(400), higher=True)
    assert set([*found][:2]) == {"rate", "depth"}
    assert sum(found.values()) == pytest.approx(1)
    assert "fixed" not in found
    assert found["luck"] < 0.1


def test_a_loss_is_read_downwards():
    lost = [replace(one, score=-one.score) for one in tried(100)]
    assert importance(lost, higher=False) == pytest.approx(importance(tried(100), higher=True))


def test_the_order_of_trials_tells_nothing():
    found = tried(60)
    assert importance(found[::-1], higher=True) == pytest.approx(importance(found, higher=True))


def test_words_flags_and_parameters_of_some_trials_count_as_well():
    found = tried(120, policy=lambda dice: dice.choice(["a", "b"]), flag=lambda dice: dice.random() < 0.5)
    better = [
        replace(one, score=one.score + 3 * (one.params["policy"] == "a"), params={**one.params, **only_a(one)})
        for one in found
    ]
    shares = importance(better, higher=True)
    assert shares["policy"] > 2 * shares["flag"]
    assert shares["drop"] < shares["rate"]
    assert "same" not in shares or shares["same"] == 0


def only_a(one):
    return {"drop": one.params["luck"] / 2, "same": 3} if one.params["policy"] == "a" else {}


def test_a_parameter_that_no_good_trial_has_says_nothing():
    found = tried(100)
    worst = min(found, key=lambda one: one.score).number
    rare = [replace(one, params={**one.params, "rare": one.number}) if one.number == worst else one for one in found]
    assert importance(rare, higher=True)["rare"] == 0


def test_several_trainers_are_told_apart():
    both = [
        replace(one, trainer="other", params={"x": one.params["luck"]}) if one.number % 2 else one for one in tried(80)
    ]
    shares = importance(both, higher=True)
    assert {"trainer", "xgboost.rate", "other.x"} <= set(shares)


@pytest.mark.parametrize(
    "trials",
    [
        tried(FEWEST - 1),
        [replace(one, score=None) for one in tried(50)],
        [replace(one, score=float("nan")) for one in tried(50)],
        [replace(one, score=0.5) for one in tried(50)],
        [replace(one, params={"rate": 0.1}) for one in tried(50)],
    ],
    ids=["few", "failed", "no numbers", "all alike", "one configuration"],
)
def test_where_nothing_can_be_told_nothing_is(trials):
    assert importance(trials, higher=True) == {}


def test_importance_agrees_with_optunas():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = tried(300, seed=8)
    study = optuna.create_study(direction="maximize")
    real, whole = optuna.distributions.FloatDistribution, optuna.distributions.IntDistribution
    domains = {"rate": real(0.01, 1, log=True), "depth": whole(2, 9), "luck": real(0, 1)}
    study.add_trials(
        optuna.trial.create_trial(
            value=one.score, params={name: one.params[name] for name in domains}, distributions=domains
        )
        for one in found
    )
    theirs = optuna.importance.get_param_importances(study, evaluator=optuna.importance.PedAnovaImportanceEvaluator())
    ours = importance(found, higher=True)
    assert list(ours) == list(theirs)
    assert ours == pytest.approx(theirs, abs=0.1)


def test_a_blend_that_wins_between_halves_by_luck_and_not_on_all_rows_is_none():
    # Found among many draws: each half's shares do better on the other half, and on all rows the first trial alone is best.
    dice = np.random.default_rng(42)
    y = (dice.random(24) < 0.5).astype(float)
    truth = Truth.of(problem(valid_x=np.zeros((24, 4), np.float32), valid_y=y, metric="brier"))
    told = {number: np.clip(y * s + dice.random(24) * (1 - s), 0.01, 0.99) for number, s in enumerate((0.3, 0.1))}
    assert ensemble(told, truth, 0) is None


def test_a_path_may_end_with_its_last_step_the_best():
    y = np.array([0.0, 1.0, 0.0, 1.0])
    truth = Truth.of(problem(valid_x=np.zeros((4, 4), np.float32), valid_y=y, metric="brier"))
    assert greedy({0: np.array([0.1, 0.9, 0.2, 0.8])}, truth, steps=1) == ((0, 1.0),)
