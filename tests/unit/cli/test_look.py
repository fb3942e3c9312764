"""Looking at a project that has not run yet: every verb answers, and starts nothing."""

import json

import pytest


@pytest.fixture
def ingested(mlray, shop):
    assert mlray("ingest", shop, "--until", "2024-03-01").exit_code == 0
    return shop


def test_ingesting_says_what_was_committed(mlray, shop):
    told = mlray("ingest", shop, "--until", "2024-02-01")
    more = json.loads(mlray("ingest", shop, "--json").stdout)

    assert told.stdout.startswith("rows@v1: 1,116 rows")
    assert (more["number"], more["table"]) == (2, "rows")


def test_ingesting_twice_says_that_nothing_is_new_and_what_is_kept_for_the_replay(mlray, shop):
    first, again = mlray("ingest", shop), mlray("ingest", shop)

    assert "nothing is new" not in first.stdout
    kept = first.stdout.splitlines()[1]
    assert kept.startswith("Rows from 2024-")
    assert kept.endswith("on are kept for the replay (`live:` in mlray.yaml).")
    assert again.stdout.splitlines() == [f"{first.stdout.splitlines()[0]}; nothing is new in the source", kept]
    assert "kept for the replay" not in mlray("ingest", shop, "--until", "2024-02-01").stdout


def test_ingesting_says_what_happened_to_the_source(mlray, shop):
    assert mlray("ingest", shop).exit_code == 0
    (file,) = shop.glob("data/*.csv")
    text = file.read_text(encoding="utf-8")
    file.write_text(text + text.splitlines()[-1] + "\n", encoding="utf-8")
    assert f"; changed: data/{file.name}" in mlray("ingest", shop).stdout


def test_ingesting_says_why_rows_were_set_aside_and_how_to_see_them(mlray, shop):
    assert "data aside" not in mlray("ingest", shop, "--until", "2024-02-01").stdout
    (file,) = shop.glob("data/*.csv")
    lines = file.read_text(encoding="utf-8").splitlines()
    broken = [
        ",".join("?" if place == n else cell for n, cell in enumerate(lines[1].split(","))) for place in (0, 0, 1)
    ]
    file.write_text("\n".join([*lines, *broken]) + "\n", encoding="utf-8")
    told = mlray("ingest", shop)
    reasons = [line for line in told.stdout.splitlines() if " × " in line]

    assert [line.split(" × ")[0] for line in reasons] == ["  2", "  1"]
    assert f"`mlray data aside --project {shop}` shows these rows." in told.stdout
    assert mlray("data", "aside", "--project", shop).exit_code == 0


def test_the_status_of_a_fresh_project_is_mostly_empty(mlray, shop):
    result = mlray("status", shop)
    facts = json.loads(mlray("status", shop, "--json").stdout)

    assert result.exit_code == 0
    assert "shop" in result.stdout
    assert (facts["project"], facts["live"], facts["models"]) == ("shop", None, [])


def test_a_journal_without_decisions_says_what_would_make_some(mlray, ingested):
    assert "mlray run" in mlray("journal", ingested).stdout
    assert json.loads(mlray("journal", ingested, "--json").stdout) == []


def test_every_entry_can_be_seen_and_the_chain_checked(mlray, ingested):
    table = mlray("journal", ingested, "--all", "--verify")
    entries = json.loads(mlray("journal", ingested, "--kind", "dataset", "--json").stdout)

    assert "The chain is whole: 1 entries checked." in table.stderr
    assert "rows@v1" in table.stdout
    assert (entries[0]["seq"], entries[0]["kind"], entries[0]["subject"]) == (1, "dataset", "rows@v1")
    nothing = mlray("journal", ingested, "--kind", "nothing", "--json")
    assert json.loads(nothing.stdout) == []
    assert "no entry of kind 'nothing'; it has dataset" in nothing.stderr


def test_the_cost_of_a_fresh_project_is_an_estimate_and_a_whole_budget(mlray, ingested):
    text = mlray("cost", ingested).stdout
    facts = json.loads(mlray("cost", ingested, "--at", "2024-03-15", "--json").stdout)

    assert "60.00 USD until" in text
    assert "nothing" in text
    assert (facts["budget"]["left"], facts["budget"]["end"][:10]) == ("60", "2024-04-01")


def test_without_a_budget_none_is_shown(mlray, ingested):
    file = ingested / "mlray.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("  budget: {limit: 60 USD, per: month}\n", ""), encoding="utf-8")

    assert "budget              none" in mlray("cost", ingested).stdout


def test_whether_it_can_work_is_said_before_anything_is_trained(mlray, ingested):
    told = mlray("feasibility", ingested)

    assert told.exit_code == 0
    assert "linear model" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["watch", "--every", "soon"], 2, "'soon' is not a duration"),
        (["watch", "--every", "1 hour", "--at", "2024-03-01"], 2, "exclude each other"),
        (["watch", "--at", "someday"], 2, "'someday' is not a date"),
        (["run", "--until", "someday"], 2, "'someday' is not a date"),
        (["deploy"], 2, "has no model yet"),
        (["deploy", "--version", "3"], 2, "has no model yet"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_started(mlray, ingested, arguments, code, problem):
    result = mlray(arguments[0], ingested, *arguments[1:])

    assert (result.exit_code, problem in result.stderr) == (code, True), result.stderr


def test_stopping_what_does_not_run_is_no_fault(mlray, shop):
    assert mlray("stop", shop).stdout == "Nothing was running.\n"
    assert json.loads(mlray("stop", shop, "--json").stdout) == {"stopped": False}
