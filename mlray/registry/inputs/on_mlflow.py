"""A dataset version as MLflow knows it: a dataset source of our own, from which the rows can be read again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import parse_qs, quote, urlsplit

from mlflow.data.dataset_source import DatasetSource

from mlray.errors import NotFoundError
from mlray.plugins import load
from mlray.records import DatasetVersion

__all__ = ["MlraySource", "dataset_input", "digest_of_input"]

DIGITS = 36
"""Characters of a digest that MLflow's database keeps."""
_STORE = "mlray.data:Store"


@dataclass(frozen=True)
class MlraySource(DatasetSource):
    """Where a dataset version lies: `mlray://departures@v7?store=/srv/flights/.mlray/store`.

    MLflow finds it by the entry point `mlflow.dataset_source`, in any process where mlray is installed:
    `mlflow.data.get_source(run.inputs.dataset_inputs[0]).load()` is the table that the run learnt from.
    """

    table: str
    number: int
    digest: str
    """The whole SHA-256 of the version; MLflow's own field keeps 36 characters of it."""
    store: str = ""
    """Folder or URL of the dataset store."""

    @staticmethod
    def _get_source_type() -> str:
        return "mlray"

    @property
    def uri(self) -> str:
        """The address of the version."""
        store = f"?store={quote(self.store, safe='/:')}" if self.store else ""
        return f"mlray://{self.table}@v{self.number}{store}"

    def load(self) -> Any:
        """Return the version's rows as a `pyarrow.Table`.

        Raises:
            NotFoundError: the store is not named, has no such version, or its content is another one.
            StoreError: it cannot be read.
        """
        if not self.store:
            raise NotFoundError(
                f"{self.uri} does not say where its store is.", remedy="Read it with `mlray.data.Store`."
            )
        # Found by name: this floor does not know the stage that keeps data.
        store = cast("Any", load("stores", _STORE))(self.store)
        version = store.version(self.table, self.number)
        if version.digest != self.digest:
            raise NotFoundError(
                f"{self.uri} is another version now: its digest is {version.digest[:12]}, not {self.digest[:12]}.",
                remedy="The store was begun anew since; what the run learnt from lies in an older copy of it.",
            )
        return store.read(version)

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:
        return isinstance(raw_source, str) and raw_source.startswith("mlray://")

    @classmethod
    def _resolve(cls, raw_source: Any) -> Self:
        parts = urlsplit(str(raw_source))
        table, _, number = parts.netloc.rpartition("@v")
        if not table or not number.isdecimal():
            raise NotFoundError(f"'{raw_source}' names no dataset version.", remedy="Write mlray://table@v1?store=….")
        store = parse_qs(parts.query).get("store", [""])[0]
        # Without a store the digest cannot be known; `load` refuses then.
        digest = cast("Any", load("stores", _STORE))(store).version(table, int(number)).digest if store else ""
        return cls(table, int(number), digest, store)

    def to_dict(self) -> dict[str, Any]:
        """Return what MLflow keeps as JSON."""
        return {
            "uri": self.uri,
            "table": self.table,
            "number": self.number,
            "digest": self.digest,
            "store": self.store,
        }

    @classmethod
    def from_dict(cls, source_dict: Mapping[Any, Any]) -> Self:
        """Return the source that `to_dict` wrote."""
        return cls(
            source_dict["table"], int(source_dict["number"]), source_dict["digest"], source_dict.get("store", "")
        )


def digest_of_input(dataset: DatasetVersion) -> str:
    """Return the part of the digest that MLflow keeps: `search_runs("dataset.digest = '…'")` takes it."""
    return dataset.digest[:DIGITS]


def dataset_input(dataset: DatasetVersion, store: str) -> Any:
    """Return `dataset` as an input of an MLflow run; `store` is where it lies."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = MlraySource(dataset.table, dataset.number, dataset.digest, store)
    columns = [{"name": name, "type": kind} for name, kind in dataset.schema.items()]
    return DatasetInput(
        Dataset(
            name=dataset.name,
            digest=digest_of_input(dataset),
            source_type="mlray",
            source=json.dumps(source.to_dict()),
            schema=json.dumps({"mlflow_colspec": columns}),
            profile=json.dumps({"num_rows": dataset.rows}),
        ),
        [InputTag("mlflow.data.context", "training"), InputTag("mlray.version", str(dataset.number))],
    )
