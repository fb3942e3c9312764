"""Object stores: listed by pattern, read in ranges, and what they say in words that a person can use.

S3 and whatever speaks like it, Google Cloud Storage and Azure. Keys come from the environment, as each cloud's tools
read them; `endpoint`, `region` and other options stand in the URL's query or in the source's `options`.
"""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import from_url

from mlray.data.sources._place import SourceFile
from mlray.errors import DataError, UnavailableError
from mlray.spec import SourceSpec

__all__ = ["ObjectFile", "connect", "in_our_words", "listed", "open_object"]

Words = Callable[[str], AbstractContextManager[None]]

_WILD = "*?["
PATIENCE = "20s"
"""How long one request may take before it is tried again."""

# Bare numbers would also be found in how long a request took.
_DENIED = ("401 Unauthorized", "403 Forbidden", "AccessDenied", "credential")


def connect(url: str, options: Mapping[str, str] | None = None) -> Any:
    """Return the store at `url` (scheme, bucket and prefix), with the options of its query and `options`.

    Raises:
        DataError: the address or an option makes no sense.
    """
    return _connect(url, tuple(sorted((options or {}).items())))


@lru_cache(maxsize=32)
def _connect(url: str, options: tuple[tuple[str, str], ...]) -> Any:
    parts = urlsplit(url)
    said = dict(parse_qsl(parts.query)) | dict(options)
    endpoint = said.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    config: dict[str, str] = {name: value for name, value in said.items() if name not in ("endpoint", "max_retries")}
    if parts.scheme in ("s3", "s3a"):
        if endpoint:
            config["endpoint"] = endpoint
        config.setdefault("region", os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1")
    elif endpoint and parts.scheme != "memory":
        config["endpoint"] = endpoint
    told: dict[str, Any] = {"config": config} if config else {}
    if parts.scheme != "memory":
        told["client_options"] = {"timeout": PATIENCE, "allow_http": endpoint.startswith("http://")}
        told["retry_config"] = {"max_retries": int(said.get("max_retries", "3"))}
    try:
        return from_url(f"{parts.scheme}://{parts.netloc}{parts.path}", **told)
    except (BaseError, ValueError, TypeError) as error:
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        raise DataError(
            f"'{shown}' is no object store: {_first(error)}", remedy="Check the URL and its options."
        ) from error


def listed(spec: SourceSpec) -> list[SourceFile]:
    """Return the objects that the pattern of `spec` names, in order of their keys.

    Raises:
        DataError: the bucket or the address does not exist.
        UnavailableError: the store does not answer.
    """
    root, pattern, query = _split(spec)
    folder = pattern[: min((pattern.find(letter) for letter in _WILD if letter in pattern), default=len(pattern))]
    prefix = folder.rpartition("/")[0]
    store = connect(root + query, spec.options)
    with in_our_words(str(spec)):
        found = [one for batch in obstore.list(store, f"{prefix}/" if prefix else None) for one in batch]
    return [
        SourceFile(
            f"{root}/{one['path']}",
            None,
            spec,
            key=one["path"],
            size=one["size"],
            modified=one["last_modified"].isoformat(),
            etag=(one["e_tag"] or "").strip('"'),
        )
        for one in sorted(found, key=lambda one: one["path"])
        if _matches(one["path"], pattern)
    ]


def open_object(spec: SourceSpec, key: str) -> "ObjectFile":
    """Open an object of the bucket of `spec` for reading in ranges."""
    root, _, query = _split(spec)
    return ObjectFile(connect(root + query, spec.options), key, f"{root}/{key}")


class ObjectFile(io.RawIOBase):
    """An object as a seekable file: each read is one request for a range."""

    def __init__(self, store: Any, key: str, shown: str, words: Words | None = None) -> None:
        """Ask for the size of `key`; FileNotFoundError where it is not there. `words` says what errors become."""
        super().__init__()
        self._store, self._key, self._shown, self._at = store, key, shown, 0
        self._words = words or in_our_words
        with self._words(shown):
            self._size = int(obstore.head(store, key)["size"])

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position of the next read."""
        return self._at

    def size(self) -> int:
        """Return how many bytes there are."""
        return self._size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` from the start, the present position or the end."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Return the next `size` bytes, or all that are left."""
        left = max(self._size - self._at, 0)
        length = left if size is None or size < 0 else min(size, left)
        if not length:
            return b""
        with self._words(self._shown):
            content = bytes(obstore.get_range(self._store, self._key, start=self._at, length=length))
        self._at += len(content)
        return content

    def readall(self) -> bytes:
        """Return all that is left."""
        return self.read()

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`, and return how much came."""
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


@contextmanager
def in_our_words(where: str) -> Iterator[None]:
    """Turn what the store says into DataError or UnavailableError; FileNotFoundError stays what it is."""
    try:
        yield
    except FileNotFoundError as error:
        if "NoSuchBucket" in str(error):
            raise DataError(
                f"The bucket of {where} does not exist.", remedy="Check its name and its region."
            ) from error
        raise
    except BaseError as error:
        text = str(error)
        if "NoSuchBucket" in text:
            raise DataError(
                f"The bucket of {where} does not exist.", remedy="Check its name and its region."
            ) from error
        if isinstance(error, PermissionDeniedError | UnauthenticatedError) or any(word in text for word in _DENIED):
            raise UnavailableError(
                f"{where} cannot be read: access is denied.",
                remedy="Check the keys in the environment and their rights.",
            ) from error
        raise UnavailableError(
            f"{where} does not answer: {_first(error)}", remedy="Check the address, then try again."
        ) from error


def _split(spec: SourceSpec) -> tuple[str, str, str]:
    """Return the bucket's URL, the pattern within it, and the query with the store's options."""
    address, found, query = (spec.files or "").partition("?")
    if found and "=" not in query:
        # A question mark of a pattern, which stands for one letter.
        address, query = spec.files or "", ""
    scheme, _, rest = address.partition("://")
    bucket, _, pattern = rest.partition("/")
    return f"{scheme}://{bucket}", pattern, f"?{query}" if query else ""


def _matches(key: str, pattern: str) -> bool:
    """Tell whether a pattern names a key: as in a folder, a star stops at a slash, and two do not."""
    if "**" in pattern:
        return fnmatchcase(key, pattern.replace("**/", "*").replace("**", "*"))
    return key.count("/") == pattern.count("/") and fnmatchcase(key, pattern)


def _first(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
