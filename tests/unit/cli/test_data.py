"""The versions of data from a shell."""

import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlray import open as opened
from mlray.clock import ManualClock
from mlray.data import Store
from mlray.data.table import Table
from tests.projects import small_project


@pytest.fixture
def place(tmp_path) -> str:
    """A store with five versions of one table."""
    table = Table(Store(tmp_path / "store"), "orders")
    table.append(pa.table({"id": [1, 2, 3], "price": [1.0, 2.0, 3.0]}), key=["id"], author="ann", note="first")
    table.upsert(pa.table({"id": [2], "price": [9.0]}))
    table.rename_column("price", "cost")
    table.append(pa.table({"id": [4], "cost": [4.0]}))
    table.rollback(2)
    return str(tmp_path / "store")


def told(result) -> dict:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_log_lists_versions_with_their_names_and_notes(mlray, place):
    mlray("data", "tag", "prod", "v2", "--store", place)
    facts = told(mlray("data", "log", "--store", place, "--json"))

    assert [one["number"] for one in facts] == [5, 4, 3, 2, 1]
    assert (facts[0]["names"], facts[3]["names"], facts[4]["author"]) == (["main"], ["prod"], "ann")
    assert "rename column" in mlray("data", "log", "orders", "--store", place).stdout


def test_what_is_ingested_says_who_did_it(mlray, tmp_path, monkeypatch):
    monkeypatch.setenv("MLRAY_AUTHOR", "nightly import")
    folder = small_project(tmp_path / "orders")
    told(mlray("ingest", folder, "--json"))

    assert [one["author"] for one in told(mlray("data", "log", "--project", folder, "--json"))] == ["nightly import"]


def test_a_branch_has_its_own_log(mlray, place):
    told(mlray("data", "branch", "try", "v3", "--store", place, "--json"))

    assert [one["number"] for one in told(mlray("data", "log", "orders@try", "--store", place, "--json"))] == [3, 2, 1]
    assert told(mlray("data", "branch", "--store", place, "--json")) == {"main": 5, "try": 3}


def test_what_changed_is_told_and_shown(mlray, place):
    shown = mlray("data", "diff", "v1", "orders@v4", "--rows", "5", "--store", place)
    facts = told(mlray("data", "diff", "v1", "--store", place, "--json"))

    assert "orders@v1 → orders@v4: 1 rows added, 'cost' changed in 1, 'price' renamed to 'cost'" in shown.stdout
    assert "9.0" in shown.stdout
    assert (facts["new"], facts["changed"], facts["same"]) == ("orders@v5", {"price": 1}, False)


def test_a_tag_is_given_listed_and_taken_away(mlray, place):
    assert told(mlray("data", "tag", "prod", "v2", "--store", place, "--json")) == {"prod": 2}
    assert "orders@v2" in mlray("data", "tag", "--store", place).stdout
    assert told(mlray("data", "tag", "prod", "--delete", "--store", place, "--json")) == {}
    assert "No tags" in mlray("data", "tag", "--store", place).stdout


def test_a_version_is_checked_out_as_parquet(mlray, place, tmp_path):
    facts = told(mlray("data", "checkout", "v2", tmp_path / "out", "--store", place, "--json"))

    assert (facts["version"], facts["rows"]) == ("orders@v2", 3)
    assert pq.read_table(tmp_path / "out")["price"].to_pylist() == [1.0, 9.0, 3.0]


@pytest.fixture
def viewed(tmp_path):
    """A project with a version, and what tenants may see of it."""
    folder = small_project(tmp_path / "orders")
    file = folder / "mlray.yaml"
    text = file.read_text().replace("east]}", "east], classification: restricted}")
    views = "  views: {ana: {restricted: hash}, bob: {restricted: mask}, carl: {restricted: drop}, dan: {}}\n"
    file.write_text(text.replace("  columns:", views + "  columns:"))
    with opened(file, clock=ManualClock(datetime(2024, 1, 21, tzinfo=UTC))) as project:
        project.ingest()
    return folder


