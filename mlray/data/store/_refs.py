"""Numbers, branches and tags of tables: small files that only one writer can create.

    tables/<table>/versions/<number>.json.gz    the manifest of one version, and the heads of all branches with it
    tables/<table>/branches/<name>              the version at which a branch begins
    tables/<table>/tags/<name>                  the version that a tag names
    tables/<table>/once/<digest>                the version that a named commit of a branch made

A manifest is claimed by creating the number after the newest, over all branches. Before a writer claims one, it files
the name of the commit before it: so a named commit is either filed, or the newest, or never happened.
"""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from mlray.data.store._legacy import first_facts, first_numbers
from mlray.data.store.storage import LocalStorage, Storage, writing
from mlray.errors import ConflictError, DataError, NotFoundError, StoreError
from mlray.ids import canonical, digest
from mlray.records import DatasetVersion

__all__ = ["MAIN", "Manifest", "Refs"]

MAIN = "main"
"""The branch that every table has."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_NUMBER = re.compile(r"v?(\d+)")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A version, and the number of each branch's newest version when it was made."""

    version: DatasetVersion
    heads: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Refs:
    """What names versions in one storage."""

    storage: Storage

    def tables(self) -> list[str]:
        """Return the names of all tables."""
        with self._reaching():
            return sorted({info.name.split("/")[1] for info in self.storage.names("tables/")})

    def numbers(self, table: str) -> list[int]:
        """Return the numbers of all versions, in order."""
        with self._reaching():
            names = [info.name for info in self.storage.names(f"tables/{table}/versions/")]
            found = sorted(int(name.rpartition("/")[2].partition(".")[0]) for name in names)
            # Numbers begin at 1 and have no gaps: what lacks the first was begun by the first release.
            return found if found[:1] == [1] else [*first_numbers(self.storage, table), *found]

    def newest(self, table: str) -> Manifest | None:
        """Return the manifest with the largest number."""
        numbers = self.numbers(table)
        return self.manifest(table, numbers[-1]) if numbers else None

    def manifest(self, table: str, number: int) -> Manifest:
        """Return the manifest of one version."""
        name = self.place(table, number)
        try:
            facts = dict(self._facts(table, number))
            heads = facts.pop("heads")
            version = DatasetVersion.from_json(facts)
            # Canonical JSON sorts the names of a mapping; the columns keep their order.
            return Manifest(replace(version, schema={one.name: one.type for one in version.columns}), heads)
        except FileNotFoundError as error:
            raise NotFoundError(
                f"There is no dataset version '{table}@v{number}'.", remedy=self._known(table)
            ) from error
        except (OSError, EOFError, ValueError, KeyError, AttributeError) as error:
            where = self.storage.path(name) if isinstance(self.storage, LocalStorage) else f"{self.storage.url}/{name}"
            raise StoreError(
                f"The manifest of '{table}@v{number}' cannot be read: {error}.",
                remedy=f"Restore {where} from a backup.",
            ) from error

    def _facts(self, table: str, number: int) -> Mapping[str, Any]:
        try:
            content = self.storage.read(self.place(table, number))
        except FileNotFoundError:
            return first_facts(self.storage, table, number)
        return cast("Mapping[str, Any]", json.loads(gzip.decompress(content)))

    def claim(self, version: DatasetVersion, newest: Manifest | None) -> bool:
        """Make `version` the one after `newest`; False where somebody else was faster."""
        self._file(newest)
        heads = {**(newest.heads if newest else {}), version.branch: version.number}
        with writing(self.storage):
            return self.storage.create(self.place(version.table, version.number), _packed(version, heads))

    def amend(self, version: DatasetVersion) -> None:
        """Write the manifest of an existing version anew."""
        heads = self.manifest(version.table, version.number).heads
        with writing(self.storage):
            self.storage.replace(self.place(version.table, version.number), _packed(version, heads))

    def done(self, table: str, branch: str, once: str, newest: Manifest | None) -> DatasetVersion | None:
        """Return the version that the commit named `once` made on this branch, if it did."""
        if newest is not None and _is_named(newest.version, branch, once):
            return newest.version
        # The first releases filed names without their branch.
        for place in (_filed(table, branch, once), f"tables/{table}/once/{digest(once.encode())}"):
            number = self._pointer(place)
            version = None if number is None else self.manifest(table, number).version
            if version is not None and _is_named(version, branch, once):
                return version
        return None

    def head(self, table: str, branch: str, newest: Manifest | None) -> DatasetVersion | None:
        """Return the newest version of a branch as of the manifest `newest`."""
        number = newest.heads.get(branch) if newest else None
        if number is None and branch != MAIN:
            number = self._pointer(f"tables/{table}/branches/{branch}")
            if number is None:
                known = ", ".join(self.branches(table))
                raise NotFoundError(f"'{table}' has no branch '{branch}'.", remedy=f"It has {known}.")
        if number is None:
            return None
        if newest is not None and newest.version.number == number:
            return newest.version
        return self.manifest(table, number).version

    def branches(self, table: str) -> dict[str, int]:
        """Return branch → number of its newest version."""
        newest = self.newest(table)
        begun = self._pointers(f"tables/{table}/branches/")
        return {**begun, **(newest.heads if newest else {})}

    def branch(self, table: str, name: str, start: int) -> None:
        """Begin a branch."""
        self._name(name, "branch")
        if name == MAIN or name in self.tags(table):
            raise ConflictError(f"'{table}' has a {_word(name)} '{name}' already.", remedy="Choose another name.")
        self._point(table, f"tables/{table}/branches/{name}", "branch", start)

    def tags(self, table: str) -> dict[str, int]:
        """Return tag → version number."""
        return self._pointers(f"tables/{table}/tags/")

    def tag(self, table: str, name: str, number: int) -> None:
        """Name a version."""
        self._name(name, "tag")
        if name == MAIN or name in self._pointers(f"tables/{table}/branches/"):
            raise ConflictError(f"'{table}' has a branch '{name}' already.", remedy="Choose another name.")
        self._point(table, f"tables/{table}/tags/{name}", "tag", number)

    def untag(self, table: str, name: str) -> None:
        """Take a tag away."""
        if name not in self.tags(table):
            known = ", ".join(self.tags(table)) or "none"
            raise NotFoundError(f"'{table}' has no tag '{name}'.", remedy=f"Its tags: {known}.")
        with writing(self.storage):
            self.storage.delete(f"tables/{table}/tags/{name}")

    def find(self, table: str, ref: int | str) -> DatasetVersion:
        """Return the version that a number, `v3`, a tag or a branch names."""
        if isinstance(ref, int):
            return self.manifest(table, ref).version
        if found := _NUMBER.fullmatch(ref):
            return self.manifest(table, int(found[1])).version
        if ref and _NAME.fullmatch(ref):
            tagged = self._pointer(f"tables/{table}/tags/{ref}")
            if tagged is not None:
                return self.manifest(table, tagged).version
            number = self.branches(table).get(ref)
            if number is not None:
                return self.manifest(table, number).version
        names = ", ".join([*self.tags(table), *self.branches(table)])
        raise NotFoundError(
            f"There is no dataset version '{table}@{ref}'.",
            remedy=f"{self._known(table)} Names: {names}." if names else self._known(table),
        )

    def place(self, table: str, number: int) -> str:
        """Return the name under which the storage keeps a manifest."""
        return f"tables/{table}/versions/{number:08d}.json.gz"

    def valid(self, table: str) -> None:
        """Refuse a name that no table can have."""
        self._name(table, "table")

    def _known(self, table: str) -> str:
        numbers = self.numbers(table)
        if numbers:
            return f"There are v{numbers[0]} to v{numbers[-1]}."
        return f"There is no table '{table}'; known: {', '.join(self.tables()) or 'none yet, ingest first'}."

    def _file(self, newest: Manifest | None) -> None:
        if newest is None or not newest.version.once:
            return
        version = newest.version
        with writing(self.storage):
            self.storage.create(_filed(version.table, version.branch, version.once), canonical(version.number))

    def _point(self, table: str, place: str, word: str, number: int) -> None:
        self.manifest(table, number)
        with writing(self.storage):
            made = self.storage.create(place, canonical(number))
        there = number if made else self._pointer(place)
        if there != number:
            name = place.rpartition("/")[2]
            raise ConflictError(
                f"'{table}' has a {word} '{name}' already, at v{there}.",
                remedy="Choose another name" + (", or take the tag away first." if word == "tag" else "."),
            )

    def _pointers(self, folder: str) -> dict[str, int]:
        with self._reaching():
            names = [info.name for info in self.storage.names(folder)]
        found = {name.removeprefix(folder): self._pointer(name) for name in names}
        return {name: number for name, number in found.items() if number is not None}

    def _pointer(self, place: str) -> int | None:
        with self._reaching():
            try:
                return int(self.storage.read(place))
            except FileNotFoundError:
                return None
            except ValueError as error:
                raise StoreError(f"{self.storage.url}/{place} is damaged: {error}.", remedy="Delete it.") from error

    def _name(self, name: str, word: str) -> None:
        if not _NAME.fullmatch(name) or (word != "table" and _NUMBER.fullmatch(name)):
            raise DataError(
                f"'{name}' cannot be the name of a {word}.",
                remedy="Use letters, digits, dots, dashes and underscores; not a number.",
            )

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"The dataset store {self.storage.url} cannot be read: {error}.",
                remedy="Check that it can be reached, and its permissions.",
            ) from error


def _packed(version: DatasetVersion, heads: Mapping[str, int]) -> bytes:
    # Without a time in its header, equal manifests are equal bytes.
    return gzip.compress(canonical({**version.to_json(), "heads": dict(heads)}), mtime=0)


def _filed(table: str, branch: str, once: str) -> str:
    return f"tables/{table}/once/{digest(canonical([branch, once]))}"


def _is_named(version: DatasetVersion, branch: str, once: str) -> bool:
    return (version.branch, version.once) == (branch, once)


def _word(name: str) -> str:
    return "branch" if name == MAIN else "tag"
