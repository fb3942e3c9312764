"""The ground: errors, time, ids, plug-ins and records."""

import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlray import errors, plugins
from mlray.clock import ManualClock, SystemClock, parse_duration
from mlray.ids import canonical, digest, digest_of, new_id
from mlray.records import (
    Act,
    Budget,
    DatasetVersion,
    Decision,
    DriftReport,
    Endpoint,
    Experiment,
    Feasibility,
    GateResult,
    Interval,
    ModelVersion,
    Price,
    Quality,
    Scorecard,
    Stage,
    Trial,
)
from tests.unit.coordinator.facts import drift

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
KINDS = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_crosses_a_process_border_whole(kind):
    error = kind(["a", "b"], remedy="do c") if kind is errors.SpecError else kind("a", remedy="do c")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (str(again), again.problem, again.remedy, again.exit_code) == (
        str(error),
        error.problem,
        "do c",
        error.exit_code,
    )


def test_the_place_of_a_fault_crosses_it_too():
    again = pickle.loads(pickle.dumps(errors.RequestError("bad", status=413, code="too_large", column="x", row=3)))
    assert (again.status, again.code, again.column, again.row) == (413, "too_large", "x", 3)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(errors.InputError, 2), (errors.UnavailableError, 3), (errors.Refusal, 4)],
    ids=["wrong input", "unavailable", "refused"],
)
def test_each_branch_has_its_exit_code(kind, code):
    assert {k.exit_code for k in KINDS if issubclass(k, kind)} == {code}


def test_a_spec_error_lists_every_fault_and_the_remedy_last():
    assert str(errors.SpecError(["one", "two"], remedy="three")) == "one\ntwo\nthree"
    assert str(errors.SpecError(["one"])) == "one"


def test_the_system_clock_knows_its_zone_and_ticks_forward():
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.ticks() <= clock.ticks()


def test_a_manual_clock_moves_only_when_told_and_only_forward():
    clock = ManualClock(NOON)
    assert clock.now() == clock.now() == NOON
    clock.advance(timedelta(hours=1))
    assert clock.now() == NOON + timedelta(hours=1)
    with pytest.raises(ValueError, match="forward only"):
        clock.advance(timedelta(seconds=-1))


@pytest.mark.parametrize(
    ("text", "seconds"), [("1 second", 1), ("90 minutes", 5400), ("2 hours", 7200), ("1 week", 604800)]
)
def test_durations_are_read(text, seconds):
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "3", "days", "-3 days", "1.5 days", "3 fortnights"])
def test_what_is_no_duration_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="14 days"):
        parse_duration(text)


@given(st.dictionaries(st.text(), st.one_of(st.none(), st.booleans(), st.integers(), st.text())))
def test_equal_values_have_equal_digests(value):
    backwards = dict(reversed(list(value.items())))
    assert digest_of(value) == digest_of(backwards) == digest(canonical(value))


def test_ids_are_never_the_same():
    assert len({new_id("x") for _ in range(1000)}) == 1000


def test_a_plug_in_is_found_by_its_path():
    assert plugins.load("trainers", "mlray.ids:digest") is digest


def test_a_plug_in_is_found_by_its_entry_point():
    # pytest's own entry points are the only ones that are surely installed: the group is mlray's, so none is known.
    with pytest.raises(errors.NotFoundError, match="'nothing' is not a plug-in") as found:
        plugins.load("trainers", "nothing")
    assert "none is installed" in found.value.remedy


def test_an_installed_entry_point_is_loaded(monkeypatch):
    from importlib.metadata import EntryPoint, EntryPoints

    point = EntryPoint("own", "math:pi", "mlray.trainers")
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints([point]).select(group=group))
    assert plugins.load("trainers", "own") > 3
    with pytest.raises(errors.NotFoundError) as found:
        plugins.load("trainers", "others")
    assert "own" in found.value.remedy