def test_a_version_is_written_as_a_tenant_may_see_it(mlray, viewed, tmp_path):
    facts = told(mlray("data", "checkout", "v1", tmp_path / "ana", "--as", "ana", "-p", viewed, "--json"))
    shown = mlray("data", "export", "v1", tmp_path / "bob", "--as", "bob", "-p", viewed)
    told(mlray("data", "export", "v1", tmp_path / "dan", "--as", "dan", "-p", viewed, "--json"))

    assert facts["as"] == "ana"
    assert "rows, as bob may see them, written as" in shown.stdout
    ana, bob, dan = (pq.read_table(tmp_path / name) for name in ("ana", "bob", "dan"))
    assert set(bob["shop"].to_pylist()) == {"***"}
    assert set(dan["shop"].to_pylist()) == {"north", "south", "east"}
    assert len(set(ana["shop"].to_pylist())) == 3
    assert {len(word) for word in ana["shop"].to_pylist()} == {16}


def test_a_store_alone_shows_by_the_contract_that_it_keeps(mlray, viewed, tmp_path):
    store = viewed / ".mlray" / "store"
    told(mlray("data", "checkout", "v1", tmp_path / "carl", "--as", "carl", "--store", store, "--json"))
    told(mlray("data", "checkout", "v1", tmp_path / "dan", "--as", "dan", "--store", store, "--json"))

    assert "shop" not in pq.read_table(tmp_path / "carl").column_names
    assert "shop" in pq.read_table(tmp_path / "dan").column_names
    refused = mlray("data", "checkout", "v1", tmp_path / "ana", "--as", "ana", "--store", store)
    assert refused.exit_code == 4
    assert "--project" in refused.stderr
    assert not (tmp_path / "ana").exists()


def test_nothing_is_written_for_whom_nothing_is_said(mlray, viewed, place, tmp_path):
    out = tmp_path / "out"
    unknown = mlray("data", "checkout", "v1", out, "--as", "eve", "-p", viewed)
    without = mlray("data", "checkout", "v1", out, "--as", "ana", "--store", place)
    mirrored = mlray("data", "export", "v1", "iceberg://t/a.b", "--format", "iceberg", "--as", "bob", "-p", viewed)

    assert (unknown.exit_code, without.exit_code, mirrored.exit_code) == (4, 2, 2)
    assert "`data.views` names ana, bob, carl, dan." in unknown.stderr
    assert "keeps no contract of orders@v1" in without.stderr
    assert "a view of it is written as Parquet" in mirrored.stderr
    assert not out.exists()


def test_arguments_the_other_way_round_are_told_with_the_right_way(mlray, place):
    assert "mlray data tag first v1" in mlray("data", "tag", "v1", "first", "--store", place).stderr
    assert "no dataset version" in mlray("data", "tag", "first", "v9", "--store", place).stderr


def test_a_version_is_mirrored_into_a_catalog(mlray, place, tmp_path):
    catalog = f"iceberg://test/sales.orders?type=sql&uri=sqlite:///{tmp_path}/c.db&warehouse=file://{tmp_path}/wh"
    first = mlray("data", "mirror", catalog, "v1", "--store", place)
    facts = told(mlray("data", "mirror", catalog, "--store", place, "--json"))

    assert "orders@v1: 3 rows are snapshot" in first.stdout
    assert "sqlite" not in first.stdout
    assert (facts["version"], facts["rows"]) == ("orders@v5", 3)


def test_a_version_without_files_of_its_own_stays_as_it_is_and_says_so(mlray, place):
    assert "nothing to drop" in mlray("data", "squash", "v3", "--store", place).stdout
    assert not Store(place).version("orders", 3).squashed
    assert "rebuilt exactly" in mlray("data", "squash", "v3", "--anyway", "--store", place).stdout
    assert Store(place).version("orders", 3).squashed


def test_a_squashed_version_is_kept_told_and_rebuilt(mlray, place, tmp_path):
    facts = told(mlray("data", "squash", "v4", "--keep", "facts", "--grace", "0 hour", "--store", place, "--json"))

    assert facts["dropped"] > 0
    assert facts["lost"] == {"id": 1, "cost": 1}
    assert "squashed" in mlray("data", "log", "--store", place).stdout
    refused = mlray("data", "checkout", "v4", tmp_path / "out", "--store", place)
    assert refused.exit_code == 2
    assert "'cost' in rows 3 to 3" in refused.stderr
    assert mlray("data", "recover", "v4", "--store", place, "--json").exit_code == 2
    assert told(mlray("data", "recover", "v3", "--store", place, "--json"))["exact"] is True


