"""Files behind HTTP: asked for their headers first, downloaded in one piece or several, never larger than allowed."""

import re
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote, urlsplit

import httpx

from mlray.data.sources._place import SourceFile
from mlray.data.sources._secrets import with_environment
from mlray.errors import DataError, MlrayError, UnavailableError
from mlray.spec import SourceSpec

__all__ = ["download", "seen"]

TRIES = 5
"""How often a broken download is taken up again where it broke off."""
PATIENCE = httpx.Timeout(30.0, connect=10.0)
_PARTIAL, _NOT_FOUND = 206, (404, 410)


def seen(spec: SourceSpec) -> SourceFile:
    """Return the file at the URL of `spec` as its headers describe it: size, time of change, etag.

    Raises:
        DataError: there is no such file.
        UnavailableError: the server does not answer, or denies access.
    """
    with _client(spec) as client:
        try:
            answer = client.head(_address(spec))
            if answer.status_code in (405, 501):
                # Some servers know no HEAD; the body of a GET that is not read costs nothing.
                with client.stream("GET", _address(spec)) as answer:
                    pass
        except httpx.HTTPError as error:
            raise _silent(spec, error) from error
    if not answer.is_success:
        raise _refused(spec, answer)
    return _described(spec, answer.headers)


def download(file: SourceFile, aside: Path) -> SourceFile:
    """Return `file` downloaded into the folder `aside`. What breaks off is taken up where it broke, if nothing changed.

    Raises:
        DataError: the file is gone, or larger than the source's `most_bytes`.
        UnavailableError: the server does not answer, denies access, or breaks off again and again.
    """
    spec = file.spec
    place = aside / f"{sha256(file.name.encode()).hexdigest()[:12]}-{_last(spec)}"
    described, broken = file, ""
    with _client(spec) as client, place.open("wb") as content:
        for _ in range(TRIES):
            try:
                described = _take_up(client, described, content)
            except httpx.HTTPError as error:
                broken = type(error).__name__
                continue
            if described.size < 0 or content.tell() >= described.size:
                return replace(described, path=place, size=content.tell())
            broken = f"{content.tell():,} of {described.size:,} bytes came"
    raise UnavailableError(
        f"{spec} broke off {TRIES} times: {broken}.", remedy="Try again later; nothing was committed."
    )


def _take_up(client: httpx.Client, file: SourceFile, content: IO[bytes]) -> SourceFile:
    """Write what is still missing of `file` behind what `content` has, or all of it, and return the file described."""
    spec, done = file.spec, content.tell()
    same = file.etag or file.modified
    # Without a strong mark of what was begun, the rest might be that of another file.
    ask = {"Range": f"bytes={done}-", "If-Range": same} if done and same and same[:2] != "W/" else {}
    with client.stream("GET", _address(spec), headers=ask) as answer:
        if not answer.is_success:
            raise _refused(spec, answer)
        if answer.status_code != _PARTIAL:
            # From the beginning: the server knows no ranges, or the file is another one by now.
            content.seek(0)
            content.truncate()
            file = _described(spec, answer.headers)
        _within(spec, file.size)
        for block in answer.iter_raw():
            content.write(block)
            _within(spec, content.tell())
    return file


def _client(spec: SourceSpec) -> httpx.Client:
    headers = {name: with_environment(value) for name, value in spec.headers.items()}
    # The bytes as they are stored: a transport encoding would make sizes and ranges mean something else.
    return httpx.Client(follow_redirects=True, timeout=PATIENCE, headers={"Accept-Encoding": "identity", **headers})


def _address(spec: SourceSpec) -> str:
    return with_environment(spec.files or "")


def _described(spec: SourceSpec, headers: Mapping[str, str]) -> SourceFile:
    size = headers.get("content-length", "")
    return SourceFile(
        str(spec),
        None,
        spec,
        size=int(size) if size.isdecimal() else -1,
        modified=headers.get("last-modified", ""),
        etag=headers.get("etag", ""),
    )


def _last(spec: SourceSpec) -> str:
    """Return the last part of the path, which tells the format."""
    name = PurePosixPath(unquote(urlsplit(spec.files or "").path)).name
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[-80:] or "file"


def _within(spec: SourceSpec, size: int) -> None:
    if size > spec.most_bytes:
        raise DataError(
            f"{spec} has {size:,} bytes, more than the {spec.most_bytes:,} allowed.",
            remedy="If that is right, raise `most_bytes:` in the source.",
        )


def _refused(spec: SourceSpec, answer: httpx.Response) -> MlrayError:
    said = f"{answer.status_code} {answer.reason_phrase}"
    if answer.status_code in _NOT_FOUND:
        return DataError(f"{spec} is not there: {said}.", remedy="Check the URL.")
    if answer.status_code in (401, 403):
        return UnavailableError(f"{spec} denies access: {said}.", remedy="Check `headers:` and what they contain.")
    return UnavailableError(f"{spec} answers {said}.", remedy="Try again later.")


def _silent(spec: SourceSpec, error: httpx.HTTPError) -> UnavailableError:
    # The error's own words may hold the whole URL, and a token in it.
    return UnavailableError(
        f"{spec} does not answer: {type(error).__name__}.", remedy="Check the address and the network."
    )