@pytest.mark.parametrize("name", ["no.such.module:x", "math:no_such_name"])
def test_a_path_that_leads_nowhere_is_an_error_with_a_remedy(name):
    with pytest.raises(errors.NotFoundError, match="cannot be imported") as found:
        plugins.load("trainers", name)
    assert "package.module:name" in found.value.remedy


BAND = Interval(0.7, 0.6, 0.8)
GATES = (GateResult("baseline", True, "better"), GateResult("champion", False, "worse by 0.01"))
CARD = Scorecard({"auc": BAND}, {}, None, (), GATES[:1], 1200, NOON, NOON)
BAD_CARD = Scorecard({"auc": BAND}, {}, None, (), GATES, 1200, NOON, NOON)
TRIAL = Trial(1, "xgboost", {"max_depth": 3}, 0.7, 20, 1.0, "finished")
VERSION = ModelVersion("flights", 2, "d@v1", "x", "f", "e", CARD, "a", "g", NOON, aliases=("live",))
RECORDS = [
    BAND,
    CARD,
    BAD_CARD,
    TRIAL,
    VERSION,
    Experiment("e", "d@v1", "auc", (TRIAL,), TRIAL, Decimal("0.01"), 5.0, "all trials done", 0),
    Feasibility("auc", 0.7, BAND, BAND, (), BAND, "reachable", "It can work."),
    DatasetVersion("d", 3, "x", (), {}, "c", (), 10, "p", Quality(12, 10), "", NOON, NOON),
    Decision("d", NOON, Act.HOLD, "flights", "so", {"x": [1, None, {"y": 2.5}]}, Decimal("1.20"), gain=BAND),
    Endpoint("flights", "http://x", 1, 2, Stage.CANARY, 0.1),
    Endpoint("flights", "http://x", 1),
    Price(Decimal("40.004"), "USD"),
    Price(Decimal("0.000123"), "USD"),
    Budget("flights", Decimal(60), "USD", NOON, NOON, Decimal(40), Decimal(5)),
    drift(0.9),
    drift(0.1),
    drift(broken="silence"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_goes_to_json_and_back(record):
    assert type(record).from_json(record.to_json()) == record
    assert pickle.loads(pickle.dumps(record)) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_shows_itself_in_a_notebook_and_in_a_line(record):
    assert f"<caption>{type(record).__name__}</caption>" in record._repr_html_()
    assert str(record)


def test_what_a_record_shows_is_escaped_and_short():
    shown = Decision("d", NOON, Act.HOLD, "s", "<script>" + "x" * 500)._repr_html_()
    assert "<script>" not in shown
    assert "…" in shown


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (BAD_CARD, "refused: worse by 0.01"),
        (CARD, "passed 1 gates on 1,200 later rows"),
        (VERSION, "flights v2 (live) from d@v1"),
        (RECORDS[7], "d@v3: 10 rows as of 2013-04-01, 2 set aside"),
        (RECORDS[9], "v2 in canary at 10%"),
        (RECORDS[11], "40.00 USD"),
        (RECORDS[12], "0.000123 USD"),
        (RECORDS[13], "40.00 of 60.00 USD spent, 15.00 left until 2013-04-01"),
        (drift(0.9), "temp drifted (largest PSI 0.90"),
        (drift(0.1), "no column drifted"),
        (drift(broken="silence"), "broken feed: silence"),
    ],
    ids=str,
)
def test_what_a_record_says(record, words):
    assert words in str(record)


def test_a_wrong_field_is_refused():
    from pydantic import ValidationError

    with pytest.raises(ValidationError, match="value"):
        Interval.from_json({"value": "much", "low": 0, "high": 1})


def test_drifting_columns_come_farthest_first():
    report = DriftReport.from_json(
        {
            **drift(0.9).to_json(),
            "columns": [
                {"column": name, "psi": psi, "js": 0, "missing": 0, "unseen": 0, "drifting": psi > 0.25}
                for name, psi in (("a", 0.3), ("b", 0.1), ("c", 0.8))
            ],
        }
    )
    assert report.drifting == ("c", "a")
