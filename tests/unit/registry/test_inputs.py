"""A dataset version as MLflow's input: found by digest, and read again."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from mlray.data import Draft, Store
from mlray.errors import NotFoundError
from mlray.records import Quality
from mlray.registry.inputs.on_mlflow import MlraySource, dataset_input, digest_of_input

NOW = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = pa.table({"x": [1, 2, 3]})


@pytest.fixture
def kept(tmp_path):
    """A store with one version, and that version."""
    store = Store(tmp_path / "store")
    draft = Draft({"x": "int64"}, "c", (store.put(ROWS, source="a.csv"),), "", Quality(3, 3), "", NOW, NOW)
    return tmp_path / "store", store.commit("orders", lambda _: draft)


def test_mlflow_reads_the_rows_of_an_input_again(kept):
    import mlflow.data

    folder, version = kept
    source = mlflow.data.get_source(dataset_input(version, str(folder)))
    assert source.load() == ROWS
    assert source.uri == f"mlray://orders@v1?store={folder}"


def test_an_address_is_resolved_to_the_version_that_is_there(kept):
    from mlflow.data.dataset_source_registry import resolve_dataset_source

    folder, version = kept
    found = resolve_dataset_source(f"mlray://orders@v1?store={folder}")
    assert found == MlraySource("orders", 1, version.digest, str(folder))


def test_a_version_that_is_another_one_by_now_is_not_passed_off_as_the_old(kept):
    folder, version = kept
    with pytest.raises(NotFoundError, match="another version now"):
        replace(MlraySource("orders", 1, version.digest, str(folder)), digest="0" * 64).load()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: MlraySource("orders", 1, "d").load(), "does not say where its store is"),
        (lambda: MlraySource._resolve("mlray://orders"), "names no dataset version"),
    ],
    ids=["no store", "no version"],
)
def test_what_cannot_be_found_says_why(call, said):
    with pytest.raises(NotFoundError, match=said):
        call()


def test_only_our_own_addresses_are_ours():
    assert MlraySource._can_resolve("mlray://orders@v1")
    assert not MlraySource._can_resolve("s3://orders")
    assert not MlraySource._can_resolve(7)


def test_the_digest_fits_mlflows_column_and_the_source_keeps_the_whole(kept):
    _, version = kept
    made = dataset_input(version, "")
    assert made.dataset.digest == digest_of_input(version) == version.digest[:36]
    assert version.digest in made.dataset.source


@pytest.mark.parametrize("first", ["mlflow.data", "mlray.registry.inputs.on_mlflow"])
def test_mlflow_knows_our_source_whichever_is_imported_first(first):
    code = f"""
import {first}
from mlflow.data.dataset_source_registry import get_registered_sources
assert [source.__name__ for source in get_registered_sources()].count('MlraySource') == 1
"""
    subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], check=True)
