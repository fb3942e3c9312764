from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import NormalDist

import numpy as np
import pytest

from mlray.console import MoneyEvent, Phase
from mlray.console.totals import asked, pooled, spent_by, totals, window_spent
from mlray.records import Act, Decision, Interval

Z = NormalDist().inv_cdf(0.975)


def test_pooling_recovers_the_interval_of_all_rows_together():
    dice = np.random.default_rng(1)
    parts = [dice.normal(0.3, 1.0, n) for n in (400, 900, 2500)]

    def interval(x):
        half = Z * x.std(ddof=1) / np.sqrt(len(x))
        return Interval(x.mean(), x.mean() - half, x.mean() + half)

    whole, found = interval(np.concatenate(parts)), pooled([(len(x), interval(x)) for x in parts])
    assert found.value == pytest.approx(whole.value)
    assert found.high - found.low == pytest.approx(whole.high - whole.low, rel=0.02)


def test_pooling_keeps_a_skewed_interval_skewed_and_its_level():
    found = pooled([(1, Interval(0.1, 0.09, 0.2, 0.9)), (1, Interval(0.1, 0.09, 0.2, 0.9))])
    assert found.value - found.low < found.high - found.value
    assert found.level == 0.9


def test_pooling_nothing_gives_nothing():
    assert pooled([]) is None
    assert pooled([(0, Interval(0.1, 0.0, 0.2))]) is None


def test_a_story_adds_up(sample_story):
    total = totals(sample_story())
    assert total.decisions == 56
    assert (total.acts[Act.RETRAIN], total.acts[Act.DEFER]) == (5, 3)
    assert (total.spent, total.limit) == (Decimal("200.09"), Decimal(540))
    assert total.went_live == ("v1", "v2", "v3", "v5")
    assert total.replacements == ("v2", "v3", "v5")
    assert (total.rolled_back, total.rejected) == (("v4",), ())
    assert total.kept.value - total.served.value == pytest.approx(total.saved.value)
    assert total.answers_saved == pytest.approx(total.saved.value * total.rows)


def test_without_money_events_the_budgets_say_what_was_spent(sample_story):
    story = sample_story(money=())
    assert totals(story).spent == Decimal("200.09")
    assert window_spent(story, story.budgets[1]) == Decimal("40.01")


def test_a_saving_known_for_some_months_is_not_set_beside_all(sample_story):
    months = sample_story().months
    story = sample_story(months=(replace(months[0], saved=None), *months[1:]))
    assert totals(story).saved is None
    assert totals(story).answers_saved is None


def test_the_end_of_a_window_belongs_to_the_next(sample_story):
    april, may = sample_story().budgets[:2]
    story = sample_story(money=(MoneyEvent(april.end, "spend", Decimal(7)),))
    assert (window_spent(story, april), window_spent(story, may)) == (0, 7)
    assert spent_by(story, april.start, april.end - timedelta(seconds=1)) == 0


def test_the_first_training_is_no_retraining(sample_story):
    story = sample_story()
    assert totals(story).retrainings == 4
    assert totals(replace(story, versions=())).retrainings == 5
    trained = tuple(e for e in story.versions if e.phase is Phase.TRAINED)
    assert totals(replace(story, versions=trained)).retrainings == 0


@pytest.mark.parametrize(
    ("act", "cost", "evidence", "price"),
    [
        (Act.DEFER, "0", {"price": "40.20"}, "40.20"),
        (Act.REFUSE, "0", {"price": 7}, "7"),
        (Act.DEFER, "5", {"price": "40.20"}, "5"),
        (Act.DEFER, "0", {}, "0"),
        (Act.DEFER, "0", {"price": "much"}, "0"),
        (Act.DEFER, "0", {"price": "nan"}, "0"),
        (Act.HOLD, "0", {"price": "40.20"}, "0"),
    ],
)
def test_what_was_deferred_tells_its_price_though_it_cost_nothing(act, cost, evidence, price):
    decision = Decision("d", datetime(2013, 4, 1, tzinfo=UTC), act, "flights", "", evidence, Decimal(cost))
    assert asked(decision) == Decimal(price)


def test_nothing_adds_up_to_nothing(empty_story):
    total = totals(empty_story)
    assert (total.decisions, total.spent, total.limit, total.served, total.saved) == (0, 0, None, None, None)


def test_versions_are_named_in_the_order_in_which_they_went_live(sample_story):
    story = sample_story(versions=tuple(reversed(sample_story().versions)))
    assert totals(story).went_live == ("v1", "v2", "v3", "v5")
    assert story.start == datetime(2013, 4, 1, tzinfo=UTC)
