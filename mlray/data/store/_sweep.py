"""Keeping a store sound: files that nobody needs are swept, files that somebody needs are hashed again."""

import random
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from mlray.data.store._recipe import every_version, needed
from mlray.data.store._version import digest_version
from mlray.data.store.storage import Info, LocalStorage
from mlray.errors import InputError, StoreError
from mlray.records import Checkup, DatasetVersion
from mlray.records._base import Record

if TYPE_CHECKING:
    from mlray.data.store import Store

__all__ = ["GRACE", "Swept", "gc", "remove", "verify"]

GRACE = timedelta(hours=1)
"""Files younger than this may belong to a commit that is under way; they are left alone."""


LEDGERS = "plans/"
"""Where plans remember the parts that are done."""

UNFINISHED = timedelta(days=7)
"""How long a plan that stopped may wait before it goes on."""

_NAME = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True, slots=True)
class Swept(Record):
    """What a sweep removed."""

    files: int
    """Files that no version needs."""
    bytes: int
    asides: int
    """What killed writers left behind."""
    kept: int
    """Files that some version needs."""
    young: int
    """Files that no version needs, too young to tell whether one soon will."""

    def __str__(self) -> str:
        """Return one line for a person."""
        told = f"{self.files:,} files ({self.bytes:,} bytes) that no version needs swept, {self.kept:,} kept"
        told += f", {self.young:,} younger than the grace left" if self.young else ""
        return told + (f"; {self.asides:,} leftovers of killed writers removed" if self.asides else "")


def gc(store: "Store", *, now: datetime, grace: timedelta = GRACE, extra: Iterable[str] = ()) -> Swept:
    """Remove the files that no version of any table needs, and what killed writers left, if older than `grace`.

    `extra` names blobs that somebody else needs.

    Raises:
        InputError: a negative grace.
        StoreError: a manifest cannot be read, so that nobody knows what it needs: nothing is removed then.
    """
    if grace < timedelta(0):
        raise InputError(f"A grace of {grace} makes no sense.", remedy="Give a duration such as 1 hour, or 0.")
    # Listed before they are marked: what is committed in between is marked, and what is written is not listed.
    listed = store.storage.names("blobs/")
    marked = {*extra, *_unfinished(store, now)}.union(*(needed(store, version) for version in every_version(store)))
    spare = [info for info in listed if _blob(info) not in marked]
    swept = [info for info in spare if info.modified <= now - grace and remove(store, _blob(info), now - grace)]
    asides = sum(1 for _ in _leftovers(store, now - grace))
    return Swept(
        len(swept), sum(info.size for info in swept), asides, len(listed) - len(spare), len(spare) - len(swept)
    )


def _unfinished(store: "Store", now: datetime) -> Iterator[str]:
    """Yield the blobs that plans have written and not yet committed, if they were at work lately."""
    for info in store.storage.names(LEDGERS):
        if info.modified > now - UNFINISHED:
            try:
                yield from _NAME.findall(store.storage.read(info.name).decode())
            except FileNotFoundError:
                continue  # the plan has just committed


def remove(store: "Store", blob: str, before: datetime) -> bool:
    """Delete a blob that was last written before a moment; tell whether it is gone."""
    name = store.blobs.place(blob)
    # Looked at once more: whoever puts the same content again makes the file young, and counts on it.
    if any(info.modified > before for info in store.storage.names(f"{name.rpartition('/')[0]}/") if info.name == name):
        return False
    store.storage.delete(name)
    return True


def verify(store: "Store", table: str | None = None, *, share: float = 1.0, seed: int = 0, now: datetime) -> Checkup:
    """Hash a random share of the files again, look whether all are there, and check every manifest's digest.

    `table` limits it to one table; the same `seed` chooses the same files. Damage is reported, not raised.

    Raises:
        InputError: `share` is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise InputError(f"A share of {share} makes no sense.", remedy="Give a number above 0, up to 1.")
    versions, damaged = _readable(store, table)
    users = _users(store, versions, damaged)
    there = {_blob(info) for info in store.storage.names("blobs/")}
    damaged += [_told(store, blob, "it is missing", users) for blob in sorted(set(users) - there)]
    present = sorted(set(users) & there)
    chosen = random.Random(seed).sample(present, ceil(share * len(present)))  # noqa: S311 (which files, no secret)
    for blob in chosen:
        try:
            found = store.blobs.digest(blob)
        except StoreError as error:
            damaged.append(_told(store, blob, error.problem, users))
            continue
        if found != blob:
            damaged.append(_told(store, blob, f"its content is {found[:12]}", users))
    return Checkup(now, len(chosen), len(users), tuple(damaged))


def _readable(store: "Store", table: str | None) -> tuple[list[DatasetVersion], list[str]]:
    versions, damaged = [], []
    for name in [table] if table else store.tables():
        for number in store.refs.numbers(name):
            try:
                version = store.refs.manifest(name, number).version
            except StoreError as error:
                damaged.append(error.problem.rstrip("."))
                continue
            versions.append(version)
            if digest_version(version) != version.digest:
                damaged.append(f"the manifest of {version.name} does not match its digest {version.digest[:12]}")
    return versions, damaged


def _users(store: "Store", versions: Iterable[DatasetVersion], damaged: list[str]) -> dict[str, list[str]]:
    """Return blob → names of the versions that need it."""
    users: dict[str, list[str]] = {}
    for version in versions:
        try:
            for blob in needed(store, version):
                users.setdefault(blob, []).append(version.name)
        except StoreError as error:
            damaged.append(f"{version.name}: {error.problem.rstrip('.')}")
    return users


def _told(store: "Store", blob: str, what: str, users: Mapping[str, list[str]]) -> str:
    names = users[blob]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{store.blobs.place(blob)}: {what} (needed by {shown})"


def _blob(info: Info) -> str:
    return info.name.rpartition("/")[2]


def _leftovers(store: "Store", before: datetime) -> Iterator[Path]:
    """Remove, and yield, what lies aside and was not touched since a moment."""
    if not isinstance(store.storage, LocalStorage) or not store.storage.aside.is_dir():
        return
    for path in sorted(store.storage.aside.iterdir()):
        try:
            inside = [path, *path.rglob("*")] if path.is_dir() else [path]
            newest = max(datetime.fromtimestamp(one.lstat().st_mtime, UTC) for one in inside)
        except FileNotFoundError:
            continue  # its writer has just finished
        if newest > before:
            continue
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        yield path
