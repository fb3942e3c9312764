"""Where files live: a folder or a bucket, behind the few operations that the store needs.

Nothing here is ever changed in place but small pointer files; whoever creates a name first has it.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Protocol, cast
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from mlray.data._files import claim, fresh_name, place, sync_folder, write_aside
from mlray.errors import DataError, InputError, StoreError

__all__ = ["Info", "LocalStorage", "Storage", "inside", "open_storage", "writing"]


@dataclass(frozen=True, slots=True)
class Info:
    """A file as a listing shows it."""

    name: str
    size: int
    modified: datetime


class Storage(Protocol):
    """Files by name: relative, with slashes, never starting with one. Picklable, and safe to use from many threads.

    Every method raises OSError where the place cannot be reached or written, and FileNotFoundError (an OSError) where
    `read`, `open` or `delete` find nothing under the name; DataError for a name that leads out of it (see `inside`).
    What a write returned from is there after a power cut.
    """

    @property
    def url(self) -> str:
        """Where this is, so that `open_storage(url)` is the same place; without secrets."""
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Write a new file; False, and nothing changed, where the name is taken: of many writers exactly one wins."""
        ...

    def replace(self, name: str, content: bytes) -> None:
        """Write a file, over what is there; a reader sees the old content or the new, never half of it."""
        ...

    def put(self, name: str, path: Path) -> None:
        """Take the finished local file `path`, which is gone afterwards; the same name again means the same content."""
        ...

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        ...

    def open(self, name: str) -> "pa.NativeFile | IO[bytes]":
        """Return a seekable file for pyarrow to read parts of; the caller closes it."""
        ...

    def names(self, prefix: str, after: str = "") -> list[Info]:
        """Return the files whose name starts with `prefix` and sorts behind `after`, in order of their names.

        `prefix` ends with a slash: the whole folder, and folders in it.
        """
        ...

    def exists(self, name: str) -> bool:
        """Tell whether there is a file of that name."""
        ...

    def delete(self, name: str) -> None:
        """Remove a file; one that is not there is no fault."""
        ...


_FULL = (errno.ENOSPC, errno.EDQUOT)
# What a failed attempt wrote cannot be removed at once: another writer may have put the same content, and count on it.
_FREE = (
    "Free space on the disk. What was written in vain goes with `mlray data gc` once it is an hour old; where nobody"
    " else writes to the store, `--grace '0 hours'` takes it at once."
)


@contextmanager
def writing(storage: Storage) -> Iterator[None]:
    """Tell a failure to write as the store's."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"The dataset store {storage.url} cannot be written: {error}.",
            remedy=_FREE if error.errno in _FULL else "Check the disk and its permissions.",
        ) from error


def inside(name: str) -> str:
    """Return `name`, which every storage asks for here before it uses it: no name leads out of its place.

    Raises:
        DataError: the name is empty or absolute, or a part of it is empty, `.` or `..`.
    """
    if not _OUTSIDE.isdisjoint(name.split("/")) or "\0" in name:
        raise DataError(
            f"'{name}' leads out of the store, or names nothing in it.",
            remedy="Use a name without empty parts, '.' and '..'; it must not begin or end with a slash.",
        )
    return name


_OUTSIDE = {"", ".", ".."}


@dataclass(frozen=True, slots=True)
class LocalStorage:
    """A folder on a file system with hard links, shared by any number of processes that see it."""

    root: Path

    @property
    def url(self) -> str:
        """The folder's absolute path."""
        return str(self.root.absolute())

    def create(self, name: str, content: bytes) -> bool:
        """Link the finished, synced file to a name that must not exist."""
        path = self.path(name)
        return claim(write_aside(self.aside, content), path)

    def replace(self, name: str, content: bytes) -> None:
        """Rename the finished, synced file over what is there."""
        path = self.path(name)
        place(write_aside(self.aside, content), path)

    def put(self, name: str, path: Path) -> None:
        """Sync and move the file, which must be on the same file system (as `aside` is)."""
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        place(path, self.path(name))

    def read(self, name: str) -> bytes:
        """Return the content of a file."""
        return self.path(name).read_bytes()

    def open(self, name: str) -> pa.NativeFile:
        """Map the file into memory: what is not read costs nothing."""
        return pa.memory_map(str(self.path(name)), "rb")

    def names(self, prefix: str, after: str = "") -> list[Info]:
        """List a folder and the folders in it."""
        folder = self.path(prefix.removesuffix("/")) if prefix else self.root
        found = [info for info in _walk(self.root, folder) if info.name > after]
        return sorted(found, key=lambda info: info.name)

    def exists(self, name: str) -> bool:
        """Tell whether there is a file of that name."""
        return self.path(name).is_file()

    def delete(self, name: str) -> None:
        """Remove a file; one that is not there is no fault."""
        path = self.path(name)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)

    def path(self, name: str) -> Path:
        """Return where the file of that name lies, whether it exists or not."""
        return self.root / inside(name)

    @property
    def aside(self) -> Path:
        """The folder of what is being written; anything there may be lost."""
        return self.root / "aside"

    def fresh(self) -> Path:
        """Return a new path, in a folder that exists, for a file to `put`."""
        return fresh_name(self.aside)


def open_storage(root: Path | str) -> Storage:
    """Return the storage at a path or URL: a folder, `file://…`, `s3://bucket/prefix`, `gs://…` or `az://…`.

    Options such as `endpoint` and `region` are read from the URL's query, keys from the environment.

    Raises:
        InputError: the URL's scheme is unknown.
    """
    if isinstance(root, Path):
        return LocalStorage(root)
    parts = urlsplit(root)
    # A single letter is a drive of Windows, not a scheme.
    if len(parts.scheme) < 2:
        return LocalStorage(Path(root))
    if parts.scheme == "file":
        return LocalStorage(Path(unquote(parts.path)))
    if parts.scheme in {"s3", "gs", "az", "memory"}:
        from mlray.data.store.on_obstore import ObjectStorage

        return cast("Storage", ObjectStorage(root))
    raise InputError(
        f"'{root}' is no place for data: the scheme '{parts.scheme}' is unknown.",
        remedy="Write a folder, or a URL that begins with file://, s3://, gs:// or az://.",
    )


def _walk(root: Path, folder: Path) -> Iterator[Info]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, Path(entry.path))
            continue
        try:
            stat = entry.stat()
        except FileNotFoundError:
            continue  # removed by somebody else since it was listed
        name = Path(entry.path).relative_to(root).as_posix()
        yield Info(name, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))
