"""Contracts beside the data: numbered versions that never change, shared by all projects of a workspace."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import cast

from mlray.data._author import usual_author
from mlray.data.store.storage import Storage
from mlray.errors import NotFoundError, StoreError
from mlray.ids import Json
from mlray.records import DatasetVersion
from mlray.spec import Data, contract_text, did_you_mean, parse_contract

__all__ = ["Catalog", "ContractVersion", "keep", "kept"]

_FOLDER = "contracts"


@dataclass(frozen=True, slots=True)
class ContractVersion:
    """One version of a contract with its mappings, as it was pushed."""

    name: str
    number: int
    digest: str
    """Of what decides about rows: the one that dataset versions name."""
    text: str
    """The contract in the Open Data Contract Standard."""
    author: str = ""
    note: str = ""
    at: str = ""
    """When it was pushed, in ISO 8601."""

    @property
    def ref(self) -> str:
        """The name people use, `departures@v2`."""
        return f"{self.name}@v{self.number}"


@dataclass(frozen=True, slots=True)
class Catalog:
    """The contracts of a workspace, in the store's own place."""

    storage: Storage

    def push(
        self, name: str, text: str, *, digest: str, now: datetime, author: str = "", note: str = ""
    ) -> ContractVersion:
        """Return the version that has this text: the newest one where it is the same, a new one otherwise.

        A `note` that the newest one does not have from this author makes a new one all the same: who agreed to a
        contract, and why, is what a log is read for, and the first to keep it may have been an ingestion.
        Of two who push at once both succeed, one after the other.

        Raises:
            StoreError: the place cannot be written.
        """
        author = author or usual_author()
        try:
            while True:
                newest = self.newest(name)
                noted = newest is None or not note or (newest.author, newest.note) == (author, note)
                if newest is not None and newest.text == text and noted:
                    return newest
                number = newest.number + 1 if newest else 1
                made = ContractVersion(name, number, digest, text, author, note, now.isoformat())
                content = json.dumps(asdict(made), ensure_ascii=False).encode()
                if self.storage.create(_place(name, number), content):
                    return made
        except OSError as error:
            raise StoreError(f"The contract '{name}' cannot be written to {self.storage.url}: {error}.") from error

    def names(self) -> list[str]:
        """Return the names of all contracts."""
        found = (info.name.removeprefix(f"{_FOLDER}/").rpartition("/")[0] for info in self.storage.names(f"{_FOLDER}/"))
        return sorted(set(found))

    def log(self, name: str) -> list[ContractVersion]:
        """Return all versions of a contract, the oldest first."""
        return [self._read(info.name) for info in self.storage.names(f"{_FOLDER}/{name}/")]

    def get(self, ref: str) -> ContractVersion:
        """Return the contract that `departures` (its newest version) or `departures@v2` names.

        Raises:
            NotFoundError: there is none; the closest name is told.
        """
        name, _, version = ref.partition("@")
        log = self.log(name)
        if not log:
            known = self.names()
            hint = did_you_mean(name, known) if known else "`mlray contract push` makes the first."
            raise NotFoundError(
                f"There is no contract '{name}' in the workspace.", remedy=f"{hint[0].upper()}{hint[1:]}"
            )
        for one in log:
            if version in ("", f"v{one.number}") and (version or one is log[-1]):
                return one
        raise NotFoundError(f"'{name}' has no version '{version}'.", remedy=f"It has v1 to v{log[-1].number}.")

    def by_digest(self, digest: str) -> ContractVersion | None:
        """Return the newest contract by which rows with this contract digest were judged; None if none was pushed."""
        found = [one for name in self.names() for one in self.log(name) if one.digest == digest]
        return max(found, key=lambda one: one.at) if found else None

    def newest(self, name: str) -> ContractVersion | None:
        """Return the newest version of a contract; None where there is none."""
        found = self.storage.names(f"{_FOLDER}/{name}/")
        return self._read(found[-1].name) if found else None

    def _read(self, name: str) -> ContractVersion:
        try:
            told = cast("Mapping[str, Json]", json.loads(self.storage.read(name)))
            return ContractVersion(**told)  # type: ignore[arg-type]
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"The contract {name} in {self.storage.url} is damaged: {error}.") from error


def _place(name: str, number: int) -> str:
    return f"{_FOLDER}/{name}/{number:06d}.json"


def keep(storage: Storage, data: Data, digest: str, now: datetime) -> None:
    """Keep the contract that a dataset version was read by beside it, unless it is the newest that is kept already.

    Raises:
        StoreError: the place cannot be written.
    """
    catalog = Catalog(storage)
    newest = catalog.newest(data.table)
    # Who may see what is no part of the digest, and yet a reader who has the store alone must know it.
    if newest is None or newest.digest != digest or _confidential(_data_of(newest)) != _confidential(data):
        catalog.push(
            data.table, contract_text(data, target=True), digest=digest, now=now, note="kept when rows were read"
        )


def kept(storage: Storage, version: DatasetVersion) -> Data:
    """Return the contract that a dataset version was read by, as it is kept beside it.

    Raises:
        NotFoundError: there is none.
    """
    found = Catalog(storage).by_digest(version.contract)
    if found is None:
        raise NotFoundError(
            f"The store keeps no contract of {version.name}, so that nothing says who may see what.",
            remedy="`mlray ingest` and `mlray contract push` keep one; a project has its own.",
        )
    return _data_of(found)


def _data_of(contract: ContractVersion) -> Data:
    return parse_contract(contract.text, contract.ref).data


def _confidential(data: Data) -> tuple[object, ...]:
    """Return all that views depend on."""
    classes = {name: column.classification for name, column in data.all_columns.items()}
    return data.views, {name: told for name, told in classes.items() if told is not None}