def test_a_rollback_is_a_version_with_author_and_note(mlray, place):
    made = told(mlray("data", "rollback", "v1", "--author", "bob", "--note", "bad", "--store", place, "--json"))

    assert (made["number"], made["author"], made["note"]) == (6, "bob", "bad")


def test_damage_is_found_with_an_exit_code_of_its_own(mlray, place):
    assert "all sound" in mlray("data", "verify", "--store", place).stdout
    blob = Store(place).version("orders", 1).fragments[0].blob
    Store(place).path(blob).unlink()

    found = mlray("data", "verify", "orders", "--store", place)
    assert found.exit_code == 3
    assert "it is missing (needed by orders@v1, orders@v2 and" not in found.stdout
    assert "it is missing (needed by" in found.stderr


def test_usage_shows_what_copies_would_have_cost(mlray, place):
    facts = told(mlray("data", "du", "--store", place, "--json"))

    assert len(facts["versions"]) == 5
    assert facts["copies"] > 0 < facts["stored"]
    assert "a full copy" in mlray("data", "du", "--store", place).stdout


def test_a_sweep_and_a_compaction_say_what_they_did(mlray, place):
    Store(place).put(pa.table({"x": [1]}))

    assert told(mlray("data", "gc", "--grace", "0 hour", "--store", place, "--json"))["files"] == 1
    assert told(mlray("data", "compact", "--store", place, "--json"))["changed"] is True
    assert "nothing to compact" in mlray("data", "compact", "orders@main", "--store", place).stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["log", "nothing"], "no table 'nothing'"),
        (["diff", "v9"], "no dataset version 'orders@v9'"),
        (["squash", "v5"], "newest version of the branch"),
        (["squash", "v1", "--keep", "some"], "'some' is no way to squash"),
        (["gc", "--grace", "soon"], "'soon' is not a duration"),
        (["export", "v1", "x", "--format", "orc"], "'orc' is no format"),
        (["log", "orders@nobody"], "no branch 'nobody'"),
        (["tag", "v1", "first"], "'v1' is a version and 'first' is none"),
        (["branch", "v1", "first"], "'v1' is a version and 'first' is none"),
        (["mirror", "nowhere"], "is no Iceberg table"),
    ],
)
def test_wrong_input_is_told_with_exit_code_2(mlray, place, arguments, problem):
    result = mlray("data", *arguments, "--store", place)

    assert result.exit_code == 2
    assert problem in result.stderr


def test_a_project_has_its_own_store_and_table(mlray, shop):
    assert mlray("ingest", shop, "--until", "2024-02-01").exit_code == 0

    assert told(mlray("data", "log", "--project", shop, "--json"))[0]["version"] == "rows@v1"
    assert told(mlray("data", "diff", "v1", "-p", shop, "--json"))["same"] is True


def test_rows_set_aside_are_shown_with_their_reasons(mlray, tmp_path):
    shop = small_project(tmp_path / "shop")
    with opened(shop) as project:
        assert not project.ingest().quality.set_aside
    assert "no row set aside" in mlray("data", "aside", "--project", shop).stdout

    more = pq.read_table(shop / "data" / "orders-1.parquet").slice(0, 2)
    wrong = more.set_column(more.column_names.index("price"), "price", pa.array([-1.0, 5000.0]))
    pq.write_table(wrong, shop / "data" / "orders-3.parquet")
    with opened(shop) as project:
        project.ingest()
    rows = told(mlray("data", "aside", "--project", shop, "--json"))
    assert [(row["source"], row["position"]) for row in rows] == [
        ("data/orders-3.parquet", 0),
        ("data/orders-3.parquet", 1),
    ]
    assert [row["reason"] for row in rows] == ["price below 0", "price above 1000"]
    shown = mlray("data", "aside", "--reason", "above", "--project", shop).stdout
    assert "price above 1000" in shown
    assert "-1.0" not in shown
