"""Rows of a project's versions, as a tenant may see them."""

import stat
from datetime import UTC, datetime

import pyarrow as pa
import pytest

import mlray
from mlray.clock import ManualClock
from mlray.data.table import Table
from mlray.errors import AccessDenied, DataError, NotFoundError
from tests.projects import small_project

NOW = datetime(2024, 1, 21, tzinfo=UTC)
VIEWS = "  views: {ana: {restricted: hash, secret: drop}, bob: {restricted: mask}, eve: {}}\n"


@pytest.fixture
def project(tmp_path):
    file = small_project(tmp_path / "orders") / "mlray.yaml"
    text = file.read_text().replace("east]}", "east], classification: restricted}")
    text = text.replace("max: 1000}", "max: 1000, classification: secret}")
    file.write_text(text.replace("  columns:", VIEWS + "  columns:"))
    with mlray.open(file, clock=ManualClock(NOW)) as opened:
        opened.ingest()
        yield opened


def test_a_tenant_sees_what_the_views_say_and_the_owner_all(project):
    whole, ana, bob = (project.rows(tenant=tenant).to_arrow() for tenant in (None, "ana", "bob"))

    assert set(whole["shop"].to_pylist()) == {"north", "south", "east"}
    assert set(whole.column_names) - set(ana.column_names) == {"price"}
    assert len(set(ana["shop"].to_pylist())) == 3
    assert set(bob["shop"].to_pylist()) == {"***"}
    assert bob["price"].equals(whole["price"])
    assert project.rows("v1", "eve").to_arrow().equals(whole)
    with pytest.raises(AccessDenied, match="'carl'"):
        project.rows(tenant="carl")


def test_a_tenant_is_not_told_of_values_that_are_withheld(project):
    whole, ana = project.rows(), project.rows(tenant="ana")

    with pytest.raises(DataError, match=r"orders@v1 has no column 'price'"):
        ana.to_pandas(["price"])
    assert set(whole.schema.names) - set(ana.schema.names) == {"price"}
    assert {"shop", "price"} <= set(whole.version.statistics)
    assert not {"shop", "price"} & set(ana.version.statistics)
    assert project.space.store.verify(ana.version) == project.space.store.verify(whole.version)


def test_versions_are_named_in_any_way_that_is_usual(project):
    project.space.store.tag("orders", "prod", 1)

    assert {project.rows(ref).version.number for ref in (None, 1, "1", "v1", "prod", "orders@prod", "orders")} == {1}
    with pytest.raises(NotFoundError):
        project.rows("v9")


def test_equal_values_hash_equally_in_a_workspace_by_a_secret_of_its_own(project):
    one = project.rows(tenant="ana").to_arrow(["shop"])
    with mlray.open(project.source) as again:
        other = again.rows(tenant="ana").to_arrow(["shop"])
    secret = project.space.folder("keys") / "digests.secret"

    assert one.equals(other)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    secret.unlink()
    assert not project.rows(tenant="ana").to_arrow(["shop"]).equals(one)


def test_a_secret_is_made_only_where_it_is_needed_and_no_short_one_is_taken(project):
    secret = project.space.folder("keys") / "digests.secret"
    project.rows(tenant="bob")
    assert not secret.exists()
    secret.touch(mode=0o600)

    with pytest.raises(AccessDenied, match="0 bytes, which are no secret"):
        project.rows(tenant="ana")


def test_the_table_of_others_is_shown_by_the_contract_it_came_by(project):
    Table(project.space.store, "salaries").append(pa.table({"who": ["ann"], "shop": ["north"]}))

    assert project.rows("salaries@v1").to_arrow().num_rows == 1
    with pytest.raises(NotFoundError, match=r"no contract of salaries@v1"):
        project.rows("salaries@v1", "bob")


def test_a_column_that_was_renamed_in_the_store_is_not_shown_under_its_new_name(project):
    Table(project.space.store, "orders").rename_column("shop", "branch")

    assert "branch" in project.rows().to_arrow().column_names
    assert "branch" not in project.rows(tenant="bob").to_arrow().column_names
