"""What a rollout promises, whatever happens: where it can end, and how often it wrongs a good candidate."""

from datetime import UTC, date, datetime, timedelta
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlray.records import Act, Endpoint, Stage
from mlray.serving.rollout import Batch, Evidence, step
from mlray.serving.sequential import failures_e, worse_e
from mlray.serving.split import goes_to_candidate
from mlray.spec import Serving

START = datetime(2013, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def play(serving, evidence_at, days=400):
    """Follow every step from shadow on; return the endpoints seen and the final act."""
    endpoint = Endpoint("flights", "", live=1, candidate=2, stage=Stage.SHADOW, versions=(1, 2))
    began, seen = START, [endpoint]
    for day in range(days):
        now = START + day * DAY
        chosen = step(endpoint, evidence_at(day), serving, START, began, now)
        match chosen.act:
            case Act.CANARY:
                endpoint = Endpoint(
                    "flights", "", live=1, candidate=2, stage=Stage.CANARY, share=chosen.share, versions=(1, 2)
                )
                began = now
                seen.append(endpoint)
            case Act.PROMOTE | Act.ROLL_BACK:
                return seen, chosen
            case act:
                assert act is Act.HOLD
                assert chosen.share == endpoint.share
    raise AssertionError("the rollout has not ended")


servings = st.builds(
    Serving,
    shadow=st.sampled_from(["0 days", "1 day", "3 days"]),
    step=st.sampled_from(["1 day", "2 days", "1 week"]),
    canary=st.sets(st.floats(0.01, 1), max_size=4).map(lambda shares: tuple(sorted(shares))),
    error_rate=st.sampled_from([0.01, 0.05, 0.2]),
)
differences = st.lists(st.floats(-0.5, 0.5), min_size=30, max_size=30)


@given(serving=servings, daily=differences, rows=st.integers(0, 1000), failing=st.integers(0, 2))
def test_every_rollout_ends_live_or_rolled_back_and_its_share_only_rises(serving, daily, rows, failing):
    def evidence_at(day):
        batches = tuple(
            Batch(date(2013, 4, 1) + i * DAY, rows, 0.2, 0.2 + daily[i]) for i in range(min(day, 30)) if rows
        )
        return Evidence(rows=rows * day, candidate_failures=failing * day, batches=batches)

    seen, last = play(serving, evidence_at)
    shares = [endpoint.share for endpoint in seen]
    assert shares == sorted(set(shares))
    assert all(endpoint.live == 1 and endpoint.share < 1 for endpoint in seen), "two versions were live"
    assert last.share == (1.0 if last.act is Act.PROMOTE else 0.0)
    assert last.because


@given(serving=servings)
def test_a_rollout_without_any_traffic_ends_with_the_live_version(serving):
    _, last = play(serving, lambda day: Evidence())
    assert last.act is Act.ROLL_BACK


@given(
    serving=servings,
    daily=st.lists(st.floats(-0.5, 0.5), max_size=12),
    failures=st.integers(0, 20),
    more=st.integers(1, 10),
)
def test_more_failures_never_help_a_candidate(serving, daily, failures, more):
    batches = tuple(Batch(date(2013, 4, 1) + i * DAY, 100, 0.2, 0.2 + d) for i, d in enumerate(daily))
    endpoint = Endpoint("flights", "", live=1, candidate=2, stage=Stage.SHADOW)
    acts = [
        step(endpoint, Evidence(5000, f, 0, batches), serving, START, START, START + 9 * DAY).act
        for f in (failures, failures + more)
    ]
    assert acts[1] is Act.ROLL_BACK or acts[0] is not Act.ROLL_BACK


@given(name=st.text(min_size=1, max_size=20), shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_growing_share_only_moves_requests_to_the_candidate(name, shares):
    low, high = (Endpoint("f", "", 1, 2, Stage.CANARY, share) for share in sorted(shares))
    assert goes_to_candidate(high, name) or not goes_to_candidate(low, name)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_is_kept(share):
    trial = Endpoint("flights", "", 1, 2, Stage.CANARY, share)
    got = sum(goes_to_candidate(trial, f"request-{i}") for i in range(5_000)) / 5_000
    assert got == pytest.approx(share, abs=4 * (share * (1 - share) / 5_000) ** 0.5)


# ---- The error rate, measured. A candidate as good as the live version: the daily differences have the mean that the test
# forgives (0.001) and the spread that was measured on New York's flights; fifteen looks, one a day.
RUNS, LOOKS, SPREAD, RATE = 600, 15, 0.03, 0.05


def normal(rng):
    return SPREAD * rng.standard_normal(LOOKS), [900] * LOOKS


def heavy_tailed(rng):
    return SPREAD * rng.standard_t(4, LOOKS) / np.sqrt(2), [900] * LOOKS


def unequal_days(rng):
    rows = rng.integers(20, 2_000, LOOKS)
    return rng.standard_normal(LOOKS) * np.sqrt(0.02**2 + 0.15**2 / rows), rows


def alike_in_a_row(rng):
    x = rng.standard_normal(LOOKS)
    for day in range(1, LOOKS):
        x[day] = 0.3 * x[day - 1] + np.sqrt(1 - 0.3**2) * x[day]
    return SPREAD * x, [900] * LOOKS


def rolled_back(draw, seed, effect=0.0):
    """Return the share of runs in which the loss test speaks against the candidate on any of the days."""
    rng, hits = np.random.default_rng(seed), 0
    for _ in range(RUNS):
        noise, rows = draw(rng)
        found = noise + 0.001 + effect * SPREAD
        hits += any(worse_e(found[:day], rows[:day]) >= 2 / RATE for day in range(2, LOOKS + 1))
    return hits / RUNS


@pytest.mark.slow
@pytest.mark.parametrize("draw", [normal, heavy_tailed, unequal_days, alike_in_a_row], ids=lambda draw: draw.__name__)
def test_a_good_candidate_is_rolled_back_no_more_often_than_promised(draw):
    assert rolled_back(draw, seed=7) <= RATE


@pytest.mark.slow
@pytest.mark.parametrize(("effect", "least"), [(1.0, 0.5), (2.0, 0.98)])
def test_a_worse_candidate_is_found(effect, least):
    assert rolled_back(normal, seed=7, effect=effect) >= least


@pytest.mark.parametrize("failing", [0.001, 0.05, 0.5])
def test_a_candidate_that_fails_as_rarely_is_rolled_back_no_more_often_than_promised(failing):
    rng, hits = np.random.default_rng(7), 0
    wrongs = cache(lambda live, candidate: failures_e(live, candidate) >= 2 / RATE)
    for _ in range(500):
        fails = rng.random((2, 200)) < failing
        only = np.cumsum(fails[0] & ~fails[1]), np.cumsum(fails[1] & ~fails[0])
        looks = sorted({(int(a), int(b)) for a, b in zip(*only, strict=True)})
        hits += any(wrongs(*look) for look in looks)
    assert hits / 500 <= RATE / 2
