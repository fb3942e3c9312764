"""The store's files in a bucket: created by conditional put, so that of many writers exactly one has a name."""

import errno
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError

from mlray.data.on_obstore import ObjectFile, connect
from mlray.data.store.storage import Info, inside

__all__ = ["ObjectStorage"]

PART = 16 * 1024 * 1024
"""Bytes of one part of an upload; larger files go up in several at a time."""
_WRITER = "mlraywriter"
"""The object's attribute that tells who created it; Azure allows no hyphen in the name of one."""


@dataclass(frozen=True, slots=True)
class ObjectStorage:
    """Files in a bucket of S3 (or what speaks like it), Google Cloud Storage or Azure, below a prefix."""

    url: str
    """`s3://bucket/prefix?endpoint=…&region=…`; keys come from the environment, never from here."""

    def create(self, name: str, content: bytes) -> bool:
        """Put with `If-None-Match: *`: the store itself refuses where the name is taken."""
        writer = secrets.token_hex(8)
        try:
            with as_os_errors(name):
                obstore.put(
                    self._store, inside(name), content, mode="create", use_multipart=False, attributes={_WRITER: writer}
                )
        except FileExistsError:
            # When an answer is lost, the client tries again and meets the object that it wrote itself.
            with as_os_errors(name):
                found = obstore.get(self._store, name, options={"head": True}).attributes
            return found.get(_WRITER) == writer
        return True

    def replace(self, name: str, content: bytes) -> None:
        """Put; readers see the old object or the new one."""
        with as_os_errors(name):
            obstore.put(self._store, inside(name), content, use_multipart=False)

    def put(self, name: str, path: Path) -> None:
        """Upload a finished local file, in parts where it is large, and remove it here."""
        with as_os_errors(name):
            obstore.put(self._store, inside(name), path, chunk_size=PART)
        path.unlink()

    def read(self, name: str) -> bytes:
        """Return the content of an object."""
        with as_os_errors(name):
            return bytes(obstore.get(self._store, inside(name)).bytes())

    def open(self, name: str) -> IO[bytes]:
        """Open an object for reading in ranges."""
        with as_os_errors(name):
            return cast("IO[bytes]", ObjectFile(self._store, inside(name), name, as_os_errors))

    def names(self, prefix: str, after: str = "") -> list[Info]:
        """List the objects below a prefix, in order of name."""
        if prefix:
            inside(prefix.removesuffix("/"))
        with as_os_errors(prefix):
            found = [one for batch in obstore.list(self._store, prefix or None, offset=after or None) for one in batch]
        infos = [Info(one["path"], one["size"], one["last_modified"]) for one in found if one["path"] > after]
        return sorted(infos, key=lambda info: info.name)

    def exists(self, name: str) -> bool:
        """Tell whether there is an object of that name."""
        try:
            with as_os_errors(name):
                obstore.head(self._store, inside(name))
        except FileNotFoundError:
            return False
        return True

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is no fault."""
        with suppress(FileNotFoundError), as_os_errors(name):
            obstore.delete(self._store, inside(name))

    @property
    def _store(self) -> Any:
        return connect(self.url)


@contextmanager
def as_os_errors(name: str) -> Iterator[None]:
    """Raise what the store says as the OSError that a folder would have raised."""
    try:
        yield
    except AlreadyExistsError as error:
        raise FileExistsError(errno.EEXIST, "the name is taken", name) from error
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise FileNotFoundError(errno.ENOENT, "there is no such bucket; check name and region", name) from error
        raise FileNotFoundError(errno.ENOENT, str(error).splitlines()[0], name) from error
    except PermissionDeniedError as error:
        raise PermissionError(errno.EACCES, str(error).splitlines()[0], name) from error
    except BaseError as error:
        if "NoSuchBucket" in str(error):
            raise FileNotFoundError(errno.ENOENT, "there is no such bucket; check name and region", name) from error
        raise OSError(errno.EIO, str(error).splitlines()[0], name) from error
